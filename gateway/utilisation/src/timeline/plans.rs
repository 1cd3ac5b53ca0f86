//! The revisions of a plan: which there were, and in which order their source issued them.

use room_events::{Label, ListKind, UtcMillis};

use super::record::{Precedence, Word};
use crate::facts::Plan;

/// All that was said of one session's plan.
pub(super) type PlanWords = Vec<Word<PlanSaid>>;

/// What one record says of a plan: a [`Plan`] with an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PlanSaid {
    pub(super) issued: Option<UtcMillis>,
    pub(super) start: UtcMillis,
    pub(super) end: UtcMillis,
    pub(super) specialty: Option<Label>,
    pub(super) team: Option<Label>,
    pub(super) kind: ListKind,
    pub(super) cases: Option<u16>,
    pub(super) withdrawn: bool,
}

impl PlanSaid {
    pub(super) fn plan(&self) -> Plan {
        Plan {
            start: self.start,
            end: self.end,
            specialty: self.specialty.clone(),
            team: self.team.clone(),
            kind: self.kind,
            cases: self.cases,
            issued: self.issued,
            withdrawn: self.withdrawn,
        }
    }
}

/// The revisions of a plan, and for each word in order the revision that it became.
pub(super) struct Revisions<'w> {
    pub(super) plans: Vec<&'w PlanSaid>,
    pub(super) words: Vec<(&'w Word<PlanSaid>, usize)>,
}

/// Orders plans by issue time, those without one first, then as records rank.
///
/// Within one issue time a repeated plan is the revision that it was before; but the last word stays last, so that a
/// plan that was changed and changed back is known both by what it was first and by what it is now.
pub(super) fn revisions<'w>(words: &'w [Word<PlanSaid>], precedence: &Precedence) -> Revisions<'w> {
    let mut ordered: Vec<&Word<PlanSaid>> = words.iter().collect();
    ordered.sort_by(|a, b| a.said.issued.cmp(&b.said.issued).then_with(|| precedence.rank_words(a, b)));

    let mut out = Revisions { plans: Vec::new(), words: Vec::with_capacity(ordered.len()) };
    for group in ordered.chunk_by(|a, b| a.said.issued == b.said.issued) {
        let first = out.plans.len();
        for (n, word) in group.iter().enumerate() {
            let known = out.plans[first..].iter().position(|plan| **plan == word.said).map(|at| first + at);
            let is_final = n + 1 == group.len();
            let revision = match known {
                Some(at) if !is_final || at + 1 == out.plans.len() => at,
                Some(_) | None => {
                    out.plans.push(&word.said);
                    out.plans.len() - 1
                }
            };
            out.words.push((word, revision));
        }
    }
    out
}
