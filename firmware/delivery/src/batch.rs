//! The batch: the envelope in which an agent sends events of one stream, contiguous and in order.
//!
//! ```text
//! {"v":1,"stream":"<32 hex>","first":1,"floor":1,"events":[{...},{...}]}
//!                                |         |        `- up to 64 events as room-events writes them
//!                                |         `- lowest seq of the stream that the agent still holds, at most `first`
//!                                `- seq of the first event; the others follow without a hole
//! ```
//!
//! The envelope's fields are frozen for ever; the version that may grow stands on each event. So the envelope is decoded
//! apart from its events: [`decode`] gives each event's raw bytes, and one that cannot be read is quarantined alone.

use core::fmt::{self, Write};
use heapless::Vec;
use room_events::wire::MAX_EVENT_BYTES;
use room_events::{Seq, StreamId};

use crate::buffer::Buffer;
use crate::scan::{NotJson, Scanner, unsigned};

/// The envelope's only version.
pub const BATCH_VERSION: u64 = 1;

/// The most events of a batch.
pub const MAX_BATCH_EVENTS: usize = 64;

/// What surrounds the events, with the longest numbers.
const MAX_ENVELOPE_BYTES: usize = 119;

/// The longest batch that [`encode`] writes.
pub const MAX_BATCH_BYTES: usize = MAX_ENVELOPE_BYTES + MAX_BATCH_EVENTS * (MAX_EVENT_BYTES + 1) - 1;

/// The longest batch that [`decode`] looks at: room for an oversize event, which is then quarantined alone.
pub const MAX_READ_BYTES: usize = 64 * 1024;

/// The highest seq: what a signed 64-bit column holds.
pub const MAX_SEQ: Seq = Seq(i64::MAX as u64);

/// A batch as received: the envelope's fields and the raw bytes of each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The stream of all events in it.
    pub stream: StreamId,
    /// Seq of the first event; of an empty batch, the seq that would follow.
    pub first: Seq,
    /// Lowest seq of the stream that the agent still holds; what is missing below it will never come.
    pub floor: Seq,
    /// The events' bytes, not decoded.
    pub events: Vec<&'a [u8], MAX_BATCH_EVENTS>,
}

impl<'a> Batch<'a> {
    /// Each event's seq and bytes.
    pub fn numbered(&self) -> impl Iterator<Item = (Seq, &'a [u8])> + '_ {
        (self.first.0..).map(Seq).zip(self.events.iter().copied())
    }

    /// How many events it has.
    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Whether it only tells the floor.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// Why bytes are not a batch. There is no key to account them under: keep the bytes in quarantine, count and alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// Longer than [`MAX_READ_BYTES`].
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The text stops being a JSON object at this offset.
    NotJson {
        /// Where.
        offset: usize,
    },
    /// A field is absent, there twice, or not of its type.
    Field(&'static str),
    /// The envelope has another version than [`BATCH_VERSION`].
    Version(u64),
    /// More than [`MAX_BATCH_EVENTS`] events.
    TooManyEvents,
    /// `first` or `floor` is 0, `floor` is above `first`, or the last seq is above [`MAX_SEQ`].
    Numbers,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "batch of {bytes} bytes is longer than {MAX_READ_BYTES}"),
            Self::NotJson { offset } => write!(f, "batch is not a JSON object from byte {offset} on"),
            Self::Field(name) => write!(f, "batch has no field `{name}` of the right type, or has it twice"),
            Self::Version(v) => write!(f, "batch has envelope version {v} (there is only {BATCH_VERSION})"),
            Self::TooManyEvents => write!(f, "batch has more than {MAX_BATCH_EVENTS} events"),
            Self::Numbers => f.write_str("batch has numbers out of order (1 <= floor <= first)"),
        }
    }
}

impl core::error::Error for BatchError {}

impl From<NotJson> for BatchError {
    fn from(NotJson(offset): NotJson) -> Self {
        Self::NotJson { offset }
    }
}

/// Reads the envelope; unknown fields are ignored.
pub fn decode(bytes: &[u8]) -> Result<Batch<'_>, BatchError> {
    if bytes.len() > MAX_READ_BYTES {
        return Err(BatchError::TooLong { bytes: bytes.len() });
    }
    let (mut v, mut stream, mut first, mut floor, mut events) = (None, None, None, None, None);
    let mut scanner = Scanner::new(bytes);
    scanner.expect(b'{')?;
    if !scanner.take(b'}') {
        loop {
            let name = scanner.string()?;
            scanner.expect(b':')?;
            match name {
                b"v" => set_once(&mut v, "v", unsigned(scanner.value()?))?,
                b"stream" => {
                    let text = core::str::from_utf8(scanner.string()?).map_err(|_| BatchError::Field("stream"))?;
                    set_once(&mut stream, "stream", text.parse().ok())?;
                }
                b"first" => set_once(&mut first, "first", unsigned(scanner.value()?).map(Seq))?,
                b"floor" => set_once(&mut floor, "floor", unsigned(scanner.value()?).map(Seq))?,
                b"events" => set_once(&mut events, "events", Some(raw_events(&mut scanner)?))?,
                _ => {
                    scanner.value()?;
                }
            }
            if !scanner.take(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    scanner.end()?;
    let v: u64 = v.ok_or(BatchError::Field("v"))?;
    if v != BATCH_VERSION {
        return Err(BatchError::Version(v));
    }
    let batch = Batch {
        stream: stream.ok_or(BatchError::Field("stream"))?,
        first: first.ok_or(BatchError::Field("first"))?,
        floor: floor.ok_or(BatchError::Field("floor"))?,
        events: events.ok_or(BatchError::Field("events"))?,
    };
    let last = batch.first.0.checked_add(batch.len()).ok_or(BatchError::Numbers)?;
    if batch.floor < Seq::FIRST || batch.floor > batch.first || last > MAX_SEQ.0 {
        return Err(BatchError::Numbers);
    }
    Ok(batch)
}

fn set_once<T>(slot: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), BatchError> {
    if slot.is_some() || value.is_none() {
        return Err(BatchError::Field(name));
    }
    *slot = value;
    Ok(())
}

fn raw_events<'a>(scanner: &mut Scanner<'a>) -> Result<Vec<&'a [u8], MAX_BATCH_EVENTS>, BatchError> {
    let mut events = Vec::new();
    scanner.expect(b'[')?;
    if scanner.take(b']') {
        return Ok(events);
    }
    loop {
        let before = scanner.offset();
        let event = scanner.value()?;
        if event.is_empty() {
            return Err(BatchError::NotJson { offset: before });
        }
        events.push(event).map_err(|_| BatchError::TooManyEvents)?;
        if !scanner.take(b',') {
            break;
        }
    }
    scanner.expect(b']')?;
    Ok(events)
}

/// Why a batch was not written: a fault of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The buffer is too small ([`MAX_BATCH_BYTES`] suffice).
    BufferTooSmall,
    /// More than [`MAX_BATCH_EVENTS`] events.
    TooManyEvents,
    /// An event has more than [`MAX_EVENT_BYTES`] or is not one JSON value; it would make the whole batch unreadable.
    Event(Seq),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall => f.write_str("batch does not fit into the buffer"),
            Self::TooManyEvents => write!(f, "more than {MAX_BATCH_EVENTS} events for one batch"),
            Self::Event(seq) => write!(f, "event {seq} is too long or not one JSON value"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes a batch into `buffer`; the result is the part that was written.
pub fn encode<'b, 'e>(
    stream: StreamId,
    first: Seq,
    floor: Seq,
    events: impl IntoIterator<Item = &'e [u8]>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], EncodeError> {
    let mut out = Buffer::new(buffer);
    write!(out, "{{\"v\":{BATCH_VERSION},\"stream\":\"{stream}\",\"first\":{first},\"floor\":{floor},\"events\":[")
        .map_err(|_| EncodeError::BufferTooSmall)?;
    let mut seq = first;
    for (n, event) in events.into_iter().enumerate() {
        if n == MAX_BATCH_EVENTS {
            return Err(EncodeError::TooManyEvents);
        }
        if !is_sendable(event) {
            return Err(EncodeError::Event(seq));
        }
        if n > 0 {
            out.push(b",").map_err(|_| EncodeError::BufferTooSmall)?;
        }
        out.push(event).map_err(|_| EncodeError::BufferTooSmall)?;
        seq = seq.next();
    }
    out.push(b"]}").map_err(|_| EncodeError::BufferTooSmall)?;
    Ok(out.written())
}

/// Whether an event may stand in a batch: one JSON value of at most [`MAX_EVENT_BYTES`]. An outbox asks before it
/// accepts an event, so that [`encode`] cannot fail on it later.
pub fn is_sendable(event: &[u8]) -> bool {
    if event.len() > MAX_EVENT_BYTES {
        return false;
    }
    let mut scanner = Scanner::new(event);
    scanner.value().is_ok() && scanner.end().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec as StdVec;

    const STREAM: StreamId = StreamId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    #[test]
    fn the_envelope_is_the_golden_one() {
        let golden = include_bytes!("../tests/golden/batch.json").trim_ascii_end();
        let events: [&[u8]; 2] = [br#"{"v":1,"x":"}]\""}"#, br#"{"v":9}"#];
        let mut buffer = [0; 512];
        assert_eq!(encode(STREAM, Seq(41), Seq(7), events, &mut buffer), Ok(golden));
        let batch = decode(golden).unwrap();
        assert_eq!((batch.stream, batch.first, batch.floor), (STREAM, Seq(41), Seq(7)));
        assert_eq!(batch.numbered().collect::<StdVec<_>>(), [(Seq(41), events[0]), (Seq(42), events[1])]);
    }

    #[test]
    fn a_closing_batch_is_empty_and_tells_the_floor() {
        let golden = include_bytes!("../tests/golden/batch-closing.json").trim_ascii_end();
        let mut buffer = [0; 512];
        assert_eq!(encode(STREAM, Seq(43), Seq(43), [], &mut buffer), Ok(golden));
        assert!(decode(golden).unwrap().is_empty());
    }

    #[test]
    fn the_longest_batch_has_the_stated_length() {
        let event = [b'1'; MAX_EVENT_BYTES];
        let mut buffer = [0; MAX_BATCH_BYTES];
        let all = [event.as_slice(); MAX_BATCH_EVENTS];
        let written = encode(STREAM, MAX_SEQ, MAX_SEQ, all, &mut buffer).unwrap().len();
        assert_eq!(written, MAX_BATCH_BYTES);
    }

    #[test]
    fn a_bad_event_does_not_spoil_its_neighbours() {
        let text = br#"{"v":1,"stream":"0123456789abcdef0123456789abcdef","first":1,"floor":1,"events":[{"v":1},{"v":
            nonsense,,"a"},7,{"v":2}]}"#;
        let batch = decode(text).unwrap();
        assert_eq!(batch.len(), 4);
        assert_eq!(batch.events[0], br#"{"v":1}"#);
        assert_eq!(batch.events[3], br#"{"v":2}"#);
    }

    #[test]
    fn an_event_that_nests_too_deep_does_not_spoil_its_neighbours() {
        for depth in [1, 63, 64, 65, 66, 130, 20_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let deep = std::format!("{}1{}", open.repeat(depth), close.repeat(depth));
                let text = std::format!(
                    r#"{{"v":1,"stream":"{STREAM}","first":1,"floor":1,"events":[{{"v":1}},{deep},{{"v":2}}]}}"#
                );
                if text.len() > MAX_READ_BYTES {
                    continue;
                }
                let batch = decode(text.as_bytes()).unwrap();
                assert_eq!(batch.events, [br#"{"v":1}"#.as_slice(), deep.as_bytes(), br#"{"v":2}"#]);
            }
        }
        let crossed = std::format!("{{\"events\":[{}[1}}{}]}}", "[".repeat(70), "]".repeat(70));
        assert!(matches!(decode(crossed.as_bytes()), Err(BatchError::NotJson { .. })));
    }

    #[test]
    fn what_is_not_a_batch_says_why() {
        let stream = r#""stream":"0123456789abcdef0123456789abcdef""#;
        for (text, error) in [
            ("", BatchError::NotJson { offset: 0 }),
            ("[]", BatchError::NotJson { offset: 0 }),
            ("{}", BatchError::Field("v")),
            (r#"{"v":1,"v":1}"#, BatchError::Field("v")),
            (r#"{"v":-1}"#, BatchError::Field("v")),
            (r#"{"v":1,"stream":"XYZ"}"#, BatchError::Field("stream")),
            (&std::format!(r#"{{"v":2,{stream},"first":1,"floor":1,"events":[]}}"#), BatchError::Version(2)),
            (&std::format!(r#"{{"v":1,{stream},"first":1,"floor":2,"events":[]}}"#), BatchError::Numbers),
            (&std::format!(r#"{{"v":1,{stream},"first":0,"floor":0,"events":[]}}"#), BatchError::Numbers),
            (
                &std::format!(r#"{{"v":1,{stream},"first":9223372036854775807,"floor":1,"events":[1]}}"#),
                BatchError::Numbers,
            ),
            (&std::format!(r#"{{"v":1,{stream},"first":1,"floor":1}}"#), BatchError::Field("events")),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(error), "{text}");
        }
        let many = std::format!(r#"{{"events":[{}1]}}"#, "1,".repeat(MAX_BATCH_EVENTS));
        assert_eq!(decode(many.as_bytes()), Err(BatchError::TooManyEvents));
        assert!(BatchError::Version(2).to_string().contains("there is only 1"));
    }

    #[test]
    fn an_event_that_would_break_the_envelope_is_not_written() {
        let mut buffer = [0; 512];
        for event in [br#"{"a":1"#.as_slice(), b"", b"1,2", b"]", &[b'1'; MAX_EVENT_BYTES + 1]] {
            assert_eq!(
                encode(STREAM, Seq(5), Seq(1), [b"1".as_slice(), event], &mut buffer),
                Err(EncodeError::Event(Seq(6)))
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_damaged_batch_is_refused_or_read_without_panic(at in 0usize..110, byte in any::<u8>()) {
            let mut bytes = include_bytes!("../tests/golden/batch.json").to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(batch) = decode(&bytes) {
                prop_assert!(batch.floor <= batch.first);
            }
        }
    }
}
