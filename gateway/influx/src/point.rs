//! A point, its line in line protocol, and the key by which it can be taken back.
//!
//! The encoder knows the schema: a point with another tag or field than its measurement has, or a value of another type,
//! is refused, as are texts and numbers that line protocol cannot carry. Texts of hospitals are cleaned before, by
//! [`clean`], so that an odd specialty costs a character and not a list.

use std::borrow::Cow;
use std::fmt::Write as _;

use room_events::UtcMillis;
use utilisation::quantity::Minutes;

use crate::schema::{Kind, Measurement};

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a count, flag or code.
    Integer(i64),
    /// Of everything that is measured.
    Float(f64),
    /// Of a text.
    Text(String),
}

impl Value {
    const fn kind(&self) -> Kind {
        match self {
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Text(_) => Kind::String,
        }
    }

    fn nothing_of(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integer(0),
            Kind::Float => Self::Float(0.0),
            Kind::String => Self::Text(String::new()),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Minutes> for Value {
    fn from(value: Minutes) -> Self {
        Self::Float(value.as_f64())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(clean(value).into_owned())
    }
}

/// Why a point cannot be written: a fault of Touchtime, but for texts that were not cleaned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Its measurement has no such tag or field, or it has none.
    #[error("{measurement} has no {name}")]
    Unknown {
        /// Of which.
        measurement: &'static str,
        /// What.
        name: String,
    },
    /// The value cannot be carried.
    #[error("{name} of {measurement} is {problem}")]
    Unfit {
        /// Of which.
        measurement: &'static str,
        /// What.
        name: &'static str,
        /// Why.
        problem: &'static str,
    },
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Of what.
    pub of: &'static Measurement,
    /// Its tags.
    pub tags: Vec<(&'static str, String)>,
    /// Its fields.
    pub fields: Vec<(&'static str, Value)>,
    /// Its time.
    pub at: UtcMillis,
}

impl Point {
    /// A point without tags and fields.
    pub const fn new(of: &'static Measurement, at: UtcMillis) -> Self {
        Self { of, tags: Vec::new(), fields: Vec::new(), at }
    }

    /// Adds a tag; an empty one says nothing and is left out.
    #[must_use]
    pub fn tag(mut self, name: &'static str, value: &str) -> Self {
        let value = clean(value);
        if !value.is_empty() {
            self.tags.push((name, value.into_owned()));
        }
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Measurement, tags and time: what a later point must have to replace this one.
    pub fn key(&self) -> Result<String, PointError> {
        let mut key = self.of.name.to_owned();
        // In one order, whatever the order in which they were given: servers are fastest so.
        let mut tags: Vec<_> = self.tags.iter().collect();
        tags.sort_unstable();
        for (name, value) in tags {
            if !self.of.tags.iter().any(|tag| tag.name == *name) {
                return Err(PointError::Unknown { measurement: self.of.name, name: (*name).to_owned() });
            }
            if let Some(problem) = unfit(value).or(value.is_empty().then_some("empty")) {
                return Err(PointError::Unfit { measurement: self.of.name, name, problem });
            }
            key.push(',');
            key.push_str(name);
            key.push('=');
            for c in value.chars() {
                if matches!(c, ',' | '=' | ' ') {
                    key.push('\\');
                }
                key.push(c);
            }
        }
        // Writing to a String cannot fail.
        let _ = write!(key, " {}", self.at.millis());
        Ok(key)
    }

    /// The line, without its end; times in milliseconds.
    pub fn line(&self) -> Result<String, PointError> {
        let key = self.key()?;
        let (series, at) = key.rsplit_once(' ').unwrap_or((&key, ""));
        let mut line = format!("{series} ");
        for (n, (name, value)) in self.fields.iter().enumerate() {
            let unfit_field = |problem| PointError::Unfit { measurement: self.of.name, name, problem };
            let Some(field) = self.of.field(name) else {
                return Err(PointError::Unknown { measurement: self.of.name, name: (*name).to_owned() });
            };
            if field.unit.kind() != value.kind() {
                return Err(unfit_field("of another type than its unit"));
            }
            if n > 0 {
                line.push(',');
            }
            line.push_str(name);
            line.push('=');
            let _ = match value {
                Value::Integer(value) => write!(line, "{value}i"),
                Value::Float(value) if value.is_finite() => write!(line, "{value}"),
                Value::Float(_) => return Err(unfit_field("not a finite number")),
                Value::Text(value) => {
                    if let Some(problem) = unfit(value) {
                        return Err(unfit_field(problem));
                    }
                    write!(line, "\"{}\"", value.replace('"', "\\\""))
                }
            };
        }
        if self.fields.is_empty() {
            return Err(PointError::Unknown {
                measurement: self.of.name,
                name: "field (it was given none)".to_owned(),
            });
        }
        let _ = write!(line, " {at}");
        Ok(line)
    }
}

/// The line that takes back what was sent under `key`: all of its fields, each nothing. `None` for a key that is none.
pub fn nothing_at(key: &str) -> Option<String> {
    let (series, at) = key.rsplit_once(' ')?;
    let name = series.split(',').next()?;
    let fields: Vec<String> = Measurement::named(name)?
        .fields
        .iter()
        .map(|field| match Value::nothing_of(field.unit.kind()) {
            Value::Integer(_) => format!("{}=0i", field.name),
            Value::Float(_) => format!("{}=0", field.name),
            Value::Text(_) => format!("{}=\"\"", field.name),
        })
        .collect();
    Some(format!("{series} {} {at}", fields.join(",")))
}

/// A text as line protocol can carry it: control characters become spaces and backslashes strokes, ends are trimmed.
pub fn clean(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if unfit(text).is_none() {
        return Cow::Borrowed(text);
    }
    let cleaned: String = text
        .chars()
        .map(|c| {
            if c.is_control() {
                ' '
            } else if c == '\\' {
                '/'
            } else {
                c
            }
        })
        .collect();
    Cow::Owned(cleaned.trim().to_owned())
}

/// Why a text cannot be carried: a newline begins another point, a backslash takes the meaning of what follows it.
fn unfit(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        Some("a text with a control character")
    } else if text.contains('\\') {
        Some("a text with a backslash")
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use crate::schema::{AGENT, ROOM_STATE};

    fn at() -> UtcMillis {
        UtcMillis::saturating(1_644_585_000_000)
    }

    #[test]
    fn a_line_has_its_tags_in_order_and_its_types() {
        let point = Point::new(&AGENT, at())
            .tag("trust", "north")
            .tag("site", "main, east=1")
            .tag("agent", "")
            .field("online", true)
            .field("oldest_age_s", 1.5)
            .field("version", "0.1 \"rc\"\\\n");
        let line = r#"touchtime_agent,site=main\,\ east\=1,trust=north online=1i,oldest_age_s=1.5,version="0.1 \"rc\"/" 1644585000000"#;
        assert_eq!(point.line().unwrap(), line);
        assert_eq!(point.key().unwrap(), r"touchtime_agent,site=main\,\ east\=1,trust=north 1644585000000");
    }

    #[test]
    fn what_the_schema_does_not_have_is_refused() {
        let point = || Point::new(&ROOM_STATE, at()).tag("room", "suite-1");
        for (point, error) in [
            (point().field("colour", 1_u32), "touchtime_room_state has no colour"),
            (point().tag("ward", "x").field("state_code", 1_u32), "touchtime_room_state has no ward"),
            (point().field("state", 1_u32), "state of touchtime_room_state is of another type than its unit"),
            (point(), "touchtime_room_state has no field (it was given none)"),
        ] {
            assert_eq!(point.line().unwrap_err().to_string(), error);
        }
        let mut odd = point();
        odd.tags.push(("site", "a\nb".to_owned()));
        assert!(odd.line().unwrap_err().to_string().contains("control character"));
        let nan = Point::new(&AGENT, at()).field("oldest_age_s", f64::NAN);
        assert!(nan.line().unwrap_err().to_string().contains("finite"));
    }

    #[test]
    fn what_was_sent_is_taken_back_field_by_field() {
        let key = Point::new(&ROOM_STATE, at()).tag("room", "a b").key().unwrap();
        assert_eq!(nothing_at(&key).unwrap(), r#"touchtime_room_state,room=a\ b state="",state_code=0i 1644585000000"#);
        assert_eq!((nothing_at("other 5"), nothing_at("")), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cleaned_to_one_that_fits_on_its_line(text: String, tag: String) {
            let point = Point::new(&AGENT, at()).tag("site", &tag).field("version", text.as_str());
            let line = point.line().unwrap();
            proptest::prop_assert!(!line.chars().any(char::is_control), "{line}");
            proptest::prop_assert!(!line.ends_with('\\'));
        }
    }
}
