//! Debian's InfluxDB 1.6, and the write endpoint of later versions in front of it.
//!
//! ```text
//! exporter --> /api/v2/write?bucket=B&precision=P  [shim]  /write?db=B&precision=P --> influxd
//! ```

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::peer::{Peer, Running, await_port, free_port};

/// A running engine with its files; each start is a new process on the same port.
#[derive(Debug)]
pub struct InfluxDb {
    /// Port of its HTTP interface.
    pub port: u16,
    dir: PathBuf,
    config: PathBuf,
    process: Option<Running>,
}

impl InfluxDb {
    /// Starts one with its files in `dir`, and makes the database.
    pub fn start(dir: &Path) -> Self {
        let (port, rpc) = (free_port(), free_port());
        let config = dir.join("influxdb.conf");
        let data = dir.join("influxdb");
        let text = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{rpc}\"\n[meta]\ndir = '{0}/meta'\n[data]\ndir = '{0}/data'\n\
             wal-dir = '{0}/wal'\nquery-log-enabled = false\n[http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n\
             [logging]\nlevel = 'error'\nsuppress-logo = true\n[monitor]\nstore-enabled = false\n",
            data.display()
        );
        std::fs::write(&config, text).expect("written");
        let mut influxdb = Self { port, dir: data, config, process: None };
        influxdb.start_again();
        influxdb
    }

    /// Starts it again after [`Self::kill`].
    pub fn start_again(&mut self) {
        let program = Peer::InfluxDb.program().expect("influxd is installed");
        self.process = Some(Running::start(
            Command::new(program).arg("-config").arg(&self.config).stderr(std::process::Stdio::null()),
        ));
        await_port(self.port);
        self.query("CREATE DATABASE touchtime");
    }

    /// Kills it as a power cut does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Loses all of its data; to be called while it is dead.
    pub fn wipe(&self) {
        std::fs::remove_dir_all(&self.dir).expect("removed");
    }

    /// The answer to an InfluxQL question.
    pub fn query(&self, question: &str) -> serde_json::Value {
        let body = format!("q={}", encoded(question));
        let mut stream = connect(self.port);
        write!(
            stream,
            "POST /query?db=touchtime&epoch=ms HTTP/1.1\r\nHost: influxdb\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let (_, body) = response(stream);
        let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert!(answer.get("error").is_none(), "{question}: {answer}");
        answer
    }

    /// Writes a line with the engine's own time.
    pub fn write(&self, line: &str) {
        let mut stream = connect(self.port);
        write!(
            stream,
            "POST /write?db=touchtime HTTP/1.1\r\nHost: influxdb\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}",
            line.len()
        )
        .expect("sent");
        let (head, body) = response(stream);
        assert!(head.contains(" 204 "), "{line}: {head}{}", String::from_utf8_lossy(&body));
    }

    /// The numbers of the first row of the answer, without its time.
    pub fn numbers(&self, question: &str) -> Vec<f64> {
        let answer = self.query(question);
        let row = answer.pointer("/results/0/series/0/values/0").and_then(serde_json::Value::as_array);
        let numbers = row.map(|row| row.iter().skip(1).map(|value| value.as_f64().unwrap_or(f64::NAN)).collect());
        numbers.unwrap_or_default()
    }

    /// Puts the write endpoint of later versions in front of it; returns its port.
    pub fn shim(&self) -> u16 {
        self.recording_shim().0
    }

    /// The same, and all requests that were taken.
    pub fn recording_shim(&self) -> (u16, Arc<Mutex<Vec<Request>>>) {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&requests);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let upstream = self.port;
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || {
                    if let Some(request) = serve(client, upstream) {
                        taken.lock().expect("no panic").push(request);
                    }
                });
            }
        });
        (port, requests)
    }
}

/// Takes all lines that an exporter sends, as an engine would, and adds them to `file`. Returns its port.
pub fn take_lines(file: PathBuf) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let Some(request) = Request::read(&client) else { continue };
            let mut kept = std::fs::File::options().create(true).append(true).open(&file).expect("a file");
            kept.write_all(format!("{}\n{}", request.target, request.lines()).as_bytes()).expect("written");
            let _ = client.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
    });
    port
}

/// A write request that was taken.
#[derive(Debug, Clone)]
pub struct Request {
    target: String,
    encoding: String,
    body: Vec<u8>,
    /// When it was answered.
    pub answered: Instant,
}

impl Request {
    /// Reads the request of a connection.
    fn read(client: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(client.try_clone().ok()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let header = |name: &str| {
            head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        };
        let length: usize = header("content-length").and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let encoding = header("content-encoding").map(|(_, value)| value.trim().to_owned()).unwrap_or_default();
        Some(Self { target: head.split_whitespace().nth(1)?.to_owned(), encoding, body, answered: Instant::now() })
    }

    /// How many points it brings.
    pub fn points(&self) -> usize {
        self.lines().lines().count()
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        if self.encoding == "gzip" {
            flate2::read::GzDecoder::new(self.body.as_slice()).read_to_string(&mut lines).expect("packed lines");
        } else {
            lines.push_str(&String::from_utf8_lossy(&self.body));
        }
        lines
    }

    /// Sends it again, to the shim at this port.
    pub fn send(&self, port: u16) {
        let Self { target, encoding, body, .. } = self;
        let mut stream = connect(port);
        write!(
            stream,
            "POST {target} HTTP/1.1\r\nHost: influxdb\r\nConnection: close\r\nContent-Encoding: {encoding}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("sent");
        stream.write_all(body).expect("sent");
        let (head, _) = response(stream);
        assert!(head.contains(" 204 "), "{head}");
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    stream
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Head and body of a response that ends with its connection or is chunked.
fn response(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let mut body = bytes.split_off(at);
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let mut rest = body.as_slice();
        let mut whole = Vec::new();
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).expect("a size");
            whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 2 + size + 2..];
            if size == 0 {
                break;
            }
        }
        body = whole;
    }
    (head, body)
}

/// Answers the request of one connection; a dead engine ends it, as a dead server does.
fn serve(mut client: TcpStream, upstream: u16) -> Option<Request> {
    let request = Request::read(&client)?;
    let value = |key: &str| {
        let pairs = request.target.split(['?', '&']);
        pairs.filter_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')).next().unwrap_or_default()
    };
    let mut engine = TcpStream::connect(("127.0.0.1", upstream)).ok()?;
    write!(
        engine,
        "POST /write?db={}&precision={} HTTP/1.1\r\nHost: influxdb\r\nConnection: close\r\n\
         Content-Encoding: {}\r\nContent-Length: {}\r\n\r\n",
        value("bucket"),
        value("precision"),
        request.encoding,
        request.body.len()
    )
    .ok()?;
    engine.write_all(&request.body).ok()?;
    let mut answer = Vec::new();
    engine.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()?;
    // The engine's answer says that its connection closes.
    let taken = answer.get(9..12) == Some(b"204");
    taken.then(|| Request { answered: Instant::now(), ..request })
}
