//! What the whole-system tests share: the built programs, real peers, free ports, a small HTTP client.
//!
//! A test that needs a part which is not installed is *ignored* and says so; with `TOUCHTIME_REQUIRE_PEERS=1` it fails
//! instead, so that a continuous-integration machine cannot pass by lacking something.

#![allow(clippy::disallowed_methods, reason = "tests wait for real processes with real deadlines")]

pub mod broker;
pub mod browser;
pub mod collector;
pub mod disk;
pub mod grafana;
pub mod guest;
pub mod influxdb;
pub mod mqtt;
pub mod peer;
pub mod pki;
pub mod plant;
pub mod programs;
pub mod prometheus;
pub mod proxy;
pub mod random;
pub mod ward;
pub mod web;
