//! `touchtime access-file`: the broker's access rules, one user at a time, with trust, site and agent spelt out.
//!
//! No `pattern` line: a rule with `%u` in it would let an agent write its own acknowledgements, and whoever writes those
//! can make it forget events. What is not named here, the broker refuses to everybody.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use room_events::topic::{AgentAddress, Topic};
use room_events::{AgentId, TrustId};

use crate::cli::AccessFileArgs;
use crate::config::GatewayConfig;
use crate::output;
use crate::replace::replace;

/// Writes the file that the configuration asks for.
pub fn run(arguments: &AccessFileArgs) -> anyhow::Result<()> {
    let config = GatewayConfig::load(&arguments.config)?;
    if config.agents.is_empty() {
        output::say("the file lets no agent in: gateway.toml has no [[agents]] (add one for each agent)");
    }
    let text = access_file(&config);
    match arguments.output.as_deref().filter(|file| file.as_os_str() != "-") {
        // A broker that reloads in the middle of it must not read half the rules, or none.
        Some(file) => {
            replace(file, text.as_bytes()).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        None => std::io::stdout().write_all(text.as_bytes())?,
    }
    Ok(())
}

/// The rules as mosquitto's `acl_file` reads them.
pub fn access_file(config: &GatewayConfig) -> String {
    let mut text = format!(
        "# Access rules of trust {}, made by `touchtime access-file`. Make it again after a change; do not edit it.\n\
         # Users that are not named here may neither write nor read anything.\n",
        config.trust
    );
    for agent in &config.agents {
        let address = AgentAddress { trust: config.trust.clone(), site: agent.site.clone(), agent: agent.id.clone() };
        text += &agent_rules(agent.user(), &address);
    }
    for (id, user) in config.all_collectors() {
        text += &collector_rules(user, &config.trust, id);
    }
    text
}

fn agent_rules(user: &str, address: &AgentAddress) -> String {
    let events = Topic::Events(address.clone()).text();
    let status = Topic::Status(address.clone()).text();
    // Any collector's id in the place of the last level.
    let acknowledgements = status.strip_suffix("status").unwrap_or(&status);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n# agent {} of site {}\nuser {user}\n\
         topic write {events}\ntopic write {status}\ntopic read {acknowledgements}ack/+\n",
        address.agent, address.site
    );
    text
}

fn collector_rules(user: &str, trust: &TrustId, id: &AgentId) -> String {
    format!(
        "\n# collector {id}\nuser {user}\n\
         topic read touchtime/v1/{trust}/+/agents/+/events\n\
         topic read touchtime/v1/{trust}/+/agents/+/status\n\
         topic write touchtime/v1/{trust}/+/agents/+/ack/{id}\n\
         topic readwrite touchtime/v1/{trust}/+/rooms/+/summary\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> GatewayConfig {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        let text = format!("trust = \"north\"\n[store]\ndir = \"x\"\n[broker]\nhost = \"b\"\n{more}");
        std::fs::write(&file, text).unwrap();
        GatewayConfig::load(&file).unwrap()
    }

    #[test]
    fn the_access_file_is_the_one_that_is_known_to_be_right() {
        let config = config(
            "username = \"collector-1\"\n[[agents]]\nsite = \"main\"\nid = \"th-1\"\n\
             [[agents]]\nsite = \"east\"\nid = \"th-1\"\nuser = \"east-th-1\"\n\
             [[collectors]]\nid = \"c2\"\n",
        );
        // Deliberately the whole text: a rule that is wider by one character is a hole.
        let golden = include_str!("../tests/golden/access-file");
        assert_eq!(access_file(&config), golden, "tests/golden/access-file");
    }
}
