//! What the shipped mapping of a radiology system makes of its messages.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use common::check;
use hl7_feed::Mapping;
use room_events::UtcMillis;

const MAPPING: &str = include_str!("../../../docs/hl7/radiology-system.toml");

fn said(message: &str) -> Vec<String> {
    common::said(&Mapping::parse("radiology-system.toml", MAPPING).unwrap(), message)
}

fn head(kind: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|N|TT|N|20220714060000||{kind}|C1|P|2.4\rPID|1||P7^^^N||Osbaldeston^Percival\rPV1|1|O{}V3\r",
        "|".repeat(17)
    )
}

fn obr(accession: &str, rest: &[(usize, &str)]) -> String {
    let mut fields = vec![""; 30];
    (fields[0], fields[18]) = ("OBR", accession);
    for (at, value) in rest {
        fields[*at] = value;
    }
    fields.join("|") + "\r"
}

#[test]
fn each_order_of_a_message_is_requested_with_its_kind_and_urgency() {
    let message = head("ORM^O01")
        + "ORC|NW||||||||202207131100\r"
        + &obr("A1", &[(24, "CT"), (27, "^^^^^S")])
        + "ORC|NW||||||||202207131105\r"
        + &obr("A2", &[(24, "MR"), (27, "^^^^^R")])
        + "ORC|NW||||||||202207131105\r"
        + &obr("A3", &[(24, "DX")])
        + "ORC|CA||||||||202207131110\r"
        + &obr("A2", &[(24, "MR")]);
    check(
        &said(&message),
        &[
            "2022-07-13T10:00:00Z A1 requested Ct Urgent",
            "2022-07-13T10:05:00Z A2 requested Mri Routine",
            "2022-07-13T10:10:00Z A2 withdrawn",
        ],
    );
}

#[test]
fn the_diary_books_and_tells_who_came_and_who_did_not() {
    let diary = |kind: &str, state: &str| {
        let mut fields = [""; 28];
        (fields[0], fields[9], fields[11], fields[25], fields[27]) = ("SCH", "30", "^^^202207140930", state, "A1");
        head(kind) + &fields.join("|") + "\rEVN||||||202207140921\rAIS|1||C1^CT chest\rAIL|1||CT SCANNER 1\r"
    };
    check(
        &said(&diary("SIU^S12", "")),
        &[
            "ct-1 2022-07-14T05:00:00Z booking A1 start 2022-07-14T08:30:00Z 30 min CT chest Outpatient issued 2022-07-14T05:00:00Z",
        ],
    );
    check(&said(&diary("SIU^S14", "ARRIVED")), &["ct-1 2022-07-14T08:21:00Z A1 arrived"]);
    check(&said(&diary("SIU^S26", "")), &["ct-1 2022-07-14T05:00:00Z cancelled A1 Patient DNA"]);
    check(&said(&diary("SIU^S15", "")), &["ct-1 2022-07-14T05:00:00Z cancelled A1"]);
}

#[test]
fn an_exam_begins_and_ends() {
    let status = |state: &str, times: &[(usize, &str)]| {
        let rest: Vec<_> = times.iter().copied().chain([(4, "C1^CT chest"), (21, "CT SCANNER 1")]).collect();
        head("ORM^O01") + &format!("ORC|SC||||{state}\r") + &obr("A1", &rest)
    };
    let begun = said(&status("IP", &[(7, "202207140930")]));
    check(
        &begun,
        &["ct-1 2022-07-14T08:30:00Z in_progress A1 visit V3 patient P7 start 2022-07-14T08:30:00Z CT chest"],
    );
    let ended = said(&status("CM", &[(7, "202207140930"), (8, "202207140955")]));
    check(
        &ended,
        &[
            "ct-1 2022-07-14T08:55:00Z completed A1 visit V3 patient P7 start 2022-07-14T08:30:00Z end 2022-07-14T08:55:00Z CT chest",
        ],
    );
    check(
        &said(&status("IP", &[(8, "202207140955")])),
        &["OBR-7: has no time of the exam (have the sender fill it, or map the field that has it)"],
    );
    // An end alone waits for its start.
    let mappings = [Mapping::parse("radiology-system.toml", MAPPING).unwrap()];
    let message = status("CM", &[(8, "202207140955")]);
    let mut taken = common::taken(&mappings, message.as_bytes());
    assert!(taken.said.is_empty() && taken.problems.is_empty());
    let whole = taken.ends.remove(0).with_start(UtcMillis::saturating(1_657_787_400_000));
    assert_eq!(common::words(&whole), ended[0]);
}

#[test]
fn only_a_final_report_is_one() {
    let report = |state: &str| {
        head("ORU^R01") + &obr("A1", &[(22, "202207141210"), (24, "CT"), (25, state)]) + "OBX|1|TX|||Osbaldeston has\r"
    };
    check(&said(&report("F")), &["2022-07-14T11:10:00Z A1 reported Ct"]);
    check(&said(&report("P")), &[]);
    check(&said(&report("C")), &[]);
}
