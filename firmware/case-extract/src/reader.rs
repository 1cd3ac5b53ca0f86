//! [`Reader`]: a file pushed through in chunks, whole or in two halves at once.
//!
//! Only an incomplete record is kept between two chunks. The second half begins at the first line end behind any byte,
//! on the assumption that no quoted cell is open there; `join` proves the assumption (the first half's last record is
//! completed by what the second skipped) or asks for the half to be read again.

use std::sync::Arc;

use room_events::TokenMaker;

use crate::cells::{DateOrder, Evidence};
use crate::extract::Extract;
use crate::head::Head;
use crate::mapping::{FileMap, Mapping, Sessions};
use crate::part::Part;
use crate::problem::FileError;
use crate::records::{MAX_RECORD_BYTES, Splitter};
use crate::rows::Rows;
use crate::text_encoding::TextDecoder;

/// So much is kept while no date has shown whether day or month comes first.
const MAX_UNDECIDED_BYTES: usize = 16 * 1024 * 1024;
/// Cells are placed by 31 bits within a piece.
const MAX_PIECE_BYTES: usize = 16 * 1024 * 1024;

/// Reads one file.
pub struct Reader<'t> {
    mapping: &'t Mapping,
    map: &'t FileMap,
    tokens: Option<&'t dyn TokenMaker>,
    file: Arc<str>,
    /// Parts that lie before the one being read.
    before: Vec<Part>,
    state: State<'t>,
    failed: Option<FileError>,
}

enum State<'t> {
    /// The header is not complete.
    Start(Vec<u8>),
    Body(Box<Body<'t>>),
}

/// What became of two halves.
pub enum Joined<'t> {
    /// They fit; [`Reader::finish`] gives the whole.
    Whole(Reader<'t>),
    /// The second half cannot be read by itself: it began inside a quoted cell, its dates show another order of day and
    /// month, or it is to be refused, which only one who reads from the beginning can put exactly. Push the second
    /// half's bytes, all of them, into this reader, which is the first half.
    Reread(Reader<'t>),
}

impl<'t> Reader<'t> {
    /// Reads a file of cases. `file` is its name for error messages.
    pub fn cases(mapping: &'t Mapping, file: &str, tokens: &'t dyn TokenMaker) -> Self {
        Self::new(mapping, &mapping.cases, file, Some(tokens))
    }

    /// Reads the plan file; `None` if the mapping has none.
    pub fn plan(mapping: &'t Mapping, file: &str) -> Option<Self> {
        match &mapping.sessions {
            Sessions::PlanFile(map) => Some(Self::new(mapping, map, file, None)),
            Sessions::None | Sessions::Columns | Sessions::Bookings { .. } => None,
        }
    }

    fn new(mapping: &'t Mapping, map: &'t FileMap, file: &str, tokens: Option<&'t dyn TokenMaker>) -> Self {
        let state = State::Start(Vec::new());
        Self { mapping, map, tokens, file: file.into(), before: Vec::new(), state, failed: None }
    }

    /// Takes the next bytes, in chunks of any size (1 MiB reads fast). After an error nothing of the file may be used.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = bytes.chunks(MAX_PIECE_BYTES).try_for_each(|piece| self.push_piece(piece, false));
        self.keep(result)
    }

    fn keep(&mut self, result: Result<(), FileError>) -> Result<(), FileError> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    fn push_piece(&mut self, piece: &[u8], last: bool) -> Result<(), FileError> {
        let begun = match &mut self.state {
            State::Body(body) => return body.push(piece, last),
            State::Start(begun) => {
                begun.extend_from_slice(piece);
                begun
            }
        };
        let head = Head::read(self.map, begun, last);
        let head = head.map_err(|(line, problem)| FileError { file: self.file.to_string(), line, problem })?;
        let Some(head) = head else { return Ok(()) };
        let begun = core::mem::take(begun);
        let mut body = Box::new(Body::new(self.mapping, head, &self.file, self.tokens));
        let after_mark = begun.get(body.rows.head.mark..).unwrap_or_default();
        let result = after_mark.chunks(MAX_PIECE_BYTES).try_for_each(|piece| body.push(piece, false));
        let result = result.and_then(|()| if last { body.push(&[], true) } else { Ok(()) });
        self.state = State::Body(body);
        result
    }

    /// A reader for the bytes from any later place of the same file, to run beside this one, which then gets only the
    /// bytes before that place. `None` until the header has been pushed, or if the encoding cannot be split.
    pub fn second(&self) -> Option<Self> {
        let State::Body(body) = &self.state else { return None };
        if !body.rows.head.can_split() {
            return None;
        }
        let mut second = Self::new(self.mapping, self.map, &self.file, self.tokens);
        let mut rest = Body::new(self.mapping, body.rows.head.clone(), &self.file, self.tokens);
        rest.records_before = 0;
        rest.seeking = Some(Vec::new());
        second.state = State::Body(Box::new(rest));
        Some(second)
    }

    /// Puts the second half behind this one. The result is that of one reader for all bytes.
    pub fn join(mut self, mut second: Self) -> Result<Joined<'t>, FileError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let (State::Body(body), State::Body(later)) = (&mut self.state, &mut second.state) else {
            return Ok(Joined::Reread(self));
        };
        let Some(skipped) = later.skipped.take().filter(|_| second.failed.is_none()) else {
            return Ok(Joined::Reread(self));
        };
        let Some(between) = body.completed_by(&skipped) else { return Ok(Joined::Reread(self)) };
        let shown = match between {
            Evidence::Shows(order) => Some(order),
            Evidence::Nothing | Evidence::Ambiguous => None,
        };
        let there = later.rows.work.order;
        let order = body.rows.work.order.or(shown).or(there);
        let contradicted = there.is_some() && there != order;
        let unknown = order.is_none() && (body.undecided || later.undecided || between == Evidence::Ambiguous);
        if contradicted || unknown {
            return Ok(Joined::Reread(self));
        }
        match order {
            Some(order) if body.undecided => body.decide(order)?,
            Some(order) if body.rows.work.order.is_none() => body.rows.set_order(order),
            Some(_) | None => {}
        }
        body.push(&skipped, false)?;
        let lines = body.first_line() + body.splitter.lines;
        later.rows.work.part.first_line = lines;
        match order {
            Some(order) if later.undecided => later.decide(order)?,
            Some(order) if later.rows.work.order.is_none() => later.rows.set_order(order),
            Some(_) | None => {}
        }
        self.before.push(core::mem::take(&mut body.rows.work.part));
        self.state = second.state;
        Ok(Joined::Whole(self))
    }

    /// All bytes were pushed.
    pub fn finish(mut self) -> Result<Extract, FileError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.push_piece(&[], true)?;
        let body = match self.state {
            State::Body(body) => body,
            State::Start(_) => {
                let problem = "is empty (the first line must have the columns' names)".to_owned();
                return Err(FileError { file: self.file.to_string(), line: None, problem });
            }
        };
        let lines = body.first_line() + body.splitter.lines;
        self.before.push(body.rows.work.part);
        Ok(Extract::new(self.mapping, self.before, lines))
    }
}

/// The rows of a file, or of its second half.
struct Body<'t> {
    rows: Rows<'t>,
    decoder: TextDecoder,
    splitter: Splitter,
    /// Records before the first row that are still to come.
    records_before: usize,
    /// An incomplete record, or while undecided everything from the first date that could be read in two ways.
    rest: Vec<u8>,
    undecided: bool,
    /// How much of `rest` was searched for a date that decides.
    searched: usize,
    /// Within a line that is longer than a record can be.
    overlong: bool,
    /// A second half before its first line end.
    seeking: Option<Vec<u8>>,
    /// What a second half skipped.
    skipped: Option<Vec<u8>>,
}

impl<'t> Body<'t> {
    fn new(mapping: &'t Mapping, head: Head, file: &Arc<str>, tokens: Option<&'t dyn TokenMaker>) -> Self {
        let by_day = matches!(mapping.sessions, Sessions::Bookings { .. });
        Self {
            decoder: TextDecoder::new(head.encoding),
            splitter: Splitter::new(head.delimiter, head.line_end),
            records_before: head.records_before,
            rest: Vec::new(),
            undecided: false,
            searched: 0,
            overlong: false,
            seeking: None,
            skipped: None,
            rows: Rows::new(head, Arc::clone(file), mapping.zone, &mapping.absent, by_day, tokens),
        }
    }

    fn first_line(&self) -> u64 {
        self.rows.work.part.first_line
    }

    fn push(&mut self, mut bytes: &[u8], last: bool) -> Result<(), FileError> {
        if let Some(skipped) = &mut self.seeking {
            match memchr::memchr(self.splitter.line_end, bytes) {
                Some(at) => {
                    let (head, tail) = bytes.split_at(at + 1);
                    skipped.extend_from_slice(head);
                    self.skipped = self.seeking.take();
                    bytes = tail;
                }
                None => {
                    // Without a line end for so long the half is given up; `join` then asks to read it again.
                    if skipped.len() <= MAX_RECORD_BYTES {
                        skipped.extend_from_slice(bytes);
                    }
                    return Ok(());
                }
            }
        }
        // Taken out so that the text, which may lie in the decoder, does not lock the rest.
        let mut decoder = core::mem::replace(&mut self.decoder, TextDecoder::Utf8 { cut: Vec::new() });
        let result = match decoder.decode(bytes, last) {
            Ok(text) => self.take(text),
            Err(fault) => {
                let count = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
                let lines = count(&self.rest) + count(bytes.get(..fault.at).unwrap_or_default());
                Err(self.refuse(u64::try_from(lines).unwrap_or(0), fault.problem))
            }
        };
        self.decoder = decoder;
        result?;
        if last { self.take_last() } else { Ok(()) }
    }

    /// A fault of the whole file, so many lines behind the last record taken.
    fn refuse(&self, lines: u64, problem: String) -> FileError {
        let line = self.first_line() + self.splitter.lines + lines + 1;
        FileError { file: self.rows.work.file.to_string(), line: Some(line), problem }
    }

    fn take(&mut self, mut text: &[u8]) -> Result<(), FileError> {
        while !text.is_empty() {
            if self.overlong {
                let Some(end) = memchr::memchr(self.splitter.line_end, text) else { return Ok(()) };
                self.overlong = false;
                self.splitter.lines += 1;
                text = text.get(end + 1..).unwrap_or_default();
            } else if self.undecided {
                self.rest.extend_from_slice(text);
                text = &[];
            } else if self.rest.is_empty() {
                let used = self.scan(text, false)?;
                self.rest.extend_from_slice(text.get(used..).unwrap_or_default());
                text = &[];
            } else {
                // The cut record is completed from the chunk, doubling what is looked at, and the chunk goes on in place.
                let before = self.rest.len();
                let (now, later) = text.split_at(text.len().min(before.max(4096)));
                self.rest.extend_from_slice(now);
                let mut rest = core::mem::take(&mut self.rest);
                let used = self.scan(&rest, false)?;
                if used >= before && !self.undecided {
                    text = text.get(used - before..).unwrap_or_default();
                    rest.clear();
                } else {
                    rest.drain(..used);
                    text = later;
                }
                self.rest = rest;
            }
            self.give_up_unclosed()?;
        }
        if self.undecided { self.search(false) } else { Ok(()) }
    }

    /// Hands on complete records and says how many bytes they were.
    fn scan(&mut self, text: &[u8], last: bool) -> Result<usize, FileError> {
        let Self { rows, splitter, records_before, .. } = self;
        let used = splitter.scan(text, last, |record| {
            if *records_before > 0 {
                *records_before -= 1;
                return true;
            }
            rows.take(&record)
        });
        if let Some(mut error) = self.rows.work.fatal.take() {
            error.line = error.line.map(|line| line + self.first_line());
            return Err(error);
        }
        self.undecided = self.rows.work.needs_order;
        Ok(used)
    }

    /// While the incomplete record is longer than a record can be, its first line is left out and reading goes on with
    /// the next: one stray quotation mark costs one row.
    fn give_up_unclosed(&mut self) -> Result<(), FileError> {
        while self.rest.len() > MAX_RECORD_BYTES && !self.undecided && !self.overlong {
            let rest = core::mem::take(&mut self.rest);
            self.rows.unclosed(self.splitter.lines + 1);
            match memchr::memchr(self.splitter.line_end, &rest) {
                Some(end) => {
                    self.splitter.lines += 1;
                    let tail = rest.get(end + 1..).unwrap_or_default();
                    let used = self.scan(tail, false)?;
                    self.rest = tail.get(used..).unwrap_or_default().to_vec();
                }
                None => self.overlong = true,
            }
        }
        Ok(())
    }

    fn take_last(&mut self) -> Result<(), FileError> {
        loop {
            if self.undecided {
                // The last record may have no line end, and a search needs one.
                if self.rest.last() != Some(&self.splitter.line_end) {
                    self.rest.push(self.splitter.line_end);
                }
                self.search(true)?;
            }
            if self.undecided {
                let problem = "dates such as 03/04/2022 could be day-first or month-first, and no date shows which (say it, \
                               such as time-formats = [\"%d/%m/%Y %H:%M\"])";
                return Err(self.refuse(0, problem.to_owned()));
            }
            let rest = core::mem::take(&mut self.rest);
            if rest.is_empty() {
                return Ok(());
            }
            let used = self.scan(&rest, true)?;
            let left = rest.get(used..).unwrap_or_default();
            if self.undecided {
                self.rest = left.to_vec();
            } else if !left.is_empty() {
                self.rows.unclosed(self.splitter.lines + 1);
                self.splitter.lines += 1;
                let end = memchr::memchr(self.splitter.line_end, left).map_or(left.len(), |end| end + 1);
                self.rest = left.get(end..).unwrap_or_default().to_vec();
            }
        }
    }

    /// Looks for a date that shows whether day or month comes first, on to the end if these are the last bytes.
    fn search(&mut self, last: bool) -> Result<(), FileError> {
        loop {
            let mut found = None;
            let unsearched = self.rest.get(self.searched..).unwrap_or_default();
            let rows = &self.rows;
            let mut splitter = Splitter::new(self.splitter.delimiter, self.splitter.line_end);
            let used = splitter.scan(unsearched, false, |record| match rows.evidence(&record) {
                Evidence::Shows(order) => {
                    found = Some(order);
                    false
                }
                Evidence::Nothing | Evidence::Ambiguous => true,
            });
            if let Some(order) = found {
                return self.decide(order);
            }
            self.searched += used;
            let stuck = self.rest.get(self.searched..).unwrap_or_default();
            if stuck.is_empty() || !(last || stuck.len() > MAX_RECORD_BYTES) {
                break;
            }
            // A quotation mark that is not closed: on with the next line.
            self.searched += memchr::memchr(self.splitter.line_end, stuck).map_or(stuck.len(), |end| end + 1);
        }
        if self.rest.len() > MAX_UNDECIDED_BYTES {
            let problem = "dates such as 03/04/2022 could be day-first or month-first, and none in the next 16 MiB shows \
                           which (say it, such as time-formats = [\"%d/%m/%Y %H:%M\"])";
            return Err(self.refuse(0, problem.to_owned()));
        }
        Ok(())
    }

    /// Takes what was kept, now that it is known how to read it.
    fn decide(&mut self, order: DateOrder) -> Result<(), FileError> {
        self.rows.set_order(order);
        (self.undecided, self.searched) = (false, 0);
        let rest = core::mem::take(&mut self.rest);
        self.take(&rest)
    }

    /// What the dates of the records show that these bytes complete; `None` if they do not end with a record's end.
    fn completed_by(&self, skipped: &[u8]) -> Option<Evidence> {
        if self.overlong || self.seeking.is_some() {
            return None;
        }
        let (text, _) = self.rows.head.encoding.decode_without_bom_handling(skipped);
        // UTF-8 is taken as it is: its first character may be cut in two.
        let skipped = if self.rows.head.encoding == encoding_rs::UTF_8 { skipped } else { text.as_bytes() };
        let records = [&self.rest, skipped].concat();
        let mut evidence = Evidence::Nothing;
        let mut splitter = Splitter::new(self.splitter.delimiter, self.splitter.line_end);
        let used = splitter.scan(&records, false, |record| {
            if !matches!(evidence, Evidence::Shows(_)) {
                match self.rows.evidence(&record) {
                    Evidence::Nothing => {}
                    found @ (Evidence::Ambiguous | Evidence::Shows(_)) => evidence = found,
                }
            }
            true
        });
        let guessed = self.rows.head.columns.formats.is_none();
        (used == records.len()).then_some(if guessed { evidence } else { Evidence::Nothing })
    }
}
