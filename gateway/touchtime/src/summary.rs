//! The rooms' summaries on MQTT: today's lists of a room as `report sessions --format json` gives them, those of a
//! scanner as `report scanner-sessions` does, retained.
//!
//! ```text
//! {"v":1,"collector":"c1","run":"<32 hex>","epoch":1768471200000,"at":1768471260000,"date":"2026-01-15","lists":[{...}]}
//! ```
//! `collector` and `epoch` say who was made primary, and when: a reader that sees two believes the higher epoch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use board::source::Change;
use chrono::NaiveDate;
use collector::{Role, Summaries, classify};
use delivery::ack::RunId;
use room_events::{AgentId, RoomId, SiteId, UtcMillis};
use serde::Serialize;
use store::{Reader, Writer};
use tokio::sync::broadcast;
use utilisation::rows::{AsObject, scanner_session_row, session_row};

use crate::source::{StoreSource, TodaysLists};

/// How soon a collector notices that it was told to take over or give up, and how soon a change is written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a collector needs to write summaries.
pub struct Writing {
    /// Its id.
    pub id: AgentId,
    /// This opening of its database.
    pub run: RunId,
    /// Its store.
    pub dir: std::path::PathBuf,
    /// Today's lists.
    pub source: Arc<StoreSource>,
    /// The way out.
    pub summaries: Summaries,
}

#[derive(Serialize)]
struct Summary<'a> {
    v: u16,
    collector: &'a AgentId,
    run: RunId,
    epoch: u64,
    at: UtcMillis,
    date: String,
    lists: &'a [AsObject<'a, 'a>],
}

/// What has changed since summaries were last written.
#[derive(Debug, Default)]
struct Pending {
    all: bool,
    rooms: BTreeSet<(SiteId, RoomId)>,
}

/// Writes the summaries of all rooms when this collector becomes primary and with each tick, and of a room soon after it
/// has changed.
pub async fn run(writing: Writing, mut changes: broadcast::Receiver<Change>) {
    let writing = Arc::new(writing);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut was = Role::Silent;
    let mut pending = Pending::default();
    loop {
        tokio::select! {
            _ = looks.tick() => {
                let (worker, pending) = (Arc::clone(&writing), std::mem::take(&mut pending));
                let done = tokio::task::spawn_blocking(move || worker.look(was, &pending)).await;
                match done.map_err(anyhow::Error::from).flatten() {
                    Ok(role) => was = role,
                    Err(error) => tracing::error!(%error, "the rooms' summaries could not be written"),
                }
            }
            change = changes.recv() => match change {
                Ok(Change::Room { site, room }) => {
                    pending.rooms.insert((site, room));
                }
                Ok(Change::Tick) | Err(broadcast::error::RecvError::Lagged(_)) => pending.all = true,
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}

impl Writing {
    /// Asks the store whether this collector is primary, and does what that asks for.
    fn look(&self, was: Role, pending: &Pending) -> anyhow::Result<Role> {
        let reader = Reader::open(&self.dir)?;
        if self.summaries.hears_nobody() && reader.primary_was_never_told()? {
            tracing::info!("no other collector writes the rooms' summaries, and nobody said which one should");
            Writer::open(&self.dir, self.run)?.take_primary_unasked()?;
        }
        let own = reader.primary_epoch()?;
        let written_over = self.summaries.take_written_over();
        let role = classify(own, &self.id, self.summaries.heard().as_ref());
        match role {
            Role::Silent => {}
            Role::GivesUp(epoch) => {
                tracing::warn!(epoch, "another collector has become primary; this one writes no summaries any more");
                Writer::open(&self.dir, self.run)?.give_up_primary(Some(epoch))?;
            }
            Role::Writes(epoch) if was != role || pending.all || written_over => {
                if was != role {
                    tracing::info!(epoch, "this collector is primary and writes the rooms' summaries");
                }
                self.write(epoch, None)?;
            }
            Role::Writes(epoch) => {
                for (site, room) in &pending.rooms {
                    self.write(epoch, Some((site, room)))?;
                }
            }
        }
        Ok(role)
    }

    fn write(&self, epoch: u64, only: Option<(&SiteId, &RoomId)>) -> anyhow::Result<()> {
        let (at, rooms) = self.source.todays_lists(only)?;
        for (site, room, date, lists) in rooms {
            let payload = payload(&self.id, self.run, epoch, at, date, &lists)?;
            self.summaries.write(site, room, payload);
        }
        Ok(())
    }
}

fn payload(
    collector: &AgentId,
    run: RunId,
    epoch: u64,
    at: UtcMillis,
    date: NaiveDate,
    lists: &TodaysLists,
) -> anyhow::Result<Vec<u8>> {
    let reasons: Vec<String>;
    let rows: Vec<Vec<_>> = match lists {
        TodaysLists::Theatre(lists) => lists.iter().map(|list| session_row(list).to_vec()).collect(),
        TodaysLists::Scanner(sessions) => {
            reasons = sessions.iter().map(|session| session.figures.reasons()).collect();
            sessions.iter().zip(&reasons).map(|(session, why)| scanner_session_row(session, why)).collect()
        }
    };
    let lists: Vec<_> = rows.iter().map(|row| AsObject(row)).collect();
    Ok(serde_json::to_vec(&Summary { v: 1, collector, run, epoch, at, date: date.to_string(), lists: &lists })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_without_lists_is_the_golden_one() {
        let at = UtcMillis::saturating(1_768_471_260_000);
        let date = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        let bytes = payload(
            &AgentId::new("c1").unwrap(),
            RunId(0xfeed),
            1_768_471_200_000,
            at,
            date,
            &TodaysLists::Theatre(Vec::new()),
        )
        .unwrap();
        let golden = r#"{"v":1,"collector":"c1","run":"0000000000000000000000000000feed","epoch":1768471200000,"at":1768471260000,"date":"2026-01-15","lists":[]}"#;
        assert_eq!(String::from_utf8(bytes).unwrap(), golden);
    }

    #[test]
    fn a_scanners_summary_has_its_own_measures() {
        use room_events::{RoomKind, StepState, Token};
        use utilisation::facts::{Plan, Room, ScannerFacts, SessionPlan, Step};
        use utilisation::rules::RuleSet;
        use utilisation::scanner::{Conditions, measure_room, rules::ScannerRules};
        use utilisation::targets::Targets;

        let at = |minute: i64| UtcMillis::saturating(1_768_471_200_000).plus_minutes(minute);
        let room = Room {
            trust: room_events::TrustId::new("t").unwrap(),
            site: SiteId::new("main").unwrap(),
            room: RoomId::new("ct-1").unwrap(),
            kind: RoomKind::Ct,
            zone: chrono_tz::Europe::London,
        };
        let plan = Plan {
            start: at(0),
            end: at(60),
            specialty: None,
            team: None,
            kind: room_events::ListKind::Elective,
            cases: None,
            issued: None,
            withdrawn: false,
        };
        let step = Step {
            id: Token { key: 1, digest: 1 },
            state: StepState::Completed,
            start: at(0),
            end: Some(at(20)),
            last_image: None,
            acquired: None,
            accessions: Vec::new(),
            visit: None,
            patient: None,
            protocol: None,
            reason: None,
            captured: at(20),
            conflicting: false,
            inferred: false,
        };
        let facts = ScannerFacts {
            sessions: vec![SessionPlan { key: room_events::SessionKey::new("day").unwrap(), revisions: vec![plan] }],
            cases: Vec::new(),
            steps: vec![step],
            alive: (0..=12).map(|n| at(5 * n)).collect(),
        };
        let (rules, scanner, targets) = (RuleSet::default(), ScannerRules::default(), Targets::built_in());
        let under = Conditions { rules: &rules, scanner: &scanner, closures: &[], targets: &targets };
        let sessions = measure_room(&room, &facts, under, at(30)).sessions;
        let date = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        let lists = TodaysLists::Scanner(sessions);
        let bytes = payload(&AgentId::new("c1").unwrap(), RunId(1), 1, at(30), date, &lists).unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let list = &summary["lists"][0];
        assert_eq!((&list["exams_per_hour"], &list["elapsed_min"]), (&2.0.into(), &30.into()));
        assert_eq!((&list["scans_short_of_target"], &list["state"]), (&1.into(), &"running".into()));
        assert_eq!(list.get("capped_min"), None);
    }
}
