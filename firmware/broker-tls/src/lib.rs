//! TLS to the broker, and on the ports of feeds: files to a rustls configuration, and errors to plain words.
//!
//! Agents and collectors connect alike: they trust one authority, show a certificate if they have one, and may be given
//! a list of revoked brokers. Files are read anew for every connection, so a renewed certificate needs no restart. No
//! clock is read here but by rustls itself; `check` passes its own. The password, if there is one, is read here as well.

mod certificate;
mod date;
mod explain;
mod files;
mod listener;
mod password;
mod trial;

pub use explain::is_of_tls;
pub use files::{Identity, TlsError, TlsFiles};
pub use listener::{ListenerFiles, ListenerKeys};
pub use password::{describe_login, read_password};
