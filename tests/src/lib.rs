//! Whole-system tests of Touchtime.
