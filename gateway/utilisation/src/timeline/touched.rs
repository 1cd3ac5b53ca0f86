//! Which sessions a record can change, so that only those are measured again.
//!
//! The timeline never forgets, so a case's *present* records name every place where it stood before the latest one as
//! well: the stretch of time over all of them, widened by how far the rules let one session look at another, meets the
//! planned window of every session that can have changed. It may meet more; measuring a session again does no harm.
//!
//! Not covered: `extra_cases_possible`, whose typical times look back over 90 days and are fixed when a session closes.

use room_events::{Observation, RoomId, SessionKey, SiteId, Token, TrustId, UtcMillis};

use super::plans::PlanWords;
use super::record::Record;
use super::said::instant;
use super::{CaseWords, RoomTimeline};
use crate::quantity::Minutes;
use crate::rules::RuleSet;

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A case.
    Case(Token),
    /// A planned session.
    Session(SessionKey),
}

/// The room and the thing in it that a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touched {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// Case or session.
    pub subject: Subject,
}

/// What a record is about; absent where it changes no theatre session. A booking touches its case in every other room
/// that has it, too: the caller knows which ([`RoomTimeline::insert`]).
pub fn touched(record: &Record) -> Option<Touched> {
    let subject = if let Observation::PlanRevision(plan) = &record.event.obs {
        Subject::Session(plan.session.clone())
    } else {
        Subject::Case(record.event.obs.case()?)
    };
    let (site, room) = record.room()?;
    Some(Touched { trust: record.agent.trust.clone(), site: site.clone(), room: room.clone(), subject })
}

/// A stretch of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: UtcMillis,
    /// Its last instant.
    pub to: UtcMillis,
}

impl Span {
    /// Whether a window from `start` to `end` has an instant in common with it.
    pub fn meets(&self, start: UtcMillis, end: UtcMillis) -> bool {
        start <= self.to && self.from <= end
    }

    fn joined(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    fn widened(self, by: Minutes) -> Self {
        Self { from: self.from.plus_millis(-by.millis()), to: self.to.plus_millis(by.millis()) }
    }
}

fn join(span: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (span, other) {
        (Some(a), Some(b)) => Some(a.joined(b)),
        (a, b) => a.or(b),
    }
}

impl RoomTimeline {
    /// The sessions that `subject` can have changed: all whose planned window, in any revision, meets the span. To be
    /// asked after the record is inserted. Absent when the subject has no instant in this room.
    pub fn reach(&self, subject: &Subject, rules: &RuleSet) -> Option<Span> {
        // A case may belong so far from a plan, and a session stays open for so long after it.
        let margin = rules.belongs_within + rules.closes_after;
        let own = match subject {
            Subject::Case(case) => self.case_span(self.cases.get(case)?),
            Subject::Session(key) => plan_span(self.plans.get(key)?),
        }?;
        // A session that gains or loses its only case decides which list is the next for the one before it, and a plan
        // that moves may gain or lose cases: so every case near it lends its own span.
        let near = own.widened(margin);
        let spans = self.cases.values().filter_map(|words| self.case_span(words));
        let span = spans.filter(|span| near.meets(span.from, span.to)).fold(own, Span::joined);
        Some(span.widened(margin))
    }

    /// Over all instants at which the case ever stood in this room, and the plans of the sessions that it ever named.
    fn case_span(&self, words: &CaseWords) -> Option<Span> {
        let point = |at: Option<UtcMillis>| at.map(|at| Span { from: at, to: at });
        let stamps = words.stamps.iter().map(|word| point(instant(word)));
        let here = || words.bookings.iter().map(|word| &word.said).filter(|booked| self.is_here(booked));
        let booked = here().map(|booked| point(booked.start));
        let named = here().filter_map(|booked| booked.session.as_ref()).map(|key| plan_span(self.plans.get(key)?));
        stamps.chain(booked).chain(named).fold(None, join)
    }
}

fn plan_span(words: &PlanWords) -> Option<Span> {
    words
        .iter()
        .map(|word| Span { from: word.said.start.min(word.said.end), to: word.said.start.max(word.said.end) })
        .reduce(Span::joined)
}
