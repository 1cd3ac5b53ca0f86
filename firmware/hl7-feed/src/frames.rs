//! MLLP: a message on the wire is `<VT> message <FS><CR>`.

use thiserror::Error;

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, b'\r'];

/// A message longer than the limit. The connection can not be followed further: close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message is longer than the {limit} bytes allowed: raise the limit, or have the sender leave documents out")]
pub struct TooLong {
    /// The most bytes a message may have.
    pub limit: usize,
}

/// A message as it goes onto the wire.
#[must_use]
pub fn framed(message: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 3);
    bytes.push(START);
    bytes.extend_from_slice(message.as_bytes());
    bytes.extend_from_slice(&END);
    bytes
}

/// Cuts the bytes of one connection into messages, however the network split them.
#[derive(Debug)]
pub struct Frames {
    /// The message begun, without its start byte; `None` between messages.
    begun: Option<Vec<u8>>,
    limit: usize,
}

impl Frames {
    /// Messages of at most `limit` bytes each.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { begun: None, limit }
    }

    /// The messages that `bytes` complete. Bytes between messages are no message and are passed over.
    ///
    /// # Errors
    /// When a message grows beyond the limit.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut complete = Vec::new();
        while !bytes.is_empty() {
            let Some(message) = &mut self.begun else {
                let Some(start) = memchr::memchr(START, bytes) else { break };
                bytes = bytes.get(start + 1..).unwrap_or_default();
                self.begun = Some(Vec::new());
                continue;
            };
            // The end is two bytes, which may come apart: each piece ends at the next CR, and is looked at whole.
            let piece = memchr::memchr(b'\r', bytes).map_or(bytes.len(), |at| at + 1);
            let (now, later) = bytes.split_at(piece);
            if message.len() + now.len() > self.limit.saturating_add(END.len()) {
                return Err(TooLong { limit: self.limit });
            }
            message.extend_from_slice(now);
            bytes = later;
            if message.ends_with(&END) {
                message.truncate(message.len() - END.len());
                complete.extend(self.begun.take());
            }
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_at_the_limit_is_read_and_a_longer_one_is_refused() {
        assert_eq!(Frames::new(3).push(b"\x0babc\x1c\r"), Ok(vec![b"abc".to_vec()]));
        assert_eq!(Frames::new(3).push(b"\x0babcd\x1c\r"), Err(TooLong { limit: 3 }));
    }

    #[test]
    fn bytes_between_messages_are_passed_over() {
        assert_eq!(Frames::new(9).push(b"\r\n\x0ba\x1c\r\n\x0bb\x1c\r"), Ok(vec![b"a".to_vec(), b"b".to_vec()]));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(sizes in proptest::collection::vec(1_usize..5, 1..20)) {
            let wire = b"\x0bMSH|a\rPID|b\r\x1c\r\x0bMSH|c\r\x1c\r";
            let mut frames = Frames::new(99);
            let mut left = &wire[..];
            let mut got = Vec::new();
            for size in sizes.into_iter().chain([wire.len()]) {
                let (now, later) = left.split_at(size.min(left.len()));
                got.extend(frames.push(now)?);
                left = later;
            }
            prop_assert_eq!(got, vec![b"MSH|a\rPID|b\r".to_vec(), b"MSH|c\r".to_vec()]);
        }
    }
}
