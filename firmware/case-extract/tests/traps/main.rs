//! What extracts of theatre systems are like: encodings, delimiters, quoting, date orders, clock changes, plans in three
//! places, value maps and rows that are wrong. Each file is read whole, byte by byte and in odd chunks.

mod faults;
mod layout;
mod plans;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod values;

use case_extract::Mapping;
use support::{extract, rendered};

/// The keys that most mappings here share; keys of the top level come before them, tables behind.
const BASE: &str = r#"
zone = "Europe/London"
site = "main"
room = { column = "Theatre", prefix = "th-" }
case = "Id"
"#;

const IN_AND_OUT: &str = r#"
[milestones]
into_theatre = "In"
out_of_theatre = "Out"
"#;

fn outcome(mapping: &str, cases: &[u8], plan: Option<&[u8]>, chunk: usize) -> String {
    let mapping = match Mapping::parse("cases.mapping.toml", mapping) {
        Ok(mapping) => mapping,
        Err(error) => return format!("refused: {error}"),
    };
    match extract(&mapping, cases, plan, chunk) {
        Ok(extract) => rendered(&extract),
        Err(error) => format!("refused: {error}"),
    }
}

fn check_plan(name: &str, mapping: &str, cases: &[u8], plan: Option<&[u8]>, expected: &str) {
    for chunk in [usize::MAX, 1, 7, 64] {
        let found = outcome(mapping, cases, plan, chunk);
        let expected = expected.trim_matches('\n');
        assert!(found == expected, "{name}, in chunks of {chunk}:\n--- found\n{found}\n--- expected\n{expected}\n---");
    }
}

fn check(name: &str, mapping: &str, bytes: &[u8], expected: &str) {
    check_plan(name, mapping, bytes, None, expected);
}

fn in_and_out() -> String {
    format!("{BASE}{IN_AND_OUT}")
}

fn with(top: &str, tables: &str) -> String {
    format!("{BASE}{top}\n{tables}")
}

fn utf_16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

const ONE_ROW: &str = "Id,Theatre,In,Out\nA1,1,2022-01-03 08:41,2022-01-03 09:30\n";
const ONE_CASE: &str = "
main/th-1
  A1: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
1 row read: 1 case in 1 room, 0 planned sessions";
