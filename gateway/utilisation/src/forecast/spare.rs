//! [`Spare`]: how much of a coming list's plan its bookings leave, in whole cases; for mutual aid, hubs and short notice.

use room_events::UtcMillis;

use super::Forecaster;
use crate::quantity::Minutes;
use crate::result::{CaseState, SessionResult, SessionState};

/// What a coming list has room for.
#[derive(Debug, Clone, PartialEq)]
pub struct Spare {
    /// Cases booked and not cancelled.
    pub booked: u32,
    /// When the bookings are expected to end; absent for a list without bookings.
    pub finish: Option<UtcMillis>,
    /// Planned minutes after that, or all of them.
    pub free: Minutes,
    /// What a further case usually takes, turnover included: the median of the list's specialty, else of its room, else of rooms of
    /// its kind. Absent where too few are known.
    pub each: Option<Minutes>,
    /// So many of them fit into the free minutes; of a list without bookings the first needs no turnover but starts as
    /// late as first cases usually do.
    pub whole_cases: Option<u32>,
}

impl Spare {
    /// Nothing is booked, or a whole case fits.
    pub fn is_any(&self) -> bool {
        self.booked == 0 || self.whole_cases.is_some_and(|cases| cases > 0)
    }
}

impl Forecaster {
    /// Of a list that has not begun; absent of any other.
    pub fn spare(&self, session: &SessionResult) -> Option<Spare> {
        if session.state != SessionState::Planned {
            return None;
        }
        let start = session.planned_start;
        let booked = session.cases.iter().filter(|case| case.state == CaseState::Booked).count();
        let finish = self.replay(session, start).map(|forecast| forecast.finish);
        let usual = self.history.usual(session);
        let free = match (finish, &usual) {
            (Some(finish), _) => Minutes::between(finish, session.planned_end),
            // The first case of the day starts late as ever, and needs no turnover before it.
            (None, Some(usual)) => session.figures.planned - usual.first + usual.turnover,
            (None, None) => session.figures.planned,
        };
        let each = usual.map(|usual| usual.touch + usual.turnover).filter(|each| *each > Minutes::ZERO);
        let whole_cases = each.map(|each| free.at_least_zero().millis() / each.millis());
        Some(Spare {
            booked: u32::try_from(booked).unwrap_or(u32::MAX),
            finish,
            free: if finish.is_some() { free.at_least_zero() } else { session.figures.planned },
            each,
            whole_cases: whole_cases.and_then(|cases| u32::try_from(cases).ok()),
        })
    }
}
