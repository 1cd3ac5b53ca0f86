//! A sender that keeps to no limit loses its own connection only, and what it was answered for is kept.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]
#![cfg(feature = "hl7")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge_agent_linux::agent::{Agent, Shared};
use edge_agent_linux::clock::Clock;
use edge_agent_linux::config::Config;
use edge_agent_linux::hl7::Hl7Feed;
use edge_agent_linux::token_key::create_key_file;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

const MAPPING: &str = "zone = 'Europe/London'\nroom = 'th-1'\ncase = 'PV1-19'\n\
    [[messages]]\ntype = 'ADT^A02'\nmilestones = { into_theatre = 'EVN-6' }\n";

struct Listening {
    shared: Arc<Shared>,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// A feed with an agent of its own, which sends nothing to anybody.
async fn listening(more: &str) -> Listening {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    create_key_file(&path("token.key"), 1).unwrap();
    std::fs::write(path("map.toml"), MAPPING).unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shown = folder.path().display();
    let text = format!(
        "trust = 't'\nsite = 's'\nagent = 'a'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n[collectors]\n\
         required = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[hl7]\nlisten = '{address}'\n\
         mappings = ['{shown}/map.toml']\n{more}"
    );
    let config = Config::parse("agent.toml", &text).unwrap();
    let clock = Arc::new(Clock::system(None));
    let shared = Shared::new(Agent::open(&config, clock).unwrap());
    let feed = Hl7Feed::of(&config).unwrap().unwrap();
    tokio::spawn(feed.listen(shared.clone()));
    Listening { shared, address, _folder: folder }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        loop {
            match TcpStream::connect(self.address).await {
                Ok(socket) => return socket,
                // The feed has not bound its address yet.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn recorded(&self) -> u64 {
        self.shared.agent().unacknowledged()
    }
}

fn message(id: &str, more: &str) -> Vec<u8> {
    let text = format!(
        "\x0bMSH|^~\\&|TH|N|TT|N|202207140600||ADT^A02|{id}|P|2.4\rEVN|A02|||||202207140841\rPV1|1{}K1{more}\r\x1c\r",
        "|".repeat(18)
    );
    text.into_bytes()
}

/// What comes until an answer to `id`, or until the connection ends.
async fn answer(socket: &mut TcpStream, id: &str) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let n = timeout(PATIENCE, socket.read(&mut buffer)).await.expect("an answer or an end").unwrap_or(0);
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if n == 0 || (text.contains(&format!("|{id}")) && text.ends_with('\r')) {
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_at_once_are_answered_in_order_and_kept() {
    let listening = listening("").await;
    let mut socket = listening.connect().await;
    let all: Vec<u8> = (1..=5).flat_map(|n| message(&format!("M{n}"), "")).collect();
    // The network may cut them anywhere.
    let (first, second) = all.split_at(all.len() / 2 + 3);
    socket.write_all(first).await.unwrap();
    socket.flush().await.unwrap();
    socket.write_all(second).await.unwrap();
    let text = answer(&mut socket, "M5").await;
    let answered: Vec<&str> = text.split('\r').filter_map(|line| line.strip_prefix("MSA|AA|")).collect();
    assert_eq!(answered, ["M1", "M2", "M3", "M4", "M5"]);
    // And the agent's own first event.
    assert_eq!(listening.recorded(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_the_limit_ends_its_own_connection_only() {
    let listening = listening("max-message-kib = 4\n").await;
    let mut other = listening.connect().await;
    let mut socket = listening.connect().await;
    let _ = socket.write_all(&message("LONG", &"x".repeat(8 * 1024))).await;
    assert_eq!(answer(&mut socket, "LONG").await, "");
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x0b\x1c\r", b"\x0b\xff\xfe\x00\x1c\r", b"\x0bMSH|^~\\&|"] {
        listening.connect().await.write_all(nonsense).await.unwrap();
    }
    other.write_all(&message("M1", "")).await.unwrap();
    assert!(answer(&mut other, "M1").await.contains("MSA|AA|M1"));
    assert_eq!(listening.recorded(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_allowed_are_closed_and_the_others_go_on() {
    let listening = listening("max-connections = 1\n").await;
    let mut first = listening.connect().await;
    first.write_all(&message("M1", "")).await.unwrap();
    assert!(answer(&mut first, "M1").await.contains("MSA|AA|M1"));
    let mut second = listening.connect().await;
    assert_eq!(answer(&mut second, "M2").await, "");
    first.write_all(&message("M3", "")).await.unwrap();
    assert!(answer(&mut first, "M3").await.contains("MSA|AA|M3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_and_a_stranger_are_closed() {
    let listening_briefly = listening("idle-seconds = 1\n").await;
    let mut silent = listening_briefly.connect().await;
    assert_eq!(answer(&mut silent, "none").await, "");
    let strict = listening("senders = ['192.0.2.1']\n").await;
    let mut stranger = strict.connect().await;
    let _ = stranger.write_all(&message("M1", "")).await;
    assert_eq!(answer(&mut stranger, "M1").await, "");
    assert_eq!(strict.recorded(), 0);
}
