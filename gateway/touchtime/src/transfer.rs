//! `touchtime export` and `touchtime import`: events and session results out of a store, events and plans into one.
//!
//! An exported event is one line of JSON that carries its key, so that importing a file twice, or into a store that has
//! some of it, stores each event once:
//!
//! ```text
//! {"trust":"demo","site":"main","agent":"theatre-1","stream":"<32 hex>","seq":7,"received":1644585002000,"event":{...}}
//! ```

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use delivery::ack::RunId;
use delivery::batch;
use room_events::topic::AgentAddress;
use room_events::{AgentId, Event, EventId, Seq, SiteId, StreamId, TrustId, UtcMillis, wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Committed, Inbound, Reader, Writer};
use utilisation::result::SessionResult;
use utilisation::rows::{
    AsObject, SESSION_COLUMNS, Value, session_row, write_csv_header, write_csv_row, write_csv_values,
};
use utilisation::rules::RuleSet;
use utilisation::timeline::Precedence;

use crate::Usage;
use crate::case_rows::{CASE_COLUMNS, case_rows, tokens};
use crate::cli::{ExportArgs, ExportFormat, ExportWhat, ImportArgs, ImportWhat};
use crate::clock::{Clock, wall_now};
use crate::dataset;
use crate::measured::measure_store;
use crate::output::{self, Row};
use crate::parquet_file::{ParquetFile, ROWS_AT_ONCE};
use crate::tables;

/// The agent under which imported plans are filed.
const IMPORT_AGENT: &str = "import";

/// The header of the events in CSV and Parquet: only append.
pub const EVENT_COLUMNS: [&str; 13] = [
    "trust",
    "site",
    "agent",
    "stream",
    "seq",
    "received",
    "room_site",
    "room",
    "source",
    "source_order",
    "at",
    "kind",
    "event",
];

/// Lists whose cases are written together.
const LISTS_AT_ONCE: usize = 20_000;

/// Events of a row group in Parquet: their texts are long.
const EVENTS_OF_A_ROW_GROUP: usize = 20_000;

#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    trust: TrustId,
    site: SiteId,
    agent: AgentId,
    stream: StreamId,
    seq: Seq,
    received: UtcMillis,
    #[serde(borrow)]
    event: &'a RawValue,
}

/// `touchtime export`
pub fn export(arguments: &ExportArgs) -> anyhow::Result<()> {
    if arguments.what == ExportWhat::Dataset {
        return dataset::export(arguments);
    }
    let Some(store) = &arguments.input.store else {
        bail!(Usage(
            "events, sessions and cases are exported from a store (give --store DIR; of an extract see `report sessions`)"
                .to_owned()
        ));
    };
    if !arguments.month.is_empty() {
        bail!(Usage("--month is for `export dataset`".to_owned()));
    }
    let reader = Reader::open(store)?;
    let to_stdout = arguments.file.as_os_str() == "-";
    if arguments.format == ExportFormat::Parquet && to_stdout && std::io::stdout().is_terminal() {
        bail!(Usage("--format parquet is not for a terminal (give a FILE)".to_owned()));
    }
    let mut out = output::open(Some(&arguments.file))?;
    match arguments.what {
        ExportWhat::Events if arguments.format == ExportFormat::Parquet => {
            out.write_all(&events_in_parquet(&reader)?)?;
        }
        ExportWhat::Events => export_events(&reader, arguments.format, &mut *out)?,
        // Answered before: it is a folder.
        ExportWhat::Dataset => {}
        ExportWhat::Cases => {
            let rules = rule_set(&arguments.rules)?;
            let precedence = Precedence::new(reader.precedence()?);
            let (sessions, remainder) = measure_store(&reader, &precedence, &rules, Clock::of_store(store)?.now())?;
            remainder.say();
            export_cases(&sessions, arguments, &mut *out)?;
        }
        ExportWhat::Sessions => {
            let rules = rule_set(&arguments.rules)?;
            let precedence = Precedence::new(reader.precedence()?);
            let (sessions, remainder) = measure_store(&reader, &precedence, &rules, Clock::of_store(store)?.now())?;
            remainder.say();
            match arguments.format {
                ExportFormat::Csv => {
                    let mut buffer = Vec::new();
                    write_csv_header(&SESSION_COLUMNS, &mut buffer);
                    for session in &sessions {
                        write_csv_row(session, &mut buffer);
                    }
                    out.write_all(&buffer)?;
                }
                ExportFormat::Ndjson => {
                    for session in &sessions {
                        let row = session_row(session);
                        serde_json::to_writer(&mut *out, &AsObject(&row))?;
                        out.write_all(b"\n")?;
                    }
                }
                ExportFormat::Parquet => {
                    let note = format!("rule set {}", rules.name);
                    let mut file = ParquetFile::new("sessions", tables::LISTS.columns().collect(), &note)?;
                    for part in sessions.chunks(ROWS_AT_ONCE) {
                        file.write(&part.iter().map(|session| session_row(session).to_vec()).collect::<Vec<_>>())?;
                    }
                    out.write_all(&file.into_bytes()?)?;
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn export_events(reader: &Reader, format: ExportFormat, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    if format == ExportFormat::Csv {
        write_csv_header(&EVENT_COLUMNS, &mut buffer);
        out.write_all(&buffer)?;
    }
    reader.for_each_event(|agent: &AgentAddress, id: EventId, received, bytes| -> anyhow::Result<()> {
        let text = std::str::from_utf8(bytes).context("an event is not UTF-8")?;
        buffer.clear();
        match format {
            // Written by `events_in_parquet`.
            ExportFormat::Parquet => {}
            ExportFormat::Ndjson => {
                let line = Line {
                    trust: agent.trust.clone(),
                    site: agent.site.clone(),
                    agent: agent.agent.clone(),
                    stream: id.stream,
                    seq: id.seq,
                    received,
                    event: serde_json::from_str(text).context("an event is not JSON")?,
                };
                serde_json::to_writer(&mut buffer, &line)?;
                buffer.push(b'\n');
            }
            ExportFormat::Csv => {
                let event = wire::decode(bytes)?;
                let stream = id.stream.to_string();
                write_csv_values(&event_row(agent, &stream, id.seq, received, &event, text), &mut buffer);
            }
        }
        out.write_all(&buffer)?;
        Ok(())
    })
}

fn export_cases(sessions: &[SessionResult], arguments: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let note = format!("rule set {}", arguments.rules);
    let mut file = ParquetFile::new("cases", tables::CASES.columns().collect(), &note)?;
    let mut buffer = Vec::new();
    if arguments.format == ExportFormat::Csv {
        write_csv_header(&CASE_COLUMNS, &mut buffer);
    }
    for part in sessions.chunks(LISTS_AT_ONCE) {
        let tokens: Vec<Vec<String>> = part.iter().map(tokens).collect();
        let rows: Vec<Row<'_>> = part.iter().zip(&tokens).flat_map(|(list, tokens)| case_rows(list, tokens)).collect();
        match arguments.format {
            ExportFormat::Parquet => file.write(&rows)?,
            ExportFormat::Csv => rows.iter().for_each(|row| write_csv_values(row, &mut buffer)),
            ExportFormat::Ndjson => {
                for row in &rows {
                    serde_json::to_writer(&mut buffer, &AsObject(row))?;
                    buffer.push(b'\n');
                }
            }
        }
        out.write_all(&buffer)?;
        buffer.clear();
    }
    out.write_all(&buffer)?;
    if arguments.format == ExportFormat::Parquet {
        out.write_all(&file.into_bytes()?)?;
    }
    Ok(())
}

fn event_row<'r>(
    agent: &'r AgentAddress,
    stream: &'r str,
    seq: Seq,
    received: UtcMillis,
    event: &'r Event,
    text: &'r str,
) -> [(&'static str, Value<'r>); EVENT_COLUMNS.len()] {
    let values = [
        Value::Text(agent.trust.as_str()),
        Value::Text(agent.site.as_str()),
        Value::Text(agent.agent.as_str()),
        Value::Text(stream),
        Value::Count(seq.0),
        Value::Instant(received),
        Value::Text(event.site.as_ref().unwrap_or(&agent.site).as_str()),
        event.room.as_ref().map_or(Value::Absent, |room| Value::Text(room.as_str())),
        Value::Text(event.source.as_str()),
        Value::Count(event.order),
        Value::Instant(event.at),
        Value::Text(event.obs.kind()),
        Value::Text(text),
    ];
    let mut columns = EVENT_COLUMNS.into_iter();
    values.map(|value| (columns.next().unwrap_or_default(), value))
}

/// A stored event while its rows wait to be written together.
struct Held {
    agent: AgentAddress,
    stream: String,
    seq: Seq,
    received: UtcMillis,
    event: Event,
    text: String,
}

fn events_in_parquet(reader: &Reader) -> anyhow::Result<Vec<u8>> {
    let mut file = ParquetFile::new("events", tables::EVENTS.columns().collect(), "")?;
    let mut held: Vec<Held> = Vec::new();
    let write = |file: &mut ParquetFile, held: &mut Vec<Held>| {
        let rows = held.iter().map(|h| event_row(&h.agent, &h.stream, h.seq, h.received, &h.event, &h.text).to_vec());
        let rows: Vec<_> = rows.collect();
        file.write(&rows)?;
        drop(rows);
        held.clear();
        anyhow::Ok(())
    };
    reader.for_each_event(|agent: &AgentAddress, id: EventId, received, bytes| -> anyhow::Result<()> {
        let text = std::str::from_utf8(bytes).context("an event is not UTF-8")?.to_owned();
        let (agent, stream, event) = (agent.clone(), id.stream.to_string(), wire::decode(bytes)?);
        held.push(Held { agent, stream, seq: id.seq, received, event, text });
        if held.len() >= EVENTS_OF_A_ROW_GROUP { write(&mut file, &mut held) } else { Ok(()) }
    })?;
    if !held.is_empty() {
        write(&mut file, &mut held)?;
    }
    file.into_bytes()
}

/// A rule set by name, or the list of names.
pub fn rule_set(name: &str) -> anyhow::Result<RuleSet> {
    RuleSet::named(name).ok_or_else(|| {
        Usage(format!("--rules: there is no rule set `{name}` (known: {})", RuleSet::NAMES.join(", "))).into()
    })
}

/// `touchtime import`
pub fn import(arguments: &ImportArgs) -> anyhow::Result<()> {
    let mut writer = Writer::open(&arguments.store, RunId(crate::random::bits_128()?))?;
    match arguments.what {
        ImportWhat::Events => import_events(&mut writer, &arguments.file),
        ImportWhat::Plans => {
            let (Some(mapping), Some(trust)) = (&arguments.mapping, &arguments.trust) else {
                bail!(Usage("plans need --mapping and --trust".to_owned()));
            };
            import_plans(&mut writer, &arguments.file, mapping, trust)
        }
    }
}

/// What an import did, in words.
#[derive(Debug, Default)]
struct Tally {
    stored: u64,
    duplicates: u64,
    quarantined: u64,
    conflicts: u64,
}

impl Tally {
    fn add(&mut self, done: &Committed) {
        self.stored += done.stored;
        self.duplicates += done.duplicates;
        self.quarantined += done.quarantined;
        self.conflicts += done.conflicts;
    }

    fn say(&self) {
        output::say(&format!(
            "{} events stored, {} were there already, {} in quarantine, {} in conflict with what was there",
            self.stored, self.duplicates, self.quarantined, self.conflicts
        ));
    }
}

fn import_events(writer: &mut Writer, file: &Path) -> anyhow::Result<()> {
    let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut tally = Tally::default();
    let mut run = Run::default();
    let mut group = Group::default();
    let mut bad_lines = 0_u64;
    for (n, line) in BufReader::new(opened).lines().enumerate() {
        let line = match line {
            Ok(line) => line,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                bad_lines += 1;
                output::say(&format!("{}:{}: is not UTF-8; left out", file.display(), n + 1));
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line<'_>>(&line) {
            Ok(line) if batch::is_sendable(line.event.get().as_bytes()) => {
                if !run.takes(&line) {
                    run.flush(&mut group, writer, &mut tally)?;
                }
                run.push(&line);
            }
            Ok(_) => {
                bad_lines += 1;
                output::say(&format!(
                    "{}:{}: the event is longer than {} bytes; left out",
                    file.display(),
                    n + 1,
                    wire::MAX_EVENT_BYTES
                ));
            }
            Err(error) => {
                bad_lines += 1;
                output::say(&format!("{}:{}: not an exported event ({error}); left out", file.display(), n + 1));
            }
        }
    }
    run.flush(&mut group, writer, &mut tally)?;
    group.commit(writer, &mut tally)?;
    tally.say();
    if bad_lines > 0 {
        bail!("{bad_lines} lines of {} were left out (see above)", file.display());
    }
    Ok(())
}

/// So many events are committed at once: a commit waits for the disk, and a collector beside it waits for the commit.
const EVENTS_AT_ONCE: usize = 16_384;

/// Batches of one stream, each with when it was received.
#[derive(Debug, Default)]
struct Group {
    key: Option<(AgentAddress, StreamId)>,
    batches: Vec<(Vec<u8>, UtcMillis)>,
    /// In all batches.
    events: usize,
}

impl Group {
    fn commit(&mut self, writer: &mut Writer, tally: &mut Tally) -> anyhow::Result<()> {
        let batches = std::mem::take(&mut self.batches);
        self.events = 0;
        let Some((agent, _)) = self.key.take() else { return Ok(()) };
        let messages = batches.iter().map(|(payload, received)| (Inbound { from: &agent, payload }, *received));
        tally.add(&writer.commit_at(messages)?);
        Ok(())
    }
}

/// Events of one stream with consecutive numbers that were received together: what fits into one batch.
#[derive(Debug, Default)]
struct Run {
    key: Option<(AgentAddress, StreamId)>,
    first: u64,
    received: Option<UtcMillis>,
    events: Vec<Vec<u8>>,
    /// Where batches are written before their length is known.
    buffer: Vec<u8>,
}

impl Run {
    fn takes(&self, line: &Line<'_>) -> bool {
        let Some((agent, stream)) = &self.key else { return true };
        *stream == line.stream
            && agent.agent == line.agent
            && agent.site == line.site
            && agent.trust == line.trust
            && self.received == Some(line.received)
            && line.seq.0 == self.first + self.events.len() as u64
            && self.events.len() < batch::MAX_BATCH_EVENTS
    }

    fn push(&mut self, line: &Line<'_>) {
        if self.key.is_none() {
            let agent = AgentAddress { trust: line.trust.clone(), site: line.site.clone(), agent: line.agent.clone() };
            self.key = Some((agent, line.stream));
            self.first = line.seq.0;
            self.received = Some(line.received);
        }
        self.events.push(line.event.get().as_bytes().to_vec());
    }

    fn flush(&mut self, group: &mut Group, writer: &mut Writer, tally: &mut Tally) -> anyhow::Result<()> {
        let Some(key) = self.key.take() else { return Ok(()) };
        let events = std::mem::take(&mut self.events);
        self.buffer.resize(batch::MAX_BATCH_BYTES, 0);
        // A floor of 1: what lies before in the stream is not known to be gone, it is only not in this file.
        let payload =
            batch::encode(key.1, Seq(self.first), Seq::FIRST, events.iter().map(Vec::as_slice), &mut self.buffer)?;
        if group.events >= EVENTS_AT_ONCE || group.key.as_ref().is_some_and(|held| *held != key) {
            group.commit(writer, tally)?;
        }
        group.key = Some(key);
        group.events += events.len();
        group.batches.push((payload.to_vec(), self.received.unwrap_or_else(wall_now)));
        Ok(())
    }
}

fn import_plans(writer: &mut Writer, file: &Path, mapping: &Path, trust: &TrustId) -> anyhow::Result<()> {
    let now = wall_now();
    let events = crate::extract::plan_events(file, mapping, now)?;
    let stream = StreamId(crate::random::bits_128()?);
    let mut tally = Tally::default();
    let mut first = Seq::FIRST.0;
    let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
    let agent = |site: SiteId| -> anyhow::Result<AgentAddress> {
        Ok(AgentAddress { trust: trust.clone(), site, agent: AgentId::new(IMPORT_AGENT)? })
    };
    let Some(site) = events.first().and_then(|event| event.site.clone()) else {
        bail!("{} has no planned session (does the mapping say where they are?)", file.display());
    };
    let agent = agent(site)?;
    for chunk in events.chunks(batch::MAX_BATCH_EVENTS) {
        let mut bytes = Vec::new();
        for event in chunk {
            bytes.push(wire::encode(event, &mut [0; wire::MAX_EVENT_BYTES])?.to_vec());
        }
        let payload = batch::encode(stream, Seq(first), Seq::FIRST, bytes.iter().map(Vec::as_slice), &mut buffer)?;
        tally.add(&writer.commit(&[Inbound { from: &agent, payload }], now)?);
        first += chunk.len() as u64;
    }
    tally.say();
    Ok(())
}
