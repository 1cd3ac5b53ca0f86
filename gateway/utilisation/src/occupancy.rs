//! When a room was occupied, inferred from its signals: the table in use, the X-ray-on lamp, the door.
//!
//! A room is in use while the table is in use or X-rays are on. Use comes and goes during one patient, so there is
//! hysteresis: a pause shorter than [`OccupancyRules::pause`] belongs to the patient before and after it. Two patients can
//! follow each other faster than that, and between them a door stands open: in a pause with an open door
//! [`OccupancyRules::door_pause`] is enough. What is shorter than [`OccupancyRules::least`] is a test or a bump.
//!
//! ```text
//! table   __------__-----------________-------____
//! x-ray   ______-_______-__-______________-_______
//! door    -_______________________--______________
//!           [patient          )      [patient)
//! ```
//!
//! A signal that is at fault, and time without a sign of life, is not known. Where that follows the last use, the end is
//! not known either: a fault is never idle.

use room_events::{Level, SourceId, UtcMillis};
use serde::{Deserialize, Serialize};

use crate::quantity::Minutes;
use crate::scanner::spans::Spans;

/// Which signals tell that a room is in use, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccupancyRules {
    /// The signal that is active while the table is in use.
    pub table: SourceId,
    /// The signal that is active while X-rays are on.
    pub x_ray: SourceId,
    /// The signal that is active while the door is open.
    pub door: SourceId,
    /// A shorter pause of use is within one patient.
    pub pause: Minutes,
    /// A shorter pause is within one patient even if the door stood open in it.
    pub door_pause: Minutes,
    /// A door stands open when it was open for so long within a pause: people slip through it all the time.
    pub door_open: Minutes,
    /// What lasts for less is no patient.
    pub least: Minutes,
    /// Signs of life further apart leave the time between them unknown.
    pub silent_after: Minutes,
}

impl OccupancyRules {
    /// The rules with these signals, and times for a cath lab or a theatre.
    pub fn of_signals(table: SourceId, x_ray: SourceId, door: SourceId) -> Self {
        Self {
            table,
            x_ray,
            door,
            pause: Minutes::whole(10),
            door_pause: Minutes::whole(3),
            door_open: Minutes::from_millis(30_000),
            least: Minutes::whole(2),
            silent_after: Minutes::whole(15),
        }
    }
}

/// What a signal showed, and from when on.
pub type Shown = (UtcMillis, Level);

/// A stretch of time in which a room was occupied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupied {
    /// Since when.
    pub from: UtcMillis,
    /// Until when; absent: it still is, or its end is not known.
    pub to: Option<UtcMillis>,
    /// The last sign of use.
    pub last_use: UtcMillis,
}

/// When a room was occupied, in order. `signals` are what each showed, in order of time, and `alive` the signs of life of its feed.
pub fn occupied<'s>(
    rules: &OccupancyRules,
    signals: impl Iterator<Item = (&'s SourceId, &'s [Shown])>,
    alive: impl Iterator<Item = UtcMillis>,
) -> Vec<Occupied> {
    let seen = Seen::of(rules, signals, alive);
    let mut all = Vec::new();
    let mut at_hand: Option<(UtcMillis, UtcMillis)> = None;
    for (from, to) in seen.used.iter() {
        at_hand = Some(match at_hand {
            None => (from, to),
            Some((began, last)) if Minutes::between(last, from) < seen.longest_pause(rules, last, from) => (began, to),
            Some((began, last)) => {
                all.extend(seen.ended(rules, began, last, from));
                (from, to)
            }
        });
    }
    if let Some((began, last)) = at_hand {
        all.extend(seen.ended(rules, began, last, seen.until));
    }
    all
}

/// What the signals of a room show together.
struct Seen {
    used: Spans,
    unknown: Spans,
    door: Spans,
    /// The last sign of anything.
    until: UtcMillis,
}

impl Seen {
    fn of<'s>(
        rules: &OccupancyRules,
        signals: impl Iterator<Item = (&'s SourceId, &'s [Shown])>,
        alive: impl Iterator<Item = UtcMillis>,
    ) -> Self {
        let signals: Vec<(&SourceId, &[Shown])> = signals.collect();
        let mut signs: Vec<UtcMillis> = alive.collect();
        signs.extend(signals.iter().flat_map(|(_, shown)| shown.iter().map(|(at, _)| *at)));
        signs.sort_unstable();
        let until = signs.last().copied().unwrap_or(UtcMillis::MIN);
        let next = || signs.iter().copied().skip(1);
        let silent = |(from, to): &(UtcMillis, UtcMillis)| Minutes::between(*from, *to) > rules.silent_after;
        let silences = Spans::of(signs.iter().copied().zip(next()).filter(silent));

        let stretches = |wanted: Level, is: &dyn Fn(&SourceId) -> bool| {
            Spans::of(signals.iter().filter(|(name, _)| is(name)).flat_map(|(_, shown)| {
                let ends = shown.iter().skip(1).map(|(at, _)| *at).chain([until]);
                shown.iter().zip(ends).filter(move |((_, level), _)| *level == wanted).map(|((at, _), end)| (*at, end))
            }))
        };
        let tells_use = |name: &SourceId| *name == rules.table || *name == rules.x_ray;
        let used = stretches(Level::Active, &tells_use).without(&silences);
        let unknown = stretches(Level::Fault, &tells_use).or(&silences).without(&used);
        let door = stretches(Level::Active, &|name| *name == rules.door).without(&silences);
        Self { used, unknown, door, until }
    }

    /// A shorter pause than this is within one patient.
    fn longest_pause(&self, rules: &OccupancyRules, from: UtcMillis, to: UtcMillis) -> Minutes {
        let open = self.door.and(&Spans::of([(from, to)]));
        let stood_open = open.iter().any(|(from, to)| Minutes::between(from, to) >= rules.door_open);
        if stood_open { rules.door_pause.min(rules.pause) } else { rules.pause }
    }

    /// The patient from `began` to `last`, after whom nothing was seen of use until `until`; absent where it was none.
    fn ended(&self, rules: &OccupancyRules, began: UtcMillis, last: UtcMillis, until: UtcMillis) -> Option<Occupied> {
        if Minutes::between(began, last) < rules.least {
            return None;
        }
        let pause = self.longest_pause(rules, last, until);
        let is_over = Minutes::between(last, until) >= pause;
        let proof = Spans::of([(last, last.plus_millis(pause.millis()))]);
        let is_known = self.unknown.and(&proof).length() == Minutes::ZERO;
        Some(Occupied { from: began, to: (is_over && is_known).then_some(last), last_use: last })
    }
}
