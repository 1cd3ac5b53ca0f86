//! Finds where JSON values begin and end, without decoding them.
//!
//! The envelope must be readable when an event inside it is not, so the scanner only follows strings and brackets; what
//! stands between them is judged by whoever decodes that value.

/// How deep brackets may nest in what is decoded by recursion: a status, an acknowledgement. Honest ones need two levels;
/// without a limit a hostile one would end the process that reads it, whose stack it uses up.
pub(crate) const MAX_DEPTH: usize = 64;

/// Of so many open brackets the scanner remembers which kind they are; of those around them only how many.
const REMEMBERED: usize = 64;

/// A place in a JSON text; every step says where it failed.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The offset at which the text stops being JSON.
pub(crate) struct NotJson(pub(crate) usize);

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far the scanner has come.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self) -> Result<T, NotJson> {
        Err(NotJson(self.at))
    }

    /// Takes `byte` if it is the next one that is not white space.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes `byte` or fails.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.take(byte) { Ok(()) } else { self.fail() }
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), NotJson> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { self.fail() }
    }

    /// Takes the text of a string without its quotation marks and without undoing escapes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], NotJson> {
        self.expect(b'"')?;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let text = self.bytes.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => self.at += 2,
                0..=0x1f => return self.fail(),
                _ => self.at += 1,
            }
        }
        self.fail()
    }

    /// Takes the bytes of one value of any type.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], NotJson> {
        self.skip_space();
        let start = self.at;
        // One bit for each open bracket, the newest lowest: 1 for an object, 0 for an array. Those that no bit is left
        // for match any; what is nested so deep is no event, and only its end must be found.
        let (mut open, mut depth, mut forgotten) = (0_u64, 0_usize, 0_usize);
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(byte @ (b'{' | b'[')) => {
                    forgotten = forgotten.max((depth + 1).saturating_sub(REMEMBERED));
                    open = open << 1 | u64::from(byte == b'{');
                    depth += 1;
                    self.at += 1;
                }
                Some(byte @ (b'}' | b']')) => {
                    let matches = depth <= forgotten || (open & 1 == 1) == (byte == b'}');
                    if depth == 0 || !matches {
                        return self.fail();
                    }
                    open >>= 1;
                    depth -= 1;
                    forgotten = forgotten.min(depth);
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') => {
                    while matches!(self.peek(), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')) {
                        self.at += 1;
                    }
                }
                _ => return self.fail(),
            }
            if depth == 0 {
                return self.bytes.get(start..self.at).ok_or(NotJson(start));
            }
        }
    }
}

/// Whether brackets nest deeper in a text than [`MAX_DEPTH`], be it JSON or not.
pub(crate) fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// A number of digits only; `None` for anything else.
pub(crate) fn unsigned(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(value).ok()?.parse().ok()
}
