//! Tables as an Excel workbook: a sheet for each, and a first one that says what everything means.
//!
//! Cells are typed: dates are dates, shares are percentages, what is not known is empty. Columns have the names of every
//! other export, in the same order. Where a figure has a target, one that reaches it is blue and one that misses it is orange
//! and bold: colours that everybody can tell apart (Okabe and Ito), and not by the colour alone.

use anyhow::{Context as _, bail};
use chrono::{Datelike as _, NaiveDate};
use room_events::{ListKind, RoomKind, UtcMillis};
use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook,
    Worksheet, utility::column_number_to_name,
};
use utilisation::measure::{Direction, Measure};
use utilisation::rows::{Kind, Value};
use utilisation::targets::{Target, Targets};

use crate::output::Row;
use crate::tables::Table;

/// Rows that a sheet has room for, its header aside.
const MOST_ROWS: usize = 1_048_575;
/// Widths of columns, in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 9..=44;
/// Days from Excel's day 0 to 1970-01-01.
const EXCEL_1970: f64 = 25_569.0;

const INK: Color = Color::RGB(0x0033_3333);
const HEAD: Color = Color::RGB(0x00E6_E6E6);
const MET: Color = Color::RGB(0x00CC_E5F3);
const MET_INK: Color = Color::RGB(0x0000_4C73);
const MISSED: Color = Color::RGB(0x00FB_E3C0);
const MISSED_INK: Color = Color::RGB(0x0080_4000);

/// A workbook in the making.
#[derive(Default)]
pub struct Book {
    sheets: Vec<Worksheet>,
    /// For the first sheet: name, table and note of each.
    said: Vec<(&'static str, &'static Table, String, usize)>,
}

impl Book {
    /// Adds a table. The second of a workbook and those after it are left out where they have no row.
    pub fn add(
        &mut self,
        table: &'static Table,
        name: &'static str,
        rows: &[Row<'_>],
        note: &str,
    ) -> anyhow::Result<()> {
        if rows.is_empty() && !self.sheets.is_empty() {
            return Ok(());
        }
        if rows.len() > MOST_ROWS {
            bail!(
                "`{name}` has {} rows, more than a sheet takes (narrow it with --from and --to, or take csv or parquet)",
                rows.len()
            );
        }
        self.sheets.push(sheet(table, name, rows).with_context(|| format!("sheet `{name}`"))?);
        self.said.push((name, table, note.to_owned(), rows.len()));
        Ok(())
    }

    /// The whole file.
    pub fn into_bytes(self) -> anyhow::Result<Vec<u8>> {
        let mut book = Workbook::new();
        // The same tables give the same bytes.
        let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
        book.set_properties(&DocProperties::new().set_title("Touchtime").set_creation_datetime(&created));
        book.push_worksheet(read_me(&self.said)?);
        for sheet in self.sheets {
            book.push_worksheet(sheet);
        }
        Ok(book.save_to_buffer()?)
    }
}

fn heading() -> Format {
    Format::new()
        .set_bold()
        .set_font_color(INK)
        .set_background_color(HEAD)
        .set_border_bottom(FormatBorder::Thin)
        .set_align(FormatAlign::Top)
}

fn sheet(table: &Table, name: &str, rows: &[Row<'_>]) -> anyhow::Result<Worksheet> {
    let mut sheet = Worksheet::new();
    sheet.set_name(name)?;
    let heading = heading();
    let last = u32::try_from(rows.len())?;
    for (at, column) in (0_u16..).zip(table.columns()) {
        sheet.write_string_with_format(0, at, column.name, &heading)?;
        let format = Format::new().set_num_format(number_format(column.kind, column.name));
        let mut widest = column.name.len() + 3;
        for (n, row) in (1_u32..).zip(rows) {
            let Some((_, value)) = row.get(usize::from(at)) else { continue };
            widest = widest.max(write(&mut sheet, n, at, value, &format)?);
        }
        let width = u16::try_from(widest.clamp(*WIDTHS.start(), *WIDTHS.end()))?;
        sheet.set_column_width(at, f64::from(width))?;
    }
    let last_column = u16::try_from(table.header.len().saturating_sub(1))?;
    sheet.set_freeze_panes(1, 1)?;
    sheet.autofilter(0, 0, last.max(1), last_column)?;
    if last > 0 {
        colour(&mut sheet, table, last)?;
    }
    Ok(sheet)
}

fn number_format(kind: Kind, name: &str) -> &'static str {
    match kind {
        Kind::Text | Kind::Names | Kind::Flag => "@",
        Kind::Count => "0",
        Kind::Minutes => "0.0",
        Kind::Number if name.ends_with("_min") => "0.0",
        Kind::Number => "0.00",
        Kind::Share => "0.00%",
        Kind::Instant => "yyyy-mm-dd hh:mm:ss",
        Kind::Date => "yyyy-mm-dd",
    }
}

/// Writes a value; answers how many characters it takes.
fn write(sheet: &mut Worksheet, row: u32, column: u16, value: &Value<'_>, format: &Format) -> anyhow::Result<usize> {
    const OF_A_NUMBER: usize = 9;
    Ok(match value {
        Value::Text(text) => {
            sheet.write_string(row, column, *text)?;
            text.chars().count()
        }
        Value::Names(names) => {
            let text = names.join(" ");
            let width = text.len();
            sheet.write_string(row, column, text)?;
            width
        }
        Value::Flag(flag) => {
            sheet.write_boolean(row, column, *flag)?;
            5
        }
        Value::Instant(at) => {
            sheet.write_number_with_format(row, column, serial_of(*at), format)?;
            19
        }
        Value::Date(date) => {
            sheet.write_number_with_format(row, column, serial_of_date(*date), format)?;
            10
        }
        Value::Count(_) | Value::Minutes(_) | Value::Ratio(_) | Value::Share(_) | Value::Number(_) => {
            if let Some(number) = value.as_number() {
                sheet.write_number_with_format(row, column, number, format)?;
            }
            OF_A_NUMBER
        }
        Value::Absent => 0,
    })
}

/// Excel knows no zones: its cells are in UTC, as their column says.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn serial_of(at: UtcMillis) -> f64 {
    at.millis() as f64 / 86_400_000.0 + EXCEL_1970
}

fn serial_of_date(date: NaiveDate) -> f64 {
    f64::from(date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()) + EXCEL_1970
}

/// What is held against a target.
fn colour(sheet: &mut Worksheet, table: &Table, last: u32) -> anyhow::Result<()> {
    let at = |name: &str| table.header.iter().position(|column| *column == name).and_then(|at| u16::try_from(at).ok());
    let cell = |column: u16| format!("${}2", column_number_to_name(column));
    let mut rules: Vec<(u16, String, Direction, String)> = Vec::new();
    if let (Some(room_kind), Some(kind)) = (at("room_kind"), at("kind")) {
        for target in targets() {
            let Some(column) = at(target.measure.name()) else { continue };
            let any = |column: u16, names: Vec<&'static str>| {
                let tests: Vec<String> = names.iter().map(|name| format!("{}=\"{name}\"", cell(column))).collect();
                format!("OR({})", tests.join(","))
            };
            let applies = format!(
                "{},{}",
                any(room_kind, target.room_kinds.iter().map(|kind: &RoomKind| kind.name()).collect()),
                any(kind, target.list_kinds.iter().map(|kind: &ListKind| kind.name()).collect()),
            );
            rules.push((column, applies, target.direction, target.value.to_string()));
        }
    }
    if let (Some(rate), Some(target), Some(room_kind)) = (at("exams_per_hour"), at("target_per_hour"), at("room_kind"))
    {
        // What is recommended for an echocardiogram is a length of its slot, not a rate.
        let applies = format!("ISNUMBER({}),{}<>\"echo\"", cell(target), cell(room_kind));
        rules.push((rate, applies, Direction::HigherIsBetter, cell(target)));
    }
    for (column, applies, direction, value) in rules {
        let (met, missed) = match direction {
            Direction::HigherIsBetter => (">=", "<"),
            Direction::LowerIsBetter => ("<=", ">"),
            Direction::Neutral => continue,
        };
        let own = cell(column);
        let reached = Format::new().set_background_color(MET).set_font_color(MET_INK);
        let short = Format::new().set_background_color(MISSED).set_font_color(MISSED_INK).set_bold();
        for (comparison, format) in [(met, reached), (missed, short)] {
            let rule = format!("=AND(ISNUMBER({own}),{applies},{own}{comparison}{value})");
            let format = ConditionalFormatFormula::new().set_rule(rule.as_str()).set_format(format);
            sheet.add_conditional_format(1, column, last, column, &format)?;
        }
    }
    Ok(())
}

/// Published targets of theatres that hold for all lists of a kind.
fn targets() -> Vec<Target> {
    let all = Targets::built_in();
    let of_theatres = |target: &&Target| target.scope.is_all() && target.measure != Measure::ExamsPerHour;
    all.all().iter().filter(of_theatres).cloned().collect()
}

fn read_me(said: &[(&'static str, &'static Table, String, usize)]) -> anyhow::Result<Worksheet> {
    let mut sheet = Worksheet::new();
    sheet.set_name("read me")?;
    let (title, bold) = (Format::new().set_bold().set_font_size(14), heading());
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for (column, width) in [(0_u16, 30.0), (1, 34.0), (2, 18.0), (3, 90.0)] {
        sheet.set_column_width(column, width)?;
    }
    let mut row = 0_u32;
    let mut line = |sheet: &mut Worksheet, texts: [&str; 4], format: Option<&Format>| -> anyhow::Result<()> {
        for (column, text) in (0_u16..).zip(texts) {
            if !text.is_empty() || format.is_some() {
                sheet.write_string_with_format(row, column, text, format.unwrap_or(&wrapped))?;
            }
        }
        row += 1;
        Ok(())
    };
    line(&mut sheet, ["Touchtime", "", "", ""], Some(&title))?;
    line(
        &mut sheet,
        ["instants are in UTC", "dates and months are local", "", "an empty cell is not known, which is not 0"],
        None,
    )?;
    line(&mut sheet, ["colours", "blue: target reached", "", "orange and bold: target missed"], None)?;
    line(&mut sheet, [""; 4], None)?;
    line(&mut sheet, ["sheet", "a row is", "rows", "note"], Some(&bold))?;
    for (name, table, note, rows) in said {
        line(&mut sheet, [name, table.about, &rows.to_string(), note], None)?;
    }
    line(&mut sheet, [""; 4], None)?;
    line(&mut sheet, ["target", "of", "value", "source"], Some(&bold))?;
    for target in Targets::built_in().all() {
        let kinds: Vec<&str> = target.room_kinds.iter().map(|kind| kind.name()).collect();
        let lists: Vec<&str> = target.list_kinds.iter().map(|kind| kind.name()).collect();
        let mut of = format!("{}; {}", kinds.join(", "), lists.join(", "));
        for part in [target.scope.specialty.as_ref(), target.scope.procedure.as_ref()].into_iter().flatten() {
            of.push_str("; ");
            of.push_str(part.as_str());
        }
        line(&mut sheet, [target.measure.name(), &of, &target.value.to_string(), &target.source], None)?;
    }
    line(&mut sheet, [""; 4], None)?;
    line(&mut sheet, ["column", "sheet", "unit", "meaning"], Some(&bold))?;
    let mut told: Vec<&Table> = Vec::new();
    for (_, table, _, _) in said {
        if told.contains(table) {
            continue;
        }
        told.push(table);
        let sheets: Vec<&str> = said.iter().filter(|(_, of, _, _)| of == table).map(|(name, ..)| *name).collect();
        let sheets = sheets.join(", ");
        for column in table.columns() {
            line(&mut sheet, [column.name, &sheets, column.unit, column.about], None)?;
        }
    }
    Ok(sheet)
}
