//! What each agent last said about itself on its retained status topic.
//!
//! Kept in memory alone: the broker hands every status over again on each connection. It changes no figure; it tells
//! people what the agents' events cannot tell while they do not arrive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use delivery::Status;
use delivery::status::{self, StatusError};
use room_events::topic::AgentAddress;

/// No trust has so many agents; what comes beyond is not remembered, so that a flood of names takes no memory.
const MOST_AGENTS: usize = 10_000;

/// The latest status of every agent heard of, shared by the connection that hears and the pages that show.
#[derive(Debug, Clone, Default)]
pub struct AgentStatuses(Arc<Mutex<BTreeMap<AgentAddress, Status>>>);

impl AgentStatuses {
    /// Takes in a message of a status topic; an empty one says that the agent is no more. An error changes nothing.
    pub fn handle_message(&self, from: AgentAddress, payload: &[u8]) -> Result<(), StatusError> {
        // A holder that panicked left a whole map: each change is one call.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if payload.is_empty() {
            known.remove(&from);
            return Ok(());
        }
        let status = status::decode(payload)?;
        if known.len() < MOST_AGENTS || known.contains_key(&from) {
            known.insert(from, status);
        }
        Ok(())
    }

    /// Every agent with its latest status, in order of trust, site and agent.
    pub fn all(&self) -> Vec<(AgentAddress, Status)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(agent, status)| (agent.clone(), status.clone())).collect()
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
    fn the_latest_status_stays_and_an_unreadable_one_changes_nothing() {
        let statuses = AgentStatuses::default();
        statuses.handle_message(agent(), STATUS).unwrap();
        assert!(statuses.handle_message(agent(), b"{\"v\":").is_err());
        let all = statuses.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].1.depth, all[0].1.lost), (3, 2));
    }

    #[test]
    fn an_empty_message_removes_an_agent() {
        let statuses = AgentStatuses::default();
        statuses.handle_message(agent(), STATUS).unwrap();
        statuses.handle_message(agent(), b"").unwrap();
        assert!(statuses.all().is_empty());
    }
}
