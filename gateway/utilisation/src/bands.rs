//! [`Bands`]: how many lists start late, finish early or overrun by how much. A mean hides whether a few lists lose
//! hours or many lose minutes; the bands show it.

use crate::quantity::Minutes;
use crate::result::{SessionResult, SessionState};

/// Upper bounds of the bands, each included in its band; what is longer is in the last band. The first is "not at all".
pub const UP_TO: [Minutes; 5] =
    [Minutes::ZERO, Minutes::whole(10), Minutes::whole(30), Minutes::whole(60), Minutes::whole(120)];

/// Lists in each band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bands {
    /// In the order of [`UP_TO`], and those above its last bound.
    pub lists: [u64; UP_TO.len() + 1],
}

/// What is put into bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Banded {
    /// Late start.
    LateStart,
    /// Early finish; without lists whose last case is open.
    EarlyFinish,
    /// Overrun; of lists whose last case is open a lower bound.
    Overrun,
}

impl Bands {
    /// Of closed lists with a started case; the same lists as the aggregate rows have.
    pub fn of<'s>(sessions: impl IntoIterator<Item = &'s SessionResult>, what: Banded) -> Self {
        let mut bands = Self::default();
        for session in
            sessions.into_iter().filter(|s| s.state == SessionState::Closed && s.figures.planned > Minutes::ZERO)
        {
            let figures = &session.figures;
            let minutes = match what {
                Banded::LateStart => figures.late_start,
                Banded::EarlyFinish => figures.early_finish.filter(|_| !figures.early_finish_uncertain),
                Banded::Overrun => figures.overrun,
            };
            if let Some(minutes) = minutes {
                let band = UP_TO.iter().position(|bound| minutes <= *bound).unwrap_or(UP_TO.len());
                bands.lists[band] += 1;
            }
        }
        bands
    }

    /// All lists in them.
    pub fn total(&self) -> u64 {
        self.lists.iter().sum()
    }
}
