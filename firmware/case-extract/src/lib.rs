//! case-extract
