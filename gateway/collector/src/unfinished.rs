//! What a collector was storing when it ended without being asked to: killed, out of memory, crashed.
//!
//! A program that is killed cannot say so; the next one can, and must, if one message does it again and again. So a file
//! beside the database says what is being stored, without fsync: it is for the end of a process, not of a machine.
//!
//! ```text
//! 2                     how often in a row it has ended so, this time included if it does
//! main/th-1 main/th-2   whose messages are being stored; empty between commits
//! ```
//! An orderly end removes the file. Nothing else depends on it: a folder that cannot be written costs only the telling.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use room_events::topic::AgentAddress;

const NAME: &str = "collecting";
/// The file's length, always: one write replaces all of it.
const BYTES: usize = 512;

/// The file of a collector that runs.
#[derive(Debug)]
pub(crate) struct Unfinished {
    place: Option<(PathBuf, File)>,
    times: u32,
}

/// How the collector before this one ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How many did so in a row.
    pub times: u32,
    /// The agents whose messages it was storing, as far as there is room for their names.
    pub storing: String,
}

impl Unfinished {
    /// Begins, and says how the one before ended if nobody had asked it to. The folder is this collector's alone.
    pub(crate) fn begin(dir: &Path) -> (Self, Option<Ended>) {
        let path = dir.join(NAME);
        let before = std::fs::read_to_string(&path).ok().and_then(|text| read(&text));
        let times = before.as_ref().map_or(1, |ended| ended.times.saturating_add(1));
        let place = match File::create(&path) {
            Ok(file) => Some((path, file)),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "the next collector will not know how this one ends");
                None
            }
        };
        let begun = Self { place, times };
        begun.write("");
        (begun, before)
    }

    /// Says whose messages are being stored.
    pub(crate) fn note_storing<'a>(&self, agents: impl Iterator<Item = &'a AgentAddress>) {
        if self.place.is_none() {
            return;
        }
        let mut names = String::new();
        let mut last = None;
        for agent in agents {
            // Most messages of a group come from few agents.
            if last.replace(agent) != Some(agent) && names.len() < BYTES {
                let _ = write!(names, "{}/{} ", agent.site, agent.agent);
            }
        }
        self.write(names.trim_end());
    }

    /// Says that it is done with them.
    pub(crate) fn note_stored(&self) {
        self.write("");
    }

    /// Ends in order.
    pub(crate) fn end(self) {
        if let Some((path, _)) = self.place {
            let _ = std::fs::remove_file(path);
        }
    }

    fn write(&self, names: &str) {
        let Some((_, file)) = &self.place else { return };
        let mut bytes = format!("{}\n{names}", self.times).into_bytes();
        bytes.resize(BYTES, b' ');
        let _ = file.write_all_at(&bytes, 0);
    }
}

fn read(text: &str) -> Option<Ended> {
    let (times, names) = text.split_once('\n')?;
    Some(Ended { times: times.parse().ok()?, storing: names.trim().to_owned() })
}

impl Ended {
    /// Tells whoever reads the log.
    pub(crate) fn tell(&self) {
        let Self { times, storing } = self;
        if storing.is_empty() {
            tracing::warn!(
                times,
                "the collector before this one did not end by itself (was it killed, or the power cut?); \
                nothing is lost by that"
            );
        } else {
            tracing::error!(times, agents = %storing, "the collector before this one ended while it stored messages of \
                these agents; they send them again, and nothing is lost (if it happens again and again: is memory short, \
                does the system's log name a crash? Take the agent's rights at the broker to let the others go on)");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use room_events::{AgentId, SiteId, TrustId};

    fn agent(id: &str) -> AgentAddress {
        AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new(id).unwrap(),
        }
    }

    #[test]
    fn the_next_collector_knows_what_the_one_before_was_storing_when_it_was_killed() {
        let dir = tempfile::tempdir().unwrap();
        let ended = |times, storing: &str| Some(Ended { times, storing: storing.to_owned() });
        let (first, before) = Unfinished::begin(dir.path());
        assert_eq!(before, None);
        first.note_storing([agent("th-1"), agent("th-1"), agent("th-2")].iter());
        drop(first);
        let (second, before) = Unfinished::begin(dir.path());
        assert_eq!(before, ended(1, "main/th-1 main/th-2"));
        second.note_storing([agent("th-1")].iter());
        second.note_stored();
        drop(second);
        let (third, before) = Unfinished::begin(dir.path());
        assert_eq!(before, ended(2, ""));
        let many: Vec<_> = (0..300).map(|n| agent(&format!("theatre-{n}"))).collect();
        third.note_storing(many.iter());
        drop(third);
        let (fourth, before) = Unfinished::begin(dir.path());
        assert_eq!(before.as_ref().map(|ended| ended.times), Some(3));
        assert!(before.is_some_and(|ended| ended.storing.starts_with("main/theatre-0 main/theatre-1 ")));
        assert_eq!(std::fs::metadata(dir.path().join(NAME)).unwrap().len(), BYTES as u64);
        fourth.end();
        assert_eq!(Unfinished::begin(dir.path()).1, None);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_only_the_telling() {
        let (begun, before) = Unfinished::begin(Path::new("/nowhere/at/all"));
        assert_eq!(before, None);
        begun.note_storing([agent("th-1")].iter());
        begun.end();
    }
}
