//! The acknowledgement: what a collector tells an agent after it has committed a batch.
//!
//! ```text
//! {"run":"<32 hex>","counter":12,"stream":"<32 hex>","through":640,"floor":7,"conflicts":[17],"failed":{"first":641,"n":64}}
//! ```
//!
//! `floor`, `conflicts` and `failed` are left out when there are none. Only this lets an agent forget an event; a broker's PUBACK
//! never does. Not retained: an old one would speak for a database that may no longer exist.

use core::fmt;
use core::str::FromStr;
use heapless::Vec;
use room_events::id::HexError;
use room_events::{Seq, StreamId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scan::{MAX_DEPTH, is_too_deep};

/// The most conflicts that one acknowledgement lists; a batch cannot have more.
pub const MAX_ACK_CONFLICTS: usize = crate::batch::MAX_BATCH_EVENTS;

/// The longest acknowledgement that is written.
pub const MAX_ACK_BYTES: usize = 2048;

/// One opening of a collector's database: 128 random bits, drawn anew each time, so that a database restored by hand is
/// known to be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u128);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StreamId(self.0).fmt(f)
    }
}

impl FromStr for RunId {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        text.parse::<StreamId>().map(|id| Self(id.0))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        StreamId(self.0).serialize(s)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        StreamId::deserialize(d).map(|id| Self(id.0))
    }
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Which opening of the collector's database speaks.
    pub run: RunId,
    /// Rises with each acknowledgement of the run, to any agent.
    pub counter: u64,
    /// Of which stream.
    pub stream: StreamId,
    /// All seqs from 1 to this one are accounted for: those below `floor` stored, quarantined or declared gone, the others
    /// stored or quarantined. 0: none yet.
    pub through: u64,
    /// The lowest floor of the answered batches. What was declared gone below it may still be held by an agent with a
    /// lower floor (a copied outbox), for which this acknowledgement therefore does not count. Absent in one from a
    /// collector of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Seq>,
    /// Seqs of the answered batches that the collector already had with other bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Seq, MAX_ACK_CONFLICTS>,
    /// A batch that could not be committed; send it again in halves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
}

/// A batch whose commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its first seq.
    pub first: Seq,
    /// How many events it had.
    pub n: u32,
}

/// Why bytes are not an acknowledgement, or one was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckError {
    /// Not an acknowledgement: ignore and count it.
    Malformed(serde_json_core::de::Error),
    /// Brackets nest deeper than any that this crate writes: ignore and count it.
    TooDeep,
    /// The buffer is too small ([`MAX_ACK_BYTES`] suffice).
    BufferTooSmall,
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not an acknowledgement: {error}"),
            Self::TooDeep => write!(f, "not an acknowledgement: brackets nest deeper than {MAX_DEPTH}"),
            Self::BufferTooSmall => f.write_str("acknowledgement does not fit into the buffer"),
        }
    }
}

impl core::error::Error for AckError {}

/// Writes an acknowledgement into `buffer`; the result is the part that was written.
pub fn encode<'b>(ack: &Ack, buffer: &'b mut [u8]) -> Result<&'b [u8], AckError> {
    let written = serde_json_core::to_slice(ack, buffer).map_err(|_| AckError::BufferTooSmall)?;
    buffer.get(..written).ok_or(AckError::BufferTooSmall)
}

/// Reads an acknowledgement; unknown fields are ignored.
pub fn decode(bytes: &[u8]) -> Result<Ack, AckError> {
    if is_too_deep(bytes) {
        return Err(AckError::TooDeep);
    }
    serde_json_core::from_slice(bytes).map(|(ack, _)| ack).map_err(AckError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack() -> Ack {
        Ack {
            run: RunId(0xfeed),
            counter: 12,
            stream: StreamId(0xbeef),
            through: 640,
            floor: None,
            conflicts: Vec::new(),
            failed: None,
        }
    }

    #[test]
    fn acknowledgements_are_the_golden_ones() {
        let plain = include_bytes!("../tests/golden/ack.json").trim_ascii_end();
        let full = include_bytes!("../tests/golden/ack-full.json").trim_ascii_end();
        let with_all = Ack {
            floor: Some(Seq(7)),
            conflicts: [Seq(17)].into(),
            failed: Some(Failed { first: Seq(641), n: 64 }),
            ..ack()
        };
        for (ack, golden) in [(ack(), plain), (with_all, full)] {
            let mut buffer = [0; MAX_ACK_BYTES];
            assert_eq!(encode(&ack, &mut buffer), Ok(golden));
            assert_eq!(decode(golden), Ok(ack));
        }
    }

    #[test]
    fn the_longest_acknowledgement_fits() {
        let mut conflicts = Vec::new();
        while conflicts.push(Seq(u64::MAX)).is_ok() {}
        let longest = Ack {
            run: RunId(u128::MAX),
            counter: u64::MAX,
            stream: StreamId(u128::MAX),
            through: u64::MAX,
            floor: Some(Seq(u64::MAX)),
            conflicts,
            failed: Some(Failed { first: Seq(u64::MAX), n: u32::MAX }),
        };
        assert!(encode(&longest, &mut [0; MAX_ACK_BYTES]).is_ok());
    }

    #[test]
    fn an_extra_field_is_ignored_and_a_missing_one_is_not() {
        let text = br#"{"run":"0000000000000000000000000000feed","counter":1,"later":{"a":[1]},"stream":"0000000000000000000000000000beef","through":2}"#;
        assert_eq!(decode(text).map(|a| a.through), Ok(2));
        assert!(decode(br#"{"counter":1}"#).is_err());
    }

    #[test]
    fn a_hostile_one_does_not_use_up_the_stack() {
        for bracket in ["[", "{\"a\":"] {
            let text = std::format!("{{\"x\":{}", bracket.repeat(16_000));
            assert_eq!(decode(text.as_bytes()), Err(AckError::TooDeep));
        }
        let text = std::format!("{{\"x\":\"{}\\\"\"}}", "[".repeat(16_000));
        assert!(matches!(decode(text.as_bytes()), Err(AckError::Malformed(_))), "brackets in a text are none");
    }
}
