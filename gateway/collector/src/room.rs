//! The way from the connection to the disk: room for messages that are taken and not yet settled, bounded by bytes,
//! whatever a broker sends.

use std::sync::Arc;

use room_events::topic::AgentAddress;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::{Semaphore, mpsc};

use crate::intake::Arrival;

/// A hundred agents that all have their sixteen batches under way, of 64 events of the usual length, need 25 MiB.
const ROOM_KIB: usize = 64 * 1024;

/// What a message takes beside its bytes, at most.
const OVERHEAD_BYTES: usize = 512;

/// The room; its clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    kib: Arc<Semaphore>,
    arrivals: mpsc::UnboundedSender<Arrival>,
}

/// Why a message did not find room.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// There is not so much left.
    Full(Box<Publish>),
    /// Nobody takes messages any more.
    Closed,
}

impl Room {
    /// Empty room, and the end where its messages come out.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Arrival>) {
        let (arrivals, taken) = mpsc::unbounded_channel();
        (Self { kib: Arc::new(Semaphore::new(ROOM_KIB)), arrivals }, taken)
    }

    /// Puts a message in. Its share is given back when the arrival is dropped.
    pub(crate) fn put(&self, from: Option<AgentAddress>, publish: Publish, connection: u64) -> Result<(), NoRoom> {
        let kib = (publish.topic.len() + publish.payload.len() + OVERHEAD_BYTES).div_ceil(1024);
        let share = u32::try_from(kib).ok().and_then(|kib| Arc::clone(&self.kib).try_acquire_many_owned(kib).ok());
        let Some(share) = share else { return Err(NoRoom::Full(Box::new(publish))) };
        self.arrivals.send(Arrival { from, publish, connection, share }).map_err(|_| NoRoom::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5::mqttbytes::QoS;

    #[test]
    fn what_is_taken_is_bounded_by_bytes_and_given_back() {
        let message = |kib: usize| Publish::new("t", QoS::AtLeastOnce, vec![0; kib * 1024], None);
        let (room, mut taken) = Room::new();
        assert!(room.put(None, message(ROOM_KIB / 2), 1).is_ok());
        assert!(
            matches!(room.clone().put(None, message(ROOM_KIB / 2), 1), Err(NoRoom::Full(_))),
            "with what a message takes beside its bytes it is too much"
        );
        assert!(room.put(None, message(ROOM_KIB / 4), 1).is_ok());
        drop(taken.try_recv());
        assert!(room.put(None, message(ROOM_KIB / 2), 1).is_ok());
        drop(taken);
        assert!(matches!(room.put(None, message(1), 1), Err(NoRoom::Closed)));
    }
}
