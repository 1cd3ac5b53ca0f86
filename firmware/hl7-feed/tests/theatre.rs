//! What the shipped mapping of a theatre system makes of its messages.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use common::{check, heard, taken};
use hl7_feed::Mapping;

const MAPPING: &str = include_str!("../../../docs/hl7/theatre-system.toml");

fn said(message: &str) -> Vec<String> {
    common::said(&Mapping::parse("theatre-system.toml", MAPPING).unwrap(), message)
}

fn head(kind: &str) -> String {
    format!("MSH|^~\\&|THEATRES|N|TT|N|20220714060000||{kind}|C1|P|2.4\r")
}

#[test]
fn a_booking_is_read_whole() {
    let message = head("SIU^S12^SIU_S12")
        + "SCH|K1|||||R|EMER||90|min|^^^202207140830\rPV1|1|D\rAIS|1||W1^Hip\rAIG|1|||O^Ortho\rAIL|1||4\r";
    check(
        &said(&message),
        &[
            "th-4 2022-07-14T05:00:00Z booking K1 start 2022-07-14T07:30:00Z 90 min Ortho/Hip Emergency DayCase issued 2022-07-14T05:00:00Z",
        ],
    );
}

#[test]
fn a_booking_counts_as_far_as_it_can_be_read() {
    let message = head("SIU^S14") + "SCH|K1|||||R|X||long|min|^^^20220714\rPV1|1|Q\rAIL|1||4\r";
    check(
        &said(&message),
        &[
            "th-4 2022-07-14T05:00:00Z booking K1 issued 2022-07-14T05:00:00Z",
            "SCH-11.4: \"99999999\" is a date, not an instant (map the field that has hour and minute, or have it sent)",
            "SCH-9: \"aaaa\" is not a number of minutes (map another field)",
            "SCH-7: \"a\" has no meaning (give it a meaning in the mapping's values, or \"*\" = \"ignore\")",
            "PV1-2: \"a\" has no meaning (give it a meaning in the mapping's values, or \"*\" = \"ignore\")",
        ],
    );
}

#[test]
fn each_group_is_a_milestone_and_an_empty_time_takes_one_back() {
    let message =
        head("ADT^Z01") + "ZTH|1|K1|4|KTS|202207140902\rZTH|2|K1|DSU1|CLOSE|\"\"\rZTH|3|K1|4|PHONED|1\rZTH|4||4|KTS|\r";
    check(
        &said(&message),
        &[
            "th-4 2022-07-14T08:02:00Z procedure_start K1",
            "dsu-1 2022-07-14T05:00:00Z withdrawn procedure_end K1",
            "ZTH-2: has no number (have the sender fill it, or map the field that has it)",
        ],
    );
}

#[test]
fn a_cancellation_and_a_patient_who_did_not_come_have_the_messages_time() {
    let message = |kind| head(kind) + "PID|1||4711\rSCH|K1|||||H^No bed\rAIL|1||4\r";
    check(&said(&message("SIU^S15")), &["th-4 2022-07-14T05:00:00Z cancelled K1 HospitalNonClinical No bed"]);
    check(&said(&message("SIU^S26")), &["th-4 2022-07-14T05:00:00Z cancelled K1 Patient DNA"]);
}

#[test]
fn a_rule_holds_only_under_its_conditions() {
    let message = |ward| format!("{}EVN|A02|||||202207140841\rPV1|1|D|{ward}^4||||||||||||||||K1\r", head("ADT^A02"));
    check(&said(&message("THEATRES")), &["th-4 2022-07-14T07:41:00Z into_theatre K1"]);
    check(&said(&message("WARD9")), &[]);
}

#[test]
fn a_text_with_a_part_of_the_name_or_number_is_left_out() {
    let person = "PID|1||HOSP4421^^^X~9434765919^^^NHS||Osbaldeston^Li||19511230\r";
    for (reason, shown) in [
        ("No bed", " No bed"),
        ("Mr OSBALDESTON ill", ""),
        ("hosp4421 ill", ""),
        ("Osbal-destón ill", ""),
        ("943 476 5919 ill", ""),
        ("Li unwell", ""),
        ("Line blocked", " Line blocked"),
        ("born 30.12.51", ""),
        ("ring 01903 555123", ""),
    ] {
        let message = head("SIU^S15") + person + "SCH|K1|||||C^" + reason + "\rAIL|1||4\r";
        check(&said(&message), &[&format!("th-4 2022-07-14T05:00:00Z cancelled K1 Clinical{shown}")]);
    }
    // Of nobody no name can be told.
    let message = head("SIU^S15") + "SCH|K1|||||C^Quuxley rang\rAIL|1||4\r";
    check(&said(&message), &["th-4 2022-07-14T05:00:00Z cancelled K1 Clinical"]);
}

#[test]
fn the_order_is_that_of_the_headers_time_not_of_arrival() {
    let mapping = [Mapping::parse("theatre-system.toml", MAPPING).unwrap()];
    let order = |time: &str| {
        let message = format!("MSH|^~\\&|THEATRES|N|TT|N|{time}||SIU^S26|C1|P|2.4\rSCH|K1\rAIL|1||4\r");
        taken(&mapping, message.as_bytes()).said.first().unwrap().order
    };
    assert!(order("20220714060001") > order("20220714060000.5"));
    assert_eq!(order("20220714"), None, "a date alone gives no order within the day");
    assert_eq!(order("20220714060000+0100"), Some(1_657_774_800_000));
    assert!(heard().millis() > 1_657_774_800_000);
}
