//! Reads a [`Mapping`] from TOML; each error names the key and the remedy.
//!
//! By hand rather than by derive, so that an unknown key is answered with the nearest known one.

use chrono_tz::Tz;
use room_events::{
    CancellationClass, ExamStage, Identifier, ListKind, Milestone, PatientClass, RoomId, RoomKind, SiteId, SourceId,
    StepState, Urgency,
};
use toml::{Table, Value};

use crate::field::is_segment;
use crate::mapping::{
    BookingRule, CancellationRule, Code, CodedMilestone, ExamRule, IdRule, Mapping, MessageType, Number, Rule,
    StageRule, TimeRule,
};
use crate::section::{Result, Section, field, missing};

/// The most rules of one mapping; each message is held against all of them.
const MAX_RULES: usize = 200;

/// What rules take over from the top of the file where they do not say it themselves.
struct Shared {
    site: Option<IdRule<SiteId>>,
    room: Option<IdRule<RoomId>>,
    case: Option<Number>,
}

pub(crate) fn parse(text: &str) -> Result<Mapping> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map_or(String::new(), |span| {
            let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line}: ")
        });
        format!("{place}not TOML: {} (correct the syntax)", error.message().trim())
    })?;
    let mut top = Section::new("", &table);
    let zone = zone(&mut top)?;
    let source = top.text("source")?.unwrap_or("hospital-system");
    let source = SourceId::new(source).map_err(|error| format!("key \"source\": {source:?} {error}"))?;
    let applications = top.texts("applications")?;
    let shared = Shared {
        site: top.id("site", SiteId::new)?,
        room: top.id("room", RoomId::new)?,
        case: number(&mut top, "case", Identifier::Case)?,
    };
    let not_tables = || "key \"messages\" is not a list of tables (begin each with [[messages]])".to_owned();
    let rules = match top.get("messages") {
        None => return Err(missing("messages", "at least one rule, begun with [[messages]]")),
        Some(Value::Array(tables)) if (1..=MAX_RULES).contains(&tables.len()) => {
            let of = |(n, value): (usize, &Value)| {
                let table = value.as_table().ok_or_else(not_tables)?;
                rule(Section::new(&format!("messages.{}", n + 1), table), &shared)
            };
            tables.iter().enumerate().map(of).collect::<Result<Vec<Rule>>>()?
        }
        Some(Value::Array(tables)) => {
            return Err(format!("key \"messages\" has {} rules (give 1 to {MAX_RULES})", tables.len()));
        }
        Some(_) => return Err(not_tables()),
    };
    top.finish()?;
    Ok(Mapping { zone, source, applications, rules })
}

fn zone(top: &mut Section<'_>) -> Result<Tz> {
    let name =
        top.text("zone")?.ok_or_else(|| missing("zone", "the IANA time zone, such as zone = \"Europe/London\""))?;
    name.parse().map_err(|_| {
        let nearest = case_extract::near(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()), 1);
        let hint = nearest
            .first()
            .map_or("use a name such as \"Europe/London\"".to_owned(), |n| format!("did you mean {n:?}?"));
        format!("key \"zone\": {name:?} is not an IANA time zone ({hint})")
    })
}

fn number(section: &mut Section<'_>, key: &'static str, kind: Identifier) -> Result<Option<Number>> {
    let path = section.path(key);
    match section.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Number { field: field(&path, text)?, kind })),
        Some(Value::Table(table)) => {
            let mut inner = Section::new(&path, table);
            let field = inner.field("field")?.ok_or_else(|| missing(&format!("{path}.field"), "the number's field"))?;
            let kind = match inner.text("kind")? {
                None => kind,
                Some(name) => KINDS.iter().copied().find(|kind| kind.domain() == name).ok_or_else(|| {
                    let known: Vec<&str> = KINDS.iter().map(|kind| kind.domain()).collect();
                    format!("key \"{path}.kind\": {name:?} is not known (use one of {})", known.join(", "))
                })?,
            };
            inner.finish()?;
            Ok(Some(Number { field, kind }))
        }
        Some(_) => Err(format!(
            "key \"{path}\" is neither a field nor a table (such as {{ field = \"OBR-3\", kind = \"accession\" }})"
        )),
    }
}

/// Kinds of numbers that the mapping may name.
const KINDS: [Identifier; 6] = [
    Identifier::Case,
    Identifier::Accession,
    Identifier::RequestedProcedure,
    Identifier::Visit,
    Identifier::Patient,
    Identifier::Order,
];

fn rule(mut section: Section<'_>, shared: &Shared) -> Result<Rule> {
    let path = section.path("type");
    let types = section.texts("type")?.iter().map(|text| message_type(&path, text)).collect::<Result<Vec<_>>>()?;
    if types.is_empty() {
        return Err(missing(&path, "the message's type and trigger, such as type = \"SIU^S12\""));
    }
    let path = section.path("each");
    let each = section.text("each")?;
    if let Some(name) = each.filter(|name| !is_segment(name)) {
        return Err(format!(
            "key \"{path}\": {name:?} is not a segment's name (write three capitals, such as \"ORC\")"
        ));
    }
    let (when, unless) = (section.conditions("when")?, section.conditions("unless")?);
    let site = section.id("site", SiteId::new)?.or_else(|| shared.site.clone());
    let room = section.id("room", RoomId::new)?.or_else(|| shared.room.clone());
    let path = section.path("case");
    let case = number(&mut section, "case", Identifier::Case)?.or_else(|| shared.case.clone());
    let case = case.ok_or_else(|| missing(&path, "the field of the case number, here or at the top of the file"))?;
    let mut milestones: Vec<(Milestone, TimeRule)> = Vec::new();
    if let Some(mut inner) = section.section("milestones")? {
        for &milestone in Milestone::ALL.iter().filter(|&&milestone| milestone != Milestone::Cancelled) {
            milestones.extend(inner.time(milestone.name())?.map(|time| (milestone, time)));
        }
        inner.finish()?;
    }
    let rule = Rule {
        types,
        each: each.map(str::to_owned),
        when,
        unless,
        site,
        room,
        case,
        milestones,
        milestone: section.section("milestone")?.map(coded_milestone).transpose()?,
        booking: section.section("booking")?.map(booking).transpose()?,
        cancellation: section.section("cancellation")?.map(cancellation).transpose()?,
        exam: section.section("exam")?.map(exam).transpose()?,
        stage: section.section("stage")?.map(stage).transpose()?,
    };
    let path = section.path("");
    let known = ["milestones", "milestone", "booking", "cancellation", "exam", "stage"];
    section.finish()?;
    if rule.says_nothing() {
        return Err(format!("\"{}\" says nothing (give one of {})", path.trim_end_matches('.'), known.join(", ")));
    }
    if rule.room.is_none() && !rule.is_stage_only() {
        return Err(missing(
            &format!("{path}room"),
            "a constant id or the room's field, here or at the top of the file",
        ));
    }
    Ok(rule)
}

impl Rule {
    const fn says_nothing(&self) -> bool {
        self.is_stage_only() && self.stage.is_none()
    }

    /// Whether it needs no room: an order names none.
    const fn is_stage_only(&self) -> bool {
        self.milestones.is_empty()
            && self.milestone.is_none()
            && self.booking.is_none()
            && self.cancellation.is_none()
            && self.exam.is_none()
    }
}

fn message_type(path: &str, text: &str) -> Result<MessageType> {
    let (kind, trigger) = text.split_once('^').map_or((text, None), |(kind, trigger)| (kind, Some(trigger)));
    let is_name = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !is_name(kind) || !trigger.is_none_or(is_name) {
        return Err(format!("key \"{path}\": {text:?} is not a message type (write \"SIU\" or \"SIU^S12\")"));
    }
    Ok(MessageType { kind: kind.to_owned(), trigger: trigger.map(str::to_owned) })
}

fn coded_milestone(mut section: Section<'_>) -> Result<CodedMilestone> {
    let code = section.coded("code", Milestone::ALL, Milestone::name)?;
    if let Code::Field { values, .. } = &code
        && values.iter().any(|(from, to)| *to == Some(Milestone::Cancelled) && from != Milestone::Cancelled.name())
    {
        let path = section.path("values");
        return Err(format!(
            "key \"{path}\": a cancellation is no milestone (give it a rule with [messages.cancellation])"
        ));
    }
    let path = section.path("time");
    let time = section.time("time")?.ok_or_else(|| missing(&path, "the field of the milestone's time"))?;
    section.finish()?;
    Ok(CodedMilestone { code, time })
}

fn booking(mut section: Section<'_>) -> Result<BookingRule> {
    let rule = BookingRule {
        start: section.time("start")?,
        minutes: section.open_field("minutes")?,
        specialty: section.open_field("specialty")?,
        procedure: section.open_field("procedure")?,
        class: section.code("patient-class", PatientClass::ALL, PatientClass::name)?,
        admission: section.code("admission", ListKind::ALL, ListKind::name)?,
        issued: section.time("issued")?,
    };
    section.finish()?;
    Ok(rule)
}

fn cancellation(mut section: Section<'_>) -> Result<CancellationRule> {
    let rule = CancellationRule {
        time: section.time("time")?,
        class: section.code("class", CancellationClass::ALL, CancellationClass::name)?,
        reason: section.words("reason")?,
    };
    section.finish()?;
    Ok(rule)
}

fn exam(mut section: Section<'_>) -> Result<ExamRule> {
    let (state_path, start_path) = (section.path("state"), section.path("start"));
    let rule = ExamRule {
        state: section
            .code("state", StepState::ALL, StepState::name)?
            .ok_or_else(|| missing(&state_path, "the exam's state, or the field that has it"))?,
        start: section
            .time("start")?
            .ok_or_else(|| missing(&start_path, "the field of the exam's start; the end alone tells nothing"))?,
        end: section.time("end")?,
        visit: number(&mut section, "visit", Identifier::Visit)?,
        patient: number(&mut section, "patient", Identifier::Patient)?,
        protocol: section.open_field("protocol")?,
    };
    section.finish()?;
    Ok(rule)
}

fn stage(mut section: Section<'_>) -> Result<StageRule> {
    let path = section.path("is");
    let known: Vec<&str> = ExamStage::ALL.iter().map(|stage| stage.name()).collect();
    let name = section.text("is")?.ok_or_else(|| missing(&path, "the stage that the message tells"))?;
    let stage = ExamStage::from_name(name)
        .ok_or_else(|| format!("key \"{path}\": {name:?} is not known (use one of {})", known.join(", ")))?;
    let rule = StageRule {
        stage,
        time: section.time("time")?,
        modality: section.code("modality", RoomKind::ALL, RoomKind::name)?,
        urgency: section.code("urgency", Urgency::ALL, Urgency::name)?,
    };
    section.finish()?;
    Ok(rule)
}
