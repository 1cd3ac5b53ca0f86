//! touchtime
