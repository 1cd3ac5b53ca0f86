//! `[[occupancy]]`: the rooms whose occupancy is inferred from signals, and how.

use room_events::{RoomId, SiteId, SourceId, TrustId};
use serde::Deserialize;
use store::RoomOccupancy;
use utilisation::occupancy::OccupancyRules;
use utilisation::quantity::Minutes;

/// An entry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OccupancyConfig {
    /// The room's site.
    pub site: SiteId,
    /// The room, of which no system and no button tells.
    pub room: RoomId,
    /// The signal that is active while the table is in use; default `table-in-use`.
    #[serde(default)]
    pub table: Option<SourceId>,
    /// The signal that is active while X-rays are on; default `x-ray-on`.
    #[serde(default)]
    pub x_ray: Option<SourceId>,
    /// The signal that is active while the door is open; default `door`.
    #[serde(default)]
    pub door: Option<SourceId>,
    /// A shorter pause of use is within one patient; default 10.
    #[serde(default)]
    pub pause_minutes: Option<Minutes>,
    /// A shorter pause is within one patient even if the door stood open in it; default 3.
    #[serde(default)]
    pub door_pause_minutes: Option<Minutes>,
    /// So long must a door be open within a pause; default 0.5.
    #[serde(default)]
    pub door_open_minutes: Option<Minutes>,
    /// What lasts for less is no patient; default 2.
    #[serde(default)]
    pub least_minutes: Option<Minutes>,
    /// A feed that says nothing for longer leaves the time unknown; default 15.
    #[serde(default)]
    pub silent_after_minutes: Option<Minutes>,
}

/// The longest that a setting may be: no pause of a day's list is longer.
const MOST: Minutes = Minutes::whole(240);

impl OccupancyConfig {
    /// The rules, each key with its default.
    pub fn rules(&self) -> Result<OccupancyRules, String> {
        let signal = |given: &Option<SourceId>, default: &str| match given {
            Some(name) => Ok(name.clone()),
            None => SourceId::new(default).map_err(|error| format!("{default} {error}")),
        };
        let defaults = OccupancyRules::of_signals(
            signal(&self.table, "table-in-use")?,
            signal(&self.x_ray, "x-ray-on")?,
            signal(&self.door, "door")?,
        );
        let rules = OccupancyRules {
            pause: self.pause_minutes.unwrap_or(defaults.pause),
            door_pause: self.door_pause_minutes.unwrap_or(defaults.door_pause),
            door_open: self.door_open_minutes.unwrap_or(defaults.door_open),
            least: self.least_minutes.unwrap_or(defaults.least),
            silent_after: self.silent_after_minutes.unwrap_or(defaults.silent_after),
            ..defaults
        };
        let times = [
            ("pause-minutes", rules.pause),
            ("door-pause-minutes", rules.door_pause),
            ("door-open-minutes", rules.door_open),
            ("least-minutes", rules.least),
            ("silent-after-minutes", rules.silent_after),
        ];
        if let Some((key, given)) = times.iter().find(|(_, given)| !(Minutes::ZERO..=MOST).contains(given)) {
            return Err(format!("{key}: {given} is no time of a pause (give 0 to {MOST})"));
        }
        if rules.door_pause > rules.pause {
            return Err(format!(
                "door-pause-minutes: {:.1} is longer than pause-minutes, {:.1} (an open door can only shorten a pause)",
                rules.door_pause, rules.pause
            ));
        }
        Ok(rules)
    }

    /// For the store.
    pub fn of(&self, trust: &TrustId) -> Result<RoomOccupancy, String> {
        let (site, room) = (self.site.clone(), self.room.clone());
        Ok(RoomOccupancy { trust: trust.clone(), site, room, rules: self.rules()? })
    }
}
