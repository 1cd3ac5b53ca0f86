//! What a reader asked of the page of trends: every choice stands in the address, so that it can be shared.

use chrono::NaiveDate;
use room_events::{Label, ListKind, RoomId, RoomKind, SiteId};
use serde::Deserialize;
use utilisation::aggregate::Dimension;
use utilisation::measure::Measure;
use utilisation::periods::PeriodLength;

use super::measure_words::SHOWN;
use crate::history::{History, PastList};
use crate::shell::Theme;

/// A span of fewer days is shown by week where nobody asks for months.
const MONTHS_FROM_DAYS: i64 = 400;

/// The address as it came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) measure: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) period: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) rooms: Option<String>,
    pub(crate) site: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) specialty: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) theme: Option<String>,
}

/// What it asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) measure: Measure,
    /// The units that are compared.
    pub(crate) by: Dimension,
    pub(crate) period: PeriodLength,
    pub(crate) kind: ListKind,
    pub(crate) rooms: RoomKind,
    pub(crate) site: Option<SiteId>,
    pub(crate) room: Option<RoomId>,
    pub(crate) specialty: Option<Label>,
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
    pub(crate) theme: Option<Theme>,
}

/// The units that can be compared.
pub(crate) const UNITS: &[Dimension] = &[Dimension::Room, Dimension::Site, Dimension::Specialty, Dimension::Trust];

impl Asked {
    /// Reads it; the error is for the reader.
    pub(crate) fn choice(&self, history: &History) -> Result<Choice, String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let wrong = |what: &str, text: &str, known: String| format!("“{text}” is no {what} of this page ({known}).");
        let measure = match given(&self.measure) {
            None => Measure::CappedUtilisation,
            Some(text) => Measure::from_name(&text).filter(|measure| SHOWN.contains(measure)).ok_or_else(|| {
                wrong("measure", &text, SHOWN.iter().map(|measure| measure.name()).collect::<Vec<_>>().join(", "))
            })?,
        };
        let by = match given(&self.by) {
            None => Dimension::Room,
            Some(text) => Dimension::from_name(&text)
                .filter(|by| UNITS.contains(by))
                .ok_or_else(|| wrong("unit", &text, UNITS.iter().map(|by| by.name()).collect::<Vec<_>>().join(", ")))?,
        };
        let date = |name: &str, text: &Option<String>| match given(text) {
            None => Ok(None),
            Some(text) => NaiveDate::parse_from_str(&text, "%Y-%m-%d")
                .map(Some)
                .map_err(|_| format!("{name}: “{text}” is not a date (write it like 2022-02-11).")),
        };
        let (from, to) = (date("from", &self.from)?, date("to", &self.to)?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(format!("{from} is after {to} (swap them)."));
        }
        let kind = match given(&self.kind).as_deref() {
            None => ListKind::Elective,
            Some(text) => ListKind::ALL
                .iter()
                .copied()
                .find(|kind| kind.name() == text)
                .ok_or_else(|| wrong("kind", text, "elective, emergency".to_owned()))?,
        };
        let rooms = match given(&self.rooms).as_deref() {
            None => RoomKind::Theatre,
            Some(text) => RoomKind::ALL
                .iter()
                .copied()
                .find(|kind| kind.name() == text && kind.is_theatre_like())
                .ok_or_else(|| wrong("kind of room", text, "theatre, cath_lab, endoscopy".to_owned()))?,
        };
        let site =
            given(&self.site).map(|text| SiteId::new(&text).map_err(|error| format!("The site “{text}” {error}.")));
        let room =
            given(&self.room).map(|text| RoomId::new(&text).map_err(|error| format!("The room “{text}” {error}.")));
        let mut choice = Choice {
            measure,
            by,
            period: PeriodLength::Week,
            kind,
            rooms,
            site: site.transpose()?,
            room: room.transpose()?,
            specialty: given(&self.specialty).and_then(|text| Label::fitted(&text)),
            from,
            to,
            theme: self.theme.as_deref().and_then(Theme::from_name),
        };
        choice.period = match given(&self.period) {
            Some(text) => {
                PeriodLength::from_name(&text).ok_or_else(|| wrong("period", &text, "week, month".to_owned()))?
            }
            None => choice.fitting_period(history),
        };
        Ok(choice)
    }
}

impl Choice {
    fn fitting_period(&self, history: &History) -> PeriodLength {
        let dates = || history.lists.iter().filter(|list| self.takes(list)).map(|list| list.session.local_date);
        let days = dates().min().zip(dates().max()).map_or(0, |(first, last)| (last - first).num_days());
        if days >= MONTHS_FROM_DAYS { PeriodLength::Month } else { PeriodLength::Week }
    }

    /// Whether a list is among those asked for.
    pub(crate) fn takes(&self, list: &PastList) -> bool {
        let session = &list.session;
        session.kind == self.kind
            && session.room_kind == self.rooms
            && self.site.as_ref().is_none_or(|site| session.site == *site)
            && self.room.as_ref().is_none_or(|room| session.room == *room)
            && self.specialty.as_ref().is_none_or(|specialty| session.specialty.as_ref() == Some(specialty))
            && self.from.is_none_or(|from| session.local_date >= from)
            && self.to.is_none_or(|to| session.local_date <= to)
    }

    /// The address that asks for it.
    pub(crate) fn address(&self) -> String {
        let mut parts = vec![
            ("measure", self.measure.name().to_owned()),
            ("by", self.by.name().to_owned()),
            ("period", self.period.name().to_owned()),
            ("kind", self.kind.name().to_owned()),
            ("rooms", self.rooms.name().to_owned()),
        ];
        let mut add = |name, value: Option<String>| parts.extend(value.map(|value| (name, value)));
        add("site", self.site.as_ref().map(ToString::to_string));
        add("room", self.room.as_ref().map(ToString::to_string));
        add("specialty", self.specialty.as_ref().map(ToString::to_string));
        add("from", self.from.map(|date| date.to_string()));
        add("to", self.to.map(|date| date.to_string()));
        add("theme", self.theme.map(|theme| theme.name().to_owned()));
        let parts: Vec<String> =
            parts.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        format!("/trends?{}", parts.join("&"))
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}
