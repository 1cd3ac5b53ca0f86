//! Reads a [`Mapping`] from TOML; each error names the key and the remedy.
//!
//! By hand rather than by derive, so that an unknown key is answered with the nearest known one.

use chrono_tz::Tz;
use room_events::{CancellationClass, Identifier, ListKind, Milestone, PatientClass, RoomId, RoomKind, SiteId};
use toml::{Table, Value};

use crate::mapping::{
    BookingMap, CancellationMap, CaseColumn, Code, FileMap, IdRule, Mapping, SessionMap, Sessions, SiteRule, TimeColumn,
};
use crate::near::near;
use crate::time_format::Format;

type Result<T> = core::result::Result<T, String>;

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
    let absent = match top.get("absent") {
        None => ["", "NULL", "NaN"].map(str::to_owned).to_vec(),
        Some(value) => texts(&top.path("absent"), value)?,
    };
    let mut cases = file(&mut top)?;
    let session_table = top.section("sessions")?;
    let sessions = match session_table {
        None => Sessions::None,
        Some(mut section) => {
            let sessions = sessions(&mut section, &mut cases)?;
            section.finish()?;
            sessions
        }
    };
    top.finish()?;
    if cases.case.is_none() {
        return Err(missing("case", "the column of the case id, such as case = \"encounter_id\""));
    }
    if matches!(sessions, Sessions::Bookings { .. }) && cases.booking.start.is_none() {
        return Err("sessions.from = \"bookings\" needs the scheduled start (give booking.start its column)".to_owned());
    }
    Ok(Mapping { zone, absent, cases, sessions })
}

fn missing(key: &str, what: &str) -> String {
    format!("key \"{key}\" is missing (give {what})")
}

fn zone(top: &mut Section) -> Result<Tz> {
    let name =
        top.text("zone")?.ok_or_else(|| missing("zone", "the IANA time zone, such as zone = \"Europe/London\""))?;
    name.parse().map_err(|_| {
        let nearest = near(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()), 1);
        let hint = nearest
            .first()
            .map_or("use a name such as \"Europe/London\"".to_owned(), |n| format!("did you mean {n:?}?"));
        format!("key \"zone\": {name:?} is not an IANA time zone ({hint})")
    })
}

/// The keys that the case file and a plan file share, and those of cases.
fn file(section: &mut Section) -> Result<FileMap> {
    let mut map = shared(section, None)?;
    map.case = section.case("case")?;
    if let Some(mut milestones) = section.section("milestones")? {
        for &milestone in Milestone::ALL {
            if milestone != Milestone::Cancelled
                && let Some(column) = milestones.time(milestone.name())?
            {
                map.milestones.push((milestone, column));
            }
        }
        milestones.finish()?;
    }
    if let Some(mut booking) = section.section("booking")? {
        map.booking = BookingMap {
            start: booking.time("start")?,
            minutes: booking.column("minutes")?,
            specialty: booking.column("specialty")?,
            procedure: booking.column("procedure")?,
            team: booking.column("team")?,
            class: booking.code("patient-class", PatientClass::from_name, &names(PatientClass::ALL, |v| v.name()))?,
            admission: booking.code("admission", ListKind::from_name, &names(ListKind::ALL, |v| v.name()))?,
            session: booking.columns("session")?,
            issued: booking.time("issued")?,
        };
        booking.finish()?;
    }
    if let Some(mut cancellation) = section.section("cancellation")? {
        let class = names(CancellationClass::ALL, |v| v.name());
        let time = cancellation.time("time")?;
        map.cancellation = Some(CancellationMap {
            time: time.ok_or_else(|| missing("cancellation.time", "the column of the time of cancellation"))?,
            class: cancellation.code("class", CancellationClass::from_name, &class)?,
            reason: cancellation.column("reason")?,
        });
        cancellation.finish()?;
    }
    Ok(map)
}

/// Layout, place and date; a plan file takes over from the case file what it does not say itself.
fn shared(section: &mut Section, cases: Option<&FileMap>) -> Result<FileMap> {
    let room = match section.id_rule("room")? {
        Some(rule) => rule,
        None => cases.map(|c| c.room.clone()).ok_or_else(|| missing("room", "the column of the room"))?,
    };
    let path = section.path("site");
    let site = match section.get("site") {
        Some(Value::String(text)) => {
            SiteRule::Constant(SiteId::new(text).map_err(|error| format!("key \"{path}\": {text:?} {error}"))?)
        }
        Some(value @ Value::Table(_)) => SiteRule::Column(id_rule(&path, value)?),
        Some(_) => {
            return Err(format!("key \"{path}\" is neither an id nor a table (such as {{ column = \"Site\" }})"));
        }
        None => cases
            .map(|c| c.site.clone())
            .ok_or_else(|| missing("site", "a constant id, site = \"main\", or site = { column = \"Site\" }"))?,
    };
    let kinds = names(RoomKind::ALL, |v| v.name());
    let room_kind = match section.get("room-kind") {
        Some(Value::String(text)) => {
            Some(Code::Constant(constant(&section.path("room-kind"), text, RoomKind::from_name, &kinds)?))
        }
        Some(_) => section.code("room-kind", RoomKind::from_name, &kinds)?,
        None => cases.and_then(|c| c.room_kind.clone()),
    };
    let formats = match (section.get("time-formats"), cases) {
        (Some(value), _) => Some(formats(&section.path("time-formats"), value)?),
        (None, Some(cases)) => cases.formats.clone(),
        (None, None) => None,
    };
    Ok(FileMap {
        delimiter: delimiter(section)?,
        encoding: encoding(section)?,
        formats,
        site,
        room,
        room_kind,
        case: None,
        date: section.column("date")?,
        milestones: Vec::new(),
        booking: BookingMap {
            start: None,
            minutes: None,
            specialty: None,
            procedure: None,
            team: None,
            class: None,
            admission: None,
            session: Vec::new(),
            issued: None,
        },
        group: None,
        cancellation: None,
        session: None,
    })
}

fn delimiter(section: &mut Section) -> Result<Option<u8>> {
    let path = section.path("delimiter");
    match section.text("delimiter")? {
        None | Some("auto") => Ok(None),
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(Some(*byte)),
            _ => Err(format!(
                "key \"{path}\": {text:?} is not one character (use \",\", \";\", \"\\t\", \"|\" or \"auto\")"
            )),
        },
    }
}

fn encoding(section: &mut Section) -> Result<Option<&'static encoding_rs::Encoding>> {
    let path = section.path("encoding");
    let Some(text) = section.text("encoding")? else { return Ok(None) };
    if text == "auto" {
        return Ok(None);
    }
    let encoding = encoding_rs::Encoding::for_label(text.as_bytes());
    let known = encoding.filter(|&e| {
        e == encoding_rs::UTF_8 || e == encoding_rs::UTF_16LE || e == encoding_rs::UTF_16BE || e.is_single_byte()
    });
    known.map(Some).ok_or_else(|| {
        format!("key \"{path}\": {text:?} is not an encoding that can be read (use \"utf-8\", \"utf-16le\", \"utf-16be\", \"windows-1252\" or \"auto\")")
    })
}

fn formats(path: &str, value: &Value) -> Result<Vec<Format>> {
    let texts = texts(path, value)?;
    if texts.is_empty() || texts.len() > 32 {
        return Err(format!("key \"{path}\" has {} formats (give 1 to 32, or leave the key out)", texts.len()));
    }
    texts.iter().map(|text| Format::compile(text).map_err(|error| format!("key \"{path}\": {error}"))).collect()
}

fn sessions(section: &mut Section, cases: &mut FileMap) -> Result<Sessions> {
    let path = section.path("from");
    let from = section.text("from")?.unwrap_or_default();
    match from {
        "columns" => {
            cases.session = Some(session(section)?);
            Ok(Sessions::Columns)
        }
        "plan-file" => {
            let mut plan = shared(section, Some(cases))?;
            plan.session = Some(session(section)?);
            Ok(Sessions::PlanFile(Box::new(plan)))
        }
        "bookings" => {
            let kind = match section.text("kind")? {
                Some(text) => {
                    constant(&section.path("kind"), text, ListKind::from_name, &names(ListKind::ALL, |v| v.name()))?
                }
                None => ListKind::Elective,
            };
            cases.group = section.column("date")?;
            Ok(Sessions::Bookings { kind })
        }
        other => Err(format!(
            "key \"{path}\": {other:?} is not a source of planned sessions (use \"columns\", \"plan-file\" or \"bookings\")"
        )),
    }
}

fn session(section: &mut Section) -> Result<SessionMap> {
    let start = section.time("start")?;
    let end = section.time("end")?;
    let kinds = names(ListKind::ALL, |v| v.name());
    let kind = match section.get("kind") {
        Some(Value::String(text)) => {
            Some(Code::Constant(constant(&section.path("kind"), text, ListKind::from_name, &kinds)?))
        }
        Some(_) => section.code("kind", ListKind::from_name, &kinds)?,
        None => None,
    };
    Ok(SessionMap {
        start: start.ok_or_else(|| missing(&section.path("start"), "the column of the planned start"))?,
        end: end.ok_or_else(|| missing(&section.path("end"), "the column of the planned end"))?,
        specialty: section.column("specialty")?,
        team: section.column("team")?,
        kind: kind.unwrap_or(Code::Constant(ListKind::Elective)),
        key: section.columns("key")?,
        cases: section.column("cases")?,
        issued: section.time("issued")?,
        withdrawn: section.code("withdrawn", yes_or_no, "yes, no")?,
    })
}

/// What the column of the case id may hold.
const CASE_KINDS: [Identifier; 2] = [Identifier::Case, Identifier::Accession];

fn case_kind(name: &str) -> Option<Identifier> {
    CASE_KINDS.into_iter().find(|kind| kind.domain() == name)
}

fn yes_or_no(name: &str) -> Option<bool> {
    match name {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|&v| name(v)).collect::<Vec<_>>().join(", ")
}

fn constant<T>(path: &str, text: &str, from_name: fn(&str) -> Option<T>, known: &str) -> Result<T> {
    from_name(&code_name(text)).ok_or_else(|| format!("key \"{path}\": {text:?} is not known (use one of {known})"))
}

/// `Day case` and `day-case` are `day_case`.
pub(crate) fn code_name(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '-'], "_")
}

fn texts(path: &str, value: &Value) -> Result<Vec<String>> {
    let wrong = || format!("key \"{path}\" is not a list of texts (such as [\"a\", \"b\"])");
    value.as_array().ok_or_else(wrong)?.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn text_value<'t>(path: &str, value: &'t Value) -> Result<&'t str> {
    value.as_str().ok_or_else(|| format!("key \"{path}\" is not a text (put it into quotation marks)"))
}

fn id_rule(path: &str, value: &Value) -> Result<IdRule> {
    let mut rule =
        IdRule { column: String::new(), values: Vec::new(), prefix: String::new(), lower_case: true, dashes: false };
    let table = match value {
        Value::String(column) => {
            rule.column = column_name(path, column)?;
            return Ok(rule);
        }
        Value::Table(table) => table,
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) => {
            return Err(format!(
                "key \"{path}\" is neither a column nor a table (such as {{ column = \"Room\", prefix = \"th-\" }})"
            ));
        }
    };
    let mut section = Section::new(path, table);
    rule.column = section.column("column")?.ok_or_else(|| missing(&section.path("column"), "the column's name"))?;
    if let Some(prefix) = section.text("prefix")? {
        prefix.clone_into(&mut rule.prefix);
        if !prefix.is_empty() {
            RoomId::new(prefix).map_err(|error| format!("key \"{path}.prefix\": {prefix:?} {error}"))?;
        }
    }
    rule.lower_case = section.switch("lower-case")?.unwrap_or(true);
    rule.dashes = section.switch("dashes")?.unwrap_or(false);
    if let Some(values) = section.table("values")? {
        for (from, to) in values {
            let to = text_value(&format!("{path}.values.{from}"), to)?;
            RoomId::new(to).map_err(|error| format!("key \"{path}.values\": {to:?} {error}"))?;
            rule.values.push((from.clone(), to.to_owned()));
        }
    }
    section.finish()?;
    Ok(rule)
}

fn column_name(path: &str, text: &str) -> Result<String> {
    let name = text.trim();
    if name.is_empty() {
        return Err(format!("key \"{path}\" names no column (give its name in the header, or leave the key out)"));
    }
    Ok(name.to_owned())
}

/// One table of the mapping; remembers which keys were asked for, so that the others are known to be mistakes.
struct Section<'t> {
    path: String,
    table: &'t Table,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    fn new(path: &str, table: &'t Table) -> Self {
        Self { path: path.to_owned(), table, known: Vec::new() }
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Value> {
        self.known.push(key);
        self.table.get(key)
    }

    fn finish(self) -> Result<()> {
        for key in self.table.keys() {
            if !self.known.contains(&key.as_str()) {
                let hint = match near(key, self.known.iter().copied(), 1).first() {
                    Some(nearest) => format!("did you mean \"{nearest}\"?"),
                    None => {
                        let mut known = self.known.clone();
                        known.sort_unstable();
                        known.dedup();
                        format!("known here: {}", known.join(", "))
                    }
                };
                return Err(format!("key \"{}\" is not known ({hint})", self.path(key)));
            }
        }
        Ok(())
    }

    fn text(&mut self, key: &'static str) -> Result<Option<&'t str>> {
        let path = self.path(key);
        self.get(key).map(|value| text_value(&path, value)).transpose()
    }

    fn switch(&mut self, key: &'static str) -> Result<Option<bool>> {
        let path = self.path(key);
        self.get(key)
            .map(|value| {
                value
                    .as_bool()
                    .ok_or_else(|| format!("key \"{path}\" is not true or false (write it without quotation marks)"))
            })
            .transpose()
    }

    fn table(&mut self, key: &'static str) -> Result<Option<&'t Table>> {
        let path = self.path(key);
        self.get(key)
            .map(|value| {
                value.as_table().ok_or_else(|| format!("key \"{path}\" is not a table (begin it with [{path}])"))
            })
            .transpose()
    }

    fn section(&mut self, key: &'static str) -> Result<Option<Section<'t>>> {
        let path = self.path(key);
        Ok(self.table(key)?.map(|table| Section::new(&path, table)))
    }

    fn column(&mut self, key: &'static str) -> Result<Option<String>> {
        let path = self.path(key);
        self.text(key)?.map(|text| column_name(&path, text)).transpose()
    }

    /// One column or a list of them.
    fn columns(&mut self, key: &'static str) -> Result<Vec<String>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![column_name(&path, text)?]),
            Some(value) => texts(&path, value)?.iter().map(|text| column_name(&path, text)).collect(),
        }
    }

    fn time(&mut self, key: &'static str) -> Result<Option<TimeColumn>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(TimeColumn { date: None, time: column_name(&path, text)? })),
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let (date, time) = (section.column("date")?, section.column("time")?);
                section.finish()?;
                let time = time.ok_or_else(|| missing(&format!("{path}.time"), "the column of the time of day"))?;
                Ok(Some(TimeColumn { date, time }))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither a column nor a table (such as {{ date = \"Date\", time = \"Time\" }})"
            )),
        }
    }

    fn case(&mut self, key: &'static str) -> Result<Option<CaseColumn>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(CaseColumn { column: column_name(&path, text)?, kind: Identifier::Case }))
            }
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let column = section.column("column")?;
                let column = column.ok_or_else(|| missing(&format!("{path}.column"), "the column's name"))?;
                let kind = section.text("kind")?.map_or(Ok(Identifier::Case), |text| {
                    let known = names(&CASE_KINDS, |kind| kind.domain());
                    constant(&format!("{path}.kind"), text, case_kind, &known)
                })?;
                section.finish()?;
                Ok(Some(CaseColumn { column, kind }))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither a column nor a table (such as {{ column = \"Accession No\", kind = \"accession\" }})"
            )),
        }
    }

    fn id_rule(&mut self, key: &'static str) -> Result<Option<IdRule>> {
        let path = self.path(key);
        self.get(key).map(|value| id_rule(&path, value)).transpose()
    }

    /// A column of codes: its name alone, or with the meaning of its values.
    fn code<T>(&mut self, key: &'static str, from_name: fn(&str) -> Option<T>, known: &str) -> Result<Option<Code<T>>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(Code::Column { column: column_name(&path, text)?, values: Vec::new() }))
            }
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let column = section.column("column")?;
                let column = column.ok_or_else(|| missing(&format!("{path}.column"), "the column's name"))?;
                let mut values = Vec::new();
                if let Some(table) = section.table("values")? {
                    for (from, to) in table {
                        let at = format!("{path}.values.{from}");
                        values.push((from.clone(), constant(&at, text_value(&at, to)?, from_name, known)?));
                    }
                }
                section.finish()?;
                Ok(Some(Code::Column { column, values }))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither a column nor a table (such as {{ column = \"Class\", values = {{ D = \"day_case\" }} }})"
            )),
        }
    }
}
