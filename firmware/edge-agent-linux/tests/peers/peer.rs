//! What the agent talks to: a real mosquitto, and a collector that stores in memory.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::{Answered, Mark, Receiver, RunId, ack, batch};
use room_events::StreamId;
use room_events::topic::Topic;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

pub fn mosquitto() -> Option<PathBuf> {
    let found = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"].map(PathBuf::from);
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        assert!(
            std::env::var_os("TOUCHTIME_REQUIRE_PEERS").is_none(),
            "mosquitto is not installed, and it is required"
        );
        eprintln!("SKIPPED: mosquitto is not installed on this machine");
    }
    found
}

pub struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Broker {
    pub async fn start(program: &Path, folder: &Path, port: u16, access: &str) -> Self {
        let access_file = folder.join("access");
        std::fs::write(&access_file, access).unwrap();
        let mut config = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        if !access.is_empty() {
            config += &format!("acl_file {}\n", access_file.display());
        }
        let path = folder.join("mosquitto.conf");
        std::fs::write(&path, config).unwrap();
        let child = Command::new(program).arg("-c").arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let broker = Self(child.unwrap());
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        broker
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub type Stored = Arc<Mutex<BTreeMap<(StreamId, u64), Vec<u8>>>>;

/// The collector `primary`.
pub async fn collect(port: u16, stored: Stored) {
    collect_as("primary", port, stored).await;
}

/// A collector that stores in memory and acknowledges.
pub async fn collect_as(id: &str, port: u16, stored: Stored) {
    let mut receiver = Receiver::opened(RunId(1));
    let mut marks: BTreeMap<StreamId, Mark> = BTreeMap::new();
    loop {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_clean_start(true).set_max_packet_size(Some(65_536));
        let (client, mut event_loop) = AsyncClient::new(options, 1000);
        client.try_subscribe("touchtime/v1/north/+/agents/+/events", QoS::AtLeastOnce).unwrap();
        while let Ok(event) = event_loop.poll().await {
            let Event::Incoming(Packet::Publish(publish)) = event else { continue };
            let Some(Topic::Events(from)) = Topic::parse(std::str::from_utf8(&publish.topic).unwrap()) else {
                continue;
            };
            let batch = batch::decode(&publish.payload).unwrap();
            let mark = marks.entry(batch.stream).or_default();
            let taken = mark.take(&batch);
            for (seq, bytes) in batch.numbered().take(taken.store) {
                stored.lock().unwrap().insert((batch.stream, seq.0), bytes.to_vec());
            }
            let answered = Answered { stream: batch.stream, floor: batch.floor, missing: None };
            let answer = receiver.acknowledge(answered, mark, [], None);
            let mut buffer = [0; ack::MAX_ACK_BYTES];
            let bytes = ack::encode(&answer, &mut buffer).unwrap().to_vec();
            let topic = Topic::Ack { to: from, collector: id.parse().unwrap() }.text();
            let _ = client.try_publish(topic.as_str(), QoS::AtLeastOnce, false, bytes);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn config(folder: &Path, port: u16) -> String {
    format!(
        "trust = 'north'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {port}\n\
         [collectors]\nrequired = ['primary']\n[sending]\nresend-after-seconds = 1\n",
        folder.join("data").display()
    )
}

pub async fn within(seconds: u64, what: &str, until: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(Duration::from_secs(seconds), until).await.is_ok(), "{what}: not within {seconds} s");
}
