//! Replay: reports what an extract holds in the order in which it became known, with signs of life between.
//!
//! A replay is a fixed list of steps: each item at its release, and for each room a sign of life every few minutes of
//! recorded time. How many steps are recorded is written with their events in one transaction, so an agent that was
//! killed goes on where it stopped and reports nothing twice. Played by a clock, what was released between two of its
//! segments is reported when the later one begins, and what was released after the last one at its end.

use std::collections::BTreeSet;
use std::time::Duration;

use edge_agent::Observed;
use room_events::{Alive, ClockQuality, Observation, RoomId, SiteId, SourceId, UtcMillis};
use sha2::{Digest, Sha256};

use crate::agent::Shared;
use crate::outbox::{OutboxError, Progress};

/// Steps that are committed together at most.
const MAX_STEPS_AT_ONCE: usize = 512;

const DAY_MS: i64 = 86_400_000;

/// One observation of an extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When it happened.
    pub at: UtcMillis,
    /// When the source could have told it.
    pub release: UtcMillis,
    /// The room's site.
    pub site: SiteId,
    /// The room.
    pub room: RoomId,
    /// What was observed.
    pub obs: Observation,
    /// The source's own sequence.
    pub order: u64,
}

/// One thing to record, at its release. There are many, so items and rooms are named by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    release: UtcMillis,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Report(usize),
    Alive { room: usize },
}

/// All steps of an extract, in order.
#[derive(Debug)]
pub struct Replay {
    source: SourceId,
    items: Vec<Item>,
    rooms: Vec<(SiteId, RoomId)>,
    steps: Vec<Step>,
    file: [u8; 32],
}

impl Replay {
    /// Puts items in the order of their release and signs of life between them: every `alive_every_ms` within
    /// `segments`, or without any on each day (UTC) on which something was released. `contents` is the digest of the
    /// extract and its mapping; with the rest it names the replay.
    pub fn new(
        source: SourceId,
        items: Vec<Item>,
        alive_every_ms: i64,
        segments: &[(UtcMillis, UtcMillis)],
        contents: [u8; 32],
    ) -> Self {
        let rooms = items.iter().map(|i| (i.site.clone(), i.room.clone())).collect();
        Self::of_rooms(source, items, rooms, alive_every_ms, segments, contents)
    }

    /// Only the signs of life of a feed that listens while a recording is played.
    pub fn signs_of_life(
        source: SourceId,
        rooms: BTreeSet<(SiteId, RoomId)>,
        alive_every_ms: i64,
        segments: &[(UtcMillis, UtcMillis)],
    ) -> Self {
        Self::of_rooms(source, Vec::new(), rooms, alive_every_ms, segments, [0; 32])
    }

    fn of_rooms(
        source: SourceId,
        items: Vec<Item>,
        rooms: BTreeSet<(SiteId, RoomId)>,
        alive_every_ms: i64,
        segments: &[(UtcMillis, UtcMillis)],
        contents: [u8; 32],
    ) -> Self {
        let rooms: Vec<(SiteId, RoomId)> = rooms.into_iter().collect();
        let days = days_of(&items);
        let segments = if segments.is_empty() { &days } else { segments };
        let mut digest = Sha256::new();
        digest.update(contents);
        digest.update(format!("{source} {alive_every_ms} {rooms:?} {segments:?}"));
        let mut steps: Vec<Step> = Vec::new();
        for &(from, to) in segments {
            let first =
                from.millis().div_euclid(alive_every_ms) + i64::from(from.millis().rem_euclid(alive_every_ms) > 0);
            let slots = (first..).map(|slot| slot * alive_every_ms).take_while(|&millis| millis < to.millis());
            for release in slots.map(UtcMillis::saturating) {
                steps.extend((0..rooms.len()).map(|room| Step { release, what: What::Alive { room } }));
            }
        }
        steps.extend(items.iter().enumerate().map(|(n, item)| Step { release: item.release, what: What::Report(n) }));
        // Stable: at one instant the signs of life come first, then items in the extract's order.
        steps.sort_by_key(|step| step.release);
        Self { source, items, rooms, steps, file: digest.finalize().into() }
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is nothing to record.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Records all steps that are not recorded yet; as fast as the outbox takes them, or with `paced` each when the
    /// agent's clock reaches its release. Returns how many were recorded.
    pub async fn record(&self, shared: &Shared, paced: bool) -> Result<usize, OutboxError> {
        let already = usize::try_from(shared.agent().recorded_of(self.file)?).unwrap_or(usize::MAX);
        let mut rest = self.steps.get(already..).unwrap_or_default();
        // While no process ran, the feed was not alive. What the source reported meanwhile it still knows.
        let started = (paced && already > 0).then(|| shared.agent().clock().now());
        let mut done = already;
        while let Some(next) = rest.first() {
            if paced {
                let clock = shared.agent().clock().clone();
                if let Some(played) = clock.recording() {
                    let due = played.wall_of(next.release).millis_since(clock.wall());
                    if let Ok(due @ 1..) = u64::try_from(due) {
                        tokio::time::sleep(Duration::from_millis(due)).await;
                        continue;
                    }
                }
            }
            let count = if paced { self.due_now(rest, shared).max(1) } else { MAX_STEPS_AT_ONCE };
            let (batch, later) = rest.split_at(count.min(MAX_STEPS_AT_ONCE).min(rest.len()));
            let was_alive = |step: &&Step| match step.what {
                What::Report(_) => true,
                What::Alive { .. } => started.is_none_or(|started| step.release >= started),
            };
            let observed: Vec<Observed> =
                batch.iter().filter(was_alive).filter_map(|step| self.observed(*step)).collect();
            done += batch.len();
            shared.record(&observed, Some(Progress::File { file: self.file, items: done as u64 })).await?;
            rest = later;
        }
        Ok(done.saturating_sub(already))
    }

    fn due_now(&self, rest: &[Step], shared: &Shared) -> usize {
        let clock = shared.agent().clock().clone();
        let Some(played) = clock.recording() else { return rest.len() };
        let wall = clock.wall();
        rest.iter().take(MAX_STEPS_AT_ONCE).take_while(|step| played.wall_of(step.release) <= wall).count()
    }

    fn observed(&self, step: Step) -> Option<Observed> {
        let (order, site, room, at, obs) = match step.what {
            What::Report(n) => {
                let item = self.items.get(n)?;
                (Some(item.order), &item.site, &item.room, item.at, item.obs.clone())
            }
            What::Alive { room } => {
                let (site, room) = self.rooms.get(room)?;
                (None, site, room, step.release, Observation::Alive(Alive {}))
            }
        };
        let clock = Some(ClockQuality::External);
        Some(Observed {
            source: self.source.clone(),
            order,
            site: Some(site.clone()),
            room: Some(room.clone()),
            at,
            clock,
            obs,
        })
    }
}

fn days_of(items: &[Item]) -> Vec<(UtcMillis, UtcMillis)> {
    let days: BTreeSet<i64> = items.iter().map(|item| item.release.millis().div_euclid(DAY_MS)).collect();
    let day = |day: i64| (UtcMillis::saturating(day * DAY_MS), UtcMillis::saturating((day + 1) * DAY_MS));
    days.into_iter().map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(release: i64, room: &str) -> Item {
        Item {
            at: UtcMillis::saturating(release),
            release: UtcMillis::saturating(release),
            site: SiteId::new("main").unwrap(),
            room: RoomId::new(room).unwrap(),
            obs: Observation::Alive(Alive {}),
            order: 1,
        }
    }

    fn replay(items: Vec<Item>, segments: &[(i64, i64)]) -> Replay {
        let segments: Vec<_> =
            segments.iter().map(|&(a, b)| (UtcMillis::saturating(a), UtcMillis::saturating(b))).collect();
        Replay::new(SourceId::new("theatre-system").unwrap(), items, 300_000, &segments, [7; 32])
    }

    fn shape(replay: &Replay) -> Vec<(i64, &str, bool)> {
        let of = |step: &Step| match step.what {
            What::Report(n) => (step.release.millis(), replay.items[n].room.as_str(), true),
            What::Alive { room } => (step.release.millis(), replay.rooms[room].1.as_str(), false),
        };
        replay.steps.iter().map(of).collect()
    }

    #[test]
    fn signs_of_life_of_each_room_stand_between_the_items() {
        let replay = replay(vec![item(700_000, "r2"), item(300_000, "r1")], &[(1, 600_001)]);
        assert_eq!(
            shape(&replay),
            [
                (300_000, "r1", false),
                (300_000, "r2", false),
                (300_000, "r1", true),
                (600_000, "r1", false),
                (600_000, "r2", false),
                (700_000, "r2", true)
            ]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_paced_replay_reports_nothing_before_its_release_and_nothing_twice() {
        use crate::agent::Agent;
        use crate::clock::Clock;
        use crate::config::Config;
        use crate::outbox::Outbox;
        use crate::played::PlayedTime;
        use room_events::{Seq, StreamId, wire};

        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "trust = 'n'\nsite = 'main'\nagent = 'a'\ndata-dir = '{}'\n[broker]\nhost = 'b'\n[collectors]\nrequired = ['c']",
            folder.path().display()
        );
        let config = Config::parse("agent.toml", &text).unwrap();
        let wall = Clock::system(None).wall();
        // An hour in a third of a second.
        let segment = (UtcMillis::saturating(0), UtcMillis::saturating(3_600_000));
        let played = PlayedTime::new(wall, 10_800.0, vec![segment]).unwrap();
        let shared = Shared::new(Agent::open(&config, Clock::played(played).into()).unwrap());
        let replay = replay(vec![item(1_000_000, "r1"), item(3_500_000, "r2")], &[(0, 3_600_000)]);
        assert_eq!(replay.record(&shared, true).await.unwrap(), 2 + 2 * 12);
        assert_eq!(replay.record(&shared, true).await.unwrap(), 0);
        drop(shared);
        let outbox = Outbox::open(folder.path(), 1_000_000, StreamId(1)).unwrap();
        let stream = outbox.newest().unwrap();
        assert_eq!(stream.last, Seq(1 + 2 + 2 * 12));
        for bytes in outbox.read(stream.stream, Seq(1), 100).unwrap() {
            let event = wire::decode(&bytes).unwrap();
            assert!(event.captured >= event.at, "{event:?}");
        }
    }

    #[test]
    fn without_segments_a_feed_is_alive_on_days_with_items() {
        let replay = replay(vec![item(DAY_MS + 5, "r1"), item(5 * DAY_MS, "r1")], &[]);
        assert_eq!(replay.len(), 2 + 2 * 288);
    }

    #[test]
    fn a_replay_is_named_by_all_that_shapes_it() {
        let one = replay(vec![item(5, "r1")], &[(0, 10)]);
        assert_eq!(one.file, replay(vec![item(5, "r1")], &[(0, 10)]).file);
        assert_ne!(one.file, replay(vec![item(5, "r2")], &[(0, 10)]).file);
        assert_ne!(one.file, replay(vec![item(5, "r1")], &[(0, 11)]).file);
    }
}
