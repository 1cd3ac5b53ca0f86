//! An extract as text, so that a test compares one expected text and not thirty fields.

use case_extract::{Case, Extract, FileError, Mapping, PlannedSession, Reader};
use room_events::{Identifier, Token, TokenMaker, UtcMillis};

/// Tokens from which the id, of at most 16 bytes, can be read again; the key is the kind of number.
pub struct OpenTokens;

impl TokenMaker for OpenTokens {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        Token { key: kind as u8, digest: text.bytes().take(16).fold(0, |digest, byte| digest << 8 | u128::from(byte)) }
    }
}

pub fn id_of(token: Token) -> String {
    let bytes = token.digest.to_be_bytes().into_iter().skip_while(|&b| b == 0).collect::<Vec<u8>>();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a file in chunks of that size.
pub fn read<'t>(mut reader: Reader<'t>, bytes: &[u8], chunk: usize) -> Result<Extract, FileError> {
    bytes.chunks(chunk.max(1)).try_for_each(|chunk| reader.push(chunk))?;
    reader.finish()
}

/// Reads a case file, and a plan file where there is one.
pub fn extract(mapping: &Mapping, cases: &[u8], plan: Option<&[u8]>, chunk: usize) -> Result<Extract, FileError> {
    let mut extract = read(Reader::cases(mapping, "cases.csv", &OpenTokens), cases, chunk)?;
    if let Some(bytes) = plan {
        let reader = Reader::plan(mapping, "plan.csv").expect("the mapping has a plan file");
        extract.add_plan(read(reader, bytes, chunk)?);
    }
    Ok(extract)
}

/// Rooms with cases and sessions, errors, summary.
pub fn rendered(extract: &Extract) -> String {
    let mut lines = Vec::new();
    for room in extract.rooms() {
        let kind = room.kind().map(|kind| format!(" ({kind})")).unwrap_or_default();
        lines.push(format!("{}/{}{kind}", room.site(), room.room()));
        let mut cases = Vec::new();
        let sessions = room.visit(|case| cases.push(case_line(case)));
        cases.sort();
        lines.extend(cases);
        lines.extend(sessions.iter().map(session_line));
    }
    lines.extend(extract.errors().iter().map(ToString::to_string));
    lines.push(extract.summary().to_string());
    lines.join("\n")
}

/// `2022-01-03T08:30Z`, with seconds where it has some.
fn instant(at: UtcMillis) -> String {
    let text = at.to_string();
    text.strip_suffix(":00Z").map_or(text.clone(), |short| format!("{short}Z"))
}

fn case_line(case: &Case) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: Option<String>| parts.extend(value.map(|value| format!("{name} {value}")));
    part("booked", case.booked_start.map(instant));
    part("minutes", case.booked_minutes.map(|minutes| minutes.to_string()));
    part("session", case.session.as_ref().map(ToString::to_string));
    part("specialty", case.specialty.map(|label| format!("{:?}", label.as_str())));
    part("procedure", case.procedure.map(|label| format!("{:?}", label.as_str())));
    part("team", case.team.map(|label| format!("{:?}", label.as_str())));
    part("class", case.class.map(|class| class.to_string()));
    part("admission", case.admission.map(|kind| kind.to_string()));
    part("issued", case.issued.map(instant));
    for (milestone, at) in case.stamps() {
        part(milestone.name(), Some(instant(at)));
    }
    part("cancelled", case.cancelled_at().map(instant));
    part("because", case.cancelled_class.map(|class| class.to_string()));
    part("reason", case.cancelled_reason.map(|label| format!("{:?}", label.as_str())));
    let kind = if case.token.key == Identifier::Accession as u8 { "accession " } else { "" };
    format!("  {kind}{}: {}", id_of(case.token), parts.join(", ")).trim_end().to_owned()
}

fn session_line(session: &PlannedSession) -> String {
    let mut text =
        format!("  plan {}: {} to {} {}", session.key, instant(session.start), instant(session.end), session.kind);
    let mut part = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(", {name} {value}"));
        }
    };
    part("specialty", session.specialty.as_ref().map(|label| format!("{:?}", label.as_str())));
    part("team", session.team.as_ref().map(|label| format!("{:?}", label.as_str())));
    part("cases", session.cases.map(|cases| cases.to_string()));
    part("issued", session.issued.map(instant));
    part("withdrawn", session.withdrawn.then(|| "yes".to_owned()));
    part("line", session.line.map(|line| line.to_string()));
    text
}
