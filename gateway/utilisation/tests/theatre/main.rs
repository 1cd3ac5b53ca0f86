//! The theatre measures through their public API: worked examples, single rules, properties, a slow reference model and
//! the bundled case file.

mod bundled;
mod examples;
mod generated;
mod properties;
#[path = "../reference/mod.rs"]
mod reference;
mod rooms;
mod rules;
mod typical;
