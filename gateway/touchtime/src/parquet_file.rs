//! A table as a Parquet file: typed columns, their units and meanings in the file's metadata.
//!
//! ```text
//! column kind        physical     logical
//! text, names        BYTE_ARRAY   STRING
//! count              INT64
//! minutes, share, number   DOUBLE
//! flag               BOOLEAN
//! instant            INT64        TIMESTAMP(MILLIS, adjusted to UTC)
//! date               INT32        DATE
//! ```
//!
//! Every column is optional. Nothing else is asked of a reader: plain or dictionary pages of version 1, Snappy. The file's
//! key-value metadata has `touchtime.table`, `touchtime.note` and `touchtime.columns`, a JSON list of objects with `name`,
//! `unit` and `about`.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{Datelike as _, NaiveDate};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use utilisation::rows::{Kind, Value};

use crate::output::Row;
use crate::tables::Described;

/// Rows of a row group: what a reader skips or reads at once, and what the writer holds.
pub const ROWS_AT_ONCE: usize = 100_000;

/// A file in the making.
pub struct ParquetFile {
    columns: Vec<Described>,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

impl ParquetFile {
    /// Begins a file. `table` and `note` go into its metadata.
    pub fn new(table: &str, columns: Vec<Described>, note: &str) -> anyhow::Result<Self> {
        let about: Vec<_> = columns
            .iter()
            .map(|column| serde_json::json!({ "name": column.name, "unit": column.unit, "about": column.about }))
            .collect();
        let metadata = [
            ("touchtime.table", table.to_owned()),
            ("touchtime.note", note.to_owned()),
            ("touchtime.columns", serde_json::to_string(&about)?),
        ];
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("touchtime {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(
                metadata.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect(),
            ))
            .build();
        let fields = columns.iter().map(field).collect::<anyhow::Result<Vec<_>>>()?;
        let schema = Arc::new(Type::group_type_builder("table").with_fields(fields).build()?);
        Ok(Self { columns, writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))? })
    }

    /// Adds rows whose values stand under the columns' names, in their order.
    pub fn write(&mut self, rows: &[Row<'_>]) -> anyhow::Result<()> {
        for part in rows.chunks(ROWS_AT_ONCE) {
            let mut group = self.writer.next_row_group()?;
            for (at, column) in self.columns.iter().enumerate() {
                let values = part.iter().map(|row| row.get(at).map_or(&Value::Absent, |(_, value)| value));
                write_column(&mut group, column, values).with_context(|| format!("column `{}`", column.name))?;
            }
            group.close()?;
        }
        Ok(())
    }

    /// The whole file.
    pub fn into_bytes(self) -> anyhow::Result<Vec<u8>> {
        Ok(self.writer.into_inner()?)
    }
}

fn field(column: &Described) -> anyhow::Result<TypePtr> {
    let (physical, logical) = match column.kind {
        Kind::Text | Kind::Names => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Count => (Physical::INT64, None),
        Kind::Minutes | Kind::Share | Kind::Number => (Physical::DOUBLE, None),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
    };
    let built = Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(built))
}

fn write_column<'v, 'r: 'v>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    column: &Described,
    values: impl Iterator<Item = &'v Value<'r>>,
) -> anyhow::Result<()> {
    let Some(mut writer) = group.next_column()? else { bail!("is not in the file's schema") };
    match column.kind {
        Kind::Text | Kind::Names => put::<ByteArrayType>(&mut writer, values, text),
        Kind::Count => put::<Int64Type>(&mut writer, values, |value| {
            if let Value::Count(count) = value { i64::try_from(*count).ok() } else { None }
        }),
        Kind::Minutes | Kind::Share | Kind::Number => put::<DoubleType>(&mut writer, values, Value::as_number),
        Kind::Flag => {
            put::<BoolType>(&mut writer, values, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
        }
        Kind::Instant => {
            put::<Int64Type>(
                &mut writer,
                values,
                |value| {
                    if let Value::Instant(at) = value { Some(at.millis()) } else { None }
                },
            )
        }
        Kind::Date => put::<Int32Type>(&mut writer, values, |value| {
            if let Value::Date(date) = value { Some(days_since_1970(*date)) } else { None }
        }),
    }?;
    writer.close()?;
    Ok(())
}

fn text(value: &Value<'_>) -> Option<ByteArray> {
    if let Value::Text(text) = value {
        return Some(ByteArray::from(*text));
    }
    if let Value::Names(names) = value { Some(ByteArray::from(names.join(" ").into_bytes())) } else { None }
}

fn days_since_1970(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

/// A number that is none is absent, as it is in CSV and JSON.
fn is_absent(value: &Value<'_>) -> bool {
    matches!(value, Value::Absent) || matches!(value, Value::Share(n) | Value::Number(n) if !n.is_finite())
}

/// Writes what is there; `of` has a value for all but what does not belong in the column.
fn put<'v, 'r: 'v, T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = &'v Value<'r>>,
    of: impl Fn(&Value<'r>) -> Option<T::T>,
) -> anyhow::Result<()> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        if is_absent(value) {
            levels.push(0);
            continue;
        }
        let Some(value) = of(value) else { bail!("cannot hold {value:?}") };
        levels.push(1);
        there.push(value);
    }
    writer.typed::<T>().write_batch(&there, Some(&levels), None)?;
    Ok(())
}
