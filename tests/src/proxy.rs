//! A TCP proxy that misbehaves as networks and brokers do: cut, refused, half-open, slow, or with a liar in the middle
//! that confirms messages and throws them away.
//!
//! ```text
//! agent or collector  --->  Proxy 127.0.0.1:port  --->  broker
//!                     <---                        <---
//! ```
//! Bytes are passed on as whole MQTT packets, so that one can be left out without spoiling the rest, and counted, so
//! that a test can strike at a given place of the transfer and not at a given time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::random::Random;

/// What the proxy does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Passes everything on.
    Fair,
    /// Connections stay open and nothing comes through, as behind a firewall that forgot them.
    HalfOpen,
    /// Connections are closed, and new ones are refused.
    Cut,
}

/// Messages of one direction that are confirmed to their sender and thrown away, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lies {
    /// Of what the client publishes.
    pub to_broker: u8,
    /// Of what the broker publishes.
    pub to_client: u8,
}

/// A running proxy; it ends with the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// The port on 127.0.0.1 that it listens on.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    upstream: u16,
    weather: Weather,
    delay: Duration,
    lies: Lies,
    random: Random,
    /// Bytes passed on to the broker.
    passed: u64,
    /// Messages thrown away.
    dropped: u64,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Listens on a free port and passes on to `upstream`, a port on 127.0.0.1.
    pub fn start(upstream: u16, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = State {
            upstream,
            weather: Weather::Fair,
            delay: Duration::ZERO,
            lies: Lies::default(),
            random: Random::new(seed),
            passed: 0,
            dropped: 0,
            open: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                serving.serve(client);
            }
        });
        Self { port, shared }
    }

    /// Changes what happens to all connections, open and new ones. Those that were half-open do not recover: they are
    /// closed when the weather turns fair, as a router does that does not know them.
    pub fn set_weather(&self, weather: Weather) {
        let mut state = self.shared.state();
        let was = std::mem::replace(&mut state.weather, weather);
        if weather == Weather::Cut || (was == Weather::HalfOpen && weather == Weather::Fair) {
            for stream in state.open.drain(..) {
                // One that is closed already is closed.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
    }

    /// Everything takes so long in each direction from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Confirms and throws away so many messages from now on.
    pub fn set_lies(&self, lies: Lies) {
        self.shared.state().lies = lies;
    }

    /// Bytes passed on to the broker so far.
    pub fn passed(&self) -> u64 {
        self.shared.state().passed
    }

    /// Messages thrown away so far.
    pub fn dropped(&self) -> u64 {
        self.shared.state().dropped
    }

    /// Waits until so many bytes have passed to the broker, or `over` says that none will come; true if they have.
    pub fn await_passed(&self, bytes: u64, mut over: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut state = self.shared.state();
        while state.passed < bytes {
            assert!(Instant::now() < deadline, "only {} of {bytes} bytes passed within 120 s", state.passed);
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(50));
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            if state.passed < bytes && over() {
                return false;
            }
        }
        true
    }
}

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToBroker,
    ToClient,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>, client: TcpStream) {
        let upstream = {
            let state = self.state();
            if state.weather == Weather::Cut {
                return;
            }
            state.upstream
        };
        let Ok(broker) = TcpStream::connect(("127.0.0.1", upstream)) else { return };
        for stream in [&client, &broker] {
            // Small packets must not wait for others.
            let _ = stream.set_nodelay(true);
        }
        let clones = [&client, &broker, &client, &broker].map(TcpStream::try_clone);
        let [Ok(client_too), Ok(broker_too), Ok(client_known), Ok(broker_known)] = clones else { return };
        {
            let mut state = self.state();
            // Cut while the broker was being reached.
            if state.weather == Weather::Cut {
                return;
            }
            state.open.extend([client_known, broker_known]);
        }
        self.pump(client, broker, Way::ToBroker);
        self.pump(broker_too, client_too, Way::ToClient);
    }

    /// One thread reads packets, another writes each when it is due: a slow line carries many at once.
    fn pump(self: &Arc<Self>, mut from: TcpStream, mut to: TcpStream, way: Way) {
        let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
        let reading = Arc::clone(self);
        std::thread::spawn(move || {
            while let Some(packet) = read_packet(&mut from) {
                if let Some(confirmation) = reading.lie_about(&packet, way) {
                    if from.write_all(&confirmation).is_err() {
                        break;
                    }
                    continue;
                }
                let due = Instant::now() + reading.state().delay;
                if send.send((due, packet)).is_err() {
                    break;
                }
            }
        });
        let writing = Arc::clone(self);
        std::thread::spawn(move || {
            while let Ok((due, packet)) = receive.recv() {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if !writing.await_passage() || to.write_all(&packet).is_err() {
                    break;
                }
                if way == Way::ToBroker {
                    writing.state().passed += packet.len() as u64;
                    writing.changed.notify_all();
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }

    /// Waits while the line is half-open; false when it has been cut.
    fn await_passage(&self) -> bool {
        let mut state = self.state();
        while state.weather == Weather::HalfOpen {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.weather == Weather::Fair
    }

    /// The confirmation of a message that is to be thrown away.
    fn lie_about(&self, packet: &[u8], way: Way) -> Option<Vec<u8>> {
        let id = confirmable(packet)?;
        let mut state = self.state();
        let percent = match way {
            Way::ToBroker => state.lies.to_broker,
            Way::ToClient => state.lies.to_client,
        };
        if percent == 0 || state.random.below(100) >= u64::from(percent) {
            return None;
        }
        state.dropped += 1;
        Some([&[0x40, 2], id.as_slice()].concat())
    }
}

/// One whole MQTT packet: a byte of type and flags, the length of the rest in seven bits a byte, the rest.
fn read_packet(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut packet = vec![0; 2];
    from.read_exact(&mut packet).ok()?;
    let mut length = usize::from(packet[1] & 0x7f);
    let mut shift = 7;
    while packet.last()? & 0x80 != 0 {
        let mut byte = [0];
        from.read_exact(&mut byte).ok()?;
        packet.extend(byte);
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
    }
    let head = packet.len();
    packet.resize(head + length, 0);
    from.read_exact(&mut packet[head..]).ok()?;
    Some(packet)
}

/// The packet identifier of a PUBLISH at QoS 1.
fn confirmable(packet: &[u8]) -> Option<[u8; 2]> {
    let (&kind, rest) = packet.split_first()?;
    if kind >> 4 != 3 || kind >> 1 & 3 != 1 {
        return None;
    }
    let body = rest.get(rest.iter().position(|byte| byte & 0x80 == 0)? + 1..)?;
    let topic = usize::from(u16::from_be_bytes(*body.first_chunk::<2>()?));
    body.get(2 + topic..)?.first_chunk::<2>().copied()
}
