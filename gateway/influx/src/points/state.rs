//! What a room did from instant to instant: overlapping spells as one line of changes.

use room_events::{RoomId, RoomKind, SiteId, TrustId, UtcMillis};

use crate::point::Point;
use crate::schema::ROOM_STATE;

/// What a room does; where spells overlap the later of these is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    /// Nothing that is known.
    Idle,
    /// Taken by a case of which start or end is not known.
    Unknown,
    /// A patient is in the theatre.
    InUse,
    /// Between knife to skin and the end of the procedure.
    Procedure,
    /// A step of an exam runs.
    Scanning,
}

impl Doing {
    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Unknown => "unknown",
            Self::InUse => "in_use",
            Self::Procedure => "procedure",
            Self::Scanning => "scanning",
        }
    }

    const fn code(self) -> i64 {
        match self {
            Self::Idle => 0,
            Self::Unknown => 1,
            Self::InUse => 2,
            Self::Procedure | Self::Scanning => 3,
        }
    }
}

/// What is done from `from` to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// From.
    pub from: UtcMillis,
    /// To, exclusive.
    pub to: UtcMillis,
    /// What.
    pub doing: Doing,
}

/// Spells one after the other instead of over each other; idle ones between and behind them.
pub fn changes(mut spells: Vec<Spell>) -> Vec<Spell> {
    spells.retain(|spell| spell.from < spell.to);
    let mut instants: Vec<UtcMillis> = spells.iter().flat_map(|spell| [spell.from, spell.to]).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut line: Vec<Spell> = Vec::new();
    for (n, &from) in instants.iter().enumerate() {
        let there = spells.iter().filter(|spell| spell.from <= from && from < spell.to).map(|spell| spell.doing);
        let doing = there.max().unwrap_or(Doing::Idle);
        let to = instants.get(n + 1).copied().unwrap_or(from);
        match line.last_mut().filter(|last| last.doing == doing) {
            Some(last) => last.to = to,
            None => line.push(Spell { from, to, doing }),
        }
    }
    line
}

/// The point of a change.
pub fn state(trust: &TrustId, site: &SiteId, room: &RoomId, kind: RoomKind, spell: &Spell) -> Point {
    Point::new(&ROOM_STATE, spell.from)
        .tag("trust", trust.as_str())
        .tag("site", site.as_str())
        .tag("room", room.as_str())
        .tag("room_kind", kind.name())
        .field("state", spell.doing.name())
        .field("state_code", spell.doing.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_spells_become_one_line_that_ends_idle() {
        let spell = |from, to, doing| Spell { from: UtcMillis::saturating(from), to: UtcMillis::saturating(to), doing };
        let spells = vec![
            spell(0, 60, Doing::InUse),
            spell(20, 40, Doing::Procedure),
            spell(50, 70, Doing::InUse),
            spell(90, 95, Doing::Unknown),
            spell(99, 99, Doing::InUse),
        ];
        let expected = [
            spell(0, 20, Doing::InUse),
            spell(20, 40, Doing::Procedure),
            spell(40, 70, Doing::InUse),
            spell(70, 90, Doing::Idle),
            spell(90, 95, Doing::Unknown),
            spell(95, 95, Doing::Idle),
        ];
        assert_eq!(changes(spells), expected);
        assert_eq!(changes(Vec::new()), []);
    }
}
