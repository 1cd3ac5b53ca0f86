//! [`RoomTimeline`]: everything that was ever said about one room, and the [`RoomFacts`] that follow from it.
//!
//! Feeds repeat themselves, contradict each other, correct what they said, and arrive in any order. So the timeline is a
//! set: inserting a record twice, or late, changes nothing, and which word counts is decided when the facts are asked
//! for, from the records alone ([`record`] says how). Nothing is forgotten: a corrected value stays in the [`history`]
//! beside the record that superseded it. [`mod@touched`] tells which sessions a record can change.
//!
//! What the facts amount to is left to the measures. Signals give cases and steps only in a room that has rules for that
//! ([`mod@signals`]).

mod acquisitions;
mod exam_ways;
pub mod history;
mod plans;
pub mod record;
mod remarks;
mod said;
mod signals;
mod steps;
pub mod touched;

use std::collections::{BTreeMap, BTreeSet};

use room_events::{Booking, Milestone, Observation, PlanRevision, SessionKey, SourceId, Token, UtcMillis};

use crate::facts::{Cancelled, Case, Room, RoomFacts, ScannerFacts, SessionPlan, Step};
use crate::occupancy::OccupancyRules;

pub use exam_ways::{ExamWay, exam_ways};
pub use history::{BookingRecord, CaseHistory, PlanHistory, PlanRecord, StampRecord};
pub use record::{Precedence, Record};
pub use remarks::RemarkRecord;
pub use said::{Booked, Statement};
pub use touched::{Span, Subject, Touched, touched};

use acquisitions::AcquisitionSaid;
use plans::{PlanSaid, PlanWords, revisions};
use record::{Word, last_word};
use remarks::RemarkSaid;
use said::{StampSaid, instant};
use signals::SignalSaid;
use steps::StepSaid;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CaseWords {
    stamps: Vec<Word<StampSaid>>,
    bookings: Vec<Word<Booked>>,
    /// Milestones that were reported out of their order, and when they were reached.
    out_of_order: BTreeSet<(Milestone, UtcMillis)>,
}

/// All records of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomTimeline {
    room: Room,
    cases: BTreeMap<Token, CaseWords>,
    plans: BTreeMap<SessionKey, PlanWords>,
    steps: BTreeMap<Token, Vec<Word<StepSaid>>>,
    /// By exam.
    acquisitions: BTreeMap<Token, Vec<Word<AcquisitionSaid>>>,
    alive: BTreeSet<UtcMillis>,
    signals: BTreeMap<SourceId, Vec<SignalSaid>>,
    occupancy: Option<OccupancyRules>,
    remarks: BTreeMap<SessionKey, Vec<Word<RemarkSaid>>>,
}

impl RoomTimeline {
    /// A room of which nothing is known yet.
    pub fn new(room: Room) -> Self {
        Self {
            room,
            cases: BTreeMap::new(),
            plans: BTreeMap::new(),
            steps: BTreeMap::new(),
            acquisitions: BTreeMap::new(),
            alive: BTreeSet::new(),
            signals: BTreeMap::new(),
            occupancy: None,
            remarks: BTreeMap::new(),
        }
    }

    /// Infers from its signals when the room was occupied, by these rules: for a room of which nobody else tells. To be
    /// said before records are inserted: without rules a door's thousands of levels are not kept.
    #[must_use]
    pub fn inferring(self, occupancy: Option<OccupancyRules>) -> Self {
        Self { occupancy, ..self }
    }

    /// Whether its facts rest on signs of life: silence of a scanner, or of signals, is unknown.
    pub fn wants_signs_of_life(&self) -> bool {
        self.occupancy.is_some() || !self.room.kind.is_theatre_like()
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Adds a record, if it is news; returns whether it was.
    ///
    /// Takes the room's own milestones, corrections, cancellations, bookings, plan revisions, performed steps,
    /// acquisitions, signals and signs of life, and the bookings of the trust's other rooms: without those a case that was moved away would stay on this room's list. It is enough to
    /// give it the bookings of cases that have a booking here. Every other record is passed over.
    pub fn insert(&mut self, record: &Record) -> bool {
        if record.agent.trust != self.room.trust {
            return false;
        }
        let own = record.room().is_some_and(|(site, room)| *site == self.room.site && *room == self.room.room);
        match &record.event.obs {
            Observation::Milestone(said) if own => {
                if said.out_of_order {
                    let words = self.cases.entry(said.case).or_default();
                    words.out_of_order.insert((said.name, record.event.at));
                }
                self.insert_stamp(record, said.case, said.name, Statement::Reached)
            }
            Observation::Correction(said) if own => {
                let (author, reason) = (said.author.clone(), said.reason.clone());
                self.insert_stamp(record, said.case, said.name, Statement::Corrected { to: said.to, author, reason })
            }
            Observation::Cancellation(said) if own => {
                let statement = Statement::Cancelled { class: said.class, reason: said.reason.clone() };
                self.insert_stamp(record, said.case, Milestone::Cancelled, statement)
            }
            Observation::Booking(said) => self.insert_booking(record, said),
            Observation::PlanRevision(said) if own => self.insert_plan(record, said),
            Observation::Remark(said) if own => remarks::insert(&mut self.remarks, record, said),
            Observation::PerformedStep(said) if own => {
                Word::of(record, StepSaid::of(said)).insert_into(self.steps.entry(said.step).or_default())
            }
            Observation::Acquisition(said) if own => {
                let words = self.acquisitions.entry(said.exam).or_default();
                Word::of(record, AcquisitionSaid::of(said)).insert_into(words)
            }
            Observation::Alive(_) if own => self.alive.insert(record.event.at),
            Observation::SignalLevel(said) if own && self.occupancy.is_some() => {
                SignalSaid::of(record, said.level).insert_into(self.signals.entry(said.signal.clone()).or_default())
            }
            // The rest says nothing about a case, a plan or a step of this room.
            Observation::Milestone(_)
            | Observation::Correction(_)
            | Observation::Cancellation(_)
            | Observation::PlanRevision(_)
            | Observation::PerformedStep(_)
            | Observation::Acquisition(_)
            | Observation::ExamStage(_)
            | Observation::SignalLevel(_)
            | Observation::Remark(_)
            | Observation::Alive(_)
            | Observation::EventsLost(_)
            | Observation::AgentStarted(_) => false,
        }
    }

    /// Adds signs of life whose records were read elsewhere: a store keeps too many of them to decode each.
    pub fn hear(&mut self, alive: impl IntoIterator<Item = UtcMillis>) {
        self.alive.extend(alive);
    }

    fn insert_stamp(&mut self, record: &Record, case: Token, milestone: Milestone, statement: Statement) -> bool {
        let words = self.cases.entry(case).or_default();
        Word::of(record, (milestone, statement)).insert_into(&mut words.stamps)
    }

    fn insert_booking(&mut self, record: &Record, said: &Booking) -> bool {
        let Some((site, room)) = record.room() else { return false };
        let booked = Booked {
            site: site.clone(),
            room: room.clone(),
            start: said.start,
            minutes: said.minutes,
            session: said.session.clone(),
            specialty: said.specialty.clone(),
            procedure: said.procedure.clone(),
            admission: said.admission,
            class: said.class,
            issued: said.issued,
        };
        Word::of(record, booked).insert_into(&mut self.cases.entry(said.case).or_default().bookings)
    }

    fn insert_plan(&mut self, record: &Record, said: &PlanRevision) -> bool {
        let plan = PlanSaid {
            issued: said.issued,
            start: said.start,
            end: said.end,
            specialty: said.specialty.clone(),
            team: said.team.clone(),
            kind: said.kind,
            cases: said.cases,
            withdrawn: said.withdrawn,
        };
        Word::of(record, plan).insert_into(self.plans.entry(said.session.clone()).or_default())
    }

    /// What is agreed about the room when sources rank as `precedence` says. Sessions by key, cases by token.
    pub fn facts(&self, precedence: &Precedence) -> RoomFacts {
        let sessions = self.plans.iter().map(|(key, words)| SessionPlan {
            key: key.clone(),
            revisions: revisions(words, precedence).plans.into_iter().map(PlanSaid::plan).collect(),
        });
        let cases = self.cases.iter().filter_map(|(id, words)| self.case(*id, words, precedence));
        let inferred = if self.room.kind.is_theatre_like() { self.inferred_cases() } else { Vec::new() };
        RoomFacts { sessions: sessions.collect(), cases: cases.chain(inferred).collect() }
    }

    /// What is agreed about a scanner room: the plans and bookings, its performed steps by start, those
    /// of which only images tell among them, its signs of life.
    pub fn scanner_facts(&self, precedence: &Precedence) -> ScannerFacts {
        let RoomFacts { sessions, cases } = self.facts(precedence);
        let mut steps: Vec<Step> =
            self.steps.iter().filter_map(|(id, words)| steps::agree(*id, words, precedence)).collect();
        acquisitions::add_to(&mut steps, &self.acquisitions, precedence);
        steps.extend(self.inferred_steps());
        steps.sort_by_key(|step| (step.start, step.end, step.id));
        ScannerFacts { sessions, cases, steps, alive: self.alive.iter().copied().collect() }
    }

    /// The case as this room has it; absent when all that was said of it was withdrawn or is about other rooms.
    fn case(&self, id: Token, words: &CaseWords, precedence: &Precedence) -> Option<Case> {
        let mut case = Case::new(id);
        let mut present = false;
        for (milestone, last) in last_stamps(&words.stamps, precedence) {
            let Some(at) = instant(last) else { continue };
            present = true;
            case.out_of_order |= words.out_of_order.contains(&(milestone, at));
            // Cancelled and abandoned live in their own fields only, so that no measure takes them for touch.
            match milestone {
                Milestone::Cancelled => case.cancelled = Some(cancelled(at, &words.stamps, precedence)),
                Milestone::Abandoned => case.abandoned = Some(at),
                Milestone::SentFor
                | Milestone::InReception
                | Milestone::IntoAnaestheticRoom
                | Milestone::AnaestheticStart
                | Milestone::AnaestheticReady
                | Milestone::SignIn
                | Milestone::IntoTheatre
                | Milestone::TimeOut
                | Milestone::ProcedureStart
                | Milestone::ProcedureEnd
                | Milestone::SignOut
                | Milestone::OutOfTheatre
                | Milestone::IntoRecovery
                | Milestone::ReadyToLeaveRecovery
                | Milestone::LeftRecovery => case.stamps.set(milestone, Some(at)),
            }
        }
        if let Some(last) = last_word(words.bookings.iter(), precedence) {
            let booked = &last.said;
            case.specialty.clone_from(&booked.specialty);
            case.procedure.clone_from(&booked.procedure);
            case.admission = booked.admission;
            case.class = booked.class;
            if self.is_here(booked) {
                present = true;
                case.booked_start = booked.start;
                case.booked_minutes = booked.minutes;
                case.session.clone_from(&booked.session);
            }
        }
        present.then_some(case)
    }

    fn is_here(&self, booked: &Booked) -> bool {
        booked.site == self.room.site && booked.room == self.room.room
    }
}

/// The last word on each milestone that was ever mentioned, in usual order.
fn last_stamps<'w>(
    words: &'w [Word<StampSaid>],
    precedence: &Precedence,
) -> impl Iterator<Item = (Milestone, &'w Word<StampSaid>)> {
    let mut last = [const { None::<&Word<StampSaid>> }; Milestone::ALL.len()];
    for word in words {
        let slot = &mut last[word.said.0 as usize];
        if slot.is_none_or(|earlier| precedence.rank_words(earlier, word).is_lt()) {
            *slot = Some(word);
        }
    }
    Milestone::ALL.iter().zip(last).filter_map(|(milestone, word)| word.map(|word| (*milestone, word)))
}

/// A correction of the time says nothing about class and reason: they stay those of the last cancellation.
fn cancelled(at: UtcMillis, words: &[Word<StampSaid>], precedence: &Precedence) -> Cancelled {
    let last = last_word(words.iter().filter(|word| matches!(word.said.1, Statement::Cancelled { .. })), precedence);
    match last.map(|word| &word.said.1) {
        Some(Statement::Cancelled { class, reason }) => Cancelled { at, class: *class, reason: reason.clone() },
        Some(Statement::Reached | Statement::Corrected { .. }) | None => Cancelled { at, class: None, reason: None },
    }
}
