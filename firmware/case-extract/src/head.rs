//! What the beginning of a file tells: its encoding, delimiter, line end and where each mapped column is.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::mapping::FileMap;
use crate::near::near;
use crate::records::{MAX_RECORD_BYTES, Splitter};
use crate::text_encoding::NOT_UTF_8;

/// A header that is not complete after so many bytes is none.
/// A header's name that is so many characters longer than the one looked for is hardly a slip of the same name.
const MOST_LONGER: usize = 12;

const MAX_HEADER_BYTES: usize = MAX_RECORD_BYTES;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file's layout, with columns found.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) encoding: &'static Encoding,
    /// Length of the byte order mark.
    pub(crate) mark: usize,
    pub(crate) delimiter: u8,
    pub(crate) line_end: u8,
    /// Records before the first row: empty ones, `sep=;`, the header.
    pub(crate) records_before: usize,
    pub(crate) names: Vec<String>,
    pub(crate) columns: FileMap<usize>,
    pub(crate) time_columns: Vec<usize>,
    /// Date columns whose date is the row's, not that of one time.
    pub(crate) shared_dates: Vec<usize>,
}

/// A fault in the header: line, and the text with its remedy.
pub(crate) type HeadError = (Option<u64>, String);

impl Head {
    /// Reads the beginning of a file; `None` if more of it is needed.
    pub(crate) fn read(map: &FileMap, bytes: &[u8], complete: bool) -> Result<Option<Self>, HeadError> {
        if bytes.len() < 4 && !complete {
            return Ok(None);
        }
        let (encoding, mark) = encoding_of(map, bytes)?;
        let body = bytes.get(mark..).unwrap_or_default();
        let body = body.get(..body.len().min(MAX_HEADER_BYTES + 4)).unwrap_or_default();
        // A unit of UTF-16 that is cut in two would be taken for a character, and a `\r` before it for a line end.
        let whole = if encoding == UTF_16LE || encoding == UTF_16BE { body.len() & !1 } else { body.len() };
        let body = body.get(..whole).unwrap_or_default();
        if encoding == UTF_8
            && let Err(error) = core::str::from_utf8(body)
            && error.error_len().is_some()
        {
            let before = body.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
            return Err((u64::try_from(line).ok(), NOT_UTF_8.to_owned()));
        }
        let (text, _) = encoding.decode_without_bom_handling(body);
        let Some(line_end) = line_end_of(text.as_bytes(), complete) else {
            return if complete || text.len() >= MAX_HEADER_BYTES { Err(no_header()) } else { Ok(None) };
        };
        match header_of(map, text.as_bytes(), line_end, complete) {
            Some(found) => Self::of_header(map, encoding, mark, line_end, found).map(Some),
            None if complete || text.len() >= MAX_HEADER_BYTES => Err(no_header()),
            None => Ok(None),
        }
    }

    /// Whether a part may begin at any byte: a line end is the same single byte wherever it stands.
    pub(crate) fn can_split(&self) -> bool {
        self.encoding == UTF_8 || self.encoding.is_single_byte()
    }

    fn of_header(
        map: &FileMap,
        encoding: &'static Encoding,
        mark: usize,
        line_end: u8,
        found: Header,
    ) -> Result<Self, HeadError> {
        let Header { delimiter, names, records_before, line } = found;
        let mut faults: Vec<String> = Vec::new();
        let columns = map.located(&mut |wanted| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            let fault = match (places.next(), places.next()) {
                (Some((at, _)), None) => return at,
                (Some(_), Some(_)) => format!("column {wanted:?} is in the header twice (rename one of them)"),
                (None, _) => {
                    let nearest: Vec<String> = near(wanted, names.iter().map(String::as_str), 3)
                        .iter()
                        // A file without a header, read with the wrong delimiter, has a whole row of a patient for a
                        // name: what is much longer than the name looked for, or full of figures, is not shown.
                        .filter(|name| name.chars().count() <= wanted.chars().count() + MOST_LONGER)
                        .filter(|name| name.chars().filter(char::is_ascii_digit).count() < 5)
                        .map(|name| format!("{name:?}"))
                        .collect();
                    let hint = if nearest.is_empty() {
                        "none is near; correct the mapping, or the delimiter".to_owned()
                    } else {
                        format!("nearest: {}", nearest.join(", "))
                    };
                    format!("column {wanted:?} is not in the header ({hint})")
                }
            };
            if !faults.contains(&fault) {
                faults.push(fault);
            }
            usize::MAX
        });
        if !faults.is_empty() {
            return Err((Some(line), faults.join("; ")));
        }
        let (time_columns, shared_dates) = (columns.time_columns(), columns.shared_dates());
        Ok(Self { encoding, mark, delimiter, line_end, records_before, names, columns, time_columns, shared_dates })
    }
}

fn no_header() -> HeadError {
    (Some(1), "there is no header (the first line must have the columns' names)".to_owned())
}

fn encoding_of(map: &FileMap, bytes: &[u8]) -> Result<(&'static Encoding, usize), HeadError> {
    let marked = Encoding::for_bom(bytes);
    match (map.encoding, marked) {
        (Some(given), Some((found, mark))) if given == found => Ok((given, mark)),
        (Some(given), Some((found, _))) => {
            let (given, found) = (given.name().to_lowercase(), found.name().to_lowercase());
            Err((
                Some(1),
                format!("has the byte order mark of {found}, the mapping says {given} (use encoding = \"auto\")"),
            ))
        }
        (Some(given), None) => Ok((given, 0)),
        (None, Some((found, mark))) => Ok((found, mark)),
        (None, None) => {
            let start = bytes.get(..bytes.len().min(512)).unwrap_or_default();
            let nulls = |from: usize| start.iter().skip(from).step_by(2).filter(|&&b| b == 0).count();
            let half = start.len() / 2;
            for (from, name) in [(1, "utf-16le"), (0, "utf-16be")] {
                if start.len() >= 8 && nulls(from) * 2 > half {
                    return Err((
                        Some(1),
                        format!("looks like {name} without a byte order mark (say so: encoding = \"{name}\")"),
                    ));
                }
            }
            Ok((UTF_8, 0))
        }
    }
}

/// `\n`, or `\r` where the first line ends with it alone; `None` if the first line has no end yet.
fn line_end_of(text: &[u8], complete: bool) -> Option<u8> {
    let mut quoted = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => return Some(b'\n'),
            b'\r' if !quoted => {
                return match text.get(at + 1) {
                    Some(b'\n') => Some(b'\n'),
                    Some(_) => Some(b'\r'),
                    None if complete => Some(b'\r'),
                    None => None,
                };
            }
            _ => {}
        }
    }
    (complete && !text.is_empty()).then_some(b'\n')
}

struct Header {
    delimiter: u8,
    names: Vec<String>,
    records_before: usize,
    line: u64,
}

/// The first record that is neither empty nor `sep=`, parted by the delimiter under which most mapped columns are found.
fn header_of(map: &FileMap, text: &[u8], line_end: u8, complete: bool) -> Option<Header> {
    let mut wanted: Vec<String> = Vec::new();
    map.located(&mut |name| {
        wanted.push(name.clone());
        0
    });
    let mut given = map.delimiter;
    let separator = text.trim_ascii_start();
    if let [b's', b'e', b'p', b'=', delimiter, rest @ ..] = separator
        && given.is_none()
        && rest.first().is_none_or(|b| matches!(b, b'\r' | b'\n'))
        && delimiter.is_ascii()
        && !matches!(delimiter, b'"' | b'\r' | b'\n')
    {
        given = Some(*delimiter);
    }
    let mut best: Option<(usize, usize, Header)> = None;
    for delimiter in given.map_or(DELIMITERS.to_vec(), |d| vec![d]) {
        let Some((names, records_before, line)) = names_under(text, delimiter, line_end, complete) else { continue };
        let found = wanted.iter().filter(|w| names.contains(w)).count();
        let rank = (found, names.len());
        if best.as_ref().is_none_or(|(f, n, _)| rank > (*f, *n)) {
            best = Some((rank.0, rank.1, Header { delimiter, names, records_before, line }));
        }
    }
    best.map(|(_, _, header)| header)
}

fn names_under(text: &[u8], delimiter: u8, line_end: u8, complete: bool) -> Option<(Vec<String>, usize, u64)> {
    let (mut names, mut line, mut records) = (Vec::new(), 0, 0);
    Splitter::new(delimiter, line_end).scan(text, complete, |record| {
        records += 1;
        let first = record.cell(0);
        if record.is_blank() || (records <= 2 && first.starts_with(b"sep=")) {
            return true;
        }
        names = (0..record.len()).map(|at| String::from_utf8_lossy(record.cell(at)).trim().to_owned()).collect();
        line = record.line;
        false
    });
    (!names.is_empty()).then_some((names, records, line))
}
