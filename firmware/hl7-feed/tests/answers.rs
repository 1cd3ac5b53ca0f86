//! Messages are answered as the standard says.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use hl7_feed::{Mapping, Message};

const MAPPING: &str = "zone = 'Europe/London'\napplications = ['THEATRES']\nroom = 'th-1'\ncase = 'PV1-19'\n\
    [[messages]]\ntype = 'ADT^A02'\nmilestones = { into_theatre = 'EVN-6' }\n";

fn answers(message: &[u8]) -> (Option<String>, Option<String>) {
    let mappings = [Mapping::parse("m.toml", MAPPING).unwrap()];
    let taken = common::taken(&mappings, message);
    (taken.answer, taken.answer_if_lost)
}

/// MSA-1, MSA-2 and the codes of the ERR segments.
fn told(message: &str) -> String {
    let Some(answer) = answers(message.as_bytes()).0 else { return "none".to_owned() };
    let read = Message::parse(&answer).unwrap();
    let errors = answer.split('\r').filter(|line| line.starts_with("ERR|"));
    let codes = errors.map(|line| line.split('|').nth(3).unwrap().split('^').next().unwrap_or_default());
    let mut words = vec![read.raw("MSA", 1), read.raw("MSA", 2)];
    words.extend(codes);
    words.join(" ").trim().to_owned()
}

fn message(header: &str, time: &str) -> String {
    format!("MSH|^~\\&|{header}\rEVN|A02|||||{time}\rPV1|1{}K1\r", "|".repeat(18))
}

const GOOD: &str = "THEATRES|N|TT|R|202207140600||ADT^A02|C1|P|2.5";

#[test]
fn a_message_is_accepted_in_error_or_rejected() {
    assert_eq!(told(&message(GOOD, "202207140841")), "AA C1");
    assert_eq!(told(&message(&GOOD.replace("A02", "A99"), "x")), "AA C1", "what no rule takes says nothing");
    assert_eq!(told(&message(GOOD, "20220714")), "AE C1 102");
    assert_eq!(told(&message(GOOD, "202207140841").replace("K1", "")), "AE C1 101");
    assert_eq!(told(&message(&GOOD.replace("|P|", "|T|"), "202207140841")), "AR C1 202");
    assert_eq!(told(&message(&GOOD.replace("|2.5", "|3"), "202207140841")), "AR C1 203");
    assert_eq!(told(&message(&GOOD.replace("THEATRES", "OTHER"), "202207140841")), "AE C1 103");
    assert_eq!(told("PID|1\r"), "AR  100");
    assert_eq!(told(&message(&format!("{GOOD}||||||ISO IR87"), "é")), "AE C1 103");
}

#[test]
fn enhanced_mode_is_answered_as_it_asks() {
    let under =
        |accept: &str, application: &str, time: &str| told(&message(&format!("{GOOD}|||{accept}|{application}"), time));
    let (good, bad) = ("202207140841", "20220714");
    assert_eq!(under("AL", "NE", good), "CA C1");
    assert_eq!(under("AL", "AL", bad), "CE C1 102");
    assert_eq!(under("ER", "", good), "none");
    assert_eq!(under("ER", "", bad), "CE C1 102");
    assert_eq!(under("NE", "NE", bad), "none");
    assert_eq!(under("", "SU", good), "AA C1");
    assert_eq!(under("", "SU", bad), "none");
}

#[test]
fn an_answer_is_addressed_to_its_sender_in_its_version_and_delimiters() {
    let header = |version: &str| answers(message(&GOOD.replace("2.5", version), "20220714").as_bytes()).0.unwrap();
    let newer = header("2.5.1");
    assert!(
        newer.starts_with("MSH|^~\\&|TT|R|THEATRES|N|20220714070100.000+0000||ACK^A02^ACK|T1|P|2.5.1\rMSA|AE|C1\r"),
        "{newer}"
    );
    assert!(
        newer.contains("\rERR||EVN^1^6^1^1|102^Data type error^HL70357|E||||EVN-6: \"99999999\" is a date"),
        "{newer}"
    );
    let older = header("2.3");
    assert!(older.contains("||ACK^A02|T1|P|2.3\rMSA|AE|C1|EVN-6: "), "{older}");
    assert!(older.contains("\rERR|EVN^1^6^102&Data type error&HL70357"), "{older}");
    assert!(header("2.2").contains("||ACK|T1|P|2.2\r"));
    let odd = message(GOOD, "202207140841").replace('|', "#").replace("^~\\&", "!~\\&").replace("ADT^A02", "ADT!A02");
    let odd = answers(odd.as_bytes()).0.unwrap();
    assert!(odd.starts_with("MSH#!~\\&#TT#R#THEATRES#N#") && odd.contains("#ACK!A02!ACK#"), "{odd}");
}

#[test]
fn what_could_not_be_kept_is_asked_for_again() {
    let (_, lost) = answers(message(GOOD, "202207140841").as_bytes());
    assert!(lost.unwrap().contains("\rMSA|AR|C1\rERR|||207^"));
}
