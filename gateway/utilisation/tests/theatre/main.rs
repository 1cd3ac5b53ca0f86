//! The theatre measures through their public API: worked examples, single rules, properties, a slow reference model and
//! the bundled case file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod bundled;
mod examples;
mod forecast;
mod generated;
mod properties;
#[path = "../reference/mod.rs"]
mod reference;
mod rooms;
mod rules;
mod typical;
