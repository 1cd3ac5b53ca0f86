//! The JSON form: golden files hold it, properties show that nothing is lost, and the largest event fits.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;
use room_events::observation::{PreviousStream, SourceKind};
use room_events::wire::{DecodeError, MAX_EVENT_BYTES, decode, encode};
use room_events::*;

fn check_round_trip(event: &Event) -> String {
    let mut buffer = [0; MAX_EVENT_BYTES];
    let bytes = encode(event, &mut buffer).expect("every event fits").to_vec();
    assert_eq!(decode(&bytes).as_ref(), Ok(event), "{}", String::from_utf8_lossy(&bytes));
    String::from_utf8(bytes).unwrap()
}

fn token(digest: u128) -> Token {
    Token { key: 7, digest }
}

fn at(millis: i64) -> UtcMillis {
    UtcMillis::new(millis).unwrap()
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn event(obs: Observation) -> Event {
    Event {
        v: 1,
        at: at(1_644_585_000_000),
        captured: at(1_644_585_002_000),
        mono: 86_400_123,
        clock: ClockQuality::External,
        source: SourceId::new("theatre-system").unwrap(),
        order: 967,
        site: None,
        room: Some(RoomId::new("suite-2").unwrap()),
        obs,
    }
}

/// One example of each kind, named as its golden file.
fn examples() -> Vec<(&'static str, Event)> {
    let case = token(0x9f86_d081_884c_7d65_9a2f_eaa0_c55a_d015);
    vec![
        ("milestone", event(Observation::Milestone(MilestoneReached::new(case, Milestone::IntoTheatre)))),
        (
            "milestone_out_of_order",
            event(Observation::Milestone(MilestoneReached {
                out_of_order: true,
                ..MilestoneReached::new(case, Milestone::IntoTheatre)
            })),
        ),
        (
            "correction",
            event(Observation::Correction(Correction {
                case,
                name: Milestone::OutOfTheatre,
                to: Some(at(1_644_585_060_000)),
                author: Some(label("theatre manager")),
                reason: Some(label("typing error")),
            })),
        ),
        (
            "correction_withdrawn",
            event(Observation::Correction(Correction {
                case,
                name: Milestone::Cancelled,
                to: None,
                author: None,
                reason: None,
            })),
        ),
        (
            "cancellation",
            event(Observation::Cancellation(Cancellation {
                case,
                class: Some(CancellationClass::HospitalNonClinical),
                reason: Some(label("no bed")),
            })),
        ),
        (
            "booking",
            event(Observation::Booking(Booking {
                case,
                start: Some(at(1_644_570_000_000)),
                minutes: Some(90),
                session: None,
                specialty: Some(label("Orthopaedics")),
                procedure: Some(label("Arthroscopy")),
                admission: Some(ListKind::Elective),
                class: Some(PatientClass::DayCase),
                issued: None,
            })),
        ),
        (
            "performed_step",
            event(Observation::PerformedStep(PerformedStep {
                step: token(1),
                state: StepState::Discontinued,
                start: at(1_644_585_000_000),
                end: Some(at(1_644_585_900_000)),
                accessions: [token(2), token(3)].into_iter().collect(),
                visit: Some(token(4)),
                patient: None,
                protocol: Some(label("MR knee")),
                reason: Some(110_514),
            })),
        ),
        (
            "acquisition",
            event(Observation::Acquisition(Acquisition {
                exam: token(2),
                series: Some(token(5)),
                step: Some(token(1)),
                first: at(1_644_585_120_000),
                last: at(1_644_585_840_500),
                visit: None,
                patient: Some(token(6)),
                protocol: Some(label("MR knee")),
            })),
        ),
        (
            "exam_stage",
            event(Observation::ExamStage(ExamReached {
                exam: token(2),
                stage: ExamStage::Requested,
                modality: Some(RoomKind::Ct),
                urgency: Some(Urgency::Urgent),
            })),
        ),
        (
            "remark",
            event(Observation::Remark(Remark {
                session: SessionKey::new("2022-02-11-0700").unwrap(),
                start: at(1_644_562_800_000),
                about: RemarkAbout::Gap,
                case: Some(case),
                reason: Some(label("patient not ready")),
                author: Some(label("coordinator-3")),
            })),
        ),
        (
            "signal_level",
            event(Observation::SignalLevel(SignalLevel {
                signal: SourceId::new("door").unwrap(),
                level: Level::Active,
            })),
        ),
        (
            "plan_revision",
            event(Observation::PlanRevision(PlanRevision {
                session: SessionKey::new("2022-02-11").unwrap(),
                start: at(1_644_562_800_000),
                end: at(1_644_580_800_000),
                specialty: Some(label("Orthopaedics")),
                team: None,
                kind: ListKind::Elective,
                room_kind: Some(RoomKind::Theatre),
                cases: Some(5),
                issued: Some(at(1_643_000_000_000)),
                withdrawn: true,
            })),
        ),
        ("alive", event(Observation::Alive(Alive {}))),
        (
            "events_lost",
            event(Observation::EventsLost(EventsLost {
                count: 12,
                from: at(1_644_585_000_000),
                to: at(1_644_585_100_000),
                kinds: [SourceKind::SignalLevel].into_iter().collect(),
                exact: true,
            })),
        ),
        (
            "agent_started",
            Event {
                room: None,
                site: Some(SiteId::new("main").unwrap()),
                clock: ClockQuality::Synchronised,
                ..event(Observation::AgentStarted(AgentStarted {
                    previous: Some(PreviousStream { stream: StreamId(1), last: Seq(41) }),
                    boot: BootId(0xfeed),
                    version: label("0.1.0"),
                }))
            },
        ),
    ]
}

#[test]
fn golden_files_hold_the_wire_form() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = String::new();
    for (name, event) in examples() {
        let text = check_round_trip(&event);
        let file = folder.join(format!("{name}.json"));
        if std::env::var_os("TOUCHTIME_WRITE_GOLDEN").is_some() {
            std::fs::write(&file, format!("{text}\n")).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        if golden.trim_end() != text {
            let _ = writeln!(wrong, "{}:\n  file {}\n  code {text}", file.display(), golden.trim_end());
        }
        assert_eq!(decode(golden.trim_end().as_bytes()), Ok(event), "{name}");
    }
    assert!(wrong.is_empty(), "the wire form changed (TOUCHTIME_WRITE_GOLDEN=1 rewrites the files):\n{wrong}");
}

#[test]
fn every_kind_has_a_golden_file() {
    let kinds: std::collections::BTreeSet<_> = examples().iter().map(|(_, event)| event.obs.kind()).collect();
    assert_eq!(kinds.len(), 13);
}

#[test]
fn unknown_fields_are_ignored() {
    let text = check_round_trip(&examples()[0].1);
    let newer =
        text.replacen('{', r#"{"new":{"a":[1,"x",{"y":null}]},"#, 1).replace(r#""name":"#, r#""extra":1,"name":"#);
    assert_eq!(decode(newer.as_bytes()), Ok(examples()[0].1.clone()));
}

#[test]
fn a_future_version_is_told_apart_from_rubbish() {
    for (text, expected) in [
        (r#"{"v":2,"what":"ever"}"#, "FutureVersion { v: 2 }"),
        (r#"{"what":"ever","v":3}"#, "FutureVersion { v: 3 }"),
        (r#"{"v":1,"what":"ever"}"#, "Malformed"),
        ("", "Malformed"),
        ("\u{feff}{}", "Malformed"),
    ] {
        let error = format!("{:?}", decode(text.as_bytes()).unwrap_err());
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    assert_eq!(decode(&[b' '; MAX_EVENT_BYTES + 1]), Err(DecodeError::TooLong { bytes: MAX_EVENT_BYTES + 1 }));
}

#[test]
fn a_wrong_id_inside_an_event_is_refused() {
    let text = check_round_trip(&examples()[0].1).replace("suite-2", "Suite 2");
    assert!(matches!(decode(text.as_bytes()), Err(DecodeError::Malformed(_))));
}

#[test]
fn the_largest_event_of_each_kind_fits() {
    let id = "z".repeat(32);
    let widest = label(&"ü".repeat(16));
    let case = Token { key: 255, digest: u128::MAX };
    let far = UtcMillis::MIN;
    let largest = [
        Observation::Milestone(MilestoneReached { case, name: Milestone::ReadyToLeaveRecovery, out_of_order: true }),
        Observation::Correction(Correction {
            case,
            name: Milestone::ReadyToLeaveRecovery,
            to: Some(far),
            author: Some(widest.clone()),
            reason: Some(widest.clone()),
        }),
        Observation::Cancellation(Cancellation {
            case,
            class: Some(CancellationClass::HospitalNonClinical),
            reason: Some(widest.clone()),
        }),
        Observation::Booking(Booking {
            case,
            start: Some(far),
            minutes: Some(u16::MAX),
            session: Some(SessionKey::new(&id).unwrap()),
            specialty: Some(widest.clone()),
            procedure: Some(widest.clone()),
            admission: Some(ListKind::Emergency),
            class: Some(PatientClass::Outpatient),
            issued: Some(far),
        }),
        Observation::PerformedStep(PerformedStep {
            step: case,
            state: StepState::Discontinued,
            start: far,
            end: Some(far),
            accessions: [case; 4].into_iter().collect(),
            visit: Some(case),
            patient: Some(case),
            protocol: Some(widest.clone()),
            reason: Some(u32::MAX),
        }),
        Observation::Acquisition(Acquisition {
            exam: case,
            series: Some(case),
            step: Some(case),
            first: far,
            last: far,
            visit: Some(case),
            patient: Some(case),
            protocol: Some(widest.clone()),
        }),
        Observation::ExamStage(ExamReached {
            exam: case,
            stage: ExamStage::Withdrawn,
            modality: Some(RoomKind::Endoscopy),
            urgency: Some(Urgency::Routine),
        }),
        Observation::SignalLevel(SignalLevel { signal: SourceId::new(&id).unwrap(), level: Level::Inactive }),
        Observation::PlanRevision(PlanRevision {
            session: SessionKey::new(&id).unwrap(),
            start: far,
            end: far,
            specialty: Some(widest.clone()),
            team: Some(widest.clone()),
            kind: ListKind::Emergency,
            room_kind: Some(RoomKind::Endoscopy),
            cases: Some(u16::MAX),
            issued: Some(far),
            withdrawn: true,
        }),
        Observation::Remark(Remark {
            session: SessionKey::new(&id).unwrap(),
            start: far,
            about: RemarkAbout::Cancellation,
            case: Some(case),
            reason: Some(widest.clone()),
            author: Some(widest.clone()),
        }),
        Observation::EventsLost(EventsLost {
            count: u64::MAX,
            from: far,
            to: far,
            kinds: SourceKind::ALL.iter().copied().collect(),
            exact: false,
        }),
        Observation::AgentStarted(AgentStarted {
            previous: Some(PreviousStream { stream: StreamId(u128::MAX), last: Seq(u64::MAX) }),
            boot: BootId(u128::MAX),
            version: widest,
        }),
    ];
    for obs in largest {
        let event = Event {
            mono: u64::MAX,
            order: u64::MAX,
            at: far,
            captured: far,
            source: SourceId::new(&id).unwrap(),
            site: Some(SiteId::new(&id).unwrap()),
            room: Some(RoomId::new(&id).unwrap()),
            clock: ClockQuality::Synchronised,
            ..event(obs)
        };
        check_round_trip(&event);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = || "[a-z0-9-]{1,32}";
    let instant = (UtcMillis::MIN.millis()..=UtcMillis::MAX.millis()).prop_map(at);
    let text = "[^\\p{Cc}\"\\\\]{1,12}".prop_filter_map("fits", |t| Label::new(&t).ok());
    let tokens = (any::<u8>(), any::<u128>()).prop_map(|(key, digest)| Token { key, digest });
    let milestone = proptest::sample::select(Milestone::ALL);
    let observation = prop_oneof![
        (tokens.clone(), milestone.clone(), any::<bool>()).prop_map(|(case, name, out_of_order)| {
            Observation::Milestone(MilestoneReached { case, name, out_of_order })
        }),
        (tokens.clone(), milestone, proptest::option::of(instant.clone()), proptest::option::of(text.clone()))
            .prop_map(|(case, name, to, author)| Observation::Correction(Correction {
                case,
                name,
                to,
                reason: author.clone(),
                author
            })),
        (
            tokens.clone(),
            proptest::option::of(proptest::sample::select(CancellationClass::ALL)),
            proptest::option::of(text.clone())
        )
            .prop_map(|(case, class, reason)| Observation::Cancellation(Cancellation { case, class, reason })),
        (
            tokens.clone(),
            proptest::option::of(instant.clone()),
            any::<Option<u16>>(),
            proptest::option::of(id().prop_map(|t| SessionKey::new(&t).unwrap())),
            proptest::option::of(text.clone()),
            proptest::option::of(proptest::sample::select(ListKind::ALL)),
            proptest::option::of(proptest::sample::select(PatientClass::ALL))
        )
            .prop_map(|(case, start, minutes, session, specialty, admission, class)| Observation::Booking(
                Booking {
                    case,
                    start,
                    minutes,
                    session,
                    procedure: specialty.clone(),
                    specialty,
                    admission,
                    class,
                    issued: start,
                }
            )),
        (
            id().prop_map(|t| SessionKey::new(&t).unwrap()),
            instant.clone(),
            proptest::sample::select(RemarkAbout::ALL),
            proptest::option::of(tokens.clone()),
            proptest::option::of(text.clone())
        )
            .prop_map(|(session, start, about, case, reason)| Observation::Remark(Remark {
                session,
                start,
                about,
                case,
                author: reason.clone(),
                reason,
            })),
        (
            id().prop_map(|t| SessionKey::new(&t).unwrap()),
            instant.clone(),
            instant.clone(),
            proptest::option::of(text),
            proptest::sample::select(ListKind::ALL),
            proptest::option::of(proptest::sample::select(RoomKind::ALL)),
            any::<bool>()
        )
            .prop_map(|(session, start, end, team, kind, room_kind, withdrawn)| Observation::PlanRevision(
                PlanRevision {
                    session,
                    start,
                    end,
                    specialty: team.clone(),
                    team,
                    kind,
                    room_kind,
                    cases: None,
                    issued: None,
                    withdrawn,
                }
            )),
        (tokens, proptest::sample::select(StepState::ALL), instant.clone(), any::<Option<u32>>()).prop_map(
            |(step, state, start, reason)| Observation::PerformedStep(PerformedStep {
                step,
                state,
                start,
                end: None,
                accessions: [step].into_iter().collect(),
                visit: Some(step),
                patient: None,
                protocol: None,
                reason,
            })
        ),
        ((any::<u8>(), any::<u128>()), instant.clone(), instant.clone(), any::<bool>()).prop_map(
            |((key, digest), first, last, known)| {
                let exam = Token { key, digest };
                Observation::Acquisition(Acquisition {
                    exam,
                    series: known.then_some(exam),
                    step: None,
                    first,
                    last,
                    visit: None,
                    patient: known.then_some(exam),
                    protocol: None,
                })
            }
        ),
        (
            (any::<u8>(), any::<u128>()),
            proptest::sample::select(ExamStage::ALL),
            proptest::option::of(proptest::sample::select(RoomKind::ALL)),
            proptest::option::of(proptest::sample::select(Urgency::ALL))
        )
            .prop_map(|((key, digest), stage, modality, urgency)| Observation::ExamStage(ExamReached {
                exam: Token { key, digest },
                stage,
                modality,
                urgency
            })),
        (id(), proptest::sample::select(Level::ALL)).prop_map(|(signal, level)| Observation::SignalLevel(
            SignalLevel { signal: SourceId::new(&signal).unwrap(), level }
        )),
        Just(Observation::Alive(Alive {})),
    ];
    (
        observation,
        instant.clone(),
        instant,
        any::<(u64, u64)>(),
        id(),
        proptest::option::of(id()),
        proptest::option::of(id()),
        proptest::sample::select(vec![
            ClockQuality::Synchronised,
            ClockQuality::Holdover,
            ClockQuality::Unset,
            ClockQuality::External,
        ]),
    )
        .prop_map(|(obs, at, captured, (mono, order), source, site, room, clock)| Event {
            v: 1,
            at,
            captured,
            mono,
            clock,
            source: SourceId::new(&source).unwrap(),
            order,
            site: site.map(|t| SiteId::new(&t).unwrap()),
            room: room.map(|t| RoomId::new(&t).unwrap()),
            obs,
        })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(event in any_event()) {
        let text = check_round_trip(&event);
        // Any other JSON reader sees the same document.
        let mut buffer = [0; MAX_EVENT_BYTES];
        let again = encode(&decode(text.as_bytes()).unwrap(), &mut buffer).unwrap();
        prop_assert_eq!(again, text.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..800)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_event_is_refused_or_decodes_to_something_valid(event in any_event(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = check_round_trip(&event).into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Ok(event) = decode(&bytes) {
            check_round_trip(&event);
        }
    }
}
