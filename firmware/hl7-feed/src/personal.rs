//! [`Personal`]: what a message says of the person, so that no text with a part of it leaves.

use room_events::personal;

use crate::message::Message;

/// Fields with names and numbers of the patient and of relatives.
const FIELDS: [(&str, usize); 22] = [
    ("PID", 2),
    ("PID", 3),
    ("PID", 4),
    ("PID", 5),
    ("PID", 6),
    ("PID", 7),
    ("PID", 9),
    ("PID", 11),
    ("PID", 13),
    ("PID", 18),
    ("PID", 19),
    ("MRG", 1),
    ("MRG", 7),
    ("NK1", 2),
    ("NK1", 4),
    ("NK1", 5),
    ("NK1", 30),
    ("GT1", 3),
    ("GT1", 5),
    ("GT1", 6),
    ("IN1", 16),
    ("IN1", 36),
];

/// The most parts that are looked for; a person with three names, two numbers and an address has about twenty.
const MOST: usize = 200;

/// Names and numbers of a message.
pub(crate) struct Personal(Vec<String>);

impl Personal {
    pub fn of(message: &Message<'_>) -> Self {
        let parts = FIELDS.iter().flat_map(|(segment, field)| message.parts_of(segment, *field));
        Self(parts.filter(|part| part.chars().nth(1).is_some()).take(MOST).map(str::to_owned).collect())
    }

    /// Whether a text holds a part of them, or a number that is somebody's.
    pub fn is_in(&self, text: &str) -> bool {
        personal::holds_a_number(text) || self.0.iter().any(|part| personal::holds(text, part))
    }

    /// Whether the message says nothing of a person, so that a text in words cannot be held against anything.
    pub const fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }
}
