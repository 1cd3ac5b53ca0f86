//! Messages of hospital systems with their mapping: read whole, read in pieces, recorded and answered.

use edge_agent::{Capture, Observed, Stamper};
use hl7_feed::{Frames, Mapping, Message, Taken, Verdict, framed, take};
use room_events::{BootId, ClockQuality, Identifier, Label, SiteId, Token, TokenMaker, UtcMillis};

/// Frames that end up in one input, and more.
const LIMIT: usize = 8 * 1024;

/// Parts the mapping from the bytes of the connection.
const FILE_END: &[u8] = b"\n----\n";

struct Tokens;

impl TokenMaker for Tokens {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        let digest = text.bytes().fold(kind as u128, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
        Token { key: 1, digest }
    }
}

/// Reads a mapping, a line `----`, and what came over a connection.
pub(crate) fn messages(input: &[u8]) -> Result<String, String> {
    let at = input.windows(FILE_END.len()).position(|window| window == FILE_END);
    let (mapping, wire) = match at {
        Some(at) => (input.get(..at).unwrap_or_default(), input.get(at + FILE_END.len()..).unwrap_or_default()),
        None => (input, &[][..]),
    };
    let mapping = String::from_utf8_lossy(mapping);
    let mappings = [Mapping::parse("mapping.toml", &mapping).map_err(|error| error.to_string())?];
    let (whole, pieces) = (frames(wire, usize::MAX), frames(wire, 7));
    assert_eq!(whole, pieces, "the network's pieces make other messages");
    let messages = whole?;
    let mut outcome = Vec::new();
    let mut refused = false;
    for message in &messages {
        let taken = take(message, &mappings, &Tokens, UtcMillis::saturating(1_657_782_060_000), "T1");
        refused |= Verdict::of(&taken.problems) != Verdict::Accepted;
        check(&taken);
        outcome.extend(taken.said.iter().map(|said| said.obs.kind().to_owned()));
        outcome.extend(taken.problems.iter().map(ToString::to_string));
    }
    let outcome = outcome.join(", ");
    if refused { Err(outcome) } else { Ok(outcome) }
}

fn frames(wire: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut frames = Frames::new(LIMIT);
    let mut messages = Vec::new();
    for bytes in wire.chunks(piece.min(wire.len().max(1))) {
        messages.extend(frames.push(bytes).map_err(|error| error.to_string())?);
    }
    Ok(messages)
}

/// What was read can be recorded; what is answered is a message in one frame.
fn check(taken: &Taken) {
    let (site, version) = (SiteId::new("main").expect("an id"), Label::new("1").expect("a label"));
    let mut stamper = Stamper::new(site, BootId(1), version).expect("an id");
    let capture = Capture { at: UtcMillis::saturating(0), mono: u64::MAX, clock: ClockQuality::Unset };
    let ends = taken.ends.iter().cloned().map(|end| end.with_start(UtcMillis::saturating(i64::MAX)));
    for said in taken.said.iter().cloned().chain(ends) {
        let source = taken.source.clone().expect("a message that says something was read by a mapping");
        let observed = Observed {
            source,
            order: said.order,
            site: said.site,
            room: said.room,
            at: said.at,
            clock: Some(ClockQuality::External),
            obs: said.obs,
        };
        stamper.stamp(observed, capture).expect("an observation fits into an event");
    }
    for answer in taken.answer.iter().chain(&taken.answer_if_lost) {
        assert!(Message::parse(answer).is_ok(), "an answer is no message: {answer:?}");
        let read = Frames::new(usize::MAX).push(&framed(answer));
        assert_eq!(read, Ok(vec![answer.clone().into_bytes()]), "an answer is not one frame");
    }
}

pub(crate) const WORDS: &[&[u8]] = &[
    FILE_END,
    b"\x0b",
    b"\x1c\r",
    b"\r",
    b"MSH|^~\\&|RIS|N|TT|N|20220714060000||",
    b"MSH#!*\\&#",
    b"|P|2.4\r",
    b"|||AL|NE|",
    b"||||||8859/1",
    b"||||||UNICODE UTF-8",
    b"ORM^O01",
    b"ORU^R01",
    b"SIU^S12",
    b"ADT^A02",
    b"PID|1||P7^^^N||Osbaldeston^Percival\r",
    b"PV1|1|O|",
    b"ORC|SC||||CM\r",
    b"OBR||||",
    b"|\"\"|",
    b"\\X0D\\",
    b"\\F\\",
    b"20220714",
    b"202207140930",
    b"20221030013000.1234+0100",
    b"\"*\" = \"ignore\"\n",
    b"[[messages]]\n",
    b"type = \"ORM^O01\"\n",
    b"each = \"OBR\"\n",
    b"case = \"PID-3\"\n",
    b"when = { \"OBR-24\" = [\"CT\", \"\"] }\n",
    b"stage = { is = \"requested\" }\n",
    b"room = { field = \"OBR-21\", dashes = true }\n",
];
