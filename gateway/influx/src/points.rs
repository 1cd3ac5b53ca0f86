//! From results to points.

pub mod list;
pub mod scanner;
pub mod state;
pub mod trend;
