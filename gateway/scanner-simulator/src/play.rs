//! [`play`]: each scanner lives its days and tells them, and counts what was taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use crate::CALLED;
use crate::account::{Account, RoomAccount};
use crate::client::{Association, Status};
use crate::department::{Department, Scanner, ScannerDay, Step};

/// How long a scanner waits before it tells again what nobody answered.
const BEFORE_AGAIN: Duration = Duration::from_millis(250);

/// The time in which the scanners live.
pub trait SimulatedTime: Send + Sync + 'static {
    /// How long, by the machine's clock, until this instant.
    fn until(&self, instant: DateTime<Utc>) -> Duration;
}

/// Plays all days, all scanners at once; returns when every message was answered, with the scanners' own account. A
/// message without answer is told again for as long as it takes.
pub async fn play(
    department: Department,
    address: SocketAddr,
    time: Arc<dyn SimulatedTime>,
) -> anyhow::Result<Account> {
    let mut rooms: Vec<(Scanner, Vec<ScannerDay>)> = Vec::new();
    for day in department.days {
        match rooms.iter_mut().find(|(scanner, _)| scanner.room == day.scanner.room) {
            Some((_, days)) => days.push(day),
            None => rooms.push((day.scanner, vec![day])),
        }
    }
    let mut tasks = JoinSet::new();
    for (scanner, days) in rooms {
        let live = Living { scanner, address, time: time.clone() };
        tasks.spawn(async move { Ok::<_, anyhow::Error>((scanner.room.to_owned(), live.through(days).await?)) });
    }
    let mut account = Account::default();
    while let Some(ended) = tasks.join_next().await {
        let (room, counted) = ended??;
        account.rooms.insert(room, counted);
    }
    Ok(account)
}

struct Living {
    scanner: Scanner,
    address: SocketAddr,
    time: Arc<dyn SimulatedTime>,
}

/// What a scanner tells.
#[derive(Clone, Copy)]
enum Told<'a> {
    Echo,
    Begun(&'a Step),
    Ended(&'a Step),
}

impl Living {
    async fn through(&self, days: Vec<ScannerDay>) -> anyhow::Result<RoomAccount> {
        let mut account = RoomAccount::default();
        for day in days {
            // The radiographers see whether the line is up before the first patient comes.
            self.wait_for(day.planned.0.to_utc() - TimeDelta::minutes(10)).await;
            self.tell(Told::Echo).await?;
            for step in &day.steps {
                for (at, told) in [(step.start, Told::Begun(step)), (step.end, Told::Ended(step))] {
                    self.wait_for(at.to_utc()).await;
                    self.tell(told).await?;
                    account.messages += 1;
                }
            }
            account.count(&day);
        }
        Ok(account)
    }

    async fn wait_for(&self, instant: DateTime<Utc>) {
        let wait = self.time.until(instant);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Each message in an association of its own, as scanners do. An error only if the peer refuses what it was told.
    async fn tell(&self, told: Told<'_>) -> anyhow::Result<()> {
        loop {
            let error = match self.try_to_tell(told).await {
                Ok(Status::SUCCESS) => return Ok(()),
                Ok(status) => {
                    // It was heard before, and its answer lost; so it is for a simulator that begins anew.
                    let heard = match told {
                        Told::Echo => false,
                        Told::Begun(_) => status == Status::DUPLICATE,
                        Told::Ended(_) => status == Status::PROCESSING_FAILURE,
                    };
                    ensure!(heard, "{}: a message was answered with {status}", self.scanner.title);
                    return Ok(());
                }
                Err(error) => error,
            };
            tracing::warn!(scanner = self.scanner.title, error = format!("{error:#}"), "told again");
            tokio::time::sleep(BEFORE_AGAIN).await;
        }
    }

    async fn try_to_tell(&self, told: Told<'_>) -> anyhow::Result<Status> {
        let mut association = Association::open(self.address, self.scanner.title, CALLED).await?;
        let status = match told {
            Told::Echo => association.echo().await?,
            Told::Begun(step) => association.create(self.scanner, step).await?,
            Told::Ended(step) => association.set(step).await?,
        };
        // The answer counts, not the leave.
        if let Err(error) = association.release().await {
            tracing::debug!(scanner = self.scanner.title, error = format!("{error:#}"), "no leave was taken");
        }
        Ok(status)
    }
}
