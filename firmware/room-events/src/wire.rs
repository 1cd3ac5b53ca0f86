//! The JSON form of an [`Event`]: one object, no white space, at most [`MAX_EVENT_BYTES`].
//!
//! Unknown fields are ignored, so that a newer agent's extra field does not hurt; a higher `v` says that ignoring is not
//! enough, and such an event is kept undecoded until the collector is upgraded.

use core::fmt;
use serde::Deserialize;

use crate::event::{EVENT_VERSION, Event};
use crate::usual;

/// The longest event on the wire: the widest performed step (734 bytes, every field at its limit) and some room for
/// fields to come. A batch of 64 stays under 50 kB, below any broker's packet limit.
pub const MAX_EVENT_BYTES: usize = 768;

/// Why bytes are not an event; each says what the receiver does with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Longer than [`MAX_EVENT_BYTES`]: quarantine, never decode.
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A newer wire version: quarantine, decode again after an upgrade.
    FutureVersion {
        /// The version it names.
        v: u16,
    },
    /// Not an event: quarantine.
    Malformed(serde_json_core::de::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "event of {bytes} bytes is longer than {MAX_EVENT_BYTES}"),
            Self::FutureVersion { v } => {
                write!(f, "event has version {v}, this program reads up to {EVENT_VERSION} (upgrade the collector)")
            }
            Self::Malformed(error) => write!(f, "not an event: {error}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The event does not fit into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferTooSmall;

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event does not fit into the buffer")
    }
}

impl core::error::Error for BufferTooSmall {}

/// Writes the event into `buffer`; the result is the part that was written. [`MAX_EVENT_BYTES`] suffice for any event.
pub fn encode<'b>(event: &Event, buffer: &'b mut [u8]) -> Result<&'b [u8], BufferTooSmall> {
    let written = serde_json_core::to_slice(event, buffer).map_err(|_| BufferTooSmall)?;
    buffer.get(..written).ok_or(BufferTooSmall)
}

/// Whether the bytes of an event are a signal level's, without reading them. Within a text every quotation mark has a
/// backslash before it, so that no text looks like this.
pub fn is_signal_level(bytes: &[u8]) -> bool {
    const MARK: &[u8] = br#""obs":{"signal_level":"#;
    bytes.windows(MARK.len()).any(|window| window == MARK)
}

/// Reads an event.
pub fn decode(bytes: &[u8]) -> Result<Event, DecodeError> {
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(DecodeError::TooLong { bytes: bytes.len() });
    }
    match usual::milestone(bytes) {
        Some(event) => Ok(event),
        None => decode_any(bytes),
    }
}

/// Reads an event in whatever way it is written.
fn decode_any(bytes: &[u8]) -> Result<Event, DecodeError> {
    #[derive(Deserialize)]
    struct VersionOnly {
        v: u16,
    }

    match serde_json_core::from_slice::<Event>(bytes) {
        Ok((event, _)) if event.v <= EVENT_VERSION => Ok(event),
        Ok((event, _)) => Err(DecodeError::FutureVersion { v: event.v }),
        Err(error) => match serde_json_core::from_slice::<VersionOnly>(bytes) {
            Ok((VersionOnly { v }, _)) if v > EVENT_VERSION => Err(DecodeError::FutureVersion { v }),
            Ok(_) | Err(_) => Err(DecodeError::Malformed(error)),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const USUAL: &[u8] = br#"{"v":1,"at":1641193500000,"captured":1646065920000,"mono":0,"clock":"external","source":"theatre-system","order":7531355692121194498,"site":"main","room":"suite-1","obs":{"milestone":{"case":"1.3b962b687fa75eb4187f44e8317b0d4b","name":"into_theatre"}}}"#;

    #[test]
    fn the_usual_form_is_read_the_short_way() {
        assert_eq!(usual::milestone(USUAL).unwrap(), decode_any(USUAL).unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Bytes that are put in, left out or changed: what the short way reads, the long way reads as the same.
        #[test]
        fn the_short_way_reads_nothing_that_the_long_way_does_not(
            changes in prop::collection::vec((0..USUAL.len(), 0..3_u8, prop::sample::select(&b"0123456789abz-\"\\ ,.:{}"[..])), 1..4)
        ) {
            let mut bytes: Vec<u8> = USUAL.to_vec();
            for (place, change, byte) in changes {
                let place = place.min(bytes.len() - 1);
                match change {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte),
                    _ => drop(bytes.remove(place)),
                }
            }
            if let Some(event) = usual::milestone(&bytes) {
                prop_assert_eq!(Ok(event), decode_any(&bytes));
            }
        }
    }
}
