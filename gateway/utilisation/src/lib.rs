//! The measures of Touchtime: what the facts about a room amount to, right to the minute.
//!
//! The way of a fact: [`timeline`] folds events, in any order and with any duplicates, into [`facts`] (one agreed value
//! for each milestone, booking and plan); [`theatre`] measures the sessions of one room from them under a [`rules`]
//! set, [`scanner`] those of a scanner room, [`occupancy`] when a room with signals alone was occupied; [`aggregate`] sums sessions up for sites, weeks or specialties, [`periods`] names weeks and months, [`hours`] and
//! [`bands`] spread sessions over the hours of the week and over lengths, [`variation`] compares units, and [`control`]
//! draws control charts; [`forecast`] says when a running list will end; [`reasons`] says which reasons cost most; [`waiting`] counts the way of ordered exams to scan and report. Nothing here reads a clock: `now` is a parameter. All arithmetic is on UTC instants in
//! milliseconds; local time only gives a date label. Rounding happens when printing, in [`quantity`], nowhere else.

pub mod aggregate;
pub mod bands;
pub mod control;
pub mod facts;
pub mod forecast;
pub mod hours;
pub mod measure;
pub mod occupancy;
pub mod periods;
pub mod quantity;
pub mod reasons;
pub mod result;
pub mod rows;
pub mod rules;
pub mod scanner;
pub mod targets;
pub mod theatre;
pub mod timeline;
pub mod variation;
pub mod waiting;
