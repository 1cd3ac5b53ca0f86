//! `touchtime quarantine`: what did not become part of the figures as it should have, for people to judge.
//!
//! Whatever stands in quarantine came from outside and was not understood, so it may hold anything: bytes that a terminal
//! obeys, or a patient's name where a code should be. It is never guessed which; without being asked for its text, `show`
//! gives its shape alone, and even then nothing that a terminal would obey.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::bail;
use delivery::ack::RunId;
use store::{Conflict, ForeignStreams, Gap, Quarantined, Reader, StoreError, Writer};
use utilisation::rows::Value;

use crate::Usage;
use crate::cli::{HeldArgs, Quarantine, RetryArgs, ShowArgs};
use crate::clock::wall_now;
use crate::output::{self, Column, Ink, Row, say, write_rows};
use crate::upkeep::must_exist;

const LIST: [&str; 10] = ["id", "received", "trust", "site", "agent", "stream", "seq", "cause", "bytes", "reason"];
const GAPS: [&str; 8] = ["trust", "site", "agent", "stream", "first", "last", "events", "declared"];
const CONFLICTS: [&str; 8] = ["trust", "site", "agent", "stream", "seq", "digest", "kind", "received"];

/// `touchtime quarantine`
pub fn run(command: &Quarantine) -> anyhow::Result<()> {
    match command {
        Quarantine::List(arguments) => list(arguments),
        Quarantine::Show(arguments) => show(arguments),
        Quarantine::Retry(arguments) => retry(arguments),
        Quarantine::Gaps(arguments) => gaps(arguments),
        Quarantine::Conflicts(arguments) => conflicts(arguments),
    }
}

fn list(arguments: &HeldArgs) -> anyhow::Result<()> {
    let reader = Reader::open(&arguments.store)?;
    let mut found = Vec::new();
    reader.for_each_quarantined(|row| -> Result<(), StoreError> {
        // The bytes of many are not held at once.
        found.push(Quarantined { bytes: Vec::new(), ..row });
        Ok(())
    })?;
    let streams: Vec<String> =
        found.iter().map(|row| row.key.map_or_else(String::new, |(stream, _)| stream.to_string())).collect();
    let rows: Vec<Row<'_>> = found
        .iter()
        .zip(&streams)
        .map(|(row, stream)| {
            vec![
                ("id", Value::Count(row.id.unsigned_abs())),
                ("received", Value::Instant(row.received)),
                ("trust", Value::Text(row.agent.trust.as_str())),
                ("site", Value::Text(row.agent.site.as_str())),
                ("agent", Value::Text(row.agent.agent.as_str())),
                ("stream", if stream.is_empty() { Value::Absent } else { Value::Text(stream) }),
                ("seq", row.key.map_or(Value::Absent, |(_, seq)| Value::Count(seq.0))),
                ("cause", Value::Text(row.cause.name())),
                ("bytes", Value::Count(row.length)),
                ("reason", Value::Text(&row.reason)),
            ]
        })
        .collect();
    let held = reader.held()?;
    let mut note =
        format!("{} in quarantine, {} events in conflict, {} given up", rows.len(), held.conflicts, held.gone);
    if held.not_kept > 0 {
        let _ = write!(note, "; {} unreadable messages were too many to keep", held.not_kept);
    }
    let columns = ["id", "received", "site", "agent", "seq", "cause", "reason"];
    write(arguments, &LIST, &rows, &columns, &note)
}

fn show(arguments: &ShowArgs) -> anyhow::Result<()> {
    let reader = Reader::open(&arguments.store)?;
    let Some(row) = reader.quarantined(arguments.id)? else {
        bail!(Usage(format!(
            "there is no number {} in quarantine (`touchtime quarantine list` shows them)",
            arguments.id
        )));
    };
    let mut out = output::open(None)?;
    writeln!(out, "number    {}", row.id)?;
    writeln!(out, "agent     {}", row.agent)?;
    match row.key {
        Some((stream, seq)) => writeln!(out, "event     {seq} of stream {stream}")?,
        None => writeln!(out, "event     none: the message has no readable envelope")?,
    }
    writeln!(out, "received  {}", row.received)?;
    writeln!(out, "cause     {}: {}", row.cause.name(), printable(row.reason.as_bytes()))?;
    let kept = row.bytes.len() as u64;
    let cut = if kept < row.length { format!(", of which the first {kept} are kept") } else { String::new() };
    writeln!(out, "bytes     {}{cut}", row.length)?;
    if arguments.text {
        writeln!(out, "text      {}", printable(&row.bytes))?;
    } else {
        writeln!(out, "shape     {}", shape(&row.bytes))?;
        writeln!(out, "          (a: letter, 9: digit; --text shows the text, which may hold a patient's data)")?;
    }
    out.flush()?;
    Ok(())
}

fn retry(arguments: &RetryArgs) -> anyhow::Result<()> {
    must_exist(&arguments.store)?;
    let mut writer = Writer::open(&arguments.store, RunId(crate::random::bits_128()?))?;
    let only = (!arguments.ids.is_empty()).then_some(arguments.ids.as_slice());
    let foreign = if arguments.accept_foreign { ForeignStreams::Accept } else { ForeignStreams::Keep };
    let done = writer.retry_quarantine(only, foreign, wall_now())?;
    say(&format!(
        "{} left the quarantine: {} events stored, {} in conflict with another; {} stay",
        done.settled, done.stored, done.conflicts, done.still
    ));
    Ok(())
}

fn gaps(arguments: &HeldArgs) -> anyhow::Result<()> {
    let found: Vec<Gap> = Reader::open(&arguments.store)?.gaps()?;
    let streams: Vec<String> = found.iter().map(|gap| gap.stream.to_string()).collect();
    let rows: Vec<Row<'_>> = found
        .iter()
        .zip(&streams)
        .map(|(gap, stream)| {
            vec![
                ("trust", Value::Text(gap.agent.trust.as_str())),
                ("site", Value::Text(gap.agent.site.as_str())),
                ("agent", Value::Text(gap.agent.agent.as_str())),
                ("stream", Value::Text(stream)),
                ("first", Value::Count(gap.seqs.first.0)),
                ("last", Value::Count(gap.seqs.last.0)),
                ("events", Value::Count(gap.seqs.count())),
                ("declared", Value::Instant(gap.declared)),
            ]
        })
        .collect();
    let lost: u64 = found.iter().map(|gap| gap.seqs.count()).sum();
    write(arguments, &GAPS, &rows, &GAPS[1..], &format!("{lost} events given up by their agents"))
}

fn conflicts(arguments: &HeldArgs) -> anyhow::Result<()> {
    let found: Vec<Conflict> = Reader::open(&arguments.store)?.conflicts()?;
    let texts: Vec<(String, String)> = found.iter().map(|one| (one.id.stream.to_string(), hex(&one.digest))).collect();
    let rows: Vec<Row<'_>> = found
        .iter()
        .zip(&texts)
        .map(|(one, (stream, digest))| {
            vec![
                ("trust", Value::Text(one.agent.trust.as_str())),
                ("site", Value::Text(one.agent.site.as_str())),
                ("agent", Value::Text(one.agent.agent.as_str())),
                ("stream", Value::Text(stream)),
                ("seq", Value::Count(one.id.seq.0)),
                ("digest", Value::Text(digest)),
                ("kind", Value::Text(&one.kind)),
                ("received", Value::Instant(one.received)),
            ]
        })
        .collect();
    write(arguments, &CONFLICTS, &rows, &CONFLICTS[1..], &format!("{} events whose number another has", rows.len()))
}

fn write(
    arguments: &HeldArgs,
    header: &[&'static str],
    rows: &[Row<'_>],
    columns: &[&'static str],
    note: &str,
) -> anyhow::Result<()> {
    let columns: Vec<Column> = columns.iter().map(|&name| Column { name, heading: name, upper: None }).collect();
    let mut out = output::open(None)?;
    write_rows(&mut *out, arguments.format, header, rows, &columns, note, Ink::for_stdout())?;
    out.flush()?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text that a terminal shows and does not obey: whatever is not printable ASCII is `\xNN`, a backslash is doubled.
fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| byte.escape_ascii().map(char::from))
        .collect::<String>()
        .replace("\\'", "'")
        .replace("\\\"", "\"")
}

/// What kind of character stands where, and nothing of what it says.
pub(crate) fn shape(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' => 'a',
            b'0'..=b'9' => '9',
            b' '..=b'~' => char::from(*byte),
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_obeyed() {
        let hostile = b"\x1b]0;title\x07 \x9b2J {\"name\":\"O'Hara \xc3\xa9\"} \\ \r\n\0";
        let shown = printable(hostile);
        assert_eq!(shown, r#"\x1b]0;title\x07 \x9b2J {"name":"O'Hara \xc3\xa9"} \\ \r\n\x00"#);
        assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn a_shape_says_nothing_of_a_name() {
        assert_eq!(
            shape(b"{\"name\":\"SMITH, John\",\"born\":\"1950-02-03\",\xc3\x1b[2J"),
            r#"{"aaaa":"aaaaa, aaaa","aaaa":"9999-99-99",??[9a"#
        );
    }
}
