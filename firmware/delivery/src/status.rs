//! The status: what an agent tells about itself on its retained status topic; its will message is the same, offline.

use core::fmt;
use room_events::{ClockQuality, Label, StreamId, UtcMillis};
use serde::{Deserialize, Serialize};

use crate::scan::{MAX_DEPTH, is_too_deep};

/// The version of the status that this crate writes.
pub const STATUS_VERSION: u16 = 1;

/// The longest status that is written.
pub const MAX_STATUS_BYTES: usize = 512;

/// An agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`STATUS_VERSION`].
    pub v: u16,
    /// Connected; false in the will message and after an orderly end.
    pub online: bool,
    /// When this was written, by the agent's clock; of a will message, when the connection began.
    pub at: UtcMillis,
    /// The agent's version.
    pub version: Label,
    /// The stream that the process writes; absent until its first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// Events not yet acknowledged by all required collectors.
    pub depth: u64,
    /// When the oldest of these was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<UtcMillis>,
    /// Observations lost since the outbox was made, as far as they are counted.
    pub lost: u64,
    /// Publishes that the broker refused since it last accepted one; not 0 means that an access rule is wrong.
    pub refused: u64,
    /// How far the agent's clock can be believed.
    pub clock: ClockQuality,
}

/// Why bytes are not a status, or one was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusError {
    /// Not a status: ignore and count it.
    Malformed(serde_json_core::de::Error),
    /// Brackets nest deeper than any that this crate writes: ignore and count it.
    TooDeep,
    /// The buffer is too small ([`MAX_STATUS_BYTES`] suffice).
    BufferTooSmall,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not an agent's status: {error}"),
            Self::TooDeep => write!(f, "not an agent's status: brackets nest deeper than {MAX_DEPTH}"),
            Self::BufferTooSmall => f.write_str("status does not fit into the buffer"),
        }
    }
}

impl core::error::Error for StatusError {}

/// Writes a status into `buffer`; the result is the part that was written.
pub fn encode<'b>(status: &Status, buffer: &'b mut [u8]) -> Result<&'b [u8], StatusError> {
    let written = serde_json_core::to_slice(status, buffer).map_err(|_| StatusError::BufferTooSmall)?;
    buffer.get(..written).ok_or(StatusError::BufferTooSmall)
}

/// Reads a status; unknown fields are ignored.
pub fn decode(bytes: &[u8]) -> Result<Status, StatusError> {
    if is_too_deep(bytes) {
        return Err(StatusError::TooDeep);
    }
    serde_json_core::from_slice(bytes).map(|(status, _)| status).map_err(StatusError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_golden_one() {
        let golden = include_bytes!("../tests/golden/status.json").trim_ascii_end();
        let status = Status {
            v: STATUS_VERSION,
            online: true,
            at: UtcMillis::saturating(1_644_585_000_000),
            version: Label::new("0.1.0").unwrap(),
            stream: Some(StreamId(0xbeef)),
            depth: 3,
            oldest: Some(UtcMillis::saturating(1_644_584_990_000)),
            lost: 0,
            refused: 0,
            clock: ClockQuality::Synchronised,
        };
        let mut buffer = [0; MAX_STATUS_BYTES];
        assert_eq!(encode(&status, &mut buffer), Ok(golden));
        assert_eq!(decode(golden), Ok(status));
    }

    #[test]
    fn a_hostile_one_does_not_use_up_the_stack() {
        for bracket in ["[", "{\"a\":"] {
            let text = std::format!("{{\"x\":{}", bracket.repeat(16_000));
            assert_eq!(decode(text.as_bytes()), Err(StatusError::TooDeep));
        }
        let text = std::format!("{{\"x\":\"{}\\\"\"}}", "[".repeat(16_000));
        assert!(matches!(decode(text.as_bytes()), Err(StatusError::Malformed(_))), "brackets in a text are none");
    }
}
