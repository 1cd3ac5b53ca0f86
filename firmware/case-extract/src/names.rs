//! Numbers in place of texts that come again and again: rooms, specialties, procedures.
//!
//! A small table in front, by a cheap hash of the raw cell, answers nearly every question without the safe but slower
//! hash of the map behind it.

use std::collections::HashMap;

const FRONT: usize = 1024;

/// Raw texts and their numbers, from 0 in the order of their first use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    keys: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// Number + 1 of the text last seen in each place; 0: none.
    front: Vec<u32>,
    /// What a front entry answers for.
    values: Vec<u32>,
}

impl Names {
    /// The value given for this text, or what `make` gives for a new one; `None` of it is not remembered.
    #[inline]
    pub(crate) fn find(&mut self, text: &[u8], make: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let slot = place(text);
        if let Some(&front) = self.front.get(slot)
            && front != 0
            && let Some(key) = self.keys.get(front as usize - 1)
            && key.as_ref() == text
        {
            return self.values.get(front as usize - 1).copied();
        }
        self.find_slowly(text, slot, make)
    }

    fn find_slowly(&mut self, text: &[u8], slot: usize, make: impl FnOnce() -> Option<u32>) -> Option<u32> {
        if self.front.is_empty() {
            self.front = vec![0; FRONT];
        }
        let number = match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let value = make()?;
                let number = u32::try_from(self.keys.len()).ok()?;
                self.keys.push(text.into());
                self.values.push(value);
                self.numbers.insert(text.into(), number);
                number
            }
        };
        if let Some(entry) = self.front.get_mut(slot) {
            *entry = number + 1;
        }
        self.values.get(number as usize).copied()
    }
}

/// Length, first and last eight bytes: texts that differ only between them share a place, which costs time, not truth.
#[inline]
fn place(text: &[u8]) -> usize {
    let (first, last) = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => ends_of_short(text),
    };
    let hash = (first ^ last.rotate_left(29) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(hash >> 54).unwrap_or(0)
}

/// Put together from loads of a known length: a copy of an unknown one to where it is loaded from at once would have to
/// be waited for.
fn ends_of_short(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or_default());
    (byte(0) | byte(1) << 8, byte(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut names = Names::default();
        for round in 0..2 {
            for n in 0..5000_u32 {
                let made = names.find(format!("room {n}").as_bytes(), || (round == 0).then_some(n));
                assert_eq!(made, Some(n));
            }
        }
        assert_eq!(names.find(b"", || None), None);
    }
}
