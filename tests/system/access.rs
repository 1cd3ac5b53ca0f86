//! The broker's access rules, as shipped: what each user may do, and what happens when a right is taken away.

use touchtime_tests::broker::{PASSWORD, ShippedBroker};
use touchtime_tests::mqtt::{Client, NOT_AUTHORISED, Packet};
use touchtime_tests::peer::await_that;
use touchtime_tests::programs::{run, touchtime};
use touchtime_tests::ward::{CASES_A_DAY, Ward};

/// Two agents of two sites, this collector and another one.
pub const GATEWAY: &str = "\
trust = \"north\"
[store]
dir = \"store\"
[broker]
host = \"127.0.0.1\"
[[agents]]
site = \"main\"
id = \"th-1\"
[[agents]]
site = \"east\"
id = \"th-2\"
[[collectors]]
id = \"c2\"
";

const USERS: [&str; 5] = ["th-1", "th-2", "c1", "c2", "stranger"];

/// Who may publish where; every other pair of these users and topics is refused.
const MAY_WRITE: &[(&str, &str)] = &[
    ("th-1", "touchtime/v1/north/main/agents/th-1/events"),
    ("th-1", "touchtime/v1/north/main/agents/th-1/status"),
    ("th-2", "touchtime/v1/north/east/agents/th-2/events"),
    ("th-2", "touchtime/v1/north/east/agents/th-2/status"),
    ("c1", "touchtime/v1/north/main/agents/th-1/ack/c1"),
    ("c1", "touchtime/v1/north/east/agents/th-2/ack/c1"),
    ("c1", "touchtime/v1/north/main/rooms/suite-1/summary"),
    ("c2", "touchtime/v1/north/main/agents/th-1/ack/c2"),
    ("c2", "touchtime/v1/north/east/agents/th-2/ack/c2"),
    ("c2", "touchtime/v1/north/main/rooms/suite-1/summary"),
];

/// Topics that nobody may publish to: another site, another trust, another version, no topic of ours.
const NOBODYS: &[&str] = &[
    "touchtime/v1/north/east/agents/th-1/events",
    "touchtime/v1/south/main/agents/th-1/events",
    "touchtime/v2/north/main/agents/th-1/events",
    "touchtime/v1/north/main/agents/th-1",
    "touchtime/v1/north/main/agents/th-1/events/x",
    "touchtime/v1/north/main/agents/th-1/ack",
    "touchtime/v1/north/main/agents/th-1/ack/th-1",
    "touchtime/v1/north/main/agents/th-1/ack/c3",
    "other",
];

/// Who is sent what, of all the messages that were let through, when each subscribes to everything.
fn may_read(user: &str, topic: &str) -> bool {
    match user {
        "th-1" | "th-2" => topic.contains(&format!("/agents/{user}/ack/")),
        "c1" | "c2" => ["/events", "/status", "/summary"].iter().any(|leaf| topic.ends_with(leaf)),
        _ => false,
    }
}

/// Each user tries each topic: what is not its own is refused with a reason code, and reaches nobody.
pub fn nobody_writes_or_reads_what_is_anothers() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = ShippedBroker::start(dir.path(), GATEWAY, &USERS);
    assert_eq!(Client::connect_as(broker.port, "th-1", "wrong").err(), Some(NOT_AUTHORISED));
    assert!(Client::connect_as(broker.port, "nobody", PASSWORD).is_err());
    let mut clients = USERS.map(|user| {
        (user, Client::connect_as(broker.port, user, PASSWORD).expect("the broker lets it in"), Vec::new())
    });
    for (_, client, _) in &mut clients {
        for filter in ["touchtime/#", "#", "touchtime/v1/north/main/agents/th-1/ack/+"] {
            // Whatever the answer: mosquitto grants any subscription, and withholds the messages.
            client.subscribe(filter);
        }
    }
    let mut topics: Vec<&str> = MAY_WRITE.iter().map(|(_, topic)| *topic).chain(NOBODYS.iter().copied()).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut let_through: Vec<(&str, &str)> = Vec::new();
    let mut refused = 0;
    for (user, client, received) in &mut clients {
        for topic in &topics {
            let code = client.publish_and_wait(topic, user.as_bytes(), |packet| {
                if let Packet::Message { topic, payload, .. } = packet {
                    received.push((topic, payload));
                }
            });
            if MAY_WRITE.contains(&(*user, *topic)) {
                assert!(code < 128, "{user} may write {topic}: {code}");
                let_through.push((*user, *topic));
            } else {
                assert_eq!(code, NOT_AUTHORISED, "{user} may not write {topic}");
                refused += 1;
            }
        }
    }
    assert_eq!((let_through.len(), refused), (MAY_WRITE.len(), USERS.len() * topics.len() - MAY_WRITE.len()));
    for (user, client, received) in &mut clients {
        let mut expected: Vec<(String, Vec<u8>)> = let_through
            .iter()
            .filter(|(_, topic)| may_read(user, topic))
            .map(|(writer, topic)| ((*topic).to_owned(), writer.as_bytes().to_vec()))
            .collect();
        received.extend(client.messages_so_far());
        // Once for each of its subscriptions that matches.
        received.sort();
        received.dedup();
        expected.sort();
        assert_eq!(*received, expected, "what {user} is sent");
    }
}

/// The agent's right to write events is taken away, then all its rights; nothing is lost, and people are told.
pub fn an_agent_without_rights_keeps_its_events_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    ward.another_day();
    ward.await_all_stored();

    let file = ward.broker.dir.join("access");
    let rules = std::fs::read_to_string(&file).expect("the access file");
    let right = "topic write touchtime/v1/north/main/agents/th-1/events\n";
    assert!(rules.contains(right), "{rules}");
    std::fs::write(&file, rules.replace(right, "")).expect("written");
    ward.broker.reload();
    ward.another_day();
    ward.await_said(
        "agent",
        0,
        &["ERROR", "the broker refuses what the agent publishes", "NotAuthorized", "access file"],
    );
    ward.await_on_board("The broker refuses its messages");
    assert_eq!(ward.stored_cases(), CASES_A_DAY, "nothing came");
    // Given back while the connection lasts, the right is all that it takes.
    std::fs::write(&file, &rules).expect("written");
    ward.broker.reload();
    ward.await_all_stored();
    await_that("the agent tells of no refusal any more", || ward.outbox().contains("refused   0 "));
    ward.await_not_on_board("The broker refuses its messages");

    ward.broker.write_access(&ward.gateway_with_agent(false));
    ward.broker.reload();
    ward.another_day();
    await_that("the outbox has the day", || {
        let said = ward.outbox();
        let waiting = said.lines().find_map(|line| line.strip_prefix("depth"));
        let waiting: u32 = waiting.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        // A booking and two milestones for each case, at least.
        waiting >= 3 * CASES_A_DAY && !said.contains("refused   0 ")
    });
    assert_eq!(ward.stored_cases(), 2 * CASES_A_DAY, "nothing came");

    ward.broker.write_access(&ward.gateway_with_agent(true));
    ward.broker.reload();
    ward.await_all_stored();
    await_that("the outbox is empty", || ward.outbox().contains("depth     0 "));
    assert!(ward.outbox().contains("lost      0"), "{}", ward.outbox());
}

/// With one agent's certificate nobody is another agent, whatever user name he gives.
pub fn a_certificate_opens_its_own_agents_topics_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    let _impostor = ward.start_impostor("th-2");
    ward.another_day();
    ward.await_all_stored();
    ward.await_said("impostor", 0, &["ERROR", "NotAuthorized", "agents/th-2/events"]);
    let events = dir.path().join("events.ndjson");
    run(touchtime()
        .args(["export", "events", "--format", "ndjson", "--store"])
        .arg(dir.path().join("store"))
        .arg(&events))
    .good();
    let stored = std::fs::read_to_string(events).expect("written");
    assert!(stored.contains("th-1") && !stored.contains("th-2"), "{stored}");
}
