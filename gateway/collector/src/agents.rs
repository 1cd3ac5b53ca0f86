//! What each agent last said about itself on its retained status topic.
//!
//! Kept in memory alone: the broker hands every status over again on each connection. It changes no figure; it tells
//! people what the agents' events cannot tell while they do not arrive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delivery::Status;
use delivery::status::{self, StatusError};
use room_events::topic::AgentAddress;

/// No trust has so many agents; what comes beyond is not remembered, so that a flood of names takes no memory.
const MOST_AGENTS: usize = 10_000;

/// The latest status of every agent heard of, shared by the connection that hears and the pages that show.
#[derive(Debug, Clone, Default)]
pub struct AgentStatuses(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    statuses: BTreeMap<AgentAddress, Status>,
    /// How many messages on an agent's status topic were none. A good one does not undo them: somebody else wrote them, or
    /// an agent whose word is not understood.
    unreadable: BTreeMap<AgentAddress, u64>,
}

impl AgentStatuses {
    /// Takes in a message of a status topic; an empty one says that the agent is no more. An error only counts.
    pub fn handle_message(&self, from: AgentAddress, payload: &[u8]) -> Result<(), StatusError> {
        let mut heard = self.heard();
        if payload.is_empty() {
            heard.statuses.remove(&from);
            heard.unreadable.remove(&from);
            return Ok(());
        }
        match status::decode(payload) {
            Ok(status) => {
                if heard.statuses.len() < MOST_AGENTS || heard.statuses.contains_key(&from) {
                    heard.statuses.insert(from, status);
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
        self.heard().statuses.iter().map(|(agent, status)| (agent.clone(), status.clone())).collect()
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
        statuses.handle_message(agent(), STATUS).unwrap();
        assert!(statuses.handle_message(agent(), b"{\"v\":").is_err());
        let all = statuses.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].1.depth, all[0].1.lost), (3, 2));
        assert!(statuses.handle_message(agent(), &b"{\"x\":[".repeat(10_000)).is_err());
        statuses.handle_message(agent(), STATUS).unwrap();
        assert_eq!(statuses.unreadable(), [(agent(), 2)]);
    }

    #[test]
    fn an_empty_message_removes_an_agent() {
        let statuses = AgentStatuses::default();
        statuses.handle_message(agent(), STATUS).unwrap();
        assert!(statuses.handle_message(agent(), b"garbage").is_err());
        statuses.handle_message(agent(), b"").unwrap();
        assert!(statuses.all().is_empty() && statuses.unreadable().is_empty());
    }
}
