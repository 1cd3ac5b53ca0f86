//! What the pages about the past need to know: every list measured, with names, targets and the changes that people named.

use chrono::NaiveDate;
use chrono_tz::Tz;
use room_events::{RoomId, SiteId, UtcMillis};
use utilisation::forecast::Spare;
use utilisation::hours::ListHours;
use utilisation::measure::Measure;
use utilisation::result::SessionResult;
use utilisation::targets::Targets;

/// Every theatre list that is known, as measured at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The trust's name for people.
    pub trust_name: String,
    /// The instant that the figures were computed for.
    pub as_at: UtcMillis,
    /// Its local date: the week and month that it lies in are not over.
    pub today: NaiveDate,
    /// The lists, in any order.
    pub lists: Vec<PastList>,
    /// Lists that have not begun, with what they have room for.
    pub coming: Vec<ComingList>,
    /// Names of sites for people, in order of display.
    pub sites: Vec<(SiteId, String)>,
    /// Names of rooms for people, in order of display.
    pub rooms: Vec<(SiteId, RoomId, String)>,
    /// What figures are held against.
    pub targets: Targets,
    /// Changes from which on limits begin anew.
    pub changes: Vec<NamedChange>,
}

/// One list without its cases, and its hours.
#[derive(Debug, Clone, PartialEq)]
pub struct PastList {
    /// The list.
    pub session: SessionResult,
    /// Its minutes by local hour.
    pub hours: ListHours,
}

/// A list that has not begun.
#[derive(Debug, Clone, PartialEq)]
pub struct ComingList {
    /// The list.
    pub session: SessionResult,
    /// What it has room for.
    pub spare: Spare,
    /// Its site's time zone.
    pub zone: Tz,
}

/// A change that people made, after which a process is another one: its limits begin with the first week or month that
/// lies wholly behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedChange {
    /// The first local date after it.
    pub on: NaiveDate,
    /// What it was.
    pub name: String,
    /// Only this measure is concerned.
    pub measure: Option<Measure>,
    /// Only this site is concerned.
    pub site: Option<SiteId>,
    /// Only this room is concerned.
    pub room: Option<RoomId>,
}

impl History {
    /// A site's name for people.
    pub fn site_name(&self, site: &SiteId) -> String {
        self.sites.iter().find(|(id, _)| id == site).map_or_else(|| site.to_string(), |(_, name)| name.clone())
    }

    /// A room's name for people.
    pub fn room_name(&self, site: &SiteId, room: &RoomId) -> String {
        let named = self.rooms.iter().find(|(of, id, _)| of == site && id == room);
        named.map_or_else(|| room.to_string(), |(_, _, name)| name.clone())
    }
}
