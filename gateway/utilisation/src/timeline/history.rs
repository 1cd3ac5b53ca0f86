//! Everything that was said about one case or one plan, for `explain` and the audit page.
//!
//! The facts hold the last word only; whoever wants to know why a list begins at 08:41 needs the words that lost, who
//! said them and what superseded them.

use room_events::topic::AgentAddress;
use room_events::{EventId, Milestone, SessionKey, SourceId, Token, UtcMillis};

use super::plans::revisions;
use super::record::{Precedence, Word, last_word};
use super::said::{Booked, StampSaid, Statement};
use super::{RoomTimeline, last_stamps};
use crate::facts::Plan;

/// What was said about one case in this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseHistory {
    /// The case.
    pub case: Token,
    /// Its stamps by milestone in usual order; of one milestone the word that counts is the last.
    pub stamps: Vec<StampRecord>,
    /// Its bookings, those of other rooms included; the one that counts is the last.
    pub bookings: Vec<BookingRecord>,
}

/// One record of a milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampRecord {
    /// Which milestone.
    pub milestone: Milestone,
    /// What it says.
    pub statement: Statement,
    /// The feed.
    pub source: SourceId,
    /// Its place in the feed's own order.
    pub order: u64,
    /// The agent that reported it.
    pub agent: AgentAddress,
    /// The event's time: of the milestone, or of the making of a correction.
    pub at: UtcMillis,
    /// When the agent recorded it.
    pub captured: UtcMillis,
    /// The event.
    pub id: EventId,
    /// It is the word that counts; for a withdrawal, the milestone is absent because of it.
    pub used: bool,
    /// The event that counts in its place.
    pub superseded_by: Option<EventId>,
}

impl StampRecord {
    /// The instant that it gives the milestone; absent for a withdrawal.
    pub fn instant(&self) -> Option<UtcMillis> {
        match &self.statement {
            Statement::Reached | Statement::Cancelled { .. } => Some(self.at),
            Statement::Corrected { to, .. } => *to,
        }
    }
}

/// One record of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRecord {
    /// What it says.
    pub booked: Booked,
    /// The feed.
    pub source: SourceId,
    /// The agent that reported it.
    pub agent: AgentAddress,
    /// The event's time.
    pub at: UtcMillis,
    /// When the agent recorded it.
    pub captured: UtcMillis,
    /// The event.
    pub id: EventId,
    /// It is the word that counts.
    pub used: bool,
    /// The event that counts in its place.
    pub superseded_by: Option<EventId>,
}

/// What was said about one planned session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanHistory {
    /// The session's name within its room.
    pub session: SessionKey,
    /// In the order of the revisions.
    pub records: Vec<PlanRecord>,
}

/// One record of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// What it says.
    pub plan: Plan,
    /// Its place among the session's revisions in the facts; records that say the same share one.
    pub revision: usize,
    /// The feed.
    pub source: SourceId,
    /// The agent that reported it.
    pub agent: AgentAddress,
    /// The event's time.
    pub at: UtcMillis,
    /// When the agent recorded it.
    pub captured: UtcMillis,
    /// The event.
    pub id: EventId,
}

impl RoomTimeline {
    /// What was said about a case; empty for one that the room never heard of.
    pub fn history(&self, case: Token, precedence: &Precedence) -> CaseHistory {
        let Some(words) = self.cases.get(&case) else {
            return CaseHistory { case, stamps: Vec::new(), bookings: Vec::new() };
        };
        let mut last = [None; Milestone::ALL.len()];
        for (milestone, word) in last_stamps(&words.stamps, precedence) {
            last[milestone as usize] = Some(word);
        }
        let mut stamps: Vec<&Word<StampSaid>> = words.stamps.iter().collect();
        stamps.sort_by(|a, b| a.said.0.cmp(&b.said.0).then_with(|| precedence.rank_words(a, b)));
        let mut bookings: Vec<&Word<Booked>> = words.bookings.iter().collect();
        bookings.sort_by(|a, b| precedence.rank_words(a, b));
        let booked = last_word(words.bookings.iter(), precedence);

        CaseHistory {
            case,
            stamps: stamps.into_iter().map(|word| stamp_record(word, last[word.said.0 as usize])).collect(),
            bookings: bookings.into_iter().map(|word| booking_record(word, booked)).collect(),
        }
    }

    /// What was said about a planned session; empty for one that the room never heard of.
    pub fn plan_history(&self, session: &SessionKey, precedence: &Precedence) -> PlanHistory {
        let words = self.plans.get(session).map_or(&[][..], Vec::as_slice);
        let records = revisions(words, precedence).words.into_iter().map(|(word, revision)| PlanRecord {
            plan: word.said.plan(),
            revision,
            source: word.source.clone(),
            agent: word.agent.clone(),
            at: word.at,
            captured: word.captured,
            id: word.id,
        });
        PlanHistory { session: session.clone(), records: records.collect() }
    }
}

fn stamp_record(word: &Word<StampSaid>, counts: Option<&Word<StampSaid>>) -> StampRecord {
    let (used, superseded_by) = standing(word, counts);
    StampRecord {
        milestone: word.said.0,
        statement: word.said.1.clone(),
        source: word.source.clone(),
        order: word.order,
        agent: word.agent.clone(),
        at: word.at,
        captured: word.captured,
        id: word.id,
        used,
        superseded_by,
    }
}

fn booking_record(word: &Word<Booked>, counts: Option<&Word<Booked>>) -> BookingRecord {
    let (used, superseded_by) = standing(word, counts);
    BookingRecord {
        booked: word.said.clone(),
        source: word.source.clone(),
        agent: word.agent.clone(),
        at: word.at,
        captured: word.captured,
        id: word.id,
        used,
        superseded_by,
    }
}

fn standing<T: PartialEq>(word: &Word<T>, counts: Option<&Word<T>>) -> (bool, Option<EventId>) {
    match counts {
        Some(last) if last == word => (true, None),
        Some(last) => (false, Some(last.id)),
        None => (false, None),
    }
}
