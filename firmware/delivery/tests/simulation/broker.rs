//! The broker and the network: it takes every message, and then drops, doubles, delays and reorders.

use std::rc::Rc;

use crate::dice::Dice;

/// Messages under way to one receiver, each with its second of arrival and the agent that it is from or for.
#[derive(Default)]
pub struct Wire {
    under_way: Vec<(u64, usize, Rc<[u8]>)>,
    /// The last ones that went through, for a broker that sends old ones again.
    past: Vec<(usize, Rc<[u8]>)>,
}

/// Old messages remembered.
const PAST: usize = 40;

impl Wire {
    /// `trouble`: one in so many is dropped, and one in so many doubled; 0 is fair weather.
    pub fn put(&mut self, agent: usize, message: &Rc<[u8]>, now: u64, trouble: u64, dice: &mut Dice) {
        if self.past.len() == PAST {
            self.past.remove(dice.below(PAST as u64) as usize);
        }
        self.past.push((agent, message.clone()));
        if dice.one_in(trouble) {
            return;
        }
        let copies = if dice.one_in(trouble) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = if trouble == 0 { 1 } else { 1 + dice.below(3) * dice.below(6) };
            self.under_way.push((now + delay, agent, message.clone()));
        }
    }

    pub fn arrived(&mut self, now: u64) -> Vec<(usize, Rc<[u8]>)> {
        let mut due = Vec::new();
        let mut index = 0;
        while let Some((at, agent, message)) = self.under_way.get(index) {
            if *at <= now {
                due.push((*agent, message.clone()));
                self.under_way.remove(index);
            } else {
                index += 1;
            }
        }
        due
    }

    /// The broker has told the sender that it took them, and loses them all.
    pub fn lose_all(&mut self) {
        self.under_way.clear();
    }

    /// Some old messages once more.
    pub fn repeat(&mut self, now: u64, dice: &mut Dice) -> bool {
        for _ in 0..=dice.below(6) {
            let index = dice.below(self.past.len() as u64) as usize;
            let Some((agent, message)) = self.past.get(index).cloned() else { return false };
            self.under_way.push((now + 1 + dice.below(20), agent, message));
        }
        true
    }

    /// An old message once more, from another agent.
    pub fn repeat_as(&mut self, agent: usize, now: u64, dice: &mut Dice) -> bool {
        let index = dice.below(self.past.len() as u64) as usize;
        let Some((_, message)) = self.past.get(index).cloned() else { return false };
        self.under_way.push((now + 1, agent, message));
        true
    }

    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}
