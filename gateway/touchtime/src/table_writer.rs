//! [`TableWriter`]: where the tables of a report go, in the form that was asked for.

use std::io::{IsTerminal as _, Write};
use std::path::Path;

use anyhow::bail;
use utilisation::rows::AsObject;

use crate::Usage;
use crate::cli::{Format, ReportFormat};
use crate::disclosure::{self, Shown};
use crate::output::{self, Column, Ink, Row, write_rows};
use crate::parquet_file::ParquetFile;
use crate::tables::{self, Described, Table};
use crate::workbook::Book;

/// One table of a report.
#[derive(Debug)]
pub struct Content<'a> {
    /// What it is.
    pub table: &'static Table,
    /// The report that it is of.
    pub name: &'static str,
    /// Its rows.
    pub rows: Vec<Row<'a>>,
    /// What a terminal shows of it.
    pub shown: &'a [Column],
    /// What has to be said beside it.
    pub note: &'a str,
}

/// Takes tables.
pub struct TableWriter {
    out: Box<dyn Write>,
    format: ReportFormat,
    ink: Ink,
    workbook: Book,
    /// Numbers of patients below this are hidden.
    suppress_below: Option<u64>,
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("format", &self.format).finish_non_exhaustive()
    }
}

impl TableWriter {
    /// Opens standard output, or the file that was asked for.
    pub fn open(file: Option<&Path>, format: ReportFormat, suppress_below: Option<u64>) -> anyhow::Result<Self> {
        let to_stdout = file.is_none_or(|file| file.as_os_str() == "-");
        if format.is_binary() && to_stdout && std::io::stdout().is_terminal() {
            bail!(Usage(format!("--format {} is not for a terminal (give --output FILE)", format.name())));
        }
        let ink = if file.is_some() { Ink::PLAIN } else { Ink::for_stdout() };
        Ok(Self { out: output::open(file)?, format, ink, workbook: Book::default(), suppress_below })
    }

    /// The form of the output.
    pub const fn format(&self) -> ReportFormat {
        self.format
    }

    /// Where rows go that are written as they are made.
    pub fn raw(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    /// Takes a table.
    pub fn table(&mut self, content: Content<'_>) -> anyhow::Result<()> {
        let Content { table, name, mut rows, shown, note } = content;
        let mut note = note.to_owned();
        let mut columns: Vec<Described> = table.columns().collect();
        if let Some(threshold) = self.suppress_below {
            let hidden = self.hidden_values();
            disclosure::guard(table, &mut rows, threshold, hidden)?;
            note.push_str(&format!(
                "; * = fewer than {threshold} patients, or would give them away; others to the nearest 5"
            ));
            if hidden == Shown::AsAbsent {
                columns.push(tables::SUPPRESSED);
            }
        }
        let note = note.as_str();
        let plain = match self.format {
            ReportFormat::Table => Format::Table,
            ReportFormat::Csv => Format::Csv,
            ReportFormat::Json => Format::Json,
            ReportFormat::Ndjson => {
                for row in &rows {
                    serde_json::to_writer(&mut *self.out, &AsObject(row))?;
                    self.out.write_all(b"\n")?;
                }
                return Ok(());
            }
            ReportFormat::Parquet => {
                let mut file = ParquetFile::new(name, columns, note)?;
                file.write(&rows)?;
                self.out.write_all(&file.into_bytes()?)?;
                return Ok(());
            }
            ReportFormat::Xlsx => return self.workbook.add(table, name, &rows, note),
        };
        write_rows(&mut *self.out, plain, table.header, &rows, shown, note, self.ink)?;
        Ok(())
    }

    /// A text can say that a value is hidden; a number or null cannot.
    const fn hidden_values(&self) -> Shown {
        match self.format {
            ReportFormat::Table | ReportFormat::Csv | ReportFormat::Xlsx => Shown::AsText,
            ReportFormat::Json | ReportFormat::Ndjson | ReportFormat::Parquet => Shown::AsAbsent,
        }
    }

    /// Writes what is still to be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.format == ReportFormat::Xlsx {
            self.out.write_all(&self.workbook.into_bytes()?)?;
        }
        self.out.flush()?;
        Ok(())
    }
}
