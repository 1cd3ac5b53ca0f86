//! A small MQTT 5 client that sends any bytes: a real agent would refuse to send what a hostile one does.

use std::io::{self, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// The reason code of a refusal: the access rules do not allow it.
pub const NOT_AUTHORISED: u8 = 135;

/// A connection to a broker. Publishes are QoS 1.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    incoming: Incoming,
    last_id: u16,
}

/// The half that reads.
#[derive(Debug)]
pub struct Incoming(BufReader<TcpStream>);

/// What a broker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// It has taken, or refused, the publish of that number.
    PubAck {
        /// The publish.
        id: u16,
        /// 0 and 16 are good.
        reason: u8,
    },
    /// A message of a subscription.
    Message {
        /// Its topic.
        topic: String,
        /// Its bytes.
        payload: Vec<u8>,
        /// The number under which it is to be confirmed; none at QoS 0.
        id: Option<u16>,
    },
    /// The answer to a subscription.
    SubAck,
    /// It ends the connection, for that reason.
    Disconnect(u8),
}

impl Client {
    /// Connects with a clean start.
    pub fn connect(port: u16, id: &str) -> Self {
        let connected = Self::try_connect(port, id, None);
        connected.unwrap_or_else(|reason| panic!("the broker refuses the connection with reason code {reason}"))
    }

    /// Connects as a user with a password; the reason code if the broker refuses.
    pub fn connect_as(port: u16, user: &str, password: &str) -> Result<Self, u8> {
        Self::try_connect(port, &format!("raw-{user}"), Some((user, password)))
    }

    fn try_connect(port: u16, id: &str, user: Option<(&str, &str)>) -> Result<Self, u8> {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let incoming = Incoming(BufReader::new(stream.try_clone().expect("a second handle")));
        let mut client = Self { stream, incoming, last_id: 0 };
        // Version 5, clean start with or without user and password, keep-alive of ten minutes, no properties.
        let flags = if user.is_some() { 0b1100_0010 } else { 2 };
        let mut body = [text("MQTT"), vec![5, flags, 2, 88, 0], text(id)].concat();
        if let Some((user, password)) = user {
            body.extend([text(user), text(password)].concat());
        }
        client.send(0x10, &body);
        let (kind, body) = client.incoming.packet().expect("the broker answers");
        assert_eq!(kind, 0x20, "the answer to a connection: {body:?}");
        match body.get(1) {
            Some(0) => Ok(client),
            reason => Err(reason.copied().unwrap_or(128)),
        }
    }

    /// All messages that the broker sent before it answers now: it sends in order, so none can come later.
    pub fn messages_so_far(&mut self) -> Vec<(String, Vec<u8>)> {
        let id = self.new_id();
        self.send(0x82, &[id.to_be_bytes().to_vec(), vec![0], text("a/question/of/order"), vec![0]].concat());
        let mut messages = Vec::new();
        loop {
            match self.incoming.next_packet().expect("the broker answers") {
                Packet::SubAck => return messages,
                Packet::Message { topic, payload, .. } => messages.push((topic, payload)),
                Packet::PubAck { .. } | Packet::Disconnect(_) => {}
            }
        }
    }

    /// Subscribes at QoS 0, and waits for the answer.
    pub fn subscribe(&mut self, filter: &str) {
        self.subscribe_at(0, filter);
    }

    /// Subscribes at QoS 1, and waits for the answer; each message that comes in is to be confirmed.
    pub fn subscribe_confirming(&mut self, filter: &str) {
        self.subscribe_at(1, filter);
    }

    /// Confirms a message to the broker.
    pub fn confirm(&mut self, id: u16) {
        self.send(0x40, &id.to_be_bytes());
    }

    fn subscribe_at(&mut self, quality: u8, filter: &str) {
        let id = self.new_id();
        self.send(0x82, &[id.to_be_bytes().to_vec(), vec![0], text(filter), vec![quality]].concat());
        while self.incoming.next_packet().expect("the broker answers") != Packet::SubAck {}
    }

    /// Sends a message; returns the number under which the broker will confirm it.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> u16 {
        let id = self.new_id();
        self.send(0x32, &[text(topic), id.to_be_bytes().to_vec(), vec![0], payload.to_vec()].concat());
        id
    }

    /// Sends a message, and waits until the broker has taken or refused it; returns the reason code.
    pub fn publish_and_wait(&mut self, topic: &str, payload: &[u8], mut meanwhile: impl FnMut(Packet)) -> u8 {
        let sent = self.publish(topic, payload);
        loop {
            match self.incoming.next_packet().expect("the broker answers") {
                Packet::PubAck { id, reason } if id == sent => return reason,
                packet @ (Packet::PubAck { .. } | Packet::Message { .. } | Packet::SubAck | Packet::Disconnect(_)) => {
                    meanwhile(packet);
                }
            }
        }
    }

    /// The next packet; an error when none comes in time or the connection ends.
    pub fn next_packet(&mut self) -> io::Result<Packet> {
        self.incoming.next_packet()
    }

    /// How long [`Self::next_packet`] waits.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a time-out");
    }

    /// A second half for another thread.
    pub fn reader(&self) -> Incoming {
        Incoming(BufReader::new(self.stream.try_clone().expect("a second handle")))
    }

    fn new_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        self.stream.write_all(&packet(kind, body)).expect("the broker takes it");
    }
}

/// A packet of that first byte.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let digit = u8::try_from(left % 128).unwrap_or(0);
        left /= 128;
        packet.push(if left > 0 { digit | 128 } else { digit });
        if left == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

/// A broker with one client that keeps to no limit: it sends whatever it is told to, as fast as it can.
#[derive(Debug)]
pub struct RudeBroker {
    stream: TcpStream,
    messages: mpsc::Receiver<Vec<u8>>,
    sent: u16,
}

impl RudeBroker {
    /// Waits for its client to connect and to subscribe.
    pub fn serve(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().expect("a client comes");
        let mut incoming = Incoming(BufReader::new(stream.try_clone().expect("a second handle")));
        let mut answering = stream.try_clone().expect("a third handle");
        let mut answer = move |kind: u8, body: &[u8]| answering.write_all(&packet(kind, body)).is_ok();
        let (kind, _) = incoming.packet().expect("a packet");
        assert_eq!(kind, 0x10, "a client begins with CONNECT");
        assert!(answer(0x20, &[0, 0, 0]));
        let (kind, body) = incoming.packet().expect("a packet");
        assert_eq!(kind, 0x82, "this client subscribes at once");
        // Two filters, granted at QoS 1.
        assert!(answer(0x90, &[body[0], body[1], 0, 1, 1]));
        let (messages_in, messages) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok((kind, body)) = incoming.packet() {
                let goes_on = match kind >> 4 {
                    3 => {
                        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                        let payload = body[length + 5..].to_vec();
                        answer(0x40, &body[length + 2..length + 4]) && messages_in.send(payload).is_ok()
                    }
                    12 => answer(0xd0, &[]),
                    _ => true,
                };
                if !goes_on {
                    return;
                }
            }
        });
        Self { stream, messages, sent: 0 }
    }

    /// How long the client may read nothing.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).expect("a time-out");
    }

    /// Sends a message at QoS 1, whatever is outstanding.
    pub fn send(&mut self, topic: &str, payload: &[u8]) {
        self.sent = self.sent.checked_add(1).unwrap_or(1);
        let body = [text(topic), self.sent.to_be_bytes().to_vec(), vec![0], payload.to_vec()].concat();
        self.stream.write_all(&packet(0x32, &body)).expect("the client reads");
    }

    /// What the client publishes next, if it does within that time.
    pub fn published(&self, within: Duration) -> Option<Vec<u8>> {
        self.messages.recv_timeout(within).ok()
    }
}

impl Incoming {
    /// The next packet.
    pub fn next_packet(&mut self) -> io::Result<Packet> {
        let broken = || io::Error::other("not MQTT");
        loop {
            let (kind, body) = self.packet()?;
            return Ok(match kind >> 4 {
                3 => {
                    let length =
                        body.get(..2).map(|l| usize::from(l[0]) << 8 | usize::from(l[1])).ok_or_else(broken)?;
                    let topic = body.get(2..2 + length).ok_or_else(broken)?;
                    let rest = body.get(2 + length..).ok_or_else(broken)?;
                    let (id, rest) = match kind & 6 {
                        0 => (None, rest),
                        _ => {
                            let (id, rest) = rest.split_first_chunk().ok_or_else(broken)?;
                            (Some(u16::from_be_bytes(*id)), rest)
                        }
                    };
                    // Properties have less than 128 bytes here: a broker adds none.
                    let (properties, rest) = rest.split_first().ok_or_else(broken)?;
                    let payload = rest.get(usize::from(*properties)..).ok_or_else(broken)?.to_vec();
                    Packet::Message { topic: String::from_utf8_lossy(topic).into_owned(), payload, id }
                }
                4 => {
                    let id = body.get(..2).map(|id| u16::from_be_bytes([id[0], id[1]])).ok_or_else(broken)?;
                    Packet::PubAck { id, reason: body.get(2).copied().unwrap_or(0) }
                }
                9 => Packet::SubAck,
                14 => Packet::Disconnect(body.first().copied().unwrap_or(0)),
                _ => continue,
            });
        }
    }

    fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut kind = [0];
        self.0.read_exact(&mut kind)?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let mut digit = [0];
            self.0.read_exact(&mut digit)?;
            length |= usize::from(digit[0] & 127) << shift;
            shift += 7;
            if digit[0] & 128 == 0 || shift > 21 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((kind[0], body))
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}
