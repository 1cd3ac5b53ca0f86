//! Scanners that keep to no limit: too many, too long, too slow, nonsense. Each ends its own association, the others go on,
//! and a person is told.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use touchtime_tests::peer::{Running, await_port, await_that, free_port};
use touchtime_tests::programs::{agent, run};
use touchtime_tests::random::Random;

/// C-ECHO, implicit little endian.
const VERIFICATION: &str = "1.2.840.10008.1.1";
const PERFORMED_STEP: &str = "1.2.840.10008.3.1.2.3.3";

/// The kinds of units that come back.
const ACCEPTED: u8 = 2;
const REJECTED: u8 = 3;
const DATA: u8 = 4;
const ABORTED: u8 = 7;

fn item(kind: u8, inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend(u16::try_from(inside.len()).expect("short").to_be_bytes());
    bytes.extend(inside);
    bytes
}

fn unit(kind: u8, inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend(u32::try_from(inside.len()).expect("short").to_be_bytes());
    bytes.extend(inside);
    bytes
}

fn request(calling: &str, called: &str) -> Vec<u8> {
    let mut inside = vec![0, 1, 0, 0];
    for title in [called, calling] {
        inside.extend(format!("{title:<16}").as_bytes());
    }
    inside.extend([0; 32]);
    inside.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
    for (id, class) in [(1, VERIFICATION), (3, PERFORMED_STEP)] {
        let mut context = vec![id, 0, 0, 0];
        context.extend(item(0x30, class.as_bytes()));
        context.extend(item(0x40, b"1.2.840.10008.1.2"));
        inside.extend(item(0x20, &context));
    }
    let mut user = item(0x51, &16_384_u32.to_be_bytes());
    user.extend(item(0x52, b"1.2.826.0.1.3680043.9.7777"));
    inside.extend(item(0x50, &user));
    unit(1, &inside)
}

/// A fragment of a message; `kind`: 3 the last of a command, 0 one of a data set that goes on.
fn fragment(context: u8, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut value = u32::try_from(bytes.len() + 2).expect("short").to_be_bytes().to_vec();
    value.extend([context, kind]);
    value.extend(bytes);
    unit(4, &value)
}

fn command(class: &str, field: u16, data_set: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |element: u16, value: &[u8]| {
        bytes.extend([0, 0]);
        bytes.extend(element.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).expect("short").to_le_bytes());
        bytes.extend(value);
    };
    let mut padded = class.as_bytes().to_vec();
    padded.resize(class.len().next_multiple_of(2), 0);
    put(2, &padded);
    put(0x0100, &field.to_le_bytes());
    put(0x0110, &7_u16.to_le_bytes());
    put(0x0800, &data_set.to_le_bytes());
    bytes
}

struct Scanner(TcpStream);

impl Scanner {
    fn connect(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        Self(socket)
    }

    /// Asks for an association; what comes back.
    fn associate(port: u16, calling: &str, called: &str) -> (Self, Option<(u8, Vec<u8>)>) {
        let mut scanner = Self::connect(port);
        scanner.send(&request(calling, called));
        let answer = scanner.receive();
        (scanner, answer)
    }

    fn accepted(port: u16) -> Self {
        let mut accepted = None;
        // The place of one that went is free a moment later.
        await_that("there is a place", || {
            let (scanner, answer) = Self::associate(port, "MR1", "TOUCHTIME");
            accepted = answer.filter(|(kind, _)| *kind == ACCEPTED).map(|_| scanner);
            accepted.is_some()
        });
        accepted.expect("accepted")
    }

    fn send(&mut self, bytes: &[u8]) {
        // One whose association was ended already is told so when it reads.
        let _ = self.0.write_all(bytes);
    }

    /// The next unit; `None` when the connection is over.
    fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 6];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let mut inside = vec![0; usize::try_from(length).expect("short")];
        self.0.read_exact(&mut inside).ok()?;
        Some((head[0], inside))
    }

    fn echo(&mut self) {
        self.send(&fragment(1, 3, &command(VERIFICATION, 0x0030, 0x0101)));
        assert_eq!(self.receive().map(|(kind, _)| kind), Some(DATA), "an echo is answered");
    }

    /// Whether it is aborted, or the connection ended.
    fn is_ended(&mut self) -> bool {
        self.receive().is_none_or(|(kind, _)| kind == ABORTED)
    }
}

fn start(dir: &Path, port: u16) -> Running {
    let shown = dir.display();
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n\
         port = {}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[dicom]\n\
         listen = '127.0.0.1:{port}'\nscanners = [{{ calling = 'MR1', room = 'mri-1' }}]\nidle-seconds = 2\n\
         max-associations = 2\nmax-message-kib = 16\n",
        free_port()
    );
    fs::write(dir.join("agent.toml"), text).expect("written");
    let log = File::create(dir.join("agent.log")).expect("a log");
    let running = Running::start(agent().args(["run", "--config"]).arg(dir.join("agent.toml")).stderr(log));
    await_port(port);
    running
}

pub fn a_scanner_that_keeps_to_no_limit() {
    let dir = tempfile::tempdir().expect("a folder");
    let (dir, port) = (dir.path(), free_port());
    let _agent = start(dir, port);
    let mut good = Scanner::accepted(port);

    // A unit of more than 64 KiB, and one whose length is a lie.
    let mut long = Scanner::accepted(port);
    long.send(&fragment(1, 2, &[0; 70_000]));
    assert!(long.is_ended());
    good.echo();
    let mut lie = Scanner::accepted(port);
    lie.send(&[4, 0, 0xff, 0xff, 0xff, 0xff]);
    assert!(lie.is_ended());
    good.echo();

    // A data set of more than 16 KiB, in short fragments.
    let mut endless = Scanner::accepted(port);
    endless.send(&fragment(3, 3, &command(PERFORMED_STEP, 0x0140, 1)));
    for _ in 0..20 {
        endless.send(&fragment(3, 0, &[0; 1000]));
    }
    assert!(endless.is_ended());
    good.echo();

    // A third at once is told to come later: transient, local limit exceeded.
    let second = Scanner::accepted(port);
    let (_, third) = Scanner::associate(port, "MR1", "TOUCHTIME");
    assert_eq!(third, Some((REJECTED, vec![0, 2, 3, 2])));
    good.echo();
    drop(second);

    // One that says nothing, before and after it has an association.
    await_that("one that asks for nothing is ended", || Scanner::connect(port).is_ended());
    let mut good = Scanner::accepted(port);
    let mut idle = Scanner::accepted(port);
    idle.0.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    while idle.0.peek(&mut [0]).is_err() {
        good.echo();
    }
    assert!(idle.is_ended());

    // Nonsense: requests and messages with bytes changed.
    let mut random = Random::new(20_221_030);
    for n in 0..60 {
        let mut bytes = request("MR1", "TOUCHTIME");
        if n % 2 == 0 {
            bytes.extend(fragment(1, 3, &command(VERIFICATION, 0x0030, 0x0101)));
        }
        for _ in 0..3 {
            let at = usize::try_from(random.below(bytes.len() as u64)).expect("short");
            bytes[at] = u8::try_from(random.below(256)).expect("a byte");
        }
        let mut other = Scanner::connect(port);
        other.send(&bytes);
        let _ = other.0.shutdown(std::net::Shutdown::Write);
        other.0.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        while other.receive().is_some() {}
        good.echo();
    }
    good.echo();

    // Who is not listed, and who calls another: refused for good, with the standard's reason.
    drop(good);
    let refused = |calling: &str, called: &str| {
        let mut answer = None;
        await_that("there is a place", || {
            answer = Scanner::associate(port, calling, called).1;
            answer.as_ref().is_some_and(|(_, inside)| inside.get(1) != Some(&2))
        });
        answer
    };
    assert_eq!(refused("MR9", "TOUCHTIME"), Some((REJECTED, vec![0, 1, 1, 3])));
    assert_eq!(refused("MR1", "OTHER"), Some((REJECTED, vec![0, 1, 1, 7])));
    let told = |command: &str| {
        let told = run(agent().args([command, "--config"]).arg(dir.join("agent.toml")));
        format!("{}{}", told.out, told.err)
    };
    await_that("the status tells", || told("outbox").contains("\"MR9\" called \"TOUCHTIME\" and was refused"));
    for command in ["outbox", "check"] {
        let told = told(command);
        for part in [
            "no entry of dicom.scanners has this calling AE title",
            "it calls another AE title than dicom.ae-title",
            "connections were turned away (raise dicom.max-associations)",
        ] {
            assert!(told.contains(part), "`{part}` is not in {command}:\n{told}");
        }
    }
    let log = fs::read_to_string(dir.join("agent.log")).expect("a log");
    assert!(!log.contains("panicked"), "{log}");
    for part in ["a unit of more than 64 KiB", "see dicom.max-message-kib", "nothing came for dicom.idle-seconds"] {
        assert!(log.contains(part), "`{part}` is not in the log:\n{log}");
    }
}
