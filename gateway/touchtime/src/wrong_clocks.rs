//! What the board says of agents whose clocks are or were wrong, beside what they say of themselves.

use board::source::{Condition, Severity};
use room_events::topic::AgentAddress;
use store::{PlacedByRunningTime, Reader};
use utilisation::quantity::Minutes;

/// A clock that is further off than this is told. No line that works holds a message up for so long.
const FAR_OFF: Minutes = Minutes::from_millis(30_000);

/// That events of a site's agents are not where their clocks put them.
pub fn placed(reader: &Reader, is_here: impl Fn(&AgentAddress) -> bool) -> anyhow::Result<Vec<Condition>> {
    Ok(reader.placed_by_running_time()?.iter().filter(|placed| is_here(&placed.agent)).map(of_placed).collect())
}

fn of_placed(placed: &PlacedByRunningTime) -> Condition {
    let wrong = if placed.moved_ms > 0 { "behind" } else { "ahead" };
    let by = length(Minutes::from_millis(placed.moved_ms.saturating_abs()));
    let (text, advice) = if placed.is_synchronised {
        (
            format!(
                "Its clock was {by} {wrong} until a time server set it. They are placed by the machine's running time."
            ),
            "Does its battery clock need a battery?",
        )
    } else {
        (
            format!(
                "Its clock was {by} {wrong} of what somebody set it to by hand. They are placed by the machine's running time."
            ),
            "Check them, and that machine's time server.",
        )
    };
    Condition {
        severity: Severity::Warning,
        room: None,
        subject: format!("Agent {}", placed.agent.agent),
        standing: format!("{} events moved", placed.events),
        text,
        advice: Some(advice.to_owned()),
    }
}

/// That what an agent says comes far from the time at which it says it.
pub fn far_off(agent: &AgentAddress, offset: Option<Minutes>) -> Option<Condition> {
    let offset = offset?;
    let wrong = if offset > FAR_OFF {
        "ahead"
    } else if offset < -FAR_OFF {
        "behind"
    } else {
        return None;
    };
    let by = length(if offset < Minutes::ZERO { -offset } else { offset });
    Some(Condition {
        severity: Severity::Bad,
        room: None,
        subject: format!("Agent {}", agent.agent),
        standing: format!("clock {by} {wrong}"),
        text: "Its clock and this collector's differ; its times are wrong, or all are.".to_owned(),
        advice: Some("Check both machines' time servers.".to_owned()),
    })
}

/// In the largest unit that leaves more than one.
fn length(minutes: Minutes) -> String {
    let seconds = minutes.as_f64() * 60.0;
    [(365.25 * 86_400.0, "years"), (86_400.0, "days"), (3_600.0, "hours"), (60.0, "min")]
        .into_iter()
        .find(|(unit, _)| seconds >= 2.0 * unit)
        .map_or_else(|| format!("{seconds:.0} s"), |(unit, name)| format!("{:.0} {name}", seconds / unit))
}

#[cfg(test)]
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

    #[test]
    fn a_clock_that_is_far_off_is_told_with_how_far() {
        for (offset, expected) in [
            (Some(29_000), None),
            (Some(-31_000), Some("clock 31 s behind")),
            (Some(3_600_000), Some("clock 60 min ahead")),
            (Some(-10 * 31_557_600_000), Some("clock 10 years behind")),
            (None, None),
        ] {
            let told = far_off(&agent(), offset.map(Minutes::from_millis)).map(|condition| condition.standing);
            assert_eq!(told.as_deref(), expected);
        }
    }

    #[test]
    fn events_that_were_moved_are_told_with_their_count_and_why() {
        let placed = |moved_ms, is_synchronised| {
            let told = of_placed(&PlacedByRunningTime { agent: agent(), events: 12, moved_ms, is_synchronised });
            format!("{}: {}. {}", told.subject, told.standing, told.text)
        };
        assert_eq!(
            placed(26 * 31_557_600_000, true),
            "Agent th-1: 12 events moved. Its clock was 26 years behind until a time server set it. They are placed by the machine's running time."
        );
        assert!(placed(-7_200_000, false).contains("was 2 hours ahead of what somebody set it to by hand"));
    }
}
