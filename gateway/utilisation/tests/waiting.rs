//! Waiting and reporting: worked examples as data, and the same figures whatever the order of the records.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test fails by panicking")]

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use proptest::prelude::*;
use room_events::topic::AgentAddress;
use room_events::*;
use utilisation::timeline::{ExamWay, Precedence, Record, exam_ways};
use utilisation::waiting::{Month, REPORTING_TARGETS, reporting, waiting};

fn at(text: &str) -> UtcMillis {
    UtcMillis::saturating(text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis())
}

fn token(n: u128) -> Token {
    Token { key: 1, digest: n }
}

fn record(seq: u64, at: UtcMillis, order: u64, obs: Observation) -> Record {
    let address = |id: &str| AgentAddress {
        trust: TrustId::new("north").unwrap(),
        site: SiteId::new("main").unwrap(),
        agent: AgentId::new(id).unwrap(),
    };
    Record {
        id: EventId { stream: StreamId(7), seq: Seq(seq) },
        agent: address("a"),
        event: Event {
            v: 1,
            at,
            captured: at,
            mono: 0,
            clock: ClockQuality::External,
            source: SourceId::new("ris").unwrap(),
            order,
            site: None,
            room: None,
            obs,
        },
    }
}

/// `exam stage instant [modality urgency]`; `scan` is a completed step that ends then, `begin` one in progress.
fn records(lines: &[&str]) -> Vec<Record> {
    let of = |(n, line): (usize, &&str)| {
        let words: Vec<&str> = line.split(' ').collect();
        let exam = token(words[0].parse().unwrap());
        let when = at(words[2]);
        let seq = u64::try_from(n).unwrap() + 1;
        let step = |state, end| {
            Observation::PerformedStep(PerformedStep {
                step: token(1000 + exam.digest),
                state,
                start: UtcMillis::saturating(when.millis() - 600_000),
                end,
                accessions: [exam].into_iter().collect(),
                visit: None,
                patient: None,
                protocol: None,
                reason: None,
            })
        };
        let obs = match words[1] {
            "scan" => step(StepState::Completed, Some(when)),
            "stopped" => step(StepState::Discontinued, Some(when)),
            "begin" => step(StepState::InProgress, None),
            stage => Observation::ExamStage(ExamReached {
                exam,
                stage: ExamStage::from_name(stage).unwrap(),
                modality: words.get(3).and_then(|name| RoomKind::from_name(name)),
                urgency: words.get(4).and_then(|name| Urgency::from_name(name)),
            }),
        };
        record(seq, when, seq, obs)
    };
    lines.iter().enumerate().map(of).collect()
}

fn ways(records: &[Record]) -> Vec<ExamWay> {
    exam_ways(records, &Precedence::default())
}

fn month(text: &str) -> Month {
    Month::of(format!("{text}-01").parse::<NaiveDate>().unwrap())
}

fn waits(records: &[Record], of: &str, now: &str) -> Vec<String> {
    let units = waiting(&ways(records), month(of), |_, _| Tz::Europe__London, at(now));
    let line = |(unit, w): (utilisation::waiting::Unit, utilisation::waiting::Waiting)| {
        format!(
            "{} {}: {}/{} within 6 weeks, {} beyond 13, {} without request; {} waiting, {} for 6, {} for 13",
            unit.site,
            unit.modality.map_or("-", RoomKind::name),
            w.within_six_weeks,
            w.scanned,
            w.beyond_thirteen_weeks(),
            w.without_request,
            w.waiting,
            w.waiting_six_weeks,
            w.waiting_thirteen_weeks
        )
    };
    units.into_iter().map(line).collect()
}

fn reports(records: &[Record], of: &str, now: &str) -> Vec<String> {
    let units = reporting(&ways(records), month(of), &REPORTING_TARGETS, |_, _| Tz::Europe__London, at(now));
    let share = |r: &utilisation::waiting::Reporting| r.share_within().map_or("-".to_owned(), |share| share.percent(1));
    units
        .into_iter()
        .map(|((unit, urgency), r)| {
            let names = (unit.modality.map_or("-", RoomKind::name), urgency.map_or("-", Urgency::name));
            format!(
                "{} {}: {}/{} reported, {} in time, {} open, {}",
                names.0,
                names.1,
                r.reported,
                r.scanned,
                r.within,
                r.open,
                share(&r)
            )
        })
        .collect()
}

/// Requested on 1 March: the 42nd day is 12 April, the 91st 31 May.
const WAY: [&str; 11] = [
    "1 requested 2026-03-01T10:00:00Z ct routine",
    "1 scan 2026-04-11T22:30:00Z",
    "2 requested 2026-03-01T10:00:00Z ct routine",
    "2 scan 2026-04-12T09:00:00Z",
    "3 requested 2026-03-01T10:00:00Z ct urgent",
    "4 requested 2026-03-01T10:00:00Z ct urgent",
    "4 withdrawn 2026-04-20T10:00:00Z",
    "5 scan 2026-04-15T09:00:00Z",
    "6 requested 2026-03-01T10:00:00Z mri urgent",
    "6 begin 2026-04-02T09:00:00Z",
    "6 stopped 2026-04-02T09:30:00Z",
];

#[test]
fn waits_are_counted_in_local_days() {
    // 22:30 UTC on 11 April is 23:30 in London, still the 41st day.
    let expected_april = [
        "main mri: 0/0 within 6 weeks, 0 beyond 13, 0 without request; 1 waiting, 1 for 6, 0 for 13",
        "main ct: 1/2 within 6 weeks, 0 beyond 13, 0 without request; 1 waiting, 1 for 6, 0 for 13",
        "main -: 0/0 within 6 weeks, 0 beyond 13, 1 without request; 0 waiting, 0 for 6, 0 for 13",
    ];
    let mut found = waits(&records(&WAY), "2026-04", "2026-06-15T12:00:00Z");
    found.sort();
    let mut expected = expected_april.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
    for (of, now, line) in [
        (
            "2026-03",
            "2026-06-15T12:00:00Z",
            "main ct: 0/0 within 6 weeks, 0 beyond 13, 0 without request; 4 waiting, 0 for 6, 0 for 13",
        ),
        (
            "2026-05",
            "2026-06-15T12:00:00Z",
            "main ct: 0/0 within 6 weeks, 1 beyond 13, 0 without request; 1 waiting, 1 for 6, 1 for 13",
        ),
        // A month that has not ended is as of now.
        (
            "2026-05",
            "2026-05-30T12:00:00Z",
            "main ct: 0/0 within 6 weeks, 0 beyond 13, 0 without request; 1 waiting, 1 for 6, 0 for 13",
        ),
    ] {
        assert!(
            waits(&records(&WAY), of, now).contains(&line.to_owned()),
            "{of} {now}: {:?}",
            waits(&records(&WAY), of, now)
        );
    }
    assert!(waits(&records(&WAY), "2026-07", "2026-06-15T12:00:00Z").is_empty(), "a month to come says nothing");
}

#[test]
fn reports_are_held_against_the_time_for_their_urgency() {
    let way = [
        "1 requested 2026-04-01T10:00:00Z ct urgent",
        "1 scan 2026-04-02T10:00:00Z",
        "1 reported 2026-04-09T10:00:00Z ct",
        "2 requested 2026-04-01T10:00:00Z ct urgent",
        "2 scan 2026-04-02T10:00:00Z",
        "2 reported 2026-04-09T10:00:01Z ct",
        "3 requested 2026-04-01T10:00:00Z ct urgent",
        "3 scan 2026-04-28T10:00:00Z",
        "4 requested 2026-04-01T10:00:00Z mri routine",
        "4 scan 2026-04-03T10:00:00Z",
        "4 reported 2026-04-20T10:00:00Z mri",
    ];
    let at_month_end = reports(&records(&way), "2026-04", "2026-04-30T10:00:00Z");
    let mut expected =
        ["ct urgent: 2/3 reported, 1 in time, 1 open, 50.0", "mri routine: 1/1 reported, 0 in time, 0 open, -"];
    expected.sort_unstable();
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(at_month_end), expected);
    let later = reports(&records(&way), "2026-04", "2026-05-30T10:00:00Z");
    assert!(later.contains(&"ct urgent: 2/3 reported, 1 in time, 0 open, 33.3".to_owned()), "{later:?}");
}

#[test]
fn the_later_word_on_a_stage_counts() {
    let way = ["1 requested 2026-04-01T10:00:00Z ct urgent", "1 requested 2026-04-02T10:00:00Z ct routine"];
    let found = ways(&records(&way)).remove(0);
    assert_eq!((found.requested, found.urgency), (Some(at("2026-04-02T10:00:00Z")), Some(Urgency::Routine)));
}

proptest! {
    #[test]
    fn the_order_and_repetition_of_records_change_nothing(
        (records, shuffled) in Just(records(&WAY)).prop_flat_map(|all| {
            let twice: Vec<Record> = all.iter().chain(&all).cloned().collect();
            (Just(all), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(ways(&records), ways(&shuffled));
    }
}
