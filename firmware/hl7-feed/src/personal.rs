//! [`Personal`]: what a message says of the person, so that no text with a part of it leaves.

use crate::message::Message;

/// Fields with names and numbers of the patient and of relatives.
const FIELDS: [(&str, usize); 12] = [
    ("PID", 2),
    ("PID", 3),
    ("PID", 4),
    ("PID", 5),
    ("PID", 6),
    ("PID", 9),
    ("PID", 11),
    ("PID", 13),
    ("PID", 18),
    ("PID", 19),
    ("MRG", 1),
    ("NK1", 2),
];

/// Parts shorter than this are in every word: initials, types of numbers.
const SHORTEST: usize = 3;

/// The most parts that are looked for; a person with three names, two numbers and an address has about twenty.
const MOST: usize = 200;

/// Names and numbers of a message, in lower case.
pub(crate) struct Personal(Vec<String>);

impl Personal {
    pub fn of(message: &Message<'_>) -> Self {
        let parts = FIELDS.iter().flat_map(|(segment, field)| message.parts_of(segment, *field));
        let long = parts.filter(|part| part.chars().count() >= SHORTEST);
        Self(long.take(MOST).map(str::to_lowercase).collect())
    }

    /// Whether a text holds a part of them.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().any(|part| text.contains(part.as_str()))
    }
}
