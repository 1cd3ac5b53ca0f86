//! Everything that goes to standard output: data in csv and json as it is, tables rounded for reading.

use std::io::{self, IsTerminal as _, Write};

use utilisation::quantity::Ratio;
use utilisation::rows::{AsObject, Value, write_csv_header, write_csv_values};

use crate::cli::Format;

/// A row of any report.
pub type Row<'r> = Vec<(&'static str, Value<'r>)>;

/// A column of a table: which value, under which heading.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name of the value in its row.
    pub name: &'static str,
    /// Heading; short, since a terminal has 80 to 120 characters.
    pub heading: &'static str,
    /// Name of the value that it could be at most, shown behind it where it is another: `62.50-81.25 %`.
    pub upper: Option<&'static str>,
}

/// Bold and dim on a terminal, nothing elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Ink {
    colours: bool,
}

impl Ink {
    /// For standard output, unless `NO_COLOR` is set.
    pub fn for_stdout() -> Self {
        Self { colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) }
    }

    /// Never any colour.
    pub const PLAIN: Self = Self { colours: false };

    /// Stands out.
    pub fn bold(self, text: &str) -> String {
        if self.colours { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Steps back.
    pub fn dim(self, text: &str) -> String {
        if self.colours { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes rows in the form that was asked for. `columns` and `note` are for the table alone.
pub fn write_rows(
    out: &mut dyn Write,
    format: Format,
    header: &[&str],
    rows: &[Row<'_>],
    columns: &[Column],
    note: &str,
    ink: Ink,
) -> io::Result<()> {
    match format {
        Format::Csv => {
            let mut buffer = Vec::new();
            write_csv_header(header, &mut buffer);
            for row in rows {
                write_csv_values(row, &mut buffer);
            }
            out.write_all(&buffer)
        }
        Format::Json => {
            out.write_all(b"[")?;
            for (n, row) in rows.iter().enumerate() {
                out.write_all(if n == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &AsObject(row))?;
            }
            out.write_all(b"\n]\n")
        }
        Format::Table => write_table(out, rows, columns, note, ink),
    }
}

fn write_table(out: &mut dyn Write, rows: &[Row<'_>], columns: &[Column], note: &str, ink: Ink) -> io::Result<()> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let value = |wanted: &str| row.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
            let cell = |column: &Column| match (value(column.name), column.upper.and_then(value)) {
                (Some(Value::Ratio(confirmed)), Some(Value::Ratio(upper))) => readable_range(*confirmed, *upper),
                (Some(confirmed), _) => readable(confirmed),
                (None, _) => String::new(),
            };
            columns.iter().map(cell).collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let widest = cells.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(column.heading.chars().count())
        })
        .collect();
    let is_text: Vec<bool> = columns
        .iter()
        .map(|column| {
            let found =
                rows.iter().flat_map(|row| row.iter()).find(|(name, v)| *name == column.name && *v != Value::Absent);
            found.is_some_and(|(_, value)| matches!(value, Value::Text(_) | Value::Names(_)))
        })
        .collect();
    let line = |texts: &mut dyn Iterator<Item = &str>| -> String {
        let mut line = String::new();
        for ((text, width), is_text) in texts.zip(&widths).zip(&is_text) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&if *is_text { format!("{text:<width$}") } else { format!("{text:>width$}") });
        }
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", ink.bold(&line(&mut columns.iter().map(|column| column.heading))))?;
    for row in &cells {
        writeln!(out, "{}", line(&mut row.iter().map(String::as_str)))?;
    }
    writeln!(out, "{}", ink.dim(note))
}

/// A value for people: whole minutes, percentages with two decimals, "-" for what is not known.
fn readable(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => (*text).to_owned(),
        Value::Names(names) => names.join(" "),
        Value::Count(count) => count.to_string(),
        Value::Minutes(minutes) if minutes.millis() % 60_000 == 0 => minutes.to_string(),
        Value::Minutes(minutes) => format!("{minutes:.1}"),
        Value::Ratio(ratio) => format!("{} %", ratio.percent(2)),
        Value::Share(share) => format!("{:.2} %", share * 100.0),
        Value::Number(number) => format!("{number:.2}"),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Instant(at) => at.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Absent => "-".to_owned(),
    }
}

/// A percentage that is only known to lie between two, as `62.50-81.25 %`; one number where they are the same.
fn readable_range(confirmed: Ratio, upper: Ratio) -> String {
    let (confirmed, upper) = (confirmed.percent(2).to_string(), upper.percent(2).to_string());
    if confirmed == upper { format!("{confirmed} %") } else { format!("{confirmed}-{upper} %") }
}

/// Says on standard error what failed, with all its causes.
#[allow(clippy::print_stderr, reason = "this is the output module")]
pub fn complain(error: &anyhow::Error) {
    eprintln!("touchtime: {error:#}");
}

/// Says something to the person who waits, on standard error, so that data on standard output stays clean.
#[allow(clippy::print_stderr, reason = "this is the output module")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// A line that replaces itself on a terminal; elsewhere nothing, so that logs stay readable.
#[allow(clippy::print_stderr, reason = "this is the output module")]
pub fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

/// Standard output, or the file that was asked for.
pub fn open(file: Option<&std::path::Path>) -> anyhow::Result<Box<dyn Write>> {
    use anyhow::Context as _;
    Ok(match file.filter(|file| file.as_os_str() != "-") {
        None => Box::new(io::BufWriter::with_capacity(1 << 16, io::stdout())),
        Some(file) => {
            let opened =
                std::fs::File::create(file).with_context(|| format!("{} cannot be written", file.display()))?;
            Box::new(io::BufWriter::with_capacity(1 << 16, opened))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_is_confirmed_and_what_it_could_be_at_most() {
        let ratio = |n, d| Ratio::new(n, d).map_or(Value::Absent, Value::Ratio);
        let check = |confirmed: Value<'static>, upper: Value<'static>, expected: &str| {
            let rows = [vec![("share", confirmed), ("share_upper", upper)]];
            let columns = [Column { name: "share", heading: "%", upper: Some("share_upper") }];
            let mut out = Vec::new();
            write_rows(&mut out, Format::Table, &["share"], &rows, &columns, "note", Ink::PLAIN).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.lines().nth(1).unwrap().trim(), expected);
        };
        check(ratio(5, 8), ratio(13, 16), "62.50-81.25 %");
        check(ratio(5, 8), ratio(5, 8), "62.50 %");
        check(ratio(5, 8), Value::Absent, "62.50 %");
        check(Value::Absent, Value::Absent, "-");
    }
}
