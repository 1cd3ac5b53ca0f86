//! A mapping that cannot be used says which key is at fault and what to do.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use hl7_feed::Mapping;

const LEAST: &str = "zone = 'Europe/London'\nroom = 'th-1'\ncase = 'PV1-19'\n[[messages]]\ntype = 'ADT^A02'\n";

#[test]
fn an_error_names_key_and_remedy() {
    let says = format!("{LEAST}milestones = {{ into_theatre = 'EVN-6' }}\n");
    for (text, part) in [
        (says.replace("Europe/London", "Europe/Londn"), "did you mean \"Europe/London\"?"),
        (says.replace("zone = 'Europe/London'\n", ""), "key \"zone\" is missing"),
        (says.replace("room = 'th-1'\n", ""), "key \"messages.1.room\" is missing"),
        (says.replace("case = 'PV1-19'\n", ""), "key \"messages.1.case\" is missing"),
        (says.replace("PV1-19", "PV1.19"), "key \"case\": \"PV1.19\" is not a field (write segment, field"),
        (says.replace("ADT^A02", "ADT_A02"), "key \"messages.1.type\": \"ADT_A02\" is not a message type"),
        (
            says.replace("into_theatre", "into_theater"),
            "\"messages.1.milestones.into_theater\" is not known (did you mean \"into_theatre\"?)",
        ),
        (says.replace("EVN-6", "PID-7"), "PID-7 is about the patient"),
        (says.replace("'th-1'", "'PID-5'"), "PID-5 is about the patient"),
        (LEAST.to_owned(), "\"messages.1\" says nothing"),
        (says.replace("[[messages]]", "[messages]"), "begin each with [[messages]]"),
        (format!("{says}each = 'obr'\n"), "\"obr\" is not a segment's name"),
        (format!("{says}wen = {{ 'PV1-2' = 'I' }}\n"), "did you mean \"when\"?"),
        (
            format!("{LEAST}milestone = {{ code = 'ZTH-1', time = 'ZTH-2', values = {{ X = 'wheels' }} }}\n"),
            "\"wheels\" is not known (use one of sent_for",
        ),
        (
            format!("{LEAST}milestone = {{ code = 'ZTH-1', time = 'ZTH-2', values = {{ X = 'cancelled' }} }}\n"),
            "a cancellation is no milestone",
        ),
        ("zone = ".to_owned(), "line 1: not TOML"),
    ] {
        let error = Mapping::parse("m.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("m.toml: ") && error.contains(part), "{error}");
    }
    assert!(Mapping::parse("m.toml", &says).is_ok());
}
