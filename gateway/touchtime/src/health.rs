//! How the collector, its store and its agents are, gathered for `/metrics`.

use std::path::{Path, PathBuf};

use board::health::{AgentHealth, CertificateHealth, CollectorHealth, Health, StoreHealth};
use broker_tls::TlsFiles;
use collector::Shared;
use delivery::Status;
use room_events::UtcMillis;
use room_events::topic::AgentAddress;
use store::{FILE_NAME, Reader};

/// Where to look.
#[derive(Debug)]
pub struct Probe {
    /// The store's folder.
    pub dir: PathBuf,
    /// What the running collector shares.
    pub shared: Shared,
    /// The files of TLS, if the connection is encrypted.
    pub tls: Option<TlsFiles>,
    /// The agents keep the machines' own time, not a played one.
    pub wall_time: bool,
}

impl Probe {
    /// Looks.
    pub fn health(&self, reader: &Reader) -> anyhow::Result<Health> {
        let ends = self.tls.iter().flat_map(TlsFiles::ends);
        Ok(Health {
            collector: Some(self.collector()),
            store: store_health(&self.dir, reader)?,
            agents: self.shared.statuses.all().into_iter().map(|(agent, status)| self.agent(agent, status)).collect(),
            certificates: ends
                .map(|(key, end)| CertificateHealth { key, not_after: UtcMillis::saturating(end.saturating_mul(1000)) })
                .collect(),
        })
    }

    fn collector(&self) -> CollectorHealth {
        let counted = self.shared.counts.now();
        CollectorHealth {
            connected: self.shared.connection.is_connected(),
            connections: self.shared.connection.connections(),
            batches: counted.batches,
            events: vec![
                ("stored", counted.stored),
                ("duplicate", counted.duplicates),
                ("conflict", counted.conflicts),
                ("quarantined", counted.quarantined),
                ("refused", counted.refused),
            ],
            given_up: counted.given_up,
            errors: vec![
                ("storing", counted.storing_failed),
                ("status", counted.unreadable_statuses),
                ("topic", counted.foreign_topics),
                ("no_room", counted.left_out),
            ],
            last_stored: counted.last_stored,
        }
    }

    fn agent(&self, agent: AgentAddress, status: Status) -> AgentHealth {
        let offset = self.shared.statuses.clock_offset(&agent);
        AgentHealth {
            clock_offset: offset.filter(|_| self.wall_time),
            agent,
            online: status.online,
            at: status.at,
            version: status.version.to_string(),
            waiting: status.depth,
            oldest: status.oldest,
            lost: status.lost,
            refused: status.refused,
            clock: status.clock,
        }
    }
}

fn store_health(dir: &Path, reader: &Reader) -> anyhow::Result<StoreHealth> {
    let held = reader.held()?;
    let rooms = reader.rooms()?;
    let length = |suffix: &str| std::fs::metadata(dir.join(format!("{FILE_NAME}{suffix}"))).map(|file| file.len());
    let disk = rustix::fs::statvfs(dir).ok();
    let blocks = |blocks: u64| disk.as_ref().map(|disk| blocks.saturating_mul(disk.f_frsize));
    Ok(StoreHealth {
        last_event: rooms.iter().filter_map(|room| room.last_event.max(room.last_alive)).max(),
        held: vec![
            ("quarantined", held.quarantined),
            ("not_kept", held.not_kept),
            ("conflict", held.conflicts),
            ("given_up", held.gone),
        ],
        // The log is gone while nobody has the database open.
        size_bytes: length("").ok().map(|database| database + length("-wal").unwrap_or(0)),
        disk_free_bytes: disk.as_ref().and_then(|disk| blocks(disk.f_bavail)),
        disk_size_bytes: disk.as_ref().and_then(|disk| blocks(disk.f_blocks)),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use delivery::ack::RunId;
    use store::{Inbound, Writer};

    #[test]
    fn the_stores_newest_event_its_length_and_its_disk_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), RunId(1)).unwrap();
        let from = AgentAddress {
            trust: "north".parse().unwrap(),
            site: "main".parse().unwrap(),
            agent: "th-1".parse().unwrap(),
        };
        let payload = br#"{"v":1,"stream":"0000000000000000000000000000beef","first":3,"floor":3,"events":[{"v":1,"at":7000,"captured":7000,"mono":0,"clock":"external","source":"s","order":1,"room":"suite-1","obs":{"alive":{}}},{"v":9}]}"#;
        let _ = writer.commit(&[Inbound { from: &from, payload }], UtcMillis::MIN).unwrap();

        let probe = Probe { dir: dir.path().to_owned(), shared: Shared::default(), tls: None, wall_time: true };
        let health = probe.health(&Reader::open(dir.path()).unwrap()).unwrap();
        let store = health.store;
        assert_eq!(store.last_event, Some(UtcMillis::saturating(7000)));
        assert_eq!(store.held, [("quarantined", 1), ("not_kept", 0), ("conflict", 0), ("given_up", 2)]);
        assert!(store.size_bytes > Some(4096), "{store:?}");
        assert!(store.disk_free_bytes > Some(0) && store.disk_free_bytes <= store.disk_size_bytes, "{store:?}");
        assert!(!health.collector.unwrap().connected);
    }
}
