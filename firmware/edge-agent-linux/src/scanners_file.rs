//! scanners.json in the data folder: what a running agent has heard from scanners and the worklist since it started, for
//! `touchtime-agent outbox` and `check`: who was refused and why, and whose clock is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use room_events::UtcMillis;
use serde::{Deserialize, Serialize};

const NAME: &str = "scanners.json";

/// Who was refused is listed up to here; strangers could fill a disk with names.
const MAX_REFUSED: usize = 20;

/// The file's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannersFile {
    /// When the agent started.
    pub since: UtcMillis,
    /// When it was written.
    pub written: UtcMillis,
    /// Associations that are open.
    pub open: usize,
    /// Connections turned away because there were `dicom.max-associations` already.
    pub turned_away: u64,
    /// By calling AE title.
    pub callers: BTreeMap<String, Caller>,
    /// Associations that were refused.
    pub refused: Vec<Refused>,
    /// The worklist, if it is asked.
    #[serde(default)]
    pub worklist: Option<WorklistState>,
}

/// One that calls and may.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Caller {
    /// When its last message came.
    pub last: Option<UtcMillis>,
    /// Messages on steps that were taken.
    pub steps: u64,
    /// Objects that were taken.
    pub objects: u64,
    /// Messages that were refused, and why the last one was.
    pub refused: u64,
    /// Why the last one was.
    pub why: Option<String>,
    /// By how many seconds its clock is ahead of the agent's; behind: negative. Absent while too little was heard.
    pub clock_ahead_seconds: Option<i64>,
}

/// One that calls and may not, or calls somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its AE title.
    pub calling: String,
    /// Whom it called.
    pub called: String,
    /// Why it was refused, and the remedy.
    pub why: String,
    /// How often.
    pub count: u64,
    /// When for the last time.
    pub last: UtcMillis,
}

/// How the worklist was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorklistState {
    /// When it answered last.
    pub answered: Option<UtcMillis>,
    /// How many exams it had then.
    pub entries: usize,
    /// Why it could not be asked; absent when it could.
    pub problem: Option<String>,
}

impl ScannersFile {
    /// Nothing heard yet.
    pub fn new(now: UtcMillis) -> Self {
        let (callers, refused) = (BTreeMap::new(), Vec::new());
        Self { since: now, written: now, open: 0, turned_away: 0, callers, refused, worklist: None }
    }

    /// Notes an association that is refused.
    pub fn note_refused(&mut self, calling: &str, called: &str, why: &str, now: UtcMillis) {
        let known = self.refused.iter_mut().find(|refused| refused.calling == calling && refused.called == called);
        if let Some(refused) = known {
            refused.count += 1;
            refused.last = now;
            why.clone_into(&mut refused.why);
            return;
        }
        if self.refused.len() >= MAX_REFUSED
            && let Some(oldest) = (0..self.refused.len()).min_by_key(|n| self.refused.get(*n).map(|r| r.last))
        {
            self.refused.swap_remove(oldest);
        }
        let (calling, called, why) = (calling.to_owned(), called.to_owned(), why.to_owned());
        self.refused.push(Refused { calling, called, why, count: 1, last: now });
    }

    /// Reads the file of the agent whose data are in `folder`; `None` where there is none.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(NAME)).ok()?).ok()
    }

    /// Writes it there.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let (path, new) = (folder.join(NAME), folder.join("scanners.json.new"));
        std::fs::write(&new, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(new, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// What is told to a person.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("scanners  {} associations open at {}", self.open, self.written)];
        lines.extend(self.callers.iter().map(|(calling, caller)| {
            let last = caller.last.map_or_else(|| "-".to_owned(), |last| last.to_string());
            let (steps, objects) = (caller.steps, caller.objects);
            let clock = caller.clock_ahead_seconds.map(|ahead| format!(", its clock {ahead:+} s")).unwrap_or_default();
            format!("scanner   {calling:?}: {steps} messages on steps, {objects} objects, the last at {last}{clock}")
        }));
        lines.extend(self.worklist.iter().map(|worklist| {
            let at = worklist.answered.map_or_else(|| "never".to_owned(), |at| at.to_string());
            format!("worklist  {} exams booked, answered last: {at}", worklist.entries)
        }));
        lines.extend(self.problems(0).into_iter().map(|problem| format!("attention {problem}")));
        lines
    }

    /// What somebody should look at; clocks that are wrong by more than `clock_limit_seconds`.
    pub fn problems(&self, clock_limit_seconds: u16) -> Vec<String> {
        let mut problems: Vec<String> = Vec::new();
        for refused in &self.refused {
            let Refused { calling, called, why, count, last } = refused;
            problems
                .push(format!("{calling:?} called {called:?} and was refused {count} times, last at {last}: {why}"));
        }
        for (calling, caller) in &self.callers {
            if let Some(why) = &caller.why {
                problems
                    .push(format!("{} messages of {calling:?} were refused, the last because {why}", caller.refused));
            }
            let wrong = caller.clock_ahead_seconds.filter(|ahead| ahead.unsigned_abs() > clock_limit_seconds.into());
            if let Some(seconds) = wrong.filter(|_| clock_limit_seconds > 0) {
                problems.push(clock_problem(calling, seconds));
            }
        }
        if self.turned_away > 0 {
            let count = self.turned_away;
            problems.push(format!("{count} connections were turned away (raise dicom.max-associations)"));
        }
        let worklist = self.worklist.iter().filter_map(|worklist| worklist.problem.as_ref());
        problems.extend(worklist.map(|problem| format!("the worklist cannot be asked: {problem}")));
        problems
    }
}

/// A clock that is wrong, in words.
pub fn clock_problem(calling: &str, ahead_seconds: i64) -> String {
    let way = if ahead_seconds < 0 { "behind" } else { "ahead of" };
    let (minutes, seconds) = (ahead_seconds.unsigned_abs() / 60, ahead_seconds.unsigned_abs() % 60);
    format!(
        "the clock of {calling:?} is about {minutes} min {seconds:02} s {way} the agent's: its times are recorded as it \
         tells them (set it, or give it a time server)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_counted_and_cannot_fill_the_file() {
        let at = |n| UtcMillis::saturating(n);
        let mut file = ScannersFile::new(at(0));
        for n in 0..100 {
            file.note_refused(&format!("X{n}"), "TOUCHTIME", "why", at(n));
        }
        file.note_refused("X99", "TOUCHTIME", "why", at(100));
        assert_eq!(file.refused.len(), MAX_REFUSED);
        assert!(
            file.problems(120)
                .iter()
                .any(|problem| problem.contains("\"X99\" called \"TOUCHTIME\" and was refused 2 times"))
        );
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ScannersFile::read(folder.path()), None);
        file.write(folder.path()).unwrap();
        assert_eq!(ScannersFile::read(folder.path()), Some(file));
    }

    #[test]
    fn a_wrong_clock_is_told_in_words() {
        let mut file = ScannersFile::new(UtcMillis::saturating(0));
        file.callers.entry("MR1".to_owned()).or_default().clock_ahead_seconds = Some(-425);
        assert!(file.problems(120)[0].starts_with("the clock of \"MR1\" is about 7 min 05 s behind the agent's"));
        assert!(file.problems(600).is_empty());
    }
}
