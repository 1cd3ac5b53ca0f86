//! What is fed, and what must hold of anything that was read.

use std::path::Path;

use case_extract::{LocalTokens, Mapping, Reader};
use delivery::{Mark, ack, batch, status};
use dicom_feed::step::{self, Reading};
use dicom_feed::{
    Assembly, AssemblyError, DataSet, Part, Status as DicomStatus, Syntax, Zone, answer, image, worklist,
};
use room_events::event::order_of_line;
use room_events::topic::Topic;
use room_events::{ClockQuality, Event, Identifier, SourceId, Token, TokenMaker, UtcMillis, wire};

use crate::{Fed, Outcome, hl7};

/// A reader of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// The wire form of an event.
    Event,
    /// The envelope of a batch, its events, and the mark that takes them.
    Batch,
    /// An acknowledgement.
    Ack,
    /// An agent's status.
    Status,
    /// A topic.
    Topic,
    /// A mapping, a line `----`, cases; after another such line a plan file.
    Extract,
    /// A mapping of HL7 messages, a line `----`, the bytes of a connection.
    Hl7,
    /// `gateway.toml`.
    GatewayConfig,
    /// `agent.toml`.
    AgentConfig,
    /// A unit of a DICOM association.
    DicomUnit,
    /// A byte for the syntax, one for the length of the command, a DICOM command, a data set.
    DicomMessage,
}

/// Parts the mapping of an extract from its files.
const FILE_END: &[u8] = b"\n----\n";

impl Target {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Event,
        Self::Batch,
        Self::Ack,
        Self::Status,
        Self::Topic,
        Self::Extract,
        Self::Hl7,
        Self::GatewayConfig,
        Self::AgentConfig,
        Self::DicomUnit,
        Self::DicomMessage,
    ];

    /// The name of its corpus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Batch => "batch",
            Self::Ack => "ack",
            Self::Status => "status",
            Self::Topic => "topic",
            Self::Extract => "extract",
            Self::Hl7 => "hl7",
            Self::GatewayConfig => "gateway-config",
            Self::AgentConfig => "agent-config",
            Self::DicomUnit => "dicom-unit",
            Self::DicomMessage => "dicom-message",
        }
    }

    /// Its reader. Inputs may be longer than each limit that the reader sets.
    pub const fn fed(self) -> Fed {
        let (read, words, longest): (fn(&[u8]) -> Outcome, _, _) = match self {
            Self::Event => (event, WIRE_WORDS, 4 * 1024),
            Self::Batch => (envelope, WIRE_WORDS, batch::MAX_READ_BYTES + 4 * 1024),
            Self::Ack => (acknowledgement, WIRE_WORDS, 4 * 1024),
            Self::Status => (agent_status, WIRE_WORDS, 4 * 1024),
            Self::Topic => (topic, TOPIC_WORDS, 1024),
            Self::Extract => (extract, EXTRACT_WORDS, 24 * 1024),
            Self::Hl7 => (|input| kind(hl7::messages(input)), hl7::WORDS, 24 * 1024),
            Self::GatewayConfig => (gateway_config, CONFIG_WORDS, 24 * 1024),
            Self::AgentConfig => (agent_config, CONFIG_WORDS, 24 * 1024),
            Self::DicomUnit => (dicom_unit, DICOM_WORDS, 72 * 1024),
            Self::DicomMessage => (dicom_message, DICOM_WORDS, 8 * 1024),
        };
        Fed { read, words, longest }
    }
}

/// The kind of an outcome: its text without figures and without what is quoted, so that texts which differ in a place or a
/// name only are one.
fn kind<E: std::fmt::Display>(found: Result<String, E>) -> Outcome {
    let (mark, text) = match found {
        Ok(text) => ("read: ", text),
        Err(error) => ("refused: ", error.to_string()),
    };
    let mut quoted = None;
    let mut short = String::from(mark);
    for c in text.chars().take(400) {
        match quoted {
            Some(end) if c == end => quoted = None,
            Some(_) => {}
            None if matches!(c, '"' | '`') => quoted = Some(c),
            None if c.is_ascii_digit() => {}
            None => short.push(c),
        }
    }
    short
}

fn event(input: &[u8]) -> Outcome {
    let found = wire::decode(input);
    if let Ok(event) = &found {
        let mut buffer = [0; wire::MAX_EVENT_BYTES];
        let written = wire::encode(event, &mut buffer).expect("an event fits into its limit");
        assert!(batch::is_sendable(written), "an event that was read cannot be sent");
        assert_eq!(wire::decode(written).as_ref(), Ok(event), "read again as another event");
    }
    kind(found.map(|event| format!("{} {}", event.obs.kind(), event.room.is_some())))
}

fn envelope(input: &[u8]) -> Outcome {
    let found = batch::decode(input);
    if let Ok(read) = &found {
        let mut mark = Mark::default();
        let taken = mark.take(read);
        assert!(taken.store <= read.events.len(), "more is stored than there is");
        let again = mark.take(read);
        assert!(again.gone.is_empty(), "the same events are given up twice");
        for bytes in &read.events {
            event(bytes);
        }
        if read.events.iter().all(|bytes| batch::is_sendable(bytes)) {
            let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
            let events = read.events.iter().copied();
            let written = batch::encode(read.stream, read.first, read.floor, events, &mut buffer)
                .expect("a batch fits into its limit");
            assert_eq!(batch::decode(written).as_ref(), Ok(read), "read again as another batch");
        }
    }
    kind(found.map(|read| read.events.iter().map(|bytes| event(bytes)).take(3).collect::<Vec<_>>().join(" | ")))
}

fn acknowledgement(input: &[u8]) -> Outcome {
    let found = ack::decode(input);
    if let Ok(read) = &found {
        let mut buffer = [0; ack::MAX_ACK_BYTES];
        let written = ack::encode(read, &mut buffer).expect("an acknowledgement fits into its limit");
        assert_eq!(ack::decode(written).as_ref(), Ok(read), "read again as another acknowledgement");
    }
    kind(found.map(|read| format!("{} {}", read.conflicts.is_empty(), read.failed.is_some())))
}

fn agent_status(input: &[u8]) -> Outcome {
    let found = status::decode(input);
    if let Ok(read) = &found {
        let mut buffer = [0; status::MAX_STATUS_BYTES];
        let written = status::encode(read, &mut buffer).expect("a status fits into its limit");
        assert_eq!(status::decode(written).as_ref(), Ok(read), "read again as another status");
    }
    kind(found.map(|read| format!("{} {:?}", read.online, read.clock)))
}

fn topic(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    match Topic::parse(&text) {
        Some(topic) => {
            assert_eq!(topic.text().as_str(), text, "written as another topic");
            format!("{topic:?}").chars().take_while(char::is_ascii_alphabetic).collect()
        }
        None => "refused".to_owned(),
    }
}

fn gateway_config(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    kind(touchtime::config::GatewayConfig::parse(Path::new("gateway.toml"), &text).map(|_| String::new()))
}

fn agent_config(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    kind(edge_agent_linux::config::Config::parse("agent.toml", &text).map(|_| String::new()))
}

/// Reads in one piece and in small ones, and holds what is reported to the wire's limits.
fn extract(input: &[u8]) -> Outcome {
    let mut files = split(input);
    let text = String::from_utf8_lossy(files.next().unwrap_or_default()).into_owned();
    let (cases, plan) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
    let mapping = match Mapping::parse("mapping.toml", &text) {
        Ok(mapping) => mapping,
        Err(error) => return kind::<case_extract::MappingError>(Err(error)),
    };
    let whole = read_extract(&mapping, cases, plan, usize::MAX);
    let pieces = read_extract(&mapping, cases, plan, 61);
    // A file with two faults is refused for the one that is met first.
    assert!(whole == pieces || (whole.is_err() && pieces.is_err()), "in pieces:\n{pieces:?}\nwhole:\n{whole:?}");
    kind(whole)
}

fn split(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let all = rest?;
        let at = all.windows(FILE_END.len()).position(|window| window == FILE_END);
        rest = at.and_then(|at| all.get(at + FILE_END.len()..));
        Some(at.and_then(|at| all.get(..at)).unwrap_or(all))
    })
}

fn read_extract(mapping: &Mapping, cases: &[u8], plan: &[u8], piece: usize) -> Result<String, String> {
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(mapping, "cases.csv", &tokens);
    for bytes in cases.chunks(piece) {
        reader.push(bytes).map_err(|error| error.to_string())?;
    }
    let mut extract = reader.finish().map_err(|error| error.to_string())?;
    if let Some(mut reader) = Reader::plan(mapping, "plan.csv") {
        for bytes in plan.chunks(piece) {
            reader.push(bytes).map_err(|error| error.to_string())?;
        }
        extract.add_plan(reader.finish().map_err(|error| error.to_string())?);
    }
    for reported in extract.observations() {
        let event = Event {
            v: room_events::event::EVENT_VERSION,
            at: reported.at,
            captured: UtcMillis::saturating(i64::MAX),
            mono: u64::MAX,
            clock: ClockQuality::External,
            source: SourceId::new(&"s".repeat(32)).expect("an id"),
            order: order_of_line(UtcMillis::saturating(i64::MAX), reported.order),
            site: Some(reported.site),
            room: Some(reported.room),
            obs: reported.obs,
        };
        let mut buffer = [0; wire::MAX_EVENT_BYTES];
        let written = wire::encode(&event, &mut buffer).expect("an observation fits into an event");
        assert_eq!(wire::decode(written).as_ref(), Ok(&event), "read again as another event");
    }
    let problems: Vec<&str> = extract.summary().problems.iter().map(|(problem, _)| problem.name()).collect();
    let errors: String = extract.errors().iter().map(|error| format!("\n{error}")).collect();
    // Figures and quoted texts are no part of an outcome's kind, the first problems are.
    Ok(format!("{}\n{}{errors}", problems.join(", "), extract.summary()))
}

const WIRE_WORDS: &[&[u8]] = &[
    b"{\"v\":1,\"stream\":\"0123456789abcdef0123456789abcdef\",\"first\":1,\"floor\":1,\"events\":[",
    b"]}",
    b"\"events\":",
    b"\"first\":",
    b"\"floor\":",
    b"\"stream\":",
    b"\"v\":",
    b"\"v\":2,",
    b"\"v\":65535,",
    b"\"obs\":{",
    b"\"alive\":{}",
    b"\"milestone\":",
    b"\"correction\":",
    b"\"cancellation\":",
    b"\"booking\":",
    b"\"plan_revision\":",
    b"\"performed_step\":",
    b"\"signal_level\":",
    b"\"remark\":",
    b"\"events_lost\":",
    b"\"agent_started\":",
    b"\"case\":",
    b"\"name\":",
    b"\"0.00000000000000000000000000000001\"",
    b"\"256.00000000000000000000000000000001\"",
    b"into_theatre",
    b"elective",
    b"synchronised",
    b"external",
    b"\"accessions\":[",
    b"\"kinds\":[",
    b"\"conflicts\":[",
    b"\"failed\":{\"first\":1,\"n\":1}",
    b"null",
    b"true",
    b"false",
    b"\"\":",
    b"\"x\":\"",
    b"\\\"",
    b"\\u0041",
    b"{}",
    b"[]",
    b",,",
    b"\xc3\xa9",
    b" ",
];

const TOPIC_WORDS: &[&[u8]] = &[
    b"touchtime/v1/",
    b"touchtime/v2/",
    b"/agents/",
    b"/events",
    b"/ack/",
    b"/status",
    b"/",
    b"+",
    b"#",
    b"$SYS",
    b"-",
];

const EXTRACT_WORDS: &[&[u8]] = &[
    FILE_END,
    b"zone = \"Europe/London\"",
    b"zone = \"Pacific/Apia\"",
    b"site = ",
    b"room = { column = \"Theatre\", dashes = true }",
    b"date = \"Date\"",
    b"time-formats = [\"%d/%m/%Y %H:%M\"]",
    b"time-formats = [\"iso8601\", \"%H:%M\"]",
    b"absent = [\"-\"]",
    b"encoding = \"utf-16le\"",
    b"encoding = \"windows-1252\"",
    b"delimiter = \";\"",
    b"[milestones]",
    b"[booking]",
    b"[sessions]",
    b"[cancellation]",
    b"from = \"bookings\"",
    b"from = \"columns\"",
    b"from = \"plan-file\"",
    b"into_theatre = ",
    b"{ date = \"Date\", time = \"In\" }",
    b"2022-03-27 01:30",
    b"2022-10-30 01:30",
    b"0001-01-01 00:00",
    b"9999-12-31 23:59",
    b"31/12/9999",
    b"24:00",
    b"00:00",
    b"23:59:59",
    b"8:30 PM",
    b"2022-01-03T08:30:00+14:00",
    b"2022-01-03T08:30:00.123456789Z",
    b"29/02/2023",
    b"NULL",
    b"sep=;",
    b"\"\"",
    b"\"",
    b"\r",
    b"\xff\xfe",
];

const CONFIG_WORDS: &[&[u8]] = &[
    b"trust",
    b"site",
    b"agent",
    b"data-dir",
    b"[broker]",
    b"host",
    b"port",
    b"[store]",
    b"dir",
    b"[board]",
    b"listen",
    b"[rules]",
    b"name",
    b"precedence",
    b"[[sites]]",
    b"[[rooms]]",
    b"zone = \"Europe/London\"",
    b"[collectors]",
    b"required = [\"c1\"]",
    b"[outbox]",
    b"max-mib",
    b"[sending]",
    b"[tokens]",
    b"key-file",
    b"[extract]",
    b"folder",
    b"\"\"\"",
    b"'''",
    b"2022-01-03T08:30:00Z",
    b"inf",
    b"nan",
    b"0x7fffffffffffffff",
    b"true",
    b"{}",
    b"[]",
    b"\xc3\xa9",
];

/// UIDs, types and delimiters; tags are near enough to each other to be met by chance.
const DICOM_WORDS: &[&[u8]] = &[
    b"1.2.840.10008.3.1.2.3.3",
    b"1.2.840.10008.1.2.1",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\x40\0\x70\x02SQ\0\0\xff\xff\xff\xff",
    b"UN\0\0\xff\xff\xff\xff",
    b"IN PROGRESS ",
    b"DISCONTINUED",
    b"20221030",
    b"013000.5",
];

fn dicom_unit(input: &[u8]) -> Outcome {
    let found = dicom_ul::pdu::read_pdu(input, 64 * 1024, true);
    kind(found.map(|read| match read {
        None => "more is to come".to_owned(),
        Some(unit) => format!("{unit:?}").chars().take_while(|c| c.is_alphabetic()).collect(),
    }))
}

/// The message that an association makes of the command and the data set in fragments of that length.
fn assembled(
    syntax: Syntax,
    command: &[u8],
    data: &[u8],
    fragment: usize,
) -> Result<Option<dicom_feed::Message>, AssemblyError> {
    let mut assembly = Assembly::new(4 * 1024, vec![(1, syntax)]);
    if let Some(message) = assembly.handle(1, Part::Command, true, command)? {
        return Ok(Some(message));
    }
    for part in data.chunks(fragment) {
        assembly.handle(1, Part::DataSet, false, part)?;
    }
    assembly.handle(1, Part::DataSet, true, b"")
}

fn dicom_message(input: &[u8]) -> Outcome {
    let [syntax, length, rest @ ..] = input else { return kind(Err::<String, _>("too short")) };
    let syntax = if syntax % 2 == 0 { Syntax::ImplicitLittle } else { Syntax::ExplicitLittle };
    let (command, data) = rest.split_at(rest.len().min((*length).into()));
    let found = assembled(syntax, command, data, 4 * 1024);
    assert_eq!(found, assembled(syntax, command, data, 1), "another message in shorter fragments");
    if let Ok(Some(message)) = &found {
        let said = answer(&message.command, DicomStatus::Success, message.command.instance.as_deref());
        assert!(DataSet::read(&said, Syntax::ImplicitLittle).is_ok(), "an answer that cannot be read");
    }
    let _ = worklist::answer(data, 1);
    kind(found.map(|message| message.map_or_else(|| "no message".to_owned(), |message| observed(&message))))
}

fn observed(message: &dicom_feed::Message) -> String {
    let data = match &message.data {
        Ok(data) => data,
        Err(error) => return format!("unreadable: {error}"),
    };
    let set = match DataSet::read(data, message.syntax) {
        Ok(set) => set,
        Err(error) => return format!("unreadable: {error}"),
    };
    let heard = UtcMillis::saturating(1_667_091_600_000);
    let reading =
        Reading { tokens: &Tokens, zone: Zone { site: chrono_tz::Tz::Europe__London, offset_minutes: None, heard } };
    let step = step::token_of("1.5", &Tokens).and_then(|token| step::create(token, &set, reading));
    if let Ok(created) = &step {
        assert!(created.step.accessions.len() <= room_events::observation::MAX_STEP_ACCESSIONS, "too many exams");
        let _ = step::set(&created.step, &set, reading);
    }
    let acquired = image::acquisition(&set, reading);
    if let Some(acquired) = &acquired {
        assert!(acquired.first <= acquired.last, "an acquisition that ends before it begins");
    }
    let booked = worklist::booked(&set, reading).len();
    format!("{:?} {} {} {booked}", message.command.operation, step.is_ok(), acquired.is_some())
}

/// Tokens of the length only.
struct Tokens;

impl TokenMaker for Tokens {
    fn token_of_trimmed(&self, _kind: Identifier, text: &str) -> Token {
        Token { key: 1, digest: text.len() as u128 }
    }
}
