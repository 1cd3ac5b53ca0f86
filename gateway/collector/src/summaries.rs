//! Summaries of rooms: those that wait to be written, and what is heard of another collector's.
//!
//! Only the primary collector writes them. That there are never two is not promised: both may have been told, while one
//! was cut off. It does no harm, since each summary names its collector and the epoch in which that took over; readers
//! believe the highest, and so does a collector, which then stops ([`classify`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use room_events::{AgentId, RoomId, SiteId};
use serde::Deserialize;
use tokio::sync::Notify;

/// Shared by whoever makes summaries and the connection that sends them.
#[derive(Debug, Clone, Default)]
pub struct Summaries(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By room, the newest: an older one that could not be sent is worth nothing.
    waiting: BTreeMap<(SiteId, RoomId), Vec<u8>>,
    heard: Option<Claim>,
    /// Another collector has written since somebody last asked.
    written_over: bool,
    /// A connection has been up for so long that the broker's retained summaries would have been heard.
    has_listened: bool,
}

/// Who says that it is the primary collector, and since when. The later one is higher.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Claim {
    /// When it took over.
    pub epoch: u64,
    /// Which collector; decides between two that took over in the same millisecond.
    pub collector: AgentId,
}

/// What a collector does about summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It writes them, in this epoch.
    Writes(u64),
    /// It wrote them, and another one has taken over in this epoch: write that down.
    GivesUp(u64),
    /// It does not write them.
    Silent,
}

/// What a collector does, given its own epoch, if it was made primary, and the highest claim of another one.
pub fn classify(own: Option<u64>, id: &AgentId, heard: Option<&Claim>) -> Role {
    let Some(epoch) = own else { return Role::Silent };
    match heard {
        Some(other) if (other.epoch, &other.collector) > (epoch, id) => Role::GivesUp(other.epoch),
        Some(_) | None => Role::Writes(epoch),
    }
}

impl Summaries {
    /// Lets a room's summary be sent, instead of one that still waits.
    pub fn write(&self, site: SiteId, room: RoomId, payload: Vec<u8>) {
        self.state().waiting.insert((site, room), payload);
        self.0.news.notify_one();
    }

    /// The highest claim that another collector's summaries made.
    pub fn heard(&self) -> Option<Claim> {
        self.state().heard.clone()
    }

    /// Whether this collector has listened and heard of no other one that writes summaries.
    pub fn hears_nobody(&self) -> bool {
        let state = self.state();
        state.has_listened && state.heard.is_none()
    }

    /// The retained summaries of others, if there are any, have been heard by now.
    pub(crate) fn handle_listened(&self) {
        self.state().has_listened = true;
    }

    /// Whether another collector has written since this was last asked: a primary one then writes all again, since its own
    /// are no longer what a broker hands out.
    pub fn take_written_over(&self) -> bool {
        std::mem::take(&mut self.state().written_over)
    }

    /// Takes in a message of a summary topic; one without a claim changes nothing.
    pub(crate) fn handle_message(&self, own: &AgentId, payload: &[u8]) {
        let Ok(claim) = serde_json::from_slice::<Claim>(payload) else { return };
        if claim.collector != *own {
            let mut state = self.state();
            state.heard = state.heard.take().max(Some(claim));
            state.written_over = true;
        }
    }

    /// The next one to send.
    pub(crate) async fn next(&self) -> ((SiteId, RoomId), Vec<u8>) {
        loop {
            if let Some(next) = self.state().waiting.pop_first() {
                return next;
            }
            self.0.news.notified().await;
        }
    }

    // A holder that panicked left a whole state: each change is one call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    fn id(text: &str) -> AgentId {
        AgentId::new(text).unwrap()
    }

    #[test]
    fn of_two_primaries_the_later_one_goes_on() {
        let claim = |epoch, collector| Claim { epoch, collector: id(collector) };
        let check = |own: Option<u64>, heard: Option<Claim>, expected| {
            assert_eq!(classify(own, &id("c1"), heard.as_ref()), expected, "{own:?} {heard:?}");
        };
        check(None, None, Role::Silent);
        check(None, Some(claim(5, "c2")), Role::Silent);
        check(Some(5), None, Role::Writes(5));
        check(Some(5), Some(claim(4, "c2")), Role::Writes(5));
        check(Some(5), Some(claim(6, "c2")), Role::GivesUp(6));
        // The same epoch on both: exactly one of them goes on.
        check(Some(5), Some(claim(5, "c2")), Role::GivesUp(5));
        check(Some(5), Some(claim(5, "c0")), Role::Writes(5));
    }

    #[test]
    fn only_others_are_heard_and_the_highest_stays() {
        let summaries = Summaries::default();
        let own = id("c1");
        assert!(!summaries.hears_nobody(), "it has not listened yet");
        summaries.handle_listened();
        summaries.handle_message(&own, br#"{"v":1,"collector":"c1","epoch":99}"#);
        assert!(summaries.hears_nobody(), "the own ones are nobody's");
        for payload in [
            r#"{"v":1,"collector":"c1","epoch":99}"#,
            r#"{"v":1,"collector":"c2","epoch":7,"later":1}"#,
            r#"{"v":1,"collector":"c3","epoch":6}"#,
            "no summary",
            "",
        ] {
            summaries.handle_message(&own, payload.as_bytes());
        }
        assert!(!summaries.hears_nobody());
        assert_eq!(summaries.heard(), Some(Claim { epoch: 7, collector: id("c2") }));
        assert_eq!([summaries.take_written_over(), summaries.take_written_over()], [true, false]);
    }
}
