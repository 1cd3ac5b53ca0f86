//! A byte slice that is written from the front, for text without an allocator.

use core::fmt;

pub(crate) struct Buffer<'b> {
    bytes: &'b mut [u8],
    len: usize,
}

impl<'b> Buffer<'b> {
    pub(crate) fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    pub(crate) fn push(&mut self, more: &[u8]) -> fmt::Result {
        let end = self.len.checked_add(more.len()).ok_or(fmt::Error)?;
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(more);
        self.len = end;
        Ok(())
    }

    pub(crate) fn written(self) -> &'b [u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Write for Buffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes())
    }
}
