//! The proxy itself: what it does to a line must be what its name says, or the tests behind it show nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use touchtime_tests::proxy::{Lies, Proxy, Weather};

/// PUBLISH at QoS 1 to the topic `t` with packet identifier 9 and no properties.
const PUBLISH: [u8; 9] = [0x32, 7, 0, 1, b't', 0, 9, 0, b'x'];
const PUBACK: [u8; 4] = [0x40, 2, 0, 9];
const PING: [u8; 2] = [0xc0, 0];

/// Longer than anything here takes; only what must not arrive is waited for so long.
const SILENCE: Duration = Duration::from_millis(200);

struct Line {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    broker: TcpStream,
}

impl Line {
    fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let proxy = Proxy::start(listener.local_addr().expect("an address").port(), 1);
        let client = TcpStream::connect(("127.0.0.1", proxy.port)).expect("the proxy listens");
        let (broker, _) = listener.accept().expect("the proxy connects");
        Self { proxy, listener, client, broker }
    }
}

fn send(mut to: &TcpStream, packet: &[u8]) {
    to.write_all(packet).expect("sent");
}

fn expect(mut from: &TcpStream, packet: &[u8]) {
    from.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut got = vec![0; packet.len()];
    from.read_exact(&mut got).expect("a packet");
    assert_eq!(got, packet);
}

fn expect_nothing(mut from: &TcpStream) {
    from.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let got = from.read(&mut [0]);
    assert!(got.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{got:?}");
}

fn expect_end(mut from: &TcpStream) {
    from.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let got = from.read(&mut [0]);
    let is_reset = got.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
    assert!(is_reset || matches!(got, Ok(0)), "{got:?}");
}

pub fn fair() {
    let line = Line::open();
    send(&line.client, &PUBLISH);
    expect(&line.broker, &PUBLISH);
    send(&line.broker, &PUBACK);
    expect(&line.client, &PUBACK);
    assert!(line.proxy.await_passed(PUBLISH.len() as u64, || false));
    assert_eq!(line.proxy.passed(), PUBLISH.len() as u64);
    let long = [[0x30, 0xc8, 0x01].as_slice(), &[7; 200]].concat();
    send(&line.broker, &long);
    expect(&line.client, &long);
}

pub fn cut() {
    let line = Line::open();
    line.proxy.set_weather(Weather::Cut);
    expect_end(&line.client);
    expect_end(&line.broker);
    let refused = TcpStream::connect(("127.0.0.1", line.proxy.port)).expect("the port stays");
    expect_end(&refused);
    line.proxy.set_weather(Weather::Fair);
    let again = TcpStream::connect(("127.0.0.1", line.proxy.port)).expect("the proxy listens");
    let (broker, _) = line.listener.accept().expect("the proxy connects");
    send(&again, &PING);
    expect(&broker, &PING);
}

pub fn half_open() {
    let line = Line::open();
    line.proxy.set_weather(Weather::HalfOpen);
    send(&line.client, &PING);
    send(&line.broker, &PUBACK);
    expect_nothing(&line.broker);
    expect_nothing(&line.client);
    line.proxy.set_weather(Weather::Fair);
    expect_end(&line.client);
    expect_end(&line.broker);
    assert_eq!(line.proxy.passed(), 0, "what was held back never comes");
}

pub fn slow() {
    let line = Line::open();
    line.proxy.set_delay(Duration::from_millis(50));
    let begun = Instant::now();
    for _ in 0..10 {
        send(&line.client, &PING);
    }
    for _ in 0..10 {
        expect(&line.broker, &PING);
    }
    assert!(begun.elapsed() >= Duration::from_millis(50), "nothing was held up");
}

pub fn lies() {
    let line = Line::open();
    line.proxy.set_lies(Lies { to_broker: 100, to_client: 0 });
    send(&line.client, &PUBLISH);
    send(&line.client, &PING);
    expect(&line.client, &PUBACK);
    expect(&line.broker, &PING);
    assert_eq!(line.proxy.dropped(), 1);
    line.proxy.set_lies(Lies { to_broker: 0, to_client: 100 });
    send(&line.broker, &PUBLISH);
    expect(&line.broker, &PUBACK);
    expect_nothing(&line.client);
}
