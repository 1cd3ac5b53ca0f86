//! What each agent last said about itself on its retained status topic.
//!
//! Kept in memory alone: the broker hands every status over again on each connection. It changes no figure; it tells
//! people what the agents' events cannot tell while they do not arrive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delivery::Status;
use delivery::status::{self, StatusError};
use room_events::UtcMillis;
use room_events::topic::AgentAddress;
use utilisation::quantity::Minutes;

/// No trust has so many agents; what comes beyond is not remembered, so that a flood of names takes no memory.
const MOST_AGENTS: usize = 10_000;

/// The latest status of every agent heard of, shared by the connection that hears and the pages that show.
#[derive(Debug, Clone, Default)]
pub struct AgentStatuses(Arc<Mutex<Heard>>);

/// A status, and what its coming tells of its writer's clock.
#[derive(Debug)]
struct Told {
    status: Status,
    offset: Option<Minutes>,
}

#[derive(Debug, Default)]
struct Heard {
    statuses: BTreeMap<AgentAddress, Told>,
    /// How many messages on an agent's status topic were none. A good one does not undo them: somebody else wrote them, or
    /// an agent whose word is not understood.
    unreadable: BTreeMap<AgentAddress, u64>,
}

impl AgentStatuses {
    /// Takes in a message of a status topic; an empty one says that the agent is no more. An error only counts. `received`
    /// is when it came, unless the broker had kept it since an earlier time.
    pub fn handle_message(
        &self,
        from: AgentAddress,
        payload: &[u8],
        received: Option<UtcMillis>,
    ) -> Result<(), StatusError> {
        let mut heard = self.heard();
        if payload.is_empty() {
            heard.statuses.remove(&from);
            heard.unreadable.remove(&from);
            return Ok(());
        }
        match status::decode(payload) {
            Ok(status) => {
                // A will was written when its connection began, so it tells nothing of the clock now.
                let told = received.filter(|_| status.online).map(|received| Minutes::between(received, status.at));
                let offset = told.or_else(|| heard.statuses.get(&from)?.offset);
                if heard.statuses.len() < MOST_AGENTS || heard.statuses.contains_key(&from) {
                    heard.statuses.insert(from, Told { status, offset });
                }
                Ok(())
            }
            Err(error) => {
                if heard.unreadable.len() < MOST_AGENTS || heard.unreadable.contains_key(&from) {
                    *heard.unreadable.entry(from).or_default() += 1;
                }
                Err(error)
            }
        }
    }

    /// Every agent with its latest status, in order of trust, site and agent.
    pub fn all(&self) -> Vec<(AgentAddress, Status)> {
        self.heard().statuses.iter().map(|(agent, told)| (agent.clone(), told.status.clone())).collect()
    }

    /// How far an agent's clock is ahead of this machine's, by the status that came last as it was written; absent while
    /// none has. It is too low by the time that the message was under way.
    pub fn clock_offset(&self, agent: &AgentAddress) -> Option<Minutes> {
        self.heard().statuses.get(agent)?.offset
    }

    /// The agents on whose status topics something came that is no status since this program started, with how often.
    pub fn unreadable(&self) -> Vec<(AgentAddress, u64)> {
        self.heard().unreadable.iter().map(|(agent, count)| (agent.clone(), *count)).collect()
    }

    // A holder that panicked left whole maps: each change is one call.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use room_events::{AgentId, SiteId, TrustId};

    fn agent() -> AgentAddress {
        AgentAddress {
            trust: TrustId::new("north").unwrap(),
            site: SiteId::new("main").unwrap(),
            agent: AgentId::new("th-1").unwrap(),
        }
    }

    const STATUS: &[u8] =
        br#"{"v":1,"online":true,"at":1644585000000,"version":"0.1.0","depth":3,"lost":2,"refused":0,"clock":"unset"}"#;

    #[test]
    fn the_latest_status_stays_and_an_unreadable_one_is_counted() {
        let statuses = AgentStatuses::default();
        statuses.handle_message(agent(), STATUS, None).unwrap();
        assert!(statuses.handle_message(agent(), b"{\"v\":", None).is_err());
        let all = statuses.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].1.depth, all[0].1.lost), (3, 2));
        assert!(statuses.handle_message(agent(), &b"{\"x\":[".repeat(10_000), None).is_err());
        statuses.handle_message(agent(), STATUS, None).unwrap();
        assert_eq!(statuses.unreadable(), [(agent(), 2)]);
    }

    #[test]
    fn an_empty_message_removes_an_agent() {
        let statuses = AgentStatuses::default();
        statuses.handle_message(agent(), STATUS, None).unwrap();
        assert!(statuses.handle_message(agent(), b"garbage", None).is_err());
        statuses.handle_message(agent(), b"", None).unwrap();
        assert!(statuses.all().is_empty() && statuses.unreadable().is_empty());
    }

    #[test]
    fn a_clock_is_judged_by_what_comes_as_it_is_written() {
        let statuses = AgentStatuses::default();
        let at = UtcMillis::saturating(1_644_585_000_000);
        // Kept by the broker since some other time.
        statuses.handle_message(agent(), STATUS, None).unwrap();
        assert_eq!(statuses.clock_offset(&agent()), None);
        statuses.handle_message(agent(), STATUS, Some(at.plus_millis(-90_000))).unwrap();
        assert_eq!(statuses.clock_offset(&agent()), Some(Minutes::from_millis(90_000)));
        let will = String::from_utf8(STATUS.to_vec()).unwrap().replace("true", "false");
        statuses.handle_message(agent(), will.as_bytes(), Some(at.plus_minutes(60))).unwrap();
        assert_eq!(statuses.clock_offset(&agent()), Some(Minutes::from_millis(90_000)));
    }
}
