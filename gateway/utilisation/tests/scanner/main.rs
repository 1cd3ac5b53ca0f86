//! The scanner measures through their public API: worked examples, and what holds for any set of steps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod bundled;
mod changes;
mod examples;
mod records;
mod reference;
mod rooms;
mod rules;
