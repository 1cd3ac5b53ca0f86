//! Who may look, correct and administer, and the guard that stands before every page.
//!
//! ```text
//! request --> limits --> who is it? --> may they? --> page
//!                        trusted proxy's headers, bearer token, cookie of the sign-in page
//! ```
//! The crate knows no file: whom a token belongs to and where the record of access is kept, [`House`] says. Without a house
//! everybody may look and nobody may correct.

pub(crate) mod forms;
pub(crate) mod guard;
pub(crate) mod limits;
mod proxy;
pub(crate) mod sign_in;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use room_events::Label;

pub use proxy::TrustedProxy;

/// What a person may do; each role may also do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See every page.
    View,
    /// Correct stamps and give reasons.
    Correct,
    /// See what is held back, and who did what.
    Admin,
}

impl Role {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[Self::View, Self::Correct, Self::Admin];

    /// The name used in files and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Correct => "correct",
            Self::Admin => "admin",
        }
    }

    /// The one with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As the record of access names them.
    pub name: String,
    /// As their corrections name them: a role or a pseudonymous staff id.
    pub author: Label,
    /// What they may do.
    pub role: Role,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor {
    /// The person, where one is known.
    pub person: Option<Person>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Visitor {
    /// Whether they may do what needs this role.
    pub fn may(&self, role: Role) -> bool {
        self.person.as_ref().is_some_and(|person| person.role >= role)
    }

    /// As the record of access names them.
    pub fn name(&self) -> &str {
        self.person.as_ref().map_or("", |person| person.name.as_str())
    }
}

/// The address of whoever opened the connection; the server adds it to each request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Something that the record of access keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who, as known; empty for a stranger.
    pub who: String,
    /// Where from.
    pub address: Option<IpAddr>,
    /// What: `signed in`, `sign-in refused`, `refused`, `corrected`, ...
    pub what: &'static str,
    /// On what: an address of a page, a correction in words. Never a token or a name of a patient.
    pub subject: String,
}

/// What the guard needs from outside: people, a record, and secrets.
pub trait House: Send + Sync + 'static {
    /// Whom a token belongs to.
    fn person_of(&self, token: &str) -> Option<Person>;

    /// Writes to the record of access. An error means that it is not written, and what was to be noted must not happen.
    fn note(&self, note: &Note) -> Result<(), String>;

    /// 128 random bits.
    fn draw(&self) -> Result<u128, String>;

    /// The key of the seal on forms; the same after a restart, so that a form that was open stays good.
    fn seal_key(&self) -> [u8; 32];
}

/// Who may look without being known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Viewing {
    /// Anybody who reaches the pages.
    #[default]
    Anyone,
    /// Only people who are known.
    Known,
}

/// The rules of the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who may look.
    pub viewing: Viewing,
    /// A proxy that says who somebody is.
    pub proxy: Option<TrustedProxy>,
    /// So many requests of one visitor are answered in a minute.
    pub requests_per_minute: u32,
}

/// Several people behind one address, each with a board that begins anew after a restart, stay below it.
pub const DEFAULT_REQUESTS_PER_MINUTE: u32 = 1200;

impl Default for Access {
    fn default() -> Self {
        Self { viewing: Viewing::Anyone, proxy: None, requests_per_minute: DEFAULT_REQUESTS_PER_MINUTE }
    }
}
