//! [`Section`]: one table of a mapping; remembers which keys were asked for, so that the others are known to be mistakes.

use case_extract::near;
use toml::{Table, Value};

use crate::field::FieldRef;
use crate::mapping::{Code, Condition, IdRule, Text, TimeRule};

pub(crate) type Result<T> = core::result::Result<T, String>;

pub(crate) fn missing(key: &str, what: &str) -> String {
    format!("key \"{key}\" is missing (give {what})")
}

/// `Day case` and `day-case` are `day_case`.
fn code_name(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '-'], "_")
}

pub(crate) struct Section<'t> {
    path: String,
    table: &'t Table,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub fn new(path: &str, table: &'t Table) -> Self {
        Self { path: path.to_owned(), table, known: Vec::new() }
    }

    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'t Value> {
        self.known.push(key);
        self.table.get(key)
    }

    pub fn finish(self) -> Result<()> {
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

    pub fn text(&mut self, key: &'static str) -> Result<Option<&'t str>> {
        let path = self.path(key);
        self.get(key).map(|value| text_value(&path, value)).transpose()
    }

    /// One text or a list of them.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>> {
        let path = self.path(key);
        self.get(key).map_or(Ok(Vec::new()), |value| texts(&path, value))
    }

    pub fn switch(&mut self, key: &'static str) -> Result<Option<bool>> {
        let path = self.path(key);
        let wrong = || format!("key \"{path}\" is not true or false (write it without quotation marks)");
        self.get(key).map(|value| value.as_bool().ok_or_else(wrong)).transpose()
    }

    pub fn table(&mut self, key: &'static str) -> Result<Option<&'t Table>> {
        let path = self.path(key);
        let wrong = || format!("key \"{path}\" is not a table (begin it with [{path}])");
        self.get(key).map(|value| value.as_table().ok_or_else(wrong)).transpose()
    }

    pub fn section(&mut self, key: &'static str) -> Result<Option<Self>> {
        let path = self.path(key);
        Ok(self.table(key)?.map(|table| Section::new(&path, table)))
    }

    pub fn field(&mut self, key: &'static str) -> Result<Option<FieldRef>> {
        let path = self.path(key);
        self.text(key)?.map(|text| field(&path, text)).transpose()
    }

    /// A field whose text or code leaves: it must not be in a segment about the person.
    pub fn open_field(&mut self, key: &'static str) -> Result<Option<FieldRef>> {
        let path = self.path(key);
        self.text(key)?.map(|text| open_field(&path, text)).transpose()
    }

    pub fn time(&mut self, key: &'static str) -> Result<Option<TimeRule>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(TimeRule { date: None, time: open_field(&path, text)? })),
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let (date, time) = (section.open_field("date")?, section.open_field("time")?);
                section.finish()?;
                let time = time.ok_or_else(|| missing(&format!("{path}.time"), "the field of the time of day"))?;
                Ok(Some(TimeRule { date, time }))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither a field nor a table (such as {{ date = \"ZTH-3\", time = \"ZTH-4\" }})"
            )),
        }
    }

    /// A constant text in a table, or a field.
    pub fn words(&mut self, key: &'static str) -> Result<Option<Text>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Text::Field(open_field(&path, text)?))),
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let text = section.text("text")?.ok_or_else(|| missing(&format!("{path}.text"), "the text itself"))?;
                section.finish()?;
                Ok(Some(Text::Constant(text.to_owned())))
            }
            Some(_) => Err(format!("key \"{path}\" is neither a field nor a table (such as {{ text = \"DNA\" }})")),
        }
    }

    /// Fields and the values that they are to have.
    pub fn conditions(&mut self, key: &'static str) -> Result<Vec<Condition>> {
        let path = self.path(key);
        let Some(table) = self.table(key)? else { return Ok(Vec::new()) };
        let of = |(name, value): (&String, &Value)| {
            let path = format!("{path}.{name}");
            Ok(Condition { field: field(&path, name)?, values: texts(&path, value)? })
        };
        table.iter().map(of).collect()
    }

    /// An id given as such, or a field that becomes one.
    pub fn id<T>(
        &mut self,
        key: &'static str,
        new: fn(&str) -> core::result::Result<T, room_events::id::IdError>,
    ) -> Result<Option<IdRule<T>>> {
        let path = self.path(key);
        let plain =
            |field| IdRule::Field { field, values: Vec::new(), prefix: String::new(), lower_case: true, dashes: false };
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains(|c: char| c.is_ascii_uppercase()) => {
                Ok(Some(plain(open_field(&path, text)?)))
            }
            Some(Value::String(text)) => new(text)
                .map(|id| Some(IdRule::Constant(id)))
                .map_err(|error| format!("key \"{path}\": {text:?} {error}")),
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let field = section
                    .open_field("field")?
                    .ok_or_else(|| missing(&format!("{path}.field"), "the field, such as \"PV1-3\""))?;
                let prefix = section.text("prefix")?.unwrap_or_default().to_owned();
                let lower_case = section.switch("lower-case")?.unwrap_or(true);
                let dashes = section.switch("dashes")?.unwrap_or(false);
                let mut values = Vec::new();
                for (from, to) in section.table("values")?.into_iter().flatten() {
                    let to = text_value(&format!("{path}.values.{from}"), to)?;
                    new(to).map_err(|error| format!("key \"{path}.values\": {to:?} {error}"))?;
                    values.push((from.clone(), to.to_owned()));
                }
                section.finish()?;
                if !prefix.is_empty() {
                    new(&prefix).map_err(|error| format!("key \"{path}.prefix\": {prefix:?} {error}"))?;
                }
                Ok(Some(IdRule::Field { field, values, prefix, lower_case, dashes }))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither an id, a field nor a table (such as {{ field = \"PV1-3\", prefix = \"th-\" }})"
            )),
        }
    }

    /// A code given by its name, a field of codes, or one with the meaning of its values.
    pub fn code<T: Copy>(
        &mut self,
        key: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<Option<Code<T>>> {
        let path = self.path(key);
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains(|c: char| c.is_ascii_uppercase()) => {
                let field = open_field(&path, text)?;
                Ok(Some(Code::Field { field, values: own_names(all, name), others_ignored: false }))
            }
            Some(Value::String(text)) => Ok(Some(Code::Constant(constant(&path, text, all, name)?))),
            Some(Value::Table(table)) => {
                let mut section = Section::new(&path, table);
                let code = section.coded("field", all, name)?;
                section.finish()?;
                Ok(Some(code))
            }
            Some(_) => Err(format!(
                "key \"{path}\" is neither a code, a field nor a table (such as {{ field = \"PV1-2\", values = {{ D = \"day_case\" }} }})"
            )),
        }
    }

    /// The field under `key` and the meanings under `values`.
    pub fn coded<T: Copy>(&mut self, key: &'static str, all: &[T], name: fn(T) -> &'static str) -> Result<Code<T>> {
        let field = self.open_field(key)?.ok_or_else(|| missing(&self.path(key), "the field of the code"))?;
        let (mut values, mut others_ignored) = (Vec::new(), false);
        let path = self.path("values");
        for (from, to) in self.table("values")?.into_iter().flatten() {
            let at = format!("{path}.{from}");
            let to = text_value(&at, to)?;
            let meaning = if to == "ignore" { None } else { Some(constant(&at, to, all, name)?) };
            match (from.as_str(), meaning) {
                ("*", None) => others_ignored = true,
                ("*", Some(_)) => {
                    return Err(format!("key \"{at}\" can only be \"ignore\" (name each code that means something)"));
                }
                (_, meaning) => values.push((from.clone(), meaning)),
            }
        }
        values.extend(own_names(all, name));
        Ok(Code::Field { field, values, others_ignored })
    }
}

/// Each name means itself.
fn own_names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<(String, Option<T>)> {
    all.iter().map(|&one| (name(one).to_owned(), Some(one))).collect()
}

fn constant<T: Copy>(path: &str, text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T> {
    let wanted = code_name(text);
    all.iter().copied().find(|&one| name(one) == wanted).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        format!("key \"{path}\": {text:?} is not known (use one of {})", known.join(", "))
    })
}

pub(crate) fn field(path: &str, text: &str) -> Result<FieldRef> {
    FieldRef::parse(text).ok_or_else(|| {
        format!("key \"{path}\": {text:?} is not a field (write segment, field and component as \"PV1-3.2\")")
    })
}

fn open_field(path: &str, text: &str) -> Result<FieldRef> {
    let field = field(path, text)?;
    if field.is_personal() {
        return Err(format!(
            "key \"{path}\": {text} is about the patient, and nothing of {} leaves but tokens of numbers (take another segment)",
            field.segment
        ));
    }
    Ok(field)
}

pub(crate) fn text_value<'t>(path: &str, value: &'t Value) -> Result<&'t str> {
    value.as_str().ok_or_else(|| format!("key \"{path}\" is not a text (put it into quotation marks)"))
}

fn texts(path: &str, value: &Value) -> Result<Vec<String>> {
    let wrong = || format!("key \"{path}\" is neither a text nor a list of texts (such as [\"a\", \"b\"])");
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => Err(wrong()),
    }
}
