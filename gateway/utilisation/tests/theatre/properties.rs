//! What holds for every room, whatever its facts.

use proptest::prelude::*;
use utilisation::facts::RoomFacts;
use utilisation::quantity::Minutes;
use utilisation::result::{SegmentKind, SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::theatre::{Detail, measure_room};

use crate::generated::rooms;
use crate::rooms::theatre;

fn assert_identity(session: &SessionResult) {
    let f = &session.figures;
    if session.state == SessionState::Closed {
        let parts = f.capped + f.unknown + f.late_start.unwrap() + f.gaps_in_session + f.early_finish.unwrap();
        assert_eq!(parts, f.planned, "{session:#?}");
    }
}

fn assert_segments(session: &SessionResult) {
    let f = &session.figures;
    let started = session.cases.iter().any(|c| c.cover_start.is_some());
    if !started || f.planned == Minutes::ZERO {
        assert_eq!(session.segments, []);
        return;
    }
    let mut at = session.planned_start;
    for segment in &session.segments {
        assert_eq!(segment.from, at, "a hole or an overlap in {:?}", session.segments);
        assert!(segment.to > segment.from);
        at = segment.to;
    }
    assert_eq!(at, session.planned_end);
    let of = |kind| {
        let of_kind = session.segments.iter().filter(|s| s.kind == kind);
        of_kind.map(|s| Minutes::between(s.from, s.to)).sum::<Minutes>()
    };
    assert_eq!(of(SegmentKind::Occupied), f.capped);
    assert_eq!(of(SegmentKind::Unknown), f.unknown);
    assert_eq!(of(SegmentKind::Gap), f.gaps_in_session);
    assert_eq!(Some(of(SegmentKind::LateStart)), f.late_start);
    assert_eq!(of(SegmentKind::EarlyFinish), f.early_finish.unwrap_or_default());
    if !session.provisional {
        assert_eq!(of(SegmentKind::ToCome), Minutes::ZERO);
    }
}

fn assert_bounds(session: &SessionResult) {
    let f = &session.figures;
    assert!(f.capped <= f.capped_sum && f.capped_sum <= f.touch);
    assert!(f.capped + f.unknown <= f.capped_best && f.capped_best <= f.planned);
    assert!(f.late_due_to_previous <= f.occupied_by_other_list && f.occupied_by_other_list <= f.planned);
    assert!(f.late_due_to_previous <= f.late_start.unwrap_or_default());
    assert!(f.cases_cancelled_qmco_like <= f.cases_cancelled_on_day && f.cases_cancelled_on_day <= f.cases_booked);
    assert!(f.cases_completed + f.cases_outcome_unknown + f.cases_abandoned <= f.cases_started);
    if !session.provisional {
        assert_eq!(f.remaining, Minutes::ZERO);
        assert_eq!(f.capped_best, f.capped + f.unknown);
    }
    if f.cases_started == 0 {
        assert_eq!(f.capped_utilisation(), None);
        assert_eq!(f.uncapped_utilisation(), None);
        assert_eq!(f.cases_per_4h(), None);
        assert_eq!((f.late_start, f.early_start, f.early_finish, f.overrun), (None, None, None, None));
        assert_eq!((f.touch, f.occupied_by_other_list), (Minutes::ZERO, Minutes::ZERO));
    }
}

fn shuffled(facts: &RoomFacts, order: &[usize]) -> RoomFacts {
    let mut facts = facts.clone();
    for (n, &i) in order.iter().enumerate() {
        if !facts.cases.is_empty() {
            let (a, b) = (n % facts.cases.len(), i % facts.cases.len());
            facts.cases.swap(a, b);
        }
        if !facts.sessions.is_empty() {
            let (a, b) = (n % facts.sessions.len(), i % facts.sessions.len());
            facts.sessions.swap(a, b);
        }
    }
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_a_closed_list_add_up_to_its_plan((facts, now) in rooms()) {
        let result = measure_room(&theatre(), &facts, &RuleSet::default(), now, Detail::Audit);
        for session in &result.sessions {
            assert_identity(session);
            assert_segments(session);
            assert_bounds(session);
        }
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter(
        (facts, now) in rooms(),
        order in prop::collection::vec(0..20_usize, 8),
    ) {
        let rules = RuleSet::default();
        let result = measure_room(&theatre(), &facts, &rules, now, Detail::Audit);
        assert_eq!(measure_room(&theatre(), &shuffled(&facts, &order), &rules, now, Detail::Audit), result);
    }

    #[test]
    fn figures_alone_are_the_same_figures((facts, now) in rooms()) {
        let rules = RuleSet::default();
        let mut audit = measure_room(&theatre(), &facts, &rules, now, Detail::Audit);
        for session in &mut audit.sessions {
            session.segments.clear();
            session.excluded.clear();
        }
        assert_eq!(measure_room(&theatre(), &facts, &rules, now, Detail::Figures), audit);
    }

    #[test]
    fn a_closed_session_stays_as_it_is((facts, now) in rooms()) {
        let rules = RuleSet::default();
        let one = measure_room(&theatre(), &facts, &rules, now.plus_minutes(10_000), Detail::Audit);
        let other = measure_room(&theatre(), &facts, &rules, now.plus_minutes(20_000), Detail::Audit);
        assert_eq!(one.sessions, other.sessions);
    }
}
