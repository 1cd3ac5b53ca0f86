//! InfluxDB: the exporter beside the collector, and the commands that look after it.

pub mod exporter;
pub mod subjects;

use std::io::Write;

use chrono::NaiveDate;
use store::{Exports, Reader};

use crate::cli::Influx;
use crate::output;
use crate::upkeep::must_exist;

/// The exporter's name in a store.
pub const EXPORT: &str = "influxdb";

/// `touchtime influx`
pub fn run(command: &Influx) -> anyhow::Result<()> {
    match command {
        Influx::Status { store } => {
            must_exist(store)?;
            let (reader, exports) = (Reader::open(store)?, Exports::open(store, EXPORT)?);
            let mut out = output::open(None)?;
            let position = exports.position()?;
            match position.through {
                None => writeln!(out, "nothing is exported yet, or all of it is to be exported again")?,
                Some(through) => {
                    let behind = reader.last_change()?.saturating_sub(through);
                    let day = position.settings.rsplit(' ').next().unwrap_or("unknown");
                    writeln!(out, "{behind} changes wait to be exported; figures were last exported on {day}")?;
                }
            }
            let (subjects, letters) = (exports.subjects("")?.len(), exports.dead_letters()?.len());
            writeln!(out, "{subjects} lists, days and trends are known to be in InfluxDB")?;
            writeln!(
                out,
                "{letters} points were refused{}",
                if letters > 0 { " (`touchtime influx dead-letters` shows them)" } else { "" }
            )?;
            out.flush()?;
        }
        Influx::Resend { store, from } => {
            must_exist(store)?;
            let again = Exports::open(store, EXPORT)?.start_again(|subject| is_from(subject, *from))?;
            output::say(&format!("{again} lists, days and trends will be sent again by the running collector"));
        }
        Influx::DeadLetters { store, clear } => {
            must_exist(store)?;
            let mut exports = Exports::open(store, EXPORT)?;
            let mut out = output::open(None)?;
            for letter in exports.dead_letters()? {
                writeln!(out, "{} {}\n  {}", letter.at, letter.reason, letter.letter)?;
            }
            out.flush()?;
            if *clear {
                let cleared = exports.clear_dead_letters()?;
                output::say(&format!("{cleared} forgotten"));
            }
        }
    }
    Ok(())
}

/// Whether a subject is one of that day or later; trends are of all days.
fn is_from(subject: &str, from: Option<NaiveDate>) -> bool {
    from.is_none_or(|from| subjects::date_in(subject).is_none_or(|day| day >= from))
}
