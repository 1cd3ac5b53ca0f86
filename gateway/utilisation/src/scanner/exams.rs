//! Steps with their session, state and end; and the exams that they make.

use std::collections::BTreeMap;

use room_events::{StepState, Token, UtcMillis};

use super::Conditions;
use super::result::{ExamState, StepExclusion, StepResult};
use super::rules::WRONG_WORKLIST_ENTRY;
use crate::facts::{Acquired, Step};
use crate::quantity::Minutes;

/// A step with what follows from its neighbours and its session.
pub(super) struct Placed<'f> {
    pub step: &'f Step,
    pub session: Option<usize>,
    pub state: ExamState,
    /// Known, or inferred from the last image.
    pub end: Option<UtcMillis>,
    /// The latest instant at which it can have ended.
    pub ends_by: UtcMillis,
    /// From its first to its last acquisition, where that can be believed.
    pub acquired: Option<Acquired>,
    last_image: Option<UtcMillis>,
    /// Its stamps cannot be believed.
    pub rejected: bool,
    pub excluded: Option<StepExclusion>,
}

impl Placed<'_> {
    /// Its exams: its accessions, or itself.
    pub(super) fn exam_ids(&self) -> Vec<Token> {
        if self.step.accessions.is_empty() { vec![self.step.id] } else { self.step.accessions.clone() }
    }

    pub(super) fn counts(&self) -> bool {
        self.excluded.is_none()
    }

    pub(super) fn result(&self, changeover_before: Option<Minutes>) -> StepResult {
        StepResult {
            id: self.step.id,
            state: self.state,
            start: self.step.start,
            end: self.end,
            ends_by: self.ends_by,
            changeover_before,
            acquired: self.acquired,
            exams: self.exam_ids(),
            protocol: self.step.protocol.clone(),
            reason: self.step.reason,
            excluded: self.excluded,
        }
    }
}

/// The steps of a room by start, and when each session closes.
pub(super) struct PlacedSteps<'f> {
    pub placed: Vec<Placed<'f>>,
    pub closes: Vec<UtcMillis>,
}

/// Places the steps that have begun by `now`.
pub(super) fn place<'f>(
    steps: &'f [Step],
    windows: &[(UtcMillis, UtcMillis)],
    session_of: impl Fn(UtcMillis) -> Option<usize>,
    under: Conditions<'_>,
    now: UtcMillis,
) -> PlacedSteps<'f> {
    let mut placed: Vec<Placed<'f>> =
        steps.iter().filter(|step| step.start <= now).map(|step| known(step, session_of(step.start), under)).collect();
    placed.sort_by_key(|p| (p.step.start, p.step.end.is_none(), p.step.end, p.step.id));

    // The start of the next step that counts, strictly later: two steps begun at once do not end each other.
    let starts: Vec<UtcMillis> = placed.iter().filter(|p| p.counts()).map(|p| p.step.start).collect();
    let next_start = |at: UtcMillis| starts.get(starts.partition_point(|start| *start <= at)).copied();
    for step in &mut placed {
        let Some(image) = step.last_image else { continue };
        let is_over =
            now.millis_since(image) >= under.scanner.no_image_for.millis() && next_start(step.step.start).is_some();
        if step.state == ExamState::Provisional && is_over {
            step.infer(image);
        }
    }

    let closes: Vec<UtcMillis> =
        windows.iter().enumerate().map(|(index, &(_, end))| closing(index, end, &placed, under)).collect();
    for step in &mut placed {
        let session = step.session.and_then(|index| Some((windows.get(index)?.1, *closes.get(index)?)));
        let closed = session.is_some_and(|(_, closes)| now >= closes);
        if let (ExamState::Provisional, true, Some(image)) = (step.state, closed, step.last_image) {
            step.infer(image);
        }
        step.ends_by = step.end.unwrap_or_else(|| {
            let limit = match session {
                Some((planned_end, _)) if closed => planned_end.max(step.step.start),
                Some(_) | None => now,
            };
            next_start(step.step.start).map_or(limit, |next| next.min(now))
        });
    }
    PlacedSteps { placed, closes }
}

fn known<'f>(step: &'f Step, session: Option<usize>, under: Conditions<'_>) -> Placed<'f> {
    let can_be =
        |from: UtcMillis, to: UtcMillis| (0..=under.scanner.longest_step.millis()).contains(&to.millis_since(from));
    let believed = step.end.filter(|end| can_be(step.start, *end));
    let last_image = step.last_image.filter(|image| can_be(step.start, *image));
    // An image from before the start tells of a late message, not of another step.
    let acquired = step.acquired.filter(|acquired| can_be(acquired.first.min(step.start), acquired.last));
    let state = match step.state {
        StepState::InProgress => ExamState::Provisional,
        StepState::Completed if step.inferred => ExamState::Inferred,
        StepState::Completed => ExamState::Completed,
        StepState::Discontinued => ExamState::Discontinued,
    };
    let wrong = state == ExamState::Discontinued && step.reason == Some(WRONG_WORKLIST_ENTRY);
    Placed {
        step,
        session,
        state,
        end: believed,
        ends_by: step.start,
        acquired,
        last_image,
        rejected: (step.end.is_some() && believed.is_none()) || (step.acquired.is_some() && acquired.is_none()),
        excluded: if wrong {
            Some(StepExclusion::WrongWorklistEntry)
        } else {
            under.scanner.is_phantom(step).then_some(StepExclusion::Phantom)
        },
    }
}

impl Placed<'_> {
    fn infer(&mut self, image: UtcMillis) {
        self.state = ExamState::Inferred;
        self.end = Some(image);
    }
}

fn closing(index: usize, planned_end: UtcMillis, placed: &[Placed<'_>], under: Conditions<'_>) -> UtcMillis {
    let mut latest = planned_end.plus_millis(under.rules.closes_after.millis());
    let mut at = planned_end;
    for step in placed.iter().filter(|step| step.counts()) {
        if step.session == Some(index) {
            // Without an end it may still go on; the limits below end it.
            at = at.max(step.end.unwrap_or(UtcMillis::MAX));
        } else if step.session.is_some_and(|other| other > index) && step.step.start >= planned_end {
            latest = latest.min(step.step.start);
        }
    }
    let last_start = placed.iter().filter(|s| s.session == Some(index) && s.counts()).map(|s| s.step.start).max();
    at.min(latest).max(last_start.unwrap_or(planned_end))
}

/// One exam of a room.
pub(super) struct Exam<'p, 'f> {
    pub id: Token,
    pub state: ExamState,
    pub at: UtcMillis,
    /// The session of the step that it counts with.
    pub session: Option<usize>,
    /// That step.
    pub counts_with: &'p Placed<'f>,
    pub steps: Vec<Token>,
}

/// The exams of a room's steps, by the instant at which they count.
pub(super) fn exams<'p, 'f>(placed: &'p [Placed<'f>]) -> Vec<Exam<'p, 'f>> {
    let mut by_id: BTreeMap<Token, Vec<&'p Placed<'f>>> = BTreeMap::new();
    for step in placed.iter().filter(|step| step.counts()) {
        for id in step.exam_ids() {
            by_id.entry(id).or_default().push(step);
        }
    }
    let mut exams: Vec<Exam<'p, 'f>> = by_id
        .into_iter()
        .filter_map(|(id, steps)| {
            let state = steps.iter().map(|step| step.state).max()?;
            let best = steps.iter().filter(|step| step.state == state);
            let counts_with = *best.min_by_key(|step| (at(step), step.step.start, step.step.id))?;
            let (at, session) = (at(counts_with), counts_with.session);
            Some(Exam { id, state, at, session, counts_with, steps: steps.iter().map(|step| step.step.id).collect() })
        })
        .collect();
    exams.sort_by_key(|exam| (exam.at, exam.id));
    exams
}

fn at(step: &Placed<'_>) -> UtcMillis {
    match step.state {
        ExamState::Provisional => step.step.start,
        ExamState::Completed | ExamState::Inferred | ExamState::Discontinued => step.end.unwrap_or(step.ends_by),
    }
}
