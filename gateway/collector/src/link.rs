//! The connection to the broker: the one module that knows rumqttc on the collector's side.
//!
//! The event loop is polled by a task that does nothing else; everything slow goes over channels. Each connection gets a
//! fresh client, because a client that reconnects by itself sends requests of the old connection on the new one. The
//! broker's session persists only to save time: nothing relies on it.

use std::time::Duration;

use delivery::ack::{self, MAX_ACK_BYTES};
use room_events::topic::Topic;
use room_events::{RoomId, SiteId, UtcMillis};
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, ConnectReturnCode, Filter, Packet, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use store::Acknowledgement;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::intake::{Answers, Arrival};
use crate::joining::Joining;
use crate::room::{NoRoom, Room};
use crate::{RECEIVE_MAXIMUM, Settings, Shared, Summaries};

/// A broker keeps the session so long; longer absences cost only resends by the agents.
const SESSION_EXPIRY_SECONDS: u32 = 24 * 3600;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// So long after its subscription a connection writes no summary: a broker sends the retained ones at once.
const HEAR_FIRST: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Connects, and connects again, until `stop`, or until nobody sends answers: then nothing would be stored either, and a
/// collector that only looks alive is worse than one that ends and is started again.
pub(crate) async fn run(
    settings: Settings,
    shared: Shared,
    room: Room,
    mut answers: mpsc::Receiver<Answers>,
    now: impl Fn() -> UtcMillis + Clone + Send + 'static,
    mut stop: watch::Receiver<bool>,
) {
    let mut connection = 0_u64;
    let mut joining = Joining::default();
    let mut pause = FIRST_PAUSE;
    while !answers.is_closed() {
        connection += 1;
        let options = match options(&settings) {
            Ok(options) => options,
            Err(error) => {
                let why = format!("{error:#}");
                shared.connection.handle_ended(&why);
                tracing::error!(%why, "cannot connect; trying again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stopped(&mut stop) => return,
                }
                pause = (pause * 2).min(settings.longest_pause);
                continue;
            }
        };
        let (client, event_loop) = AsyncClient::new(options, 2 * usize::from(RECEIVE_MAXIMUM));
        let (subscribed, mut when_subscribed) = watch::channel(None);
        let mut polling = tokio::spawn(poll(
            event_loop,
            client.clone(),
            settings.clone(),
            shared.clone(),
            subscribed,
            Arriving { connection, room: room.clone(), now: now.clone() },
        ));
        let ended = loop {
            tokio::select! {
                ended = &mut polling => break Some(ended),
                answer = answers.recv() => {
                    let Some(answer) = answer else { break None };
                    for acknowledgement in answer.acknowledgements {
                        send(&client, &settings, joining.add(acknowledgement, Instant::now())).await;
                    }
                    settle(&client, connection, answer.settled).await;
                }
                () = until(joining.next_due()) => send(&client, &settings, joining.due(Instant::now())).await,
                (room, summary) = next_summary(&shared.summaries, &mut when_subscribed) => {
                    write_summary(&client, &settings, room, summary).await;
                }
                () = stopped(&mut stop) => break None,
            }
        };
        let Some(ended) = ended else {
            let _ = client.try_disconnect();
            // Leave the poll task the moment that it needs to say goodbye; the broker copes if it does not.
            let _ = tokio::time::timeout(Duration::from_millis(500), polling).await;
            return;
        };
        match ended {
            Ok(Ended { was_up, why }) => {
                if was_up {
                    pause = FIRST_PAUSE;
                }
                shared.connection.handle_ended(&why);
                tracing::warn!(broker = %format_args!("{}:{}", settings.host, settings.port), %why, "not connected; trying again");
            }
            Err(error) => tracing::error!(%error, "the connection's task failed; connecting again"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stop) => return,
        }
        pause = (pause * 2).min(settings.longest_pause);
    }
}

/// The next summary to write, not before the retained ones of another collector could be heard on this connection.
async fn next_summary(
    summaries: &Summaries,
    when_subscribed: &mut watch::Receiver<Option<Subscribed>>,
) -> ((SiteId, RoomId), Vec<u8>) {
    let since = when_subscribed.wait_for(Option::is_some).await.map(|since| *since);
    // An error says that the connection has ended: there is nothing to send on.
    let since = since.ok().flatten();
    until(since.map(|since| since.at + HEAR_FIRST)).await;
    if since.is_some_and(|since| since.hears_summaries) {
        summaries.handle_listened();
    }
    summaries.next().await
}

async fn write_summary(client: &AsyncClient, settings: &Settings, (site, room): (SiteId, RoomId), summary: Vec<u8>) {
    let topic = Topic::Summary { trust: settings.trust.clone(), site, room }.text();
    // An error means that the connection is gone; all are written again within a minute.
    let _ = client.publish(topic.as_str(), QoS::AtLeastOnce, true, summary).await;
}

/// Returns at that moment, without one never.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Returns when `stop` turns true or nobody can turn it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` gives must not live across an await.
    drop(stop.wait_for(|stop| *stop).await);
}

fn options(settings: &Settings) -> anyhow::Result<MqttOptions> {
    let mut options =
        MqttOptions::new(format!("touchtime-{}-{}", settings.trust, settings.id), &settings.host, settings.port);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(SESSION_EXPIRY_SECONDS);
    properties.receive_maximum = Some(RECEIVE_MAXIMUM);
    properties.max_packet_size = u32::try_from(delivery::batch::MAX_READ_BYTES + 1024).ok();
    options
        .set_connect_properties(properties)
        .set_clean_start(false)
        .set_manual_acks(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_outgoing_inflight_upper_limit(RECEIVE_MAXIMUM);
    if let Some(user) = &settings.username {
        let password = settings.password_file.as_deref().map(broker_tls::read_password).transpose()?;
        options.set_credentials(user, password.unwrap_or_default());
    }
    if let Some(files) = &settings.tls {
        options.set_transport(Transport::tls_with_config(files.read()?.into()));
    }
    Ok(options)
}

/// What the broker's answer to the subscriptions began.
#[derive(Debug, Clone, Copy)]
struct Subscribed {
    at: Instant,
    /// Whether other collectors' summaries are heard; the broker's access rules may be against it.
    hears_summaries: bool,
}

/// How a connection ended.
struct Ended {
    was_up: bool,
    why: String,
}

/// Where a connection's messages go, and when they came.
struct Arriving<N> {
    connection: u64,
    room: Room,
    now: N,
}

async fn poll(
    mut event_loop: EventLoop,
    client: AsyncClient,
    settings: Settings,
    shared: Shared,
    subscribed: watch::Sender<Option<Subscribed>>,
    arriving: Arriving<impl Fn() -> UtcMillis>,
) -> Ended {
    let mut was_up = false;
    let mut left_out = 0_u64;
    loop {
        let packet = match event_loop.poll().await {
            Ok(Event::Incoming(packet)) => packet,
            Ok(Event::Outgoing(_)) => continue,
            Err(error) => return Ended { was_up, why: explain(&error, &settings, was_up) },
        };
        match packet {
            Packet::ConnAck(connack) if connack.code == ConnectReturnCode::Success => {
                was_up = true;
                shared.connection.handle_connected();
                tracing::info!(broker = %format_args!("{}:{}", settings.host, settings.port), "connected");
                let filter =
                    |topic: &str, qos| Filter::new(format!("touchtime/v1/{}/+/agents/+/{topic}", settings.trust), qos);
                // A status is retained and soon followed by the next, so it takes no place among the events under way.
                let summaries = format!("touchtime/v1/{}/+/rooms/+/summary", settings.trust);
                let filters = [
                    filter("events", QoS::AtLeastOnce),
                    filter("status", QoS::AtMostOnce),
                    // To hear of another primary collector.
                    Filter { nolocal: true, ..Filter::new(summaries, QoS::AtMostOnce) },
                ];
                // Again on every connection: the broker may have lost the session.
                if client.try_subscribe_many(filters).is_err() {
                    return Ended { was_up, why: "the subscription could not be queued".to_owned() };
                }
            }
            Packet::SubAck(suback) => {
                let codes = suback.return_codes;
                if codes.first().is_some_and(is_refusal) {
                    return Ended {
                        was_up,
                        why: format!("the broker refused the subscription ({codes:?}); check its access rules"),
                    };
                }
                // Events matter more: without the agents' statuses everything but a notice on the board goes on.
                if codes.get(1).is_some_and(is_refusal) {
                    tracing::error!(
                        ?codes,
                        "the broker refuses the agents' statuses; let this collector read +/agents/+/status"
                    );
                }
                let hears_summaries = !codes.get(2).is_none_or(is_refusal);
                if !hears_summaries {
                    tracing::error!(
                        ?codes,
                        "the broker refuses the rooms' summaries, so another primary collector is not heard of; let this one read +/rooms/+/summary"
                    );
                }
                let _ = subscribed.send(Some(Subscribed { at: Instant::now(), hears_summaries }));
            }
            Packet::Publish(publish) => {
                let topic = std::str::from_utf8(&publish.topic).ok().and_then(Topic::parse);
                let from = match topic {
                    Some(Topic::Events(from)) => Some(from),
                    Some(Topic::Status(from)) => {
                        let received = (!publish.retain).then(&arriving.now);
                        if let Err(error) = shared.statuses.handle_message(from, &publish.payload, received) {
                            shared.counts.count(|counted| counted.unreadable_statuses += 1);
                            tracing::error!(topic = ?publish.topic, %error, "ignored");
                        }
                        None
                    }
                    Some(Topic::Summary { .. }) => {
                        shared.summaries.handle_message(&settings.id, &publish.payload);
                        None
                    }
                    Some(Topic::Ack { .. }) | None => {
                        shared.counts.count(|counted| counted.foreign_topics += 1);
                        tracing::error!(topic = ?publish.topic, "a message on a topic that is no agent's; ignored");
                        None
                    }
                };
                if publish.qos == QoS::AtMostOnce && from.is_none() {
                    continue;
                }
                // This task must not wait for room: what would make room waits for this task to send the answers.
                match arriving.room.put(from, publish, arriving.connection) {
                    Ok(()) => {}
                    Err(NoRoom::Full(publish)) => {
                        // There is room for more than a broker may have outstanding, but some send more: mosquitto 2.0.11
                        // does once its queue has filled. The broker is told that this one is done with, its agent is not,
                        // and sends it again.
                        let _ = client.try_ack(&publish);
                        left_out += 1;
                        shared.counts.count(|counted| counted.left_out += 1);
                        if left_out.is_power_of_two() {
                            tracing::warn!(
                                topic = ?publish.topic,
                                left_out,
                                "the broker sends more at once than it may; left to the agents to send again"
                            );
                        }
                    }
                    Err(NoRoom::Closed) => {
                        return Ended { was_up, why: "the storing thread has ended".to_owned() };
                    }
                }
            }
            // No matching subscriber: the agent is away; it asks again when it is back.
            Packet::PubAck(puback)
                if !matches!(puback.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) =>
            {
                tracing::error!(reason = ?puback.reason, "the broker refused an acknowledgement or a summary; check its access rules");
            }
            Packet::Disconnect(disconnect) => {
                return Ended { was_up, why: format!("the broker disconnected: {:?}", disconnect.reason_code) };
            }
            Packet::ConnAck(_)
            | Packet::PubAck(_)
            | Packet::PingReq(_)
            | Packet::PingResp(_)
            | Packet::Auth(_)
            | Packet::Connect(..)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_) => {}
        }
    }
}

fn is_refusal(code: &SubscribeReasonCode) -> bool {
    !matches!(code, SubscribeReasonCode::Success(_))
}

fn explain(error: &ConnectionError, settings: &Settings, answered: bool) -> String {
    if let Some(why) = settings.tls.as_ref().and_then(|files| files.explain(&settings.host, behind(error), answered)) {
        return why;
    }
    if let ConnectionError::ConnectionRefused(code) = error {
        return format!("the broker refused the connection: {code:?} (check broker.username and broker.password-file)");
    }
    error.to_string()
}

/// What lies behind an error of the client, which hides what went wrong while it read a packet.
fn behind(error: &ConnectionError) -> &(dyn std::error::Error + 'static) {
    if let ConnectionError::MqttState(StateError::Deserialization(inner)) = error { inner } else { error }
}

async fn send(client: &AsyncClient, settings: &Settings, acknowledgements: Vec<Acknowledgement>) {
    for acknowledgement in acknowledgements {
        let mut buffer = [0; MAX_ACK_BYTES];
        let bytes = match ack::encode(&acknowledgement.ack, &mut buffer) {
            Ok(bytes) => bytes.to_vec(),
            Err(error) => {
                tracing::error!(%error, "an acknowledgement could not be written");
                continue;
            }
        };
        let topic = Topic::Ack { to: acknowledgement.to, collector: settings.id.clone() }.text();
        // An error means that the connection is gone; the agent sends again and is answered then.
        let _ = client.publish(topic.as_str(), QoS::AtLeastOnce, false, bytes).await;
    }
}

/// Tells the broker that it may forget what is committed, or what its agent was told to send again.
async fn settle(client: &AsyncClient, connection: u64, settled: Vec<Arrival>) {
    for arrival in settled {
        if arrival.connection == connection {
            let _ = client.ack(&arrival.publish).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(password_file: std::path::PathBuf) -> Settings {
        Settings {
            trust: "north".parse().unwrap(),
            id: "c1".parse().unwrap(),
            host: "localhost".to_owned(),
            port: 1883,
            username: Some("c1".to_owned()),
            password_file: Some(password_file),
            tls: None,
            store_dir: std::path::PathBuf::new(),
            longest_pause: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn a_link_ends_when_nothing_is_stored_any_more() {
        let (room, taken) = Room::new();
        let (answers, to_send) = mpsc::channel(1);
        // A broker that accepts and says nothing, so that the first connection stays under way.
        let broker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "secret").unwrap();
        let settings =
            Settings { host: "127.0.0.1".to_owned(), port: broker.local_addr().unwrap().port(), ..settings(file) };
        let (_nobody_stops_it, stop) = watch::channel(false);
        let running = tokio::spawn(run(settings, Shared::default(), room, to_send, || UtcMillis::MIN, stop));
        drop((taken, answers));
        running.await.unwrap();
    }

    #[test]
    fn a_missing_or_empty_password_file_is_no_empty_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        let refused = |expected: &str| {
            let error = format!("{:#}", options(&settings(file.clone())).unwrap_err());
            assert!(error.contains("broker.password-file") && error.contains(expected), "{error}");
        };
        refused("cannot be read");
        std::fs::write(&file, "\n").unwrap();
        refused("is empty");
        std::fs::write(&file, "secret\n").unwrap();
        assert_eq!(options(&settings(file.clone())).unwrap().credentials().unwrap().password, "secret");
    }
}
