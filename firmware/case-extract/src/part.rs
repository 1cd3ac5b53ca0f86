//! What was read of one part of a file: cases, planned sessions, and the tables that their numbers point into.

use std::collections::HashMap;

use room_events::{Label, ListKind, RoomId, RoomKind, SessionKey, SiteId, UtcMillis};

use crate::case_store::{CaseStore, MILESTONES, NameId};
use crate::problem::Faults;

/// A room of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) site: SiteId,
    pub(crate) room: RoomId,
    pub(crate) kind: Option<RoomKind>,
}

/// A planned session as a row states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanRow {
    pub(crate) place: u32,
    pub(crate) key: u32,
    pub(crate) start: UtcMillis,
    pub(crate) end: UtcMillis,
    pub(crate) specialty: Option<NameId>,
    pub(crate) team: Option<NameId>,
    pub(crate) kind: ListKind,
    pub(crate) cases: Option<u16>,
    pub(crate) issued: Option<UtcMillis>,
    pub(crate) withdrawn: bool,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) blank_rows: u64,
    /// Rows without a case id that plan an empty list.
    pub(crate) empty_lists: u64,
    /// Cells of labels that are longer than a label can be.
    pub(crate) cut_labels: u64,
    pub(crate) absent_stamps: [u64; MILESTONES],
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.blank_rows += other.blank_rows;
        self.empty_lists += other.empty_lists;
        self.cut_labels += other.cut_labels;
        for (count, more) in self.absent_stamps.iter_mut().zip(other.absent_stamps) {
            *count += more;
        }
    }
}

/// One part. Lines in it are counted from the part's own beginning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) cases: CaseStore,
    pub(crate) places: Vec<Place>,
    pub(crate) labels: Vec<Label>,
    /// Session keys with the local date of the session, in days since 1970-01-01.
    pub(crate) keys: Vec<(SessionKey, i32)>,
    /// Each distinct plan with the line of its first row.
    pub(crate) plans: HashMap<PlanRow, u64>,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    /// Lines of the file before this part.
    pub(crate) first_line: u64,
}

impl Part {
    pub(crate) fn label(&self, name: Option<NameId>) -> Option<&Label> {
        name.and_then(|at| self.labels.get(at as usize))
    }
}
