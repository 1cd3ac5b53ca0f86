//! Results as InfluxDB points, for Grafana: what they are called, how they are written, how they get there.
//!
//! - [`schema`]: every measurement with its tags, fields and units; dashboards and documentation are held against it.
//! - [`point`]: a point and its line; keys by which a point is taken back.
//! - [`points`]: from measured lists, scanner sessions and trends to points.
//! - [`send`]: batches to a server until it has them; what it will never have is handed back.
//!
//! Every point is an absolute value at a fixed instant under fixed tags: sending it twice changes nothing, and a result
//! that is restated replaces the earlier one. What to send, and what was sent, is for the caller to know.

pub mod point;
pub mod points;
pub mod schema;
pub mod send;
