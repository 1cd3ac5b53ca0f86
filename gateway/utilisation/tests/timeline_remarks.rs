//! What people say of a list counts by its last word, whatever the order in which it arrives.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use room_events::topic::AgentAddress;
use room_events::{
    AgentId, ClockQuality, Event, EventId, Label, Observation, Remark, RemarkAbout, RoomId, RoomKind, Seq, SessionKey,
    SiteId, SourceId, StreamId, Token, TrustId, UtcMillis,
};
use utilisation::facts::Room;
use utilisation::timeline::{Precedence, Record, RoomTimeline};

fn record(seconds: u64, about: RemarkAbout, case: Option<u128>, reason: Option<&str>) -> Record {
    let at = UtcMillis::new(1_644_562_800_000).unwrap();
    let remark = Remark {
        session: SessionKey::new("list-1").unwrap(),
        start: at,
        about,
        case: case.map(|digest| Token { key: 1, digest }),
        reason: reason.map(|text| Label::new(text).unwrap()),
        author: Some(Label::new("coordinator-3").unwrap()),
    };
    Record {
        id: EventId { stream: StreamId(u128::from(seconds)), seq: Seq(1) },
        agent: AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("c1").unwrap(),
        },
        event: Event {
            v: 1,
            at,
            captured: at,
            mono: 0,
            clock: ClockQuality::External,
            source: SourceId::new("correction").unwrap(),
            order: seconds,
            site: None,
            room: Some(RoomId::new("th-1").unwrap()),
            obs: Observation::Remark(remark),
        },
    }
}

fn timeline() -> RoomTimeline {
    RoomTimeline::new(Room {
        trust: TrustId::new("north").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("th-1").unwrap(),
        kind: RoomKind::Theatre,
        zone: chrono_tz::Europe::London,
    })
}

#[test]
fn remarks_count_by_their_last_word_in_any_order() {
    let records = [
        record(1, RemarkAbout::LateStart, None, Some("no bed")),
        record(2, RemarkAbout::LateStart, None, Some("portering")),
        record(3, RemarkAbout::Gap, Some(1), Some("cleaning")),
        record(4, RemarkAbout::Gap, Some(2), Some("cleaning")),
        record(5, RemarkAbout::Gap, Some(1), None),
    ];
    let session = SessionKey::new("list-1").unwrap();
    let told = |order: &[usize]| {
        let mut timeline = timeline();
        for n in order {
            timeline.insert(&records[*n]);
        }
        let remarks = timeline.remarks(&session, &Precedence::default());
        let words = remarks.iter().filter(|remark| remark.used);
        words
            .map(|r| (r.about.name(), r.case.map(|c| c.digest), r.reason.as_ref().map(ToString::to_string)))
            .collect::<Vec<_>>()
    };
    let expected: Vec<(&str, Option<u128>, Option<String>)> = vec![
        ("late_start", None, Some("portering".to_owned())),
        ("gap", Some(1), None),
        ("gap", Some(2), Some("cleaning".to_owned())),
    ];
    // Every order of five, and one with repetitions.
    for code in 0..120_usize {
        let (mut left, mut rest, mut order) = (vec![0, 1, 2, 3, 4], code, Vec::new());
        for size in (1..=5).rev() {
            order.push(left.remove(rest % size));
            rest /= size;
        }
        assert_eq!(told(&order), expected, "{order:?}");
    }
    assert_eq!(told(&[4, 4, 3, 2, 3, 1, 0, 1]), expected);
}

#[test]
fn a_remark_on_another_room_or_trust_is_not_this_rooms() {
    let mut timeline = timeline();
    let mut other = record(1, RemarkAbout::LateStart, None, Some("no bed"));
    other.event.room = Some(RoomId::new("th-2").unwrap());
    assert!(!timeline.insert(&other));
    let mut other = record(1, RemarkAbout::LateStart, None, Some("no bed"));
    other.agent.trust = TrustId::new("south").unwrap();
    assert!(!timeline.insert(&other));
    assert!(timeline.remarks(&SessionKey::new("list-1").unwrap(), &Precedence::default()).is_empty());
}
