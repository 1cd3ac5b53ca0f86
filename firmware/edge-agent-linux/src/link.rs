//! The connection to the broker: the one module that knows rumqttc.
//!
//! Each connection has a fresh client and event loop and asks for a clean session, because the client loses messages of
//! a session that it resumes; what was under way is sent again from the outbox. The event loop is polled by a task that
//! does nothing else. A PUBACK only makes room for the next publish: an event is delivered when a collector says so.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use delivery::status::{self, MAX_STATUS_BYTES};
use delivery::{Ack, Next, Status, ack};
use room_events::AgentId;
use room_events::topic::{AgentAddress, Topic};
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, ConnectReturnCode, Filter, LastWill, Packet, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::{mpsc, watch};

use crate::agent::{Published, Shared};
use crate::clock::random_128;
use crate::config::{Broker, Config};

/// The most publishes without PUBACK; with the client's default its memory is three times as large.
const MAX_UNDER_WAY: u16 = 64;

/// Acknowledgements that wait to be looked at. More at once than batches were sent is not from a collector.
const MAX_WAITING: usize = 1024;

/// The largest message that the agent accepts: an acknowledgement, with room for fields to come.
const MAX_INCOMING_BYTES: u32 = 16 * 1024;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
const GOODBYE: Duration = Duration::from_secs(1);
/// How often the retained status is written again if it has changed, and old events are deleted.
const STATUS_EVERY: Duration = Duration::from_secs(15);

/// What the polling task tells.
enum News {
    Connected { receive_maximum: u16 },
    Subscribed(Vec<SubscribeReasonCode>),
    Ack { collector: String, ack: Box<Ack> },
    Settled(PubAckReason),
    Ended(String),
}

/// Connects, and connects again, until `stop` is true.
pub async fn run(shared: Arc<Shared>, config: Config, mut stop: watch::Receiver<bool>) {
    let broker = format!("{}:{}", config.broker.host, config.broker.port);
    let mut pauses = Pauses::default();
    while !*stop.borrow() {
        let mut connection = match Connection::begin(&shared, &config) {
            Ok(connection) => connection,
            Err(error) => {
                let why = format!("{error:#}");
                shared.agent().handle_disconnected(&why);
                tracing::error!(%why, "cannot connect; trying again");
                wait(pauses.next(random_part()), &mut stop).await;
                continue;
            }
        };
        let ended = connection.serve(&mut stop).await;
        shared.agent().handle_disconnected(ended.as_deref().unwrap_or("stopping"));
        let Some(why) = ended else {
            connection.say_goodbye().await;
            return;
        };
        if connection.was_up {
            pauses = Pauses::default();
        }
        tracing::warn!(%broker, %why, "not connected; trying again");
        wait(pauses.next(random_part()), &mut stop).await;
    }
}

/// How long to wait between attempts to connect: twice as long each time up to [`LONGEST_PAUSE`], and by chance up to half
/// less. Agents that lost the same broker must not come back all at once.
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The next pause; `part` is drawn from 0 to 1.
    fn next(&mut self, part: f64) -> Duration {
        let pause = self.0.mul_f64(0.5 + part.clamp(0.0, 1.0) / 2.0);
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
        pause
    }
}

fn random_part() -> f64 {
    random_128().map_or(0.5, |bits| (bits % 1000) as f64 / 1000.0)
}

async fn wait(pause: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// One connection, from CONNECT to its end.
struct Connection<'a> {
    shared: &'a Shared,
    address: AgentAddress,
    collectors: Vec<AgentId>,
    events_topic: String,
    status_topic: String,
    client: AsyncClient,
    news: mpsc::Receiver<News>,
    polling: tokio::task::JoinHandle<()>,
    was_up: bool,
    subscribed: bool,
    // Publishes that may be under way, and those that are, in their order: a broker settles them in the same (MQTT 5, 4.6).
    limit: u16,
    under_way: VecDeque<Published>,
    last_status: Option<Status>,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

/// Connects once, subscribes the acknowledgement topics and leaves: what `check` asks. The error says what to do.
pub async fn probe(config: &Config) -> Result<(), String> {
    let address = config.address();
    let topics: Vec<String> = config.collectors.all().map(|c| ack_topic(&address, c)).collect();
    let mut options =
        MqttOptions::new(format!("touchtime-{}-check", address.agent), &config.broker.host, config.broker.port);
    options.set_clean_start(true);
    secure(&mut options, &config.broker).map_err(|error| format!("{error:#}"))?;
    let mut answered = false;
    let (client, mut event_loop) = AsyncClient::new(options, 8);
    loop {
        let event = event_loop.poll().await.map_err(|error| explain(&error, &config.broker, answered))?;
        let Event::Incoming(packet) = event else { continue };
        match news_of(packet, &address) {
            Some(News::Connected { .. }) => {
                answered = true;
                let filters: Vec<Filter> = topics.iter().map(|t| Filter::new(t, QoS::AtLeastOnce)).collect();
                client.try_subscribe_many(filters).map_err(|_| "the client takes no subscription".to_owned())?;
            }
            Some(News::Subscribed(codes)) => {
                let refused =
                    topics.iter().zip(&codes).find(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)));
                return refused.map_or(Ok(()), |(topic, code)| {
                    Err(format!(
                        "the broker refuses {topic}: {code:?} (let the agent read it in the broker's access file)"
                    ))
                });
            }
            Some(News::Ended(why)) => return Err(why),
            Some(News::Ack { .. } | News::Settled(_)) | None => {}
        }
    }
}

fn ack_topic(address: &AgentAddress, collector: &AgentId) -> String {
    Topic::Ack { to: address.clone(), collector: collector.clone() }.text().to_string()
}

impl<'a> Connection<'a> {
    fn begin(shared: &'a Shared, config: &Config) -> anyhow::Result<Self> {
        let address = config.address();
        let status_topic = Topic::Status(address.clone()).text().to_string();
        let (stream, will) = {
            let agent = shared.agent();
            (agent.stream(), agent.status(false))
        };
        // The stream in the id keeps two machines with copies of one disk from throwing each other out.
        let id = format!("touchtime-{}-{stream}", address.agent);
        let mut options = MqttOptions::new(id, &config.broker.host, config.broker.port);
        let mut properties = ConnectProperties::new();
        properties.receive_maximum = Some(MAX_UNDER_WAY);
        properties.max_packet_size = Some(MAX_INCOMING_BYTES);
        options
            .set_connect_properties(properties)
            .set_clean_start(true)
            .set_keep_alive(Duration::from_secs(config.broker.keep_alive_seconds.into()))
            .set_outgoing_inflight_upper_limit(MAX_UNDER_WAY)
            .set_last_will(LastWill::new(&status_topic, status_bytes(&will), QoS::AtLeastOnce, true, None));
        secure(&mut options, &config.broker)?;
        let (client, event_loop) = AsyncClient::new(options, 2 * usize::from(MAX_UNDER_WAY));
        let (tell, news) = mpsc::channel(MAX_WAITING);
        let polling = tokio::spawn(poll(event_loop, config.broker.clone(), address.clone(), tell));
        Ok(Self {
            shared,
            collectors: config.collectors.all().cloned().collect(),
            events_topic: Topic::Events(address.clone()).text().to_string(),
            address,
            status_topic,
            client,
            news,
            polling,
            was_up: false,
            subscribed: false,
            limit: 0,
            under_way: VecDeque::with_capacity(usize::from(MAX_UNDER_WAY)),
            last_status: None,
        })
    }

    /// Sends and listens until the connection ends (why) or the agent stops (`None`).
    async fn serve(&mut self, stop: &mut watch::Receiver<bool>) -> Option<String> {
        let mut status_timer = tokio::time::interval(STATUS_EVERY);
        loop {
            let wake = match self.send() {
                Ok(wake) => wake,
                Err(why) => return Some(why),
            };
            let sleep = tokio::time::sleep(wake.unwrap_or(STATUS_EVERY));
            tokio::select! {
                news = self.news.recv() => match news {
                    Some(news) => if let Err(why) = self.handle(news) {
                        return Some(why);
                    },
                    None => return Some("the polling task ended".to_owned()),
                },
                () = self.shared.recorded.notified() => {}
                () = sleep => {}
                _ = status_timer.tick() => {
                    if let Err(error) = self.shared.agent().tidy() {
                        tracing::error!(%error, "acknowledged events could not be deleted");
                    }
                    if self.subscribed {
                        self.publish_status();
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return None,
            }
        }
    }

    /// Hands batches to the client while there is room; how long to sleep then.
    fn send(&mut self) -> Result<Option<Duration>, String> {
        while self.subscribed && self.has_room() {
            let mut agent = self.shared.agent();
            match agent.poll_next() {
                Next::Send(span) => {
                    let bytes = match agent.batch(span) {
                        Ok(bytes) => bytes,
                        Err(error) => return Err(format!("the outbox cannot be read: {error:#}")),
                    };
                    // The channel has room: it is longer than what may be under way.
                    if self.client.try_publish(&self.events_topic, QoS::AtLeastOnce, false, bytes).is_err() {
                        return Err("the client takes no more".to_owned());
                    }
                    agent.handle_sent(span);
                    self.under_way.push_back(Published::Events);
                }
                Next::WaitUntil(due) => {
                    return Ok(Some(Duration::from_millis(due.saturating_sub(agent.clock().running_ms()))));
                }
                Next::Idle => return Ok(None),
            }
        }
        Ok(None)
    }

    fn handle(&mut self, news: News) -> Result<(), String> {
        match news {
            News::Connected { receive_maximum } => {
                self.was_up = true;
                self.limit = receive_maximum.min(MAX_UNDER_WAY);
                let topics = self.collectors.iter().map(|collector| ack_topic(&self.address, collector));
                let filters: Vec<Filter> = topics.map(|topic| Filter::new(topic, QoS::AtLeastOnce)).collect();
                self.client.try_subscribe_many(filters).map_err(|_| "the client takes no subscription".to_owned())?;
            }
            News::Subscribed(codes) => {
                let mut any = false;
                for (collector, code) in self.collectors.iter().zip(codes) {
                    if matches!(code, SubscribeReasonCode::Success(_)) {
                        any = true;
                    } else {
                        tracing::error!(%collector, ?code, "the broker refuses the acknowledgement topic; nothing can be \
                            deleted (let the agent read its ack topics in the broker's access file)");
                    }
                }
                if !any {
                    return Err("the broker refused all acknowledgement topics".to_owned());
                }
                self.subscribed = true;
                self.shared.agent().handle_subscribed();
                tracing::info!("connected");
                self.publish_status();
            }
            News::Ack { collector, ack } => {
                self.shared.agent().handle_ack(&collector, &ack);
                self.shared.acknowledged.notify_waiters();
                self.shared.acknowledged.notify_one();
            }
            News::Settled(reason) => {
                let Some(what) = self.under_way.pop_front() else { return Ok(()) };
                // Nobody subscribed is normal: the collector is away, and the events stay here.
                let is_refused = !matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
                if self.shared.agent().handle_settled(what, is_refused) {
                    let topic = match what {
                        Published::Events => &self.events_topic,
                        Published::Status => &self.status_topic,
                    };
                    tracing::error!(?reason, %topic, "the broker refuses what the agent publishes; events are kept \
                        (check the broker's access file)");
                }
            }
            News::Ended(why) => return Err(why),
        }
        Ok(())
    }

    /// Whether one more may be under way.
    fn has_room(&self) -> bool {
        self.under_way.len() < usize::from(self.limit)
    }

    fn publish_status(&mut self) {
        let status = self.shared.agent().status(true);
        // The time alone is no news.
        let is_news = self.last_status.as_ref().is_none_or(|last| *last != Status { at: last.at, ..status.clone() });
        if is_news && self.has_room() {
            let bytes = status_bytes(&status);
            if self.client.try_publish(&self.status_topic, QoS::AtLeastOnce, true, bytes).is_ok() {
                self.under_way.push_back(Published::Status);
                self.last_status = Some(status);
            }
        }
    }

    /// Says offline and disconnects; waits only briefly for a broker that does not answer.
    async fn say_goodbye(&mut self) {
        if !self.subscribed {
            return;
        }
        let bytes = status_bytes(&self.shared.agent().status(false));
        let _ = self.client.try_publish(&self.status_topic, QoS::AtLeastOnce, true, bytes);
        self.under_way.push_back(Published::Status);
        let settled = async {
            while !self.under_way.is_empty() {
                match self.news.recv().await {
                    Some(News::Settled(_)) => {
                        self.under_way.pop_front();
                    }
                    Some(News::Connected { .. } | News::Subscribed(_) | News::Ack { .. }) => {}
                    Some(News::Ended(_)) | None => return,
                }
            }
            let _ = self.client.try_disconnect();
            while let Some(news) = self.news.recv().await {
                if matches!(news, News::Ended(_)) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, settled).await;
    }
}

fn status_bytes(status: &Status) -> Vec<u8> {
    let mut buffer = [0; MAX_STATUS_BYTES];
    // MAX_STATUS_BYTES hold any status.
    status::encode(status, &mut buffer).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Sets who the agent is and how the line is protected, from files as they are now: renewed ones need no restart.
fn secure(options: &mut MqttOptions, broker: &Broker) -> anyhow::Result<()> {
    if let Some(user) = &broker.username {
        let password = broker.password_file.as_deref().map(broker_tls::read_password).transpose()?;
        options.set_credentials(user, password.unwrap_or_default());
    }
    if let Some(files) = broker.tls().map_err(anyhow::Error::msg)? {
        options.set_transport(Transport::tls_with_config(files.read()?.into()));
    }
    Ok(())
}

/// Polls the event loop and tells what came; never waits for anything else.
async fn poll(mut event_loop: EventLoop, broker: Broker, address: AgentAddress, tell: mpsc::Sender<News>) {
    let mut answered = false;
    loop {
        let news = match event_loop.poll().await {
            Ok(Event::Incoming(packet)) => news_of(packet, &address),
            Ok(Event::Outgoing(_)) => None,
            Err(error) => Some(News::Ended(explain(&error, &broker, answered))),
        };
        let Some(news) = news else { continue };
        answered |= matches!(news, News::Connected { .. });
        let ended = matches!(news, News::Ended(_));
        // Full: this many messages are no collector's, or the agent hangs. A new connection starts from the outbox.
        if tell.try_send(news).is_err() || ended {
            return;
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the other packets are the client's own business")]
fn news_of(packet: Packet, address: &AgentAddress) -> Option<News> {
    match packet {
        Packet::ConnAck(connack) if connack.code == ConnectReturnCode::Success => {
            let receive_maximum = connack.properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX);
            Some(News::Connected { receive_maximum })
        }
        Packet::SubAck(suback) => Some(News::Subscribed(suback.return_codes)),
        Packet::PubAck(puback) => Some(News::Settled(puback.reason)),
        Packet::Publish(publish) => {
            let topic = std::str::from_utf8(&publish.topic).ok().and_then(Topic::parse);
            let Some(Topic::Ack { to, collector }) = topic.filter(|_| !publish.retain) else {
                tracing::warn!(topic = ?publish.topic, retain = publish.retain, "a message that is no acknowledgement");
                return None;
            };
            match ack::decode(&publish.payload) {
                Ok(ack) if to == *address => Some(News::Ack { collector: collector.to_string(), ack: Box::new(ack) }),
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(%error, %collector, "an unreadable acknowledgement");
                    None
                }
            }
        }
        Packet::Disconnect(disconnect) => Some(News::Ended(format!("the broker said {:?}", disconnect.reason_code))),
        _ => None,
    }
}

fn explain(error: &ConnectionError, broker: &Broker, answered: bool) -> String {
    match broker.tls() {
        Ok(Some(files)) => {
            if let Some(why) = files.explain(&broker.host, behind(error), answered) {
                return why;
            }
        }
        Ok(None) | Err(_) if !answered && is_closed(error) => {
            return "the broker closed the connection without an answer (is broker.port its port for TLS? then set \
                broker.ca-file)"
                .to_owned();
        }
        Ok(None) | Err(_) => {}
    }
    match error {
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker refused the connection: {code:?} (check broker.username and broker.password-file)")
        }
        ConnectionError::Io(error) => format!("{error} (check broker.host and broker.port)"),
        ConnectionError::Tls(error) => format!("TLS failed: {error}"),
        ConnectionError::Timeout(_) => "the broker did not answer in time".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker fell silent".to_owned(),
        ConnectionError::MqttState(error) => error.to_string(),
        ConnectionError::NotConnAck(_) => "what answered is no MQTT 5 broker".to_owned(),
        ConnectionError::RequestsDone => "disconnected".to_owned(),
    }
}

/// What lies behind an error of the client, which hides what went wrong while it read a packet.
fn behind(error: &ConnectionError) -> &(dyn std::error::Error + 'static) {
    if let ConnectionError::MqttState(StateError::Deserialization(inner)) = error { inner } else { error }
}

/// Whether the other end has hung up.
fn is_closed(error: &ConnectionError) -> bool {
    let (ConnectionError::Io(error)
    | ConnectionError::MqttState(
        StateError::Io(error) | StateError::Deserialization(rumqttc::v5::mqttbytes::Error::Io(error)),
    )) = error
    else {
        return matches!(error, ConnectionError::MqttState(StateError::ConnectionAborted));
    };
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::clock::Clock;
    use edge_agent::Observed;
    use room_events::{Alive, Observation, SourceId};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    #[test]
    fn pauses_grow_to_a_bound_and_differ_by_chance() {
        let (mut least, mut most) = (Pauses::default(), Pauses::default());
        let pauses: Vec<_> = (0..9).map(|_| (least.next(0.0), most.next(1.0))).collect();
        assert_eq!(pauses[0], (FIRST_PAUSE / 2, FIRST_PAUSE));
        assert!(pauses.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(pauses[8], (LONGEST_PAUSE / 2, LONGEST_PAUSE));
        let mut beyond = Pauses::default();
        assert_eq!(beyond.next(7.0), FIRST_PAUSE);
        let drawn: Vec<_> = (0..20).map(|_| random_part()).collect();
        assert!(drawn.iter().all(|part| (0.0..=1.0).contains(part)) && drawn.iter().any(|part| *part != drawn[0]));
    }

    /// The next packet's first byte and body.
    async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
        let kind = stream.read_u8().await.unwrap();
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let digit = stream.read_u8().await.unwrap();
            length |= usize::from(digit & 127) << shift;
            shift += 7;
            if digit & 128 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        (kind, body)
    }

    #[tokio::test]
    async fn no_more_is_under_way_than_the_broker_takes() {
        const TAKES: u8 = 3;
        let dir = tempfile::tempdir().unwrap();
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!(
            "trust = 'n'\nsite = 'main'\nagent = 'a'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
             keep-alive-seconds = 5\n[collectors]\nrequired = ['c1']\n",
            dir.path().display(),
            broker.local_addr().unwrap().port()
        );
        let config = Config::parse("agent.toml", &text).unwrap();
        let mut agent = Agent::open(&config, Arc::new(Clock::system(None))).unwrap();
        let alive = Observed {
            source: SourceId::new("theatre-system").unwrap(),
            order: Some(1),
            site: None,
            room: None,
            at: room_events::UtcMillis::saturating(0),
            clock: None,
            obs: Observation::Alive(Alive {}),
        };
        // Eight batches: more than it takes, fewer than the agent would have under way.
        agent.record(&vec![alive; 500], None).unwrap();
        let (_nobody_stops_it, stop) = watch::channel(false);
        let running = tokio::spawn(run(Shared::new(agent), config, stop));

        let (mut stream, _) = broker.accept().await.unwrap();
        assert_eq!(packet(&mut stream).await.0, 0x10);
        stream.write_all(&[0x20, 6, 0, 0, 3, 0x21, 0, TAKES]).await.unwrap();
        let (kind, body) = packet(&mut stream).await;
        assert_eq!(kind, 0x82);
        stream.write_all(&[0x90, 4, body[0], body[1], 0, 1]).await.unwrap();
        let mut under_way = VecDeque::new();
        let mut batches = 0;
        while batches < 8 {
            // Nothing is settled until the agent has nothing more to say than that it is there.
            loop {
                let (kind, body) = packet(&mut stream).await;
                if kind == 0xc0 {
                    stream.write_all(&[0xd0, 0]).await.unwrap();
                    break;
                }
                assert_eq!(kind & 0xf6, 0x32, "a publish at QoS 1");
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                batches += u32::from(body[2..2 + topic].ends_with(b"events"));
                under_way.push_back([body[2 + topic], body[3 + topic]]);
                assert!(under_way.len() <= usize::from(TAKES), "{} under way", under_way.len());
            }
            assert!(!under_way.is_empty(), "the agent waits for nothing and has not sent everything");
            for [high, low] in under_way.drain(..) {
                stream.write_all(&[0x40, 2, high, low]).await.unwrap();
            }
        }
        running.abort();
    }
}
