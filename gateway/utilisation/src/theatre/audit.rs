//! What an audit page shows beside the figures: what the room was in each minute of the plan, and what was left out.

use room_events::UtcMillis;

use super::cover::{Entry, Stretch, Window};
use super::session::Walk;
use crate::quantity::Minutes;
use crate::result::{Exclusion, ExclusionReason, Segment, SegmentKind};

/// Cuts [PS, PE] wherever something begins or ends and says what each piece was; pieces of one kind are joined.
pub(super) fn segments(entries: &[Entry<'_>], window: Window, walk: &Walk) -> Vec<Segment> {
    let Window { plan, .. } = window;
    let covers = entries.iter().filter_map(|entry| entry.cover);
    let mut cuts: Vec<UtcMillis> = covers.flat_map(|cover| [cover.from, cover.to]).chain([window.now]).collect();
    cuts.retain(|&cut| cut > plan.from && cut < plan.to);
    cuts.extend([plan.from, plan.to]);
    cuts.sort_unstable();
    cuts.dedup();

    let mut segments: Vec<Segment> = Vec::new();
    for (&from, &to) in cuts.iter().zip(cuts.iter().skip(1)) {
        let kind = kind_at(from, entries, window, walk);
        match segments.last_mut() {
            Some(last) if last.kind == kind => last.to = to,
            Some(_) | None => segments.push(Segment { from, to, kind }),
        }
    }
    segments
}

/// What the room was in the piece that begins at `at`.
fn kind_at(at: UtcMillis, entries: &[Entry<'_>], window: Window, walk: &Walk) -> SegmentKind {
    let covering = |entry: &&Entry<'_>| entry.cover.is_some_and(|cover| cover.from <= at && at < cover.to);
    if entries.iter().filter(|entry| entry.counts).any(|entry| covering(&entry)) {
        SegmentKind::Occupied
    } else if entries.iter().any(|entry| covering(&entry)) {
        SegmentKind::Unknown
    } else if walk.first.is_none_or(|first| at < first) {
        SegmentKind::LateStart
    } else if walk.last.is_some_and(|last| at < last) {
        SegmentKind::Gap
    } else if window.closed {
        SegmentKind::EarlyFinish
    } else if at < window.now {
        SegmentKind::Gap
    } else {
        SegmentKind::ToCome
    }
}

/// What the session's figures leave out, in the order of its cases. `day` is when a cancellation is one of the day.
pub(super) fn exclusions(entries: &[Entry<'_>], window: Window, day: Stretch) -> Vec<Exclusion> {
    let mut excluded = Vec::new();
    for entry in entries {
        let mut exclude = |reason, minutes| excluded.push(Exclusion { case: entry.case.id, reason, minutes });
        let Some(cover) = entry.cover else {
            match entry.cancelled_untouched() {
                Some(at) if at < day.from => exclude(ExclusionReason::CancelledEarlier, None),
                Some(at) if at <= day.to => exclude(ExclusionReason::CancelledOnDay, None),
                Some(_) | None if window.closed => exclude(ExclusionReason::NeverStarted, None),
                Some(_) | None => {}
            }
            continue;
        };
        let inside = cover.shared(window.plan);
        if let Some(reason) = entry.rejected {
            exclude(reason, Some(inside));
        } else if entry.start.is_none() {
            exclude(ExclusionReason::NoStart, Some(inside));
        } else if entry.end.is_none() && window.closed {
            exclude(ExclusionReason::NoEnd, Some(inside));
        }
        if entry.counts {
            let before = Minutes::between(cover.from, cover.to.min(window.plan.from)).at_least_zero();
            let after = Minutes::between(cover.from.max(window.plan.to), cover.to).at_least_zero();
            for (reason, minutes) in [(ExclusionReason::BeforePlan, before), (ExclusionReason::AfterPlan, after)] {
                if minutes > Minutes::ZERO {
                    exclude(reason, Some(minutes));
                }
            }
        }
    }
    excluded
}
