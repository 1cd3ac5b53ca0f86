//! The pages as a browser gets them: over HTTP, from lists measured by the real measures.
#![allow(clippy::unwrap_used, reason = "helpers of tests; clippy lets only the tests themselves unwrap")]

mod access;
mod audit;
mod board;
mod corrections;
mod fixed_source;
#[path = "../fixture/mod.rs"]
mod fixture;
mod forecasts;
mod http;
mod looking_back;
mod metrics;
mod quality;
mod stream;
mod trends;
