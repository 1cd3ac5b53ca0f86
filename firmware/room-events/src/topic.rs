//! The MQTT topics, made and read in one place.
//!
//! ```text
//! touchtime/v1/{trust}/{site}/agents/{agent}/events            agent      QoS 1
//! touchtime/v1/{trust}/{site}/agents/{agent}/status            agent      QoS 1, retained, will message
//! touchtime/v1/{trust}/{site}/agents/{agent}/ack/{collector}   collector  QoS 1, not retained
//! touchtime/v1/{trust}/{site}/rooms/{room}/summary             collector  QoS 1, retained
//! ```

use core::fmt::{self, Write};
use heapless::String;

use crate::id::{AgentId, RoomId, SiteId, TrustId};

/// The longest topic: fixed words and five ids of 32.
pub const MAX_TOPIC_LEN: usize = 192;

/// A topic, ready for a client.
pub type TopicText = String<MAX_TOPIC_LEN>;

/// An agent as the topics know it; the broker's access rules bind it to the agent's user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentAddress {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Agent.
    pub agent: AgentId,
}

impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.trust, self.site, self.agent)
    }
}

/// What a topic is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Batches of events.
    Events(AgentAddress),
    /// The agent's state.
    Status(AgentAddress),
    /// Acknowledgements from a collector to the agent. Collector ids follow the rule of agent ids.
    Ack {
        /// To whom.
        to: AgentAddress,
        /// From which collector.
        collector: AgentId,
    },
    /// A room's live result.
    Summary {
        /// Trust.
        trust: TrustId,
        /// Site.
        site: SiteId,
        /// Room.
        room: RoomId,
    },
}

impl Topic {
    /// The topic's text.
    pub fn text(&self) -> TopicText {
        let mut text = TopicText::new();
        // MAX_TOPIC_LEN holds the longest of these; the test `the_longest_topic_fits` shows it.
        let _ = match self {
            Self::Events(a) => write!(text, "touchtime/v1/{}/{}/agents/{}/events", a.trust, a.site, a.agent),
            Self::Status(a) => write!(text, "touchtime/v1/{}/{}/agents/{}/status", a.trust, a.site, a.agent),
            Self::Ack { to, collector } => {
                write!(text, "touchtime/v1/{}/{}/agents/{}/ack/{collector}", to.trust, to.site, to.agent)
            }
            Self::Summary { trust, site, room } => write!(text, "touchtime/v1/{trust}/{site}/rooms/{room}/summary"),
        };
        text
    }

    /// Reads a topic; `None` for any that is not one of these.
    pub fn parse(text: &str) -> Option<Self> {
        let mut levels = text.split('/');
        if levels.next() != Some("touchtime") || levels.next() != Some("v1") {
            return None;
        }
        let trust = TrustId::new(levels.next()?).ok()?;
        let site = SiteId::new(levels.next()?).ok()?;
        let (branch, name, leaf, last) = (levels.next()?, levels.next()?, levels.next()?, levels.next());
        if levels.next().is_some() {
            return None;
        }
        if branch == "rooms" {
            let room = RoomId::new(name).ok()?;
            return (leaf == "summary" && last.is_none()).then_some(Self::Summary { trust, site, room });
        }
        if branch != "agents" {
            return None;
        }
        let address = AgentAddress { trust, site, agent: AgentId::new(name).ok()? };
        match (leaf, last) {
            ("events", None) => Some(Self::Events(address)),
            ("status", None) => Some(Self::Status(address)),
            ("ack", Some(collector)) => Some(Self::Ack { to: address, collector: AgentId::new(collector).ok()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(len: usize) -> AgentAddress {
        let id = "a".repeat(len);
        AgentAddress {
            trust: TrustId::new(&id).unwrap(),
            site: SiteId::new(&id).unwrap(),
            agent: AgentId::new(&id).unwrap(),
        }
    }

    #[test]
    fn the_longest_topic_fits() {
        for len in [1, 32] {
            let address = address(len);
            let (trust, site) = (address.trust.clone(), address.site.clone());
            for topic in [
                Topic::Events(address.clone()),
                Topic::Status(address.clone()),
                Topic::Ack { to: address.clone(), collector: address.agent.clone() },
                Topic::Summary {
                    trust: trust.clone(),
                    site: site.clone(),
                    room: RoomId::new(address.agent.as_str()).unwrap(),
                },
            ] {
                assert_eq!(Topic::parse(&topic.text()), Some(topic));
            }
        }
    }

    #[test]
    fn other_topics_are_not_ours() {
        for text in [
            "",
            "touchtime",
            "touchtime/v1/t/s/agents/a",
            "touchtime/v2/t/s/agents/a/events",
            "touchtime/v1/t/s/agents/a/events/x",
            "touchtime/v1/t/s/agents/A/events",
            "touchtime/v1/t/s/rooms/r/state",
            "touchtime/v1/t/s/agents/a/ack",
            "touchtime/v1/t//agents/a/events",
            "touchtime/v1/t/s/rooms/r/summary/x",
        ] {
            assert_eq!(Topic::parse(text), None, "{text}");
        }
    }
}
