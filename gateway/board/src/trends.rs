//! The page of trends: whether a change is real, who is in the upper quartile, and when in the week time is lost.
//!
//! Everything is read off the rows that `touchtime report` prints ([`utilisation::aggregate`]); this module chooses
//! them ([`choice`]), says how they read ([`measure_words`]) and draws them ([`control_svg`], [`units`], [`week_grid`]). The address holds every choice.

mod choice;
mod control_svg;
mod measure_words;
mod page;
mod series;
mod tables;
mod units;
mod week_grid;

pub(crate) use choice::{Asked, Choice};
pub(crate) use measure_words::{printed, terms, words};
pub use page::trends_html;
pub(crate) use page::{chart_of, trends_page, units_of};
