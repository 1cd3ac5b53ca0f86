//! [`Targets`]: what a measure is held against, for which rooms and lists, from when, and by whose word.
//!
//! The built-in ones are those published for England. Each names its source, because a target without one is an
//! opinion; a trust replaces or adds its own. The 85 % of theatres belongs to elective theatre lists alone: nobody set it
//! for catheter laboratories, endoscopy or emergency lists, so nothing here applies it to them.

use chrono::NaiveDate;
use room_events::{Label, ListKind, RoomKind};
use serde::{Deserialize, Deserializer};

use crate::measure::{Direction, Measure};

/// One target. In TOML, keys in kebab-case; unknown keys are rejected:
///
/// ```toml
/// [[target]]
/// measure = "capped_utilisation"
/// value = 0.80
/// band = [0.75, 0.80]          # optional
/// direction = "higher-is-better" # optional, default: the measure's own
/// source = "Board paper 12/2025"
/// effective-from = "2026-04-01" # optional, default: always
/// room-kinds = ["theatre"]
/// list-kinds = ["elective"]    # optional, default: elective
/// specialty = "Ophthalmology"  # optional, default: all
/// procedure = "cataract"       # optional, default: all
/// list-minutes = 240           # optional, default: lists of any length
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Target {
    /// What is held against it.
    pub measure: Measure,
    /// The value to reach; ratios from 0 to 1.
    pub value: f64,
    /// A range that is acceptable without reaching the value.
    pub band: Option<Band>,
    /// Which way is better.
    pub direction: Direction,
    /// Who set it.
    pub source: String,
    /// The first local date that it applies to; absent: all dates.
    pub effective_from: Option<NaiveDate>,
    /// The kinds of room that it applies to.
    pub room_kinds: Vec<RoomKind>,
    /// The kinds of list that it applies to.
    pub list_kinds: Vec<ListKind>,
    /// The part of the work that it applies to.
    pub scope: Scope,
}

/// An inclusive range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A part of the work of a kind of room; all of it if nothing is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Lists of that specialty only.
    pub specialty: Option<Label>,
    /// Lists of that procedure only.
    pub procedure: Option<Label>,
    /// Lists of that planned length only.
    pub list_minutes: Option<u16>,
}

impl Scope {
    /// Whether it is the whole of the work.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// How a value stands to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The value is reached.
    Met,
    /// Not reached, but inside the band.
    InBand,
    /// Neither.
    Missed,
    /// The target has no better direction: shown, never judged.
    NotJudged,
}

impl Standing {
    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::InBand => "in_band",
            Self::Missed => "missed",
            Self::NotJudged => "not_judged",
        }
    }
}

impl Target {
    /// How a value stands to it.
    pub fn standing(&self, value: f64) -> Standing {
        let met = match self.direction {
            Direction::HigherIsBetter => value >= self.value,
            Direction::LowerIsBetter => value <= self.value,
            Direction::Neutral => return Standing::NotJudged,
        };
        let in_band = self.band.is_some_and(|band| (band.low..=band.high).contains(&value));
        match (met, in_band) {
            (true, _) => Standing::Met,
            (false, true) => Standing::InBand,
            (false, false) => Standing::Missed,
        }
    }

    fn applies(&self, room: RoomKind, list: ListKind, measure: Measure, date: NaiveDate) -> bool {
        self.measure == measure
            && self.room_kinds.contains(&room)
            && self.list_kinds.contains(&list)
            && self.effective_from.is_none_or(|from| from <= date)
    }
}

/// A target as it is written in TOML.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    measure: Measure,
    value: f64,
    band: Option<[f64; 2]>,
    direction: Option<Direction>,
    source: String,
    #[serde(default, deserialize_with = "date")]
    effective_from: Option<NaiveDate>,
    room_kinds: Vec<RoomKind>,
    #[serde(default = "elective")]
    list_kinds: Vec<ListKind>,
    specialty: Option<Label>,
    procedure: Option<Label>,
    list_minutes: Option<u16>,
}

fn elective() -> Vec<ListKind> {
    vec![ListKind::Elective]
}

fn date<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NaiveDate>, D::Error> {
    let text = String::deserialize(d)?;
    let parsed = text.parse().map_err(|_| {
        serde::de::Error::custom(format!("effective-from `{text}` is not a date (write it as \"2026-04-01\")"))
    })?;
    Ok(Some(parsed))
}

impl TryFrom<Written> for Target {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let name = written.measure.name();
        if !written.value.is_finite() {
            return Err(format!("value of target `{name}` is not a number (give it as a decimal)"));
        }
        let band = match written.band {
            Some([low, high]) if low <= high => Some(Band { low, high }),
            Some([low, high]) => {
                return Err(format!("band of target `{name}` runs from {low} down to {high} (swap them)"));
            }
            None => None,
        };
        if written.room_kinds.is_empty() || written.list_kinds.is_empty() {
            return Err(format!("target `{name}` applies to nothing (name a kind of room and of list)"));
        }
        if let Some(kind) = written.room_kinds.iter().find(|kind| !may_be_judged(written.measure, **kind)) {
            return Err(format!("target `{name}` cannot apply to rooms of kind `{kind}` (remove it from room-kinds)"));
        }
        Ok(Self {
            measure: written.measure,
            value: written.value,
            band,
            direction: written.direction.unwrap_or_else(|| written.measure.direction()),
            source: written.source,
            effective_from: written.effective_from,
            room_kinds: written.room_kinds,
            list_kinds: written.list_kinds,
            scope: Scope {
                specialty: written.specialty,
                procedure: written.procedure,
                list_minutes: written.list_minutes,
            },
        })
    }
}

/// A rate of echocardiograms is never red or green: what is recommended is a least length of the slot.
const fn may_be_judged(measure: Measure, kind: RoomKind) -> bool {
    match (measure, kind) {
        (Measure::ExamsPerHour, RoomKind::Echo) => false,
        (measure, kind) => measure.applies_to(kind),
    }
}

/// The content of a targets file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The targets, one `[[target]]` each.
    #[serde(default)]
    pub target: Vec<Target>,
}

/// A set of targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets(Vec<Target>);

impl Targets {
    /// The published ones.
    pub fn built_in() -> Self {
        Self(built_in())
    }

    /// These and the trust's own; where both are in force for the same work, the trust's count.
    #[must_use]
    pub fn with(mut self, file: TargetFile) -> Self {
        self.0.extend(file.target);
        self
    }

    /// All of them, in force or not.
    pub fn all(&self) -> &[Target] {
        &self.0
    }

    /// Those in force on a local date, one for each scope: of several the one that began last, and of those with one
    /// beginning the one that was given last. A target without a beginning gives way to any with one, unless it was
    /// given after it.
    pub fn targets_for(&self, room: RoomKind, list: ListKind, measure: Measure, date: NaiveDate) -> Vec<&Target> {
        let mut in_force: Vec<&Target> = Vec::new();
        for target in self.0.iter().filter(|target| target.applies(room, list, measure, date)) {
            match in_force.iter_mut().find(|other| other.scope == target.scope) {
                // A later entry without a beginning means "always", and so replaces whatever was there.
                Some(other) if target.effective_from.is_some() && target.effective_from < other.effective_from => {}
                Some(other) => *other = target,
                None => in_force.push(target),
            }
        }
        in_force
    }

    /// The one in force for all of the work of such rooms and lists.
    pub fn target_for(&self, room: RoomKind, list: ListKind, measure: Measure, date: NaiveDate) -> Option<&Target> {
        self.targets_for(room, list, measure, date).into_iter().find(|target| target.scope.is_all())
    }
}

impl Default for Targets {
    fn default() -> Self {
        Self::built_in()
    }
}

/// Two four-hour sessions.
const ALL_DAY: u16 = 480;
/// One.
const HALF_DAY: u16 = 240;

const HVLC: &str = "GIRFT high volume low complexity programme";
const SCANS: &str = "CMAST annual plan 2024/25; band: guidance quoted in NHS Greater Manchester FOI 2026-1770";

fn built_in() -> Vec<Target> {
    let mut targets = vec![
        of(Measure::CappedUtilisation, RoomKind::Theatre, 0.85, "GIRFT 2024: capped utilisation above 85 %"),
        of(Measure::DayCaseRate, RoomKind::Theatre, 0.85, "GIRFT; British Association of Day Surgery"),
        of(Measure::PointsUtilisation, RoomKind::Endoscopy, 0.95, "CMAST; Joint Advisory Group on GI endoscopy"),
    ];
    for (measure, value, band, procedure, list_minutes) in [
        (Measure::CasesPer4h, 8.0, Some(Band { low: 8.0, high: 10.0 }), "cataract", HALF_DAY),
        (Measure::CasesPerList, 6.0, None, "laparoscopic cholecystectomy", ALL_DAY),
        (Measure::CasesPerList, 8.0, None, "hernia repair", ALL_DAY),
        (Measure::CasesPerList, 4.0, None, "hip or knee replacement", ALL_DAY),
    ] {
        let scope = Scope { specialty: None, procedure: Label::fitted(procedure), list_minutes: Some(list_minutes) };
        targets.push(Target { band, scope, ..of(measure, RoomKind::Theatre, value, HVLC) });
    }
    for (kind, value, band) in [
        (RoomKind::Ct, 4.0, Some(Band { low: 3.0, high: 4.0 })),
        (RoomKind::Mri, 2.5, Some(Band { low: 1.5, high: 3.0 })),
        (RoomKind::Nous, 3.0, None),
    ] {
        let list_kinds = ListKind::ALL.to_vec();
        targets.push(Target { band, list_kinds, ..of(Measure::ExamsPerHour, kind, value, SCANS) });
    }
    let echo = "CMAST; British Society of Echocardiography 2022/09, 2024/01: a least slot";
    let list_kinds = ListKind::ALL.to_vec();
    targets.push(Target { list_kinds, ..of(Measure::MedianSlot, RoomKind::Echo, 45.0, echo) });
    targets
}

/// For all elective work of a kind of room, at all dates.
fn of(measure: Measure, kind: RoomKind, value: f64, source: &str) -> Target {
    Target {
        measure,
        value,
        band: None,
        direction: measure.direction(),
        source: source.to_owned(),
        effective_from: None,
        room_kinds: vec![kind],
        list_kinds: elective(),
        scope: Scope::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn file(text: &str) -> Result<TargetFile, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    fn value(targets: &Targets, room: RoomKind, list: ListKind, measure: Measure, date: &str) -> Option<f64> {
        targets.target_for(room, list, measure, day(date)).map(|target| target.value)
    }

    #[test]
    fn eighty_five_per_cent_is_for_elective_theatre_lists_alone() {
        let targets = Targets::built_in();
        for room in RoomKind::ALL {
            for list in ListKind::ALL {
                let expected = (*room == RoomKind::Theatre && *list == ListKind::Elective).then_some(0.85);
                let capped = value(&targets, *room, *list, Measure::CappedUtilisation, "2022-01-03");
                assert_eq!(capped, expected, "{room} {list}");
            }
        }
        assert_eq!(value(&targets, RoomKind::Ct, ListKind::Emergency, Measure::ExamsPerHour, "2026-01-01"), Some(4.0));
        assert_eq!(value(&targets, RoomKind::Echo, ListKind::Elective, Measure::ExamsPerHour, "2026-01-01"), None);
    }

    #[test]
    fn every_built_in_target_may_be_judged_and_names_its_source() {
        for target in Targets::built_in().all() {
            assert!(!target.source.is_empty());
            assert!(target.room_kinds.iter().all(|kind| may_be_judged(target.measure, *kind)), "{target:?}");
            assert_ne!(target.direction, Direction::Neutral);
        }
    }

    #[test]
    fn targets_of_a_procedure_are_no_target_of_the_list() {
        let targets = Targets::built_in();
        let (room, list, measure) = (RoomKind::Theatre, ListKind::Elective, Measure::CasesPerList);
        assert_eq!(targets.targets_for(room, list, measure, day("2026-01-01")).len(), 3);
        assert_eq!(targets.target_for(room, list, measure, day("2026-01-01")), None);
    }

    #[test]
    fn a_trusts_own_target_counts_from_its_date() {
        let own = file(
            "[[target]]\nmeasure = \"capped_utilisation\"\nvalue = 0.8\nband = [0.75, 0.8]\nsource = \"Board\"\n\
             effective-from = \"2026-04-01\"\nroom-kinds = [\"theatre\", \"cath_lab\"]\n",
        )
        .unwrap();
        let targets = Targets::built_in().with(own);
        let at = |room, date| value(&targets, room, ListKind::Elective, Measure::CappedUtilisation, date);
        assert_eq!(at(RoomKind::Theatre, "2026-03-31"), Some(0.85));
        assert_eq!(at(RoomKind::Theatre, "2026-04-01"), Some(0.8));
        assert_eq!(at(RoomKind::CathLab, "2026-04-01"), Some(0.8));
        assert_eq!(at(RoomKind::CathLab, "2026-03-31"), None);
    }

    #[test]
    fn a_value_meets_is_in_the_band_or_misses() {
        let ct = Targets::built_in().all().iter().find(|t| t.room_kinds == [RoomKind::Ct]).cloned().unwrap();
        let standings = [4.0, 3.5, 3.0, 2.9].map(|value| ct.standing(value));
        assert_eq!(standings, [Standing::Met, Standing::InBand, Standing::InBand, Standing::Missed]);
        let late = Target { value: 0.1, direction: Direction::LowerIsBetter, band: None, ..ct.clone() };
        assert_eq!([0.1, 0.11].map(|value| late.standing(value)), [Standing::Met, Standing::Missed]);
        let neutral = Target { direction: Direction::Neutral, ..ct };
        assert_eq!(neutral.standing(9.0), Standing::NotJudged);
    }

    #[test]
    fn a_wrong_targets_file_is_refused_with_what_to_do() {
        let entry = |rest: &str| file(&format!("[[target]]\nsource = \"x\"\n{rest}")).unwrap_err();
        for (rest, needle) in [
            (
                "measure = \"capped_utilisation\"\nvalue = 0.8\nroom-kinds = [\"theatre\"]\ncolour = 1",
                "unknown field `colour`",
            ),
            ("measure = \"capped\"\nvalue = 0.8\nroom-kinds = [\"theatre\"]", "unknown variant `capped`"),
            ("measure = \"capped_utilisation\"\nvalue = nan\nroom-kinds = [\"theatre\"]", "is not a number"),
            ("measure = \"capped_utilisation\"\nvalue = 0.8\nroom-kinds = []", "applies to nothing"),
            (
                "measure = \"capped_utilisation\"\nvalue = 0.8\nroom-kinds = [\"ct\"]",
                "cannot apply to rooms of kind `ct`",
            ),
            (
                "measure = \"exams_per_hour\"\nvalue = 1.3\nroom-kinds = [\"echo\"]",
                "cannot apply to rooms of kind `echo`",
            ),
            ("measure = \"cases_per_list\"\nvalue = 4\nband = [5, 4]\nroom-kinds = [\"theatre\"]", "(swap them)"),
            (
                "measure = \"cases_per_list\"\nvalue = 4\neffective-from = \"April\"\nroom-kinds = [\"theatre\"]",
                "write it as \"2026-04-01\"",
            ),
        ] {
            let error = entry(rest);
            assert!(error.contains(needle), "{error}");
        }
        assert_eq!(file("").unwrap(), TargetFile::default());
    }
}
