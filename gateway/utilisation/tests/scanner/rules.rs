//! Rules that need more than one day's steps: two rooms, bookings, closures on days when the clock changes, phantoms.

use room_events::{Label, ListKind, PatientClass, RoomId, RoomKind, SiteId, TrustId, UtcMillis};
use utilisation::facts::{Cancelled, Case, Room, ScannerFacts};
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;
use utilisation::scanner::result::{Patients, ScannerFlag, ScannerSession};
use utilisation::scanner::rules::{ClosedFor, Closure, ScannerRules};
use utilisation::scanner::splits::{Split, splits};
use utilisation::scanner::{By, Conditions, ScannerAggregate, aggregate, duration_spread, measure_room};
use utilisation::targets::{Standing, TargetFile, Targets};

use crate::rooms::{LATER, alive, at, clock, scanner, session, step, token};

fn room(id: &str, kind: RoomKind) -> Room {
    Room { room: RoomId::new(id).unwrap(), ..scanner(kind) }
}

/// A session 08:00 to 12:00, alive all the time.
fn facts(steps: &[&str], cases: Vec<Case>) -> ScannerFacts {
    ScannerFacts {
        sessions: vec![session("day", at("08:00"), at("12:00"))],
        cases,
        steps: steps.iter().map(|text| step(text)).collect(),
        alive: alive(at("07:00"), at("13:00"), None),
    }
}

fn measured(room: &Room, facts: &ScannerFacts, scanner: &ScannerRules, targets: &Targets) -> ScannerSession {
    let rules = RuleSet::default();
    let under = Conditions { rules: &rules, scanner, closures: &[], targets };
    let mut sessions = measure_room(room, facts, under, LATER).sessions;
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

fn day(room: &Room, facts: &ScannerFacts) -> ScannerSession {
    measured(room, facts, &ScannerRules::default(), &Targets::built_in())
}

fn booking(exam: &str, start: &str) -> Case {
    Case { booked_start: Some(at(start)), booked_minutes: Some(20), ..Case::new(token(exam)) }
}

fn cancelled(exam: &str, start: &str, when: UtcMillis, reason: &str) -> Case {
    let cancelled = Cancelled { at: when, class: None, reason: Label::fitted(reason) };
    Case { cancelled: Some(cancelled), ..booking(exam, start) }
}

#[test]
fn an_accession_in_two_rooms_counts_once_where_its_first_completed_step_was() {
    // A1 was begun on scanner a and completed on b; A2 was completed on both, first on b; A3 on a alone.
    let a = day(
        &room("a", RoomKind::Ct),
        &facts(&["08:10-08:20 A1 discontinued", "09:00-09:30 A2", "10:00-10:20 A3"], Vec::new()),
    );
    let b = day(&room("b", RoomKind::Ct), &facts(&["08:30-08:50 A1", "09:05-09:20 A2"], Vec::new()));
    let sessions = [a, b];
    let rooms = aggregate(&sessions, By::Room);
    let counts: Vec<_> = rooms
        .iter()
        .map(|room| (room.exams_completed, room.exams_discontinued, room.counted_elsewhere, room.exams_per_hour()))
        .collect();
    assert_eq!(counts, [(1, 0, 2, Some(0.25)), (2, 0, 0, Some(0.5))]);
    let [site] = &aggregate(&sessions, By::Site)[..] else { panic!("one site") };
    assert_eq!((site.exams_completed, site.exams_per_hour()), (3, Some(3.0 / 8.0)));
    let total: u32 =
        splits(&sessions, &|_, _| false).iter().filter(|row| row.split == Split::Unit).map(|row| row.exams).sum();
    assert_eq!(total, 3, "the parts of a split add up to the exams");
}

/// One visit to scanners a and b of site 1 and c of site 2; on c also a visit of its own and a patient without one.
fn a_visit_to_three_scanners(by_site: bool) -> [ScannerSession; 3] {
    let at_site = |site: &str, id: &str| Room { site: SiteId::new(site).unwrap(), ..room(id, RoomKind::Ct) };
    let under = ScannerRules { by_site, ..ScannerRules::default() };
    let day = |room: Room, steps: &[&str]| measured(&room, &facts(steps, Vec::new()), &under, &Targets::built_in());
    [
        day(at_site("one", "a"), &["08:10-08:20 A1 visit=V1", "08:30-08:40 A2 visit=V1"]),
        day(at_site("one", "b"), &["09:10-09:20 A3 visit=V1"]),
        day(at_site("two", "c"), &["10:10-10:20 A4 visit=V1", "10:30-10:40 A1 visit=V2", "11:00-11:10 A5"]),
    ]
}

#[test]
fn a_visit_is_one_attendance_of_each_row_and_a_site_may_count_by_itself() {
    let counts = |sessions: &[ScannerSession], by| -> Vec<(u32, u32, Option<f64>)> {
        let of_row = |row: &ScannerAggregate| (row.exams_completed, row.attendances, row.attendances_per_hour());
        aggregate(sessions, by).iter().map(of_row).collect()
    };
    let sessions = a_visit_to_three_scanners(false);
    assert_eq!(counts(&sessions, By::Room), [(2, 1, Some(0.25)), (1, 1, Some(0.25)), (2, 3, Some(0.75))]);
    assert_eq!(counts(&sessions, By::Site), [(3, 1, Some(0.125)), (2, 3, Some(0.75))]);
    assert_eq!(counts(&sessions, By::Month), [(5, 3, Some(0.25))], "A1 and the visit count once in the trust");
    let by_site = a_visit_to_three_scanners(true);
    assert_eq!(counts(&by_site, By::Site), [(3, 1, Some(0.125)), (3, 3, Some(0.75))]);
    assert_eq!(counts(&by_site, By::Month), [(6, 4, Some(4.0 / 12.0))], "A1 and the visit count on both sites");
}

#[test]
fn the_spread_of_a_protocol_is_of_completed_steps_and_needs_five() {
    // Of 10, 12, 14, 16 and 18 min the mean is 14 and the variance (16 + 4 + 0 + 4 + 16) / 4 = 10.
    let steps = [
        "08:00-08:10 A1",
        "08:10-08:22 A2",
        "08:22-08:36 A3",
        "08:36-08:52 A4",
        "08:52-09:10 A5",
        "09:10-09:11 A6 discontinued",
        "09:20-open A7",
    ];
    let mut facts = facts(&steps, Vec::new());
    for step in &mut facts.steps {
        step.protocol = Label::fitted("CT head");
    }
    let session = day(&room("a", RoomKind::Ct), &facts);
    let [spread] = &duration_spread(std::slice::from_ref(&session), 5)[..] else { panic!("one protocol") };
    assert_eq!((spread.steps, spread.mean), (5, 14.0));
    assert!((spread.spread.unwrap() - 10.0_f64.sqrt() / 14.0).abs() < 1e-12);
    assert_eq!(duration_spread(std::slice::from_ref(&session), 6)[0].spread, None);
    let other = ScannerSession { trust: TrustId::new("another").unwrap(), ..session.clone() };
    let of_two = duration_spread(&[session, other], 5);
    let of_two: Vec<_> = of_two.iter().map(|spread| (spread.trust.as_str(), spread.steps)).collect();
    assert_eq!(of_two, [("another", 5), ("trust", 5)], "trusts may use one name for different protocols");
}

#[test]
fn time_that_a_late_step_covers_becomes_observed() {
    let silent = ScannerFacts {
        alive: alive(at("07:00"), at("13:00"), Some((at("09:00"), at("11:00")))),
        ..facts(&[], Vec::new())
    };
    let quiet = day(&room("a", RoomKind::Ct), &silent);
    let late = ScannerFacts { steps: vec![step("09:30-10:30 A1")], ..silent };
    let known = day(&room("a", RoomKind::Ct), &late);
    let observed = |session: &ScannerSession| session.figures.observed;
    assert_eq!(observed(&known) - observed(&quiet), Minutes::whole(60));
    assert_eq!(known.figures.occupied, Minutes::whole(60));
}

#[test]
fn did_not_attend_is_a_cancellation_for_one_of_its_reasons_of_what_was_booked_on_the_day() {
    let cases = vec![
        booking("A1", "08:00"),
        booking("A2", "08:30"),
        cancelled("A3", "09:00", at("09:20"), "DNA"),
        cancelled("A4", "09:30", at("09:50"), "Did Not Attend"),
        cancelled("A5", "10:00", at("07:00"), "scanner fault"),
        // The day before: it is not booked any more at local midnight.
        cancelled("A6", "10:30", at("00:00").plus_minutes(-1), "DNA"),
    ];
    let session = day(&room("a", RoomKind::Mri), &facts(&["08:05-08:25 A1"], cases));
    assert_eq!((session.figures.booked, session.figures.did_not_attend), (5, 2));
    assert_eq!(session.figures.did_not_attend_rate().unwrap().as_f64(), 0.4);
    let none = day(&room("a", RoomKind::Mri), &facts(&["08:05-08:25 A1"], Vec::new()));
    assert_eq!(none.figures.did_not_attend_rate(), None, "nothing booked: no rate, not 0");
}

#[test]
fn exams_are_told_apart_by_patients_booking_protocol_and_unit() {
    let with = |case: Case, class, admission| Case { class, admission, ..case };
    let cases = vec![
        with(booking("A1", "08:00"), Some(PatientClass::Inpatient), None),
        with(booking("A2", "08:30"), Some(PatientClass::DayCase), None),
        with(booking("A3", "09:00"), Some(PatientClass::Outpatient), None),
        with(booking("A4", "09:30"), Some(PatientClass::Inpatient), Some(ListKind::Emergency)),
        booking("A5", "10:00"),
    ];
    let mut facts = facts(
        &["08:05-08:25 A1", "08:35-08:55 A2", "09:05-09:25 A3", "09:35-09:55 A4", "10:05-10:25 A5", "10:35-10:55 A6"],
        cases,
    );
    for step in facts.steps.iter_mut().take(4) {
        step.protocol = Label::fitted("MR knee");
    }
    let session = day(&room("van", RoomKind::Mri), &facts);
    let whose: Vec<_> = session.exams.iter().map(|exam| exam.patients).collect();
    let expected = [
        Some(Patients::Inpatient),
        Some(Patients::Outpatient),
        Some(Patients::Outpatient),
        Some(Patients::Emergency),
        None,
        None,
    ];
    assert_eq!(whose, expected);
    let rows = splits(&[session], &|_, room| room.as_str() == "van");
    let parts: Vec<_> =
        rows.iter().map(|row| (row.split.name(), row.part.as_deref(), row.exams, row.exams_per_hour())).collect();
    assert_eq!(
        parts,
        [
            ("patients", None, 2, Some(0.5)),
            ("patients", Some("emergency"), 1, Some(0.25)),
            ("patients", Some("inpatient"), 1, Some(0.25)),
            ("patients", Some("outpatient"), 2, Some(0.5)),
            ("booking", Some("booked"), 5, Some(1.25)),
            ("booking", Some("walk_in"), 1, Some(0.25)),
            ("protocol", None, 2, Some(0.5)),
            ("protocol", Some("MR knee"), 4, Some(1.0)),
            ("unit", Some("mobile"), 6, Some(1.5)),
        ]
    );
}

#[test]
fn without_any_booking_nobody_can_be_said_to_have_walked_in() {
    let session = day(&room("a", RoomKind::Mri), &facts(&["08:05-08:25 A1"], Vec::new()));
    assert_eq!(session.exams[0].booked, None);
    // Bookings whose source has other numbers say as little.
    let steps = ["08:05-08:25 A1", "08:35-08:55 A2"];
    let session = day(&room("a", RoomKind::Mri), &facts(&steps, vec![booking("B1", "08:00"), booking("B2", "08:30")]));
    assert_eq!((session.exams[0].booked, session.exams[1].booked), (None, None));
    assert!(session.quality.contains(&ScannerFlag::BookingsUnmatched), "{:?}", session.quality);
    let session = day(&room("a", RoomKind::Mri), &facts(&steps, vec![booking("A1", "08:00"), booking("B2", "08:30")]));
    assert_eq!((session.exams[0].booked, session.exams[1].booked), (Some(true), Some(false)));
    assert!(!session.quality.contains(&ScannerFlag::BookingsUnmatched), "{:?}", session.quality);
}

#[test]
fn a_phantom_is_no_patient_and_in_no_figure() {
    let mut facts = facts(&["08:05-08:25 A1", "09:00-09:30 A2", "10:00-10:20 A3"], Vec::new());
    facts.steps[1].protocol = Label::fitted("QA Phantom");
    facts.steps[2].patient = Some(token("the phantom"));
    let rules = ScannerRules { phantoms: vec![token("the phantom")], ..ScannerRules::default() };
    let session = measured(&room("a", RoomKind::Mri), &facts, &rules, &Targets::built_in());
    let f = &session.figures;
    assert_eq!((f.exams_completed, f.attendances, f.occupied, f.changeovers.len()), (1, 1, Minutes::whole(20), 0));
    assert!(
        session.quality.contains(&ScannerFlag::Phantom) && !session.quality.contains(&ScannerFlag::WrongWorklistEntry)
    );
    assert_eq!(session.steps.iter().filter(|step| step.excluded.is_some()).count(), 2, "and both are listed");
}

#[test]
fn a_closure_over_a_change_of_the_clock_is_as_long_as_it_really_was() {
    // In London the clock skips 01:00 to 02:00 on 29 March 2026, and repeats it on 25 October 2026.
    let closed = |date: &str, from: &str, to: &str| {
        let date: chrono::NaiveDate = date.parse().unwrap();
        let midnight = UtcMillis::saturating(date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis());
        let (start, end) = (midnight.plus_minutes(-4 * 60), midnight.plus_minutes(34 * 60));
        let facts = ScannerFacts {
            sessions: vec![session("night", start, end)],
            cases: Vec::new(),
            steps: Vec::new(),
            alive: alive(start, end, None),
        };
        let closures = [Closure {
            reason: ClosedFor::Service,
            from: clock(from),
            to: clock(to),
            first: Some(date),
            last: Some(date),
            weekdays: Vec::new(),
        }];
        let (rules, scanner, targets) = (RuleSet::default(), ScannerRules::default(), Targets::built_in());
        let under = Conditions { rules: &rules, scanner: &scanner, closures: &closures, targets: &targets };
        let later = end.plus_minutes(24 * 60);
        let session = measure_room(&room("a", RoomKind::Ct), &facts, under, later).sessions.remove(0);
        session.figures.open - session.figures.operational
    };
    assert_eq!(closed("2026-01-14", "00:30", "03:30"), Minutes::whole(180));
    assert_eq!(closed("2026-03-29", "00:30", "03:30"), Minutes::whole(120), "spring");
    assert_eq!(closed("2026-03-29", "01:30", "03:30"), Minutes::whole(60), "01:30 does not exist: it begins at 02:30");
    assert_eq!(closed("2026-10-25", "00:30", "03:30"), Minutes::whole(240), "autumn");
    assert_eq!(closed("2026-10-25", "01:30", "01:45"), Minutes::whole(75), "from the first 01:30 to the second 01:45");
    assert_eq!(closed("2026-03-28", "23:00", "02:30"), Minutes::whole(150), "over midnight into the spring change");
}

#[test]
fn a_rate_stands_to_its_target_and_band_and_one_of_echo_is_never_judged() {
    let own: TargetFile = toml::from_str(
        "[[target]]\nmeasure = \"exams_per_hour\"\nvalue = 0.75\nband = [0.4, 0.75]\nsource = \"Board\"\n\
         effective-from = \"2026-01-12\"\nroom-kinds = [\"ct\"]\n",
    )
    .unwrap();
    let targets = Targets::built_in().with(own);
    let of = |kind, steps: &[&str]| {
        let session = measured(&room("a", kind), &facts(steps, Vec::new()), &ScannerRules::default(), &targets);
        (session.figures.standing, session.figures.target_band.map(|band| (band.low, band.high)))
    };
    let three = ["08:00-08:10 A", "08:20-08:30 B", "08:40-08:50 C"];
    assert_eq!(of(RoomKind::Ct, &three), (Some(Standing::Met), Some((0.4, 0.75))));
    assert_eq!(of(RoomKind::Ct, &three[..2]), (Some(Standing::InBand), Some((0.4, 0.75))));
    assert_eq!(of(RoomKind::Ct, &three[..1]), (Some(Standing::Missed), Some((0.4, 0.75))));
    assert_eq!(of(RoomKind::Mri, &three), (Some(Standing::Missed), Some((1.5, 3.0))));
    assert_eq!(of(RoomKind::Echo, &[]), (None, None));
}

#[test]
fn echo_is_flagged_for_a_median_slot_below_the_least_recommended_one() {
    let of = |minutes: &[u16]| {
        let cases = minutes
            .iter()
            .enumerate()
            .map(|(n, minutes)| Case { booked_minutes: Some(*minutes), ..booking(&format!("A{n}"), "09:00") });
        let session = day(&room("a", RoomKind::Echo), &facts(&[], cases.collect()));
        (
            session.figures.median_slot,
            session.quality.contains(&ScannerFlag::ShortSlots),
            session.figures.short_of_target,
        )
    };
    assert_eq!(of(&[30, 45, 60]), (Some(45.0), false, None));
    assert_eq!(of(&[30, 40, 45, 60]), (Some(42.5), true, None));
    assert_eq!(of(&[]), (None, false, None));
}
