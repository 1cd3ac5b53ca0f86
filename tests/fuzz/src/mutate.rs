//! New inputs from known ones: damage to bytes, and changes that keep the structure of JSON, TOML and CSV, so that an input
//! gets past the first line of a reader.

use crate::Random;

/// Numbers at the edges of what readers hold, as text.
const EDGES: &[&[u8]] = &[
    b"0",
    b"-0",
    b"-1",
    b"1",
    b"64",
    b"65",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"4294967295",
    b"4294967296",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"253402300799999",
    b"253402300800000",
    b"-2208988800001",
    b"1e400",
    b"1.5",
    b"0x10",
    b"00",
    b"99999999999999999999999999999999999999999",
];

/// Bytes that readers treat in ways of their own, or that are no UTF-8.
const BYTES: &[&[u8]] = &[
    b"\0",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b",",
    b";",
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc2\xa0",
    "\u{202e}".as_bytes(),
    "\u{1f3e5}".as_bytes(),
    b"{",
    b"}",
    b"[",
    b"]",
    b"'",
    b"\"\"\"",
    b"#",
    b"=",
];

/// A changed copy of one of the pool.
pub fn mutated(random: &mut Random, pool: &[Vec<u8>], words: &[&[u8]], longest: usize) -> Vec<u8> {
    let mut input = any(random, pool).to_vec();
    for _ in 0..=random.below(6) {
        match random.below(15) {
            0 => flip(random, &mut input),
            1 => insert_one(random, &mut input, BYTES),
            2 => insert_one(random, &mut input, words),
            3 => replace_token(random, &mut input, words),
            4 => replace_token(random, &mut input, EDGES),
            5 => remove_range(random, &mut input),
            6 => repeat_range(random, &mut input),
            7 => {
                let other = any(random, pool);
                splice(random, &mut input, other);
            }
            8 => nest(random, &mut input),
            9 => repeat_part(random, &mut input, b'\n'),
            10 => remove_part(random, &mut input, b'\n'),
            11 => swap_parts(random, &mut input, b'\n'),
            12 => repeat_part(random, &mut input, b','),
            13 => swap_parts(random, &mut input, b','),
            _ => input.truncate(random.below(input.len() + 1)),
        }
        input.truncate(longest);
    }
    input
}

fn any<'p>(random: &mut Random, pool: &'p [Vec<u8>]) -> &'p [u8] {
    pool.get(random.below(pool.len())).map_or(&[], Vec::as_slice)
}

fn flip(random: &mut Random, input: &mut [u8]) {
    let at = random.below(input.len());
    let bit = 1 << random.below(8);
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bit;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, text: &[u8]) {
    let at = at.min(input.len());
    input.splice(at..at, text.iter().copied());
}

fn insert_one(random: &mut Random, input: &mut Vec<u8>, of: &[&[u8]]) {
    let at = random.below(input.len() + 1);
    if let Some(text) = random.one(of) {
        insert(input, at, text);
    }
}

/// A run of letters, digits, `_`, `-` and `.` around some place.
fn token(random: &mut Random, input: &[u8]) -> (usize, usize) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let from = random.below(input.len());
    let skipped = input.iter().skip(from).take_while(|byte| !is_part(byte)).count();
    let begin = (from + skipped).min(input.len());
    let before = input.iter().take(begin).rev().take_while(|byte| is_part(byte)).count();
    let behind = input.iter().skip(begin).take_while(|byte| is_part(byte)).count();
    (begin - before, begin + behind)
}

fn replace_token(random: &mut Random, input: &mut Vec<u8>, of: &[&[u8]]) {
    let (begin, end) = token(random, input);
    if let Some(text) = random.one(of) {
        input.splice(begin..end, text.iter().copied());
    }
}

/// A place and a length, short more often than long.
fn range(random: &mut Random, length: usize) -> (usize, usize) {
    let from = random.below(length + 1);
    let most = (length - from).min(1 << random.below(12));
    (from, from + random.below(most + 1))
}

fn remove_range(random: &mut Random, input: &mut Vec<u8>) {
    let (from, to) = range(random, input.len());
    input.drain(from..to);
}

fn repeat_range(random: &mut Random, input: &mut Vec<u8>) {
    let (from, to) = range(random, input.len());
    let copy = input.get(from..to).unwrap_or_default().repeat(1 << random.below(8));
    insert(input, to, &copy);
}

/// Both inputs' beginnings and ends, crossed.
fn splice(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    let (from, to) = range(random, other.len());
    let at = random.below(input.len() + 1);
    if random.below(2) == 0 {
        input.truncate(at);
    }
    insert(input, at, other.get(from..to).unwrap_or_default());
}

/// Brackets in brackets, around a token or never closed.
fn nest(random: &mut Random, input: &mut Vec<u8>) {
    let (open, close): (&[u8], &[u8]) = match random.below(4) {
        0 => (b"[", b"]"),
        1 => (b"{\"v\":", b"}"),
        2 => (b"{a=", b"}"),
        _ => (b"a.", b""),
    };
    let depth = 1 << random.below(13);
    let (begin, end) = token(random, input);
    if random.below(2) == 0 {
        insert(input, end, &close.repeat(depth));
    }
    insert(input, begin, &open.repeat(depth));
}

/// Where the parts between separators are: lines, or cells and fields.
fn parts(input: &[u8], separator: u8) -> Vec<(usize, usize)> {
    let mut from = 0;
    let lengths = input.split(|&byte| byte == separator).map(<[u8]>::len);
    lengths
        .map(|length| {
            let part = (from, from + length);
            from += length + 1;
            part
        })
        .collect()
}

fn part(random: &mut Random, input: &[u8], separator: u8) -> (usize, usize) {
    let parts = parts(input, separator);
    parts.get(random.below(parts.len())).copied().unwrap_or((0, 0))
}

fn repeat_part(random: &mut Random, input: &mut Vec<u8>, separator: u8) {
    let (from, to) = part(random, input, separator);
    let mut copy = vec![separator];
    copy.extend_from_slice(input.get(from..to).unwrap_or_default());
    let copies = copy.repeat(1 << random.below(8));
    insert(input, to, &copies);
}

fn remove_part(random: &mut Random, input: &mut Vec<u8>, separator: u8) {
    let (from, to) = part(random, input, separator);
    input.drain(from..(to + 1).min(input.len()));
}

fn swap_parts(random: &mut Random, input: &mut Vec<u8>, separator: u8) {
    let (one, other) = (part(random, input, separator), part(random, input, separator));
    let ((a, b), (c, d)) = if one <= other { (one, other) } else { (other, one) };
    let piece = |from: usize, to: usize| input.get(from..to).unwrap_or_default().to_vec();
    if b < c {
        let swapped = [piece(0, a), piece(c, d), piece(b, c), piece(a, b), piece(d, input.len())].concat();
        *input = swapped;
    }
}
