//! The sum behind a list's figure, line by line, so that a reader with a pencil comes to the same result.
//!
//! Cases are walked in order of their start; each minute inside the plan counts once, at the first case that covers it.
//! The total is added up here again, from the cases alone, and compared with the stored figure: a page that does not
//! add up says so.

use room_events::UtcMillis;
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, CaseState, SegmentKind, SessionResult, SessionState};

/// What a line of the sum is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A stretch without a patient, or to come.
    Stretch(&'static str),
    /// Closed touch of the case of this number.
    Touch { number: usize, name: String },
    /// The case of this number covers this, but its start or end is not known.
    Unknown { number: usize, name: String, why: &'static str },
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: LineKind,
    pub(crate) from: UtcMillis,
    pub(crate) to: UtcMillis,
    /// Its whole length; absent where an end of it is not known.
    pub(crate) minutes: Option<Minutes>,
    /// Its part inside the plan.
    pub(crate) inside: Minutes,
    /// Of that, what counts: minutes that no earlier case has covered.
    pub(crate) counted: Option<Minutes>,
    /// Counted so far.
    pub(crate) running: Option<Minutes>,
}

/// The whole sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) lines: Vec<Line>,
    /// Sum of closed touch.
    pub(crate) touch: Minutes,
    /// Sum of closed touch inside the plan.
    pub(crate) inside: Minutes,
    /// Union of closed touch inside the plan.
    pub(crate) counted: Minutes,
}

impl Sum {
    /// Whether it comes to the stored figures.
    pub(crate) fn agrees_with(&self, list: &SessionResult) -> bool {
        (self.touch, self.inside, self.counted) == (list.figures.touch, list.figures.capped_sum, list.figures.capped)
    }
}

/// Adds up a list as at `now`.
pub(crate) fn add_up(list: &SessionResult, now: UtcMillis) -> Sum {
    let mut walk = Walk {
        plan: (list.planned_start, list.planned_end),
        sum: Sum { lines: Vec::new(), touch: Minutes::ZERO, inside: Minutes::ZERO, counted: Minutes::ZERO },
        reached: None,
        touch_reached: None,
    };
    for segment in list.segments.iter().take_while(|segment| segment.kind == SegmentKind::LateStart) {
        walk.stretch("late start", segment.from, segment.to, true);
    }
    let mut covered: Vec<(usize, &CaseResult, UtcMillis, UtcMillis, bool)> = list
        .cases
        .iter()
        .enumerate()
        .filter_map(|(i, case)| {
            let (from, to, known) = match case.state {
                CaseState::Complete | CaseState::Abandoned => (case.start?, case.end?, true),
                CaseState::Running => (case.start?, now.max(case.start?), true),
                CaseState::Open | CaseState::EndOnly | CaseState::Rejected => {
                    (case.cover_start.or(case.start)?, case.cover_end?, false)
                }
                CaseState::Booked | CaseState::Cancelled | CaseState::NotStarted => return None,
            };
            Some((i + 1, case, from, to, known))
        })
        .collect();
    covered.sort_by_key(|&(number, _, from, to, _)| (from, to, number));
    for (number, case, from, to, known) in covered {
        walk.gap_before(from, case.state != CaseState::EndOnly);
        walk.case(number, case, from, to, known);
    }
    let reached = walk.reached.map_or(list.planned_start, |(end, _)| end);
    for segment in list.segments.iter().filter(|segment| segment.from >= reached) {
        let name = match segment.kind {
            SegmentKind::EarlyFinish => "early finish",
            SegmentKind::ToCome => "to come",
            SegmentKind::Gap => "gap so far",
            SegmentKind::Unknown => "not known",
            SegmentKind::LateStart | SegmentKind::Occupied => continue,
        };
        walk.stretch(name, segment.from, segment.to, true);
    }
    walk.sum
}

struct Walk {
    plan: (UtcMillis, UtcMillis),
    sum: Sum,
    /// The latest end of any cover so far, and whether it is known.
    reached: Option<(UtcMillis, bool)>,
    /// The latest end of closed touch so far.
    touch_reached: Option<UtcMillis>,
}

impl Walk {
    fn inside(&self, from: UtcMillis, to: UtcMillis) -> Minutes {
        Minutes::between(from.max(self.plan.0), to.min(self.plan.1)).at_least_zero()
    }

    fn stretch(&mut self, name: &'static str, from: UtcMillis, to: UtcMillis, known: bool) {
        let inside = self.inside(from, to);
        let minutes = known.then(|| Minutes::between(from, to));
        let kind = LineKind::Stretch(name);
        self.sum.lines.push(Line { kind, from, to, minutes, inside, counted: None, running: None });
    }

    fn gap_before(&mut self, from: UtcMillis, start_known: bool) {
        if let Some((end, end_known)) = self.reached
            && from > end
        {
            let known = start_known && end_known;
            self.stretch(if known { "turnover" } else { "gap" }, end, from, known);
        }
    }

    fn case(&mut self, number: usize, case: &CaseResult, from: UtcMillis, to: UtcMillis, known: bool) {
        let name =
            case.procedure.as_ref().map_or_else(|| "Touch".to_owned(), |procedure| format!("{procedure}, touch"));
        let inside = self.inside(from, to);
        if known {
            let begin = self.touch_reached.map_or(from, |reached| reached.max(from));
            let counted = self.inside(begin, to);
            self.touch_reached = self.touch_reached.max(Some(to));
            self.sum.touch += Minutes::between(from, to);
            self.sum.inside += inside;
            self.sum.counted += counted;
            self.sum.lines.push(Line {
                kind: LineKind::Touch { number, name },
                from,
                to,
                minutes: Some(Minutes::between(from, to)),
                inside,
                counted: Some(counted),
                running: Some(self.sum.counted),
            });
        } else {
            let why = match case.state {
                CaseState::EndOnly => "no start stamp",
                CaseState::Rejected => "stamps rejected",
                CaseState::Booked
                | CaseState::Running
                | CaseState::Complete
                | CaseState::Abandoned
                | CaseState::Open
                | CaseState::Cancelled
                | CaseState::NotStarted => "no end stamp",
            };
            let kind = LineKind::Unknown { number, name, why };
            self.sum.lines.push(Line { kind, from, to, minutes: None, inside, counted: None, running: None });
        }
        let further = self.reached.is_none_or(|(end, _)| to >= end);
        if further {
            self.reached = Some((to, known));
        }
    }
}

/// One term of the planned minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) minutes: Minutes,
    pub(crate) name: &'static str,
}

/// The planned minutes, term by term: every minute of the plan is exactly one of these. Absent when nothing has started.
pub(crate) fn terms(list: &SessionResult) -> Option<Vec<Term>> {
    if list.figures.cases_started == 0 && list.segments.is_empty() {
        return None;
    }
    let figures = &list.figures;
    let of_kind = |kind: SegmentKind| -> Minutes {
        let segments = list.segments.iter().filter(|segment| segment.kind == kind);
        segments.map(|segment| Minutes::between(segment.from, segment.to)).sum()
    };
    let mut terms = if list.state == SessionState::Closed {
        vec![
            Term { minutes: figures.capped, name: "counted" },
            Term { minutes: figures.unknown, name: "not known" },
            Term { minutes: figures.late_start?, name: "late start" },
            Term { minutes: figures.gaps_in_session, name: "gaps" },
            Term { minutes: figures.early_finish?, name: "early finish" },
        ]
    } else {
        vec![
            Term { minutes: of_kind(SegmentKind::Occupied), name: "counted so far" },
            Term { minutes: of_kind(SegmentKind::Unknown), name: "not known" },
            Term { minutes: of_kind(SegmentKind::LateStart), name: "late start" },
            Term { minutes: of_kind(SegmentKind::Gap), name: "gaps" },
            Term { minutes: of_kind(SegmentKind::ToCome), name: "to come" },
        ]
    };
    // A complete list has no unknown time; the term would only distract.
    terms.retain(|term| term.name != "not known" || term.minutes > Minutes::ZERO);
    Some(terms)
}
