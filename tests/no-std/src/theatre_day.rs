//! A day of 41 cases at the panel: the network goes away after the first one and comes back before the last.

use core::fmt;

use edge_agent::{Level, Observed, Stamper};
use room_events::{BootId, Label, RoomId, SiteId, SourceId};

use crate::outbox::{Collector, Got, Outbox, capture};
use crate::panel::{BUTTONS, DOOR, Panel, ToRecord, wall};

/// The cases while the network is away: more milestones than the outbox holds.
const AWAY: u64 = 39;

/// What came of the day.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    pressed: u64,
    saved: u64,
    refused: u64,
    levels: u64,
    levels_lost: u64,
    numbered: u64,
    is_delivered: bool,
    got: Got,
}

impl Day {
    /// What was confirmed arrived, once; what was refused is counted; nothing else came.
    pub fn is_right(&self) -> bool {
        let got = self.got;
        self.is_delivered
            && self.pressed == self.saved + self.refused
            && self.refused > 0
            && got.milestones + got.corrections == self.saved
            && got.corrections == 1
            && got.out_of_order > 0
            && got.levels == self.levels
            && got.lost == self.refused + self.levels_lost
            && got.events == self.numbered
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Got { events, milestones, out_of_order, corrections, levels, lost } = self.got;
        writeln!(f, "{} presses: {} saved, {} not saved", self.pressed, self.saved, self.refused)?;
        write!(
            f,
            "the collector has {events} of {} events: {milestones} milestones ({out_of_order} out of order), {corrections} corrections, \
             {levels} levels, and knows of {lost} that were lost",
            self.numbered
        )
    }
}

struct Play {
    panel: Panel,
    outbox: Outbox,
    collector: Collector,
    room: RoomId,
    source: SourceId,
    now: u64,
    is_network_there: bool,
    day: Day,
}

/// Plays it; `None` if something did not fit where it always must.
pub fn play() -> Option<Day> {
    let stamper = Stamper::new(SiteId::new("main").ok()?, BootId(1), Label::new("0").ok()?).ok()?;
    let mut play = Play {
        panel: Panel::at_rest()?,
        outbox: Outbox::new(stamper),
        collector: Collector::new(),
        room: RoomId::new("th-1").ok()?,
        source: SourceId::new("gpio").ok()?,
        now: 1_000,
        is_network_there: false,
        day: Day {
            pressed: 0,
            saved: 0,
            refused: 0,
            levels: 0,
            levels_lost: 0,
            numbered: 0,
            is_delivered: false,
            got: Got::default(),
        },
    };
    play.set_network(true)?;
    play.case()?;
    play.set_network(false)?;
    for _ in 0..AWAY {
        play.case()?;
    }
    play.set_network(true)?;
    play.case()?;
    // A case that begins with knife to skin, which is taken back.
    play.press(2, 200)?;
    play.press(2, 2_500)?;
    play.day.is_delivered = play.outbox.is_delivered();
    play.day.numbered = play.outbox.numbered();
    play.day.got = play.collector.got;
    Some(play.day)
}

impl Play {
    fn set_network(&mut self, is_there: bool) -> Option<()> {
        self.is_network_there = is_there;
        self.outbox.set_network(is_there);
        self.deliver()
    }

    fn deliver(&mut self) -> Option<()> {
        (!self.is_network_there || self.outbox.deliver(&mut self.collector, self.now)).then_some(())
    }

    fn case(&mut self) -> Option<()> {
        for button in 0..BUTTONS.len() {
            self.press(button, 200)?;
        }
        self.edge(DOOR, Level::High)?;
        self.rest(DOOR, 30_000)?;
        self.edge(DOOR, Level::Low)?;
        self.rest(DOOR, 600_000)
    }

    /// Presses a button whose contact bounces, and holds it for so long.
    fn press(&mut self, button: usize, held_ms: u64) -> Option<()> {
        self.day.pressed += 1;
        for level in [Level::Low, Level::High, Level::Low] {
            self.edge(button, level)?;
        }
        self.now += held_ms;
        for level in [Level::High, Level::Low, Level::High] {
            self.edge(button, level)?;
        }
        self.rest(button, 60_000)
    }

    fn edge(&mut self, line: usize, level: Level) -> Option<()> {
        self.now += 4;
        let all = self.panel.handle_edge(line, level, self.now);
        all.into_iter().try_for_each(|one| self.record(one))
    }

    fn rest(&mut self, line: usize, ms: u64) -> Option<()> {
        self.now += ms;
        let all = self.panel.handle_time(line, self.now);
        all.into_iter().try_for_each(|one| self.record(one))?;
        self.panel.pass_light(self.now);
        self.deliver()
    }

    fn record(&mut self, one: ToRecord) -> Option<()> {
        let now = self.now;
        let (obs, at, tracker) = match one {
            ToRecord::Signal(obs, at) => (obs, at, None),
            ToRecord::Press(obs, at, tracker) => (obs, at, Some(tracker)),
        };
        let (source, room) = (self.source.clone(), Some(self.room.clone()));
        let observed = Observed { source, order: None, site: None, room, at: wall(at), clock: None, obs };
        let saved = self.outbox.record(&observed, capture(wall(now), now));
        match (tracker, saved) {
            (Some(tracker), true) => {
                self.panel.confirm(tracker, now);
                self.day.saved += 1;
            }
            (Some(_), false) => {
                self.panel.refuse(now);
                self.day.refused += 1;
            }
            (None, true) => self.day.levels += 1,
            (None, false) => self.day.levels_lost += 1,
        }
        Some(())
    }
}
