//! Lines to a server, in batches, until it has them.
//!
//! influxdb2 carries them to the write endpoint that InfluxDB 1.8, 2 and 3 share. A server that is away, overloaded or
//! refuses a token is tried again, for as long as it takes, with pauses that grow to a minute; one that needs too long for a
//! batch gets smaller ones. A batch that it will not have is halved until the lines at fault stand alone, and these are
//! handed back with the server's words; what lies beyond its retention policy it drops, and nothing is wrong with that.
//! Everything else arrives.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use influxdb2::api::write::TimestampPrecision;
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};

/// Lines in one request, as InfluxData advises.
pub const LINES_AT_ONCE: usize = 5_000;
/// Bytes in one request before they are packed.
const BYTES_AT_ONCE: usize = 4 << 20;
/// A server that takes its time gets no smaller batches than this.
const FEWEST_LINES_AT_ONCE: usize = 50;
/// A request that takes longer is given up and sent again in halves.
const TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Of a server's words so much is told.
const MOST_WORDS: usize = 300;

/// Where the points go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http://host:8086`.
    pub url: String,
    /// Organisation (2.x); any word for others.
    pub org: String,
    /// Bucket; of 1.8 `database/retention-policy`, of 3.x the database.
    pub bucket: String,
    /// File that holds the token alone; of 1.8 `user:password`. It is read again whenever the server takes nothing.
    pub token_file: Option<PathBuf>,
}

impl Server {
    fn token(&self) -> Result<String, ServerError> {
        let Some(file) = &self.token_file else { return Ok(String::new()) };
        let unfit = |problem: String| ServerError::Token { file: file.clone(), problem };
        let text = std::fs::read_to_string(file).map_err(|error| unfit(error.to_string()))?;
        let token = text.trim();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(unfit("it holds no token (one line with it alone)".to_owned()));
        }
        Ok(token.to_owned())
    }
}

/// Why a server cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is none.
    #[error("{url} is no address of an InfluxDB: {problem} (write it as http://host:8086)")]
    Url {
        /// What was given.
        url: String,
        /// Why.
        problem: String,
    },
    /// A password where everybody reads it.
    #[error(
        "url: it holds a name and a password (take them out, and put `name:password` alone into the file of token-file)"
    )]
    Login,
    /// No bucket.
    #[error("bucket: it is empty (2.x: the bucket; 1.8: database/retention-policy; 3.x: the database)")]
    NoBucket,
    /// This build cannot.
    #[error(
        "{0} asks for https, which this build leaves out (build with `--features influx/https`, or put a TLS proxy on this host beside the collector and give its http address)"
    )]
    Https(String),
    /// The token's file cannot be used.
    #[error("token-file: {}: {problem}", .file.display())]
    Token {
        /// Which.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// The HTTP client cannot be made.
    #[error("no connection to InfluxDB can be prepared: {0}")]
    Client(String),
}

/// A line that the server will not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line.
    pub line: String,
    /// The server's words.
    pub reason: String,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// Taken, but for what is older than the server keeps.
    TooOld(usize),
    /// No answer in time: fewer at once.
    Slow(String),
    /// Not these lines: halve them.
    Refused(String),
    /// Not now: try again.
    Later(String),
}

/// Sends to one server.
pub struct Sender {
    client: Client,
    server: Server,
    token: String,
    timeout: Duration,
    /// Lines in the next batch.
    at_once: usize,
    jitter: u64,
}

impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Without the token.
        f.debug_struct("Sender").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What a sender is doing, for people.
pub trait Watch {
    /// The server cannot be reached or does not take anything; it is tried again after the pause.
    fn waiting(&mut self, why: &str, pause: Duration);
    /// So many lines were taken.
    fn taken(&mut self, lines: usize);
    /// The server keeps nothing as old as these many lines: they are gone, and will be if they are sent again.
    fn too_old(&mut self, lines: usize);
    /// The server will not have a line.
    fn refused(&mut self, refused: &Refused);
}

impl Sender {
    /// `seed` moves the pauses, so that collectors do not come back all at once.
    pub fn new(server: Server, seed: u64) -> Result<Self, ServerError> {
        // influxdb2 panics on what is no address. What cannot be read may hold a password too.
        let shown = server.url.rsplit_once('@').map_or(server.url.as_str(), |(_, host)| host).to_owned();
        let url = Url::parse(&server.url)
            .map_err(|error| ServerError::Url { url: shown.clone(), problem: error.to_string() })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerError::Login);
        }
        if server.bucket.trim().is_empty() {
            return Err(ServerError::NoBucket);
        }
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "https") => {}
            "https" => return Err(ServerError::Https(server.url)),
            other => {
                let problem = format!("`{other}` is no scheme of it");
                return Err(ServerError::Url { url: shown, problem });
            }
        }
        let token = server.token()?;
        let client = client(&server, &token, TIMEOUT)?;
        Ok(Self { client, server, token, timeout: TIMEOUT, at_once: LINES_AT_ONCE, jitter: seed | 1 })
    }

    /// A request that takes longer than this is given up.
    pub fn giving_up_after(mut self, timeout: Duration) -> Result<Self, ServerError> {
        (self.client, self.timeout) = (client(&self.server, &self.token, timeout)?, timeout);
        Ok(self)
    }

    /// Takes a new token, if its file holds one.
    fn refresh(&mut self) {
        if let Ok(token) = self.server.token()
            && token != self.token
            && let Ok(client) = client(&self.server, &token, self.timeout)
        {
            (self.client, self.token) = (client, token);
        }
    }

    /// Sends all lines; returns those that the server will never have. Waits for a server that is away.
    pub async fn send(&mut self, lines: &[String], watch: &mut impl Watch) -> Vec<Refused> {
        let mut refused = Vec::new();
        let mut rest = lines;
        while !rest.is_empty() {
            let batch;
            (batch, rest) = rest.split_at(batch_of(rest, self.at_once));
            // The next part to send is the last one.
            let mut parts = vec![batch];
            let mut pause = FIRST_PAUSE;
            while let Some(part) = parts.pop() {
                match self.write(part).await {
                    taken @ (Outcome::Taken | Outcome::TooOld(_)) => {
                        watch.taken(part.len());
                        if let Outcome::TooOld(lines) = taken {
                            watch.too_old(lines);
                        }
                        if part.len() == self.at_once {
                            self.at_once = (self.at_once * 2).min(LINES_AT_ONCE);
                        }
                        pause = FIRST_PAUSE;
                    }
                    Outcome::Refused(reason) => match part {
                        [line] => {
                            let one = Refused { line: line.clone(), reason };
                            watch.refused(&one);
                            refused.push(one);
                        }
                        _ => parts.extend(halves(part)),
                    },
                    Outcome::Slow(why) => {
                        self.at_once = (part.len() / 2).max(FEWEST_LINES_AT_ONCE);
                        if part.len() > self.at_once {
                            parts.extend(halves(part))
                        } else {
                            parts.push(part)
                        }
                        pause = self.wait(&why, pause, watch).await;
                    }
                    Outcome::Later(why) => {
                        parts.push(part);
                        pause = self.wait(&why, pause, watch).await;
                    }
                }
            }
        }
        refused
    }

    /// Waits before the next request; returns how long to wait if that one fails too.
    async fn wait(&mut self, why: &str, pause: Duration, watch: &mut impl Watch) -> Duration {
        let moved = self.moved(pause);
        watch.waiting(why, moved);
        tokio::time::sleep(moved).await;
        self.refresh();
        (pause * 2).min(LONGEST_PAUSE)
    }

    async fn write(&self, lines: &[String]) -> Outcome {
        if lines.is_empty() {
            return Outcome::Taken;
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to a Vec cannot fail.
        let _ =
            lines.iter().try_for_each(|line| packed.write_all(line.as_bytes()).and_then(|()| packed.write_all(b"\n")));
        let body = packed.finish().unwrap_or_default();
        let sent = self
            .client
            .write_line_protocol_with_precision(
                &self.server.org,
                &self.server.bucket,
                body,
                TimestampPrecision::Milliseconds,
            )
            .await;
        match sent {
            Ok(()) => Outcome::Taken,
            Err(RequestError::Http { status, text }) => classify(status, &text),
            Err(RequestError::ReqwestProcessing { source }) if source.is_timeout() && !source.is_connect() => {
                Outcome::Slow(format!("no answer to {} lines within {:?}", lines.len(), self.timeout))
            }
            Err(RequestError::ReqwestProcessing { source }) => Outcome::Later(words(&with_causes(&source))),
            Err(error @ (RequestError::Serializing { .. } | RequestError::Deserializing { .. })) => {
                Outcome::Later(words(&error.to_string()))
            }
        }
    }

    /// The pause, shorter or longer by up to a quarter.
    fn moved(&mut self, pause: Duration) -> Duration {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let thousandths = u32::try_from(self.jitter % 501).unwrap_or(250);
        pause * (750 + thousandths) / 1000
    }
}

fn client(server: &Server, token: &str, timeout: Duration) -> Result<Client, ServerError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let http = reqwest::ClientBuilder::new()
        .default_headers(headers)
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    ClientBuilder::with_builder(http, server.url.clone(), server.org.clone(), token.to_owned())
        .build()
        .map_err(|error| ServerError::Client(error.to_string()))
}

/// What a status means for the lines of a request: 400 and 422 say that something in them is wrong, or that some are older
/// than the server keeps and the others are taken, 413 that they are too many; everything else may be right the next time.
fn classify(status: StatusCode, text: &str) -> Outcome {
    let said = format!("{status}: {}", text.trim());
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if too_old(text).is_some() => {
            Outcome::TooOld(too_old(text).unwrap_or(0))
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
            Outcome::Refused(words(&said))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Outcome::Later(words(&format!("{said} (check the token and that it may write to the bucket)")))
        }
        StatusCode::NOT_FOUND => {
            Outcome::Later(words(&format!("{said} (check the bucket and the organisation; make the bucket first)")))
        }
        _ => Outcome::Later(words(&said)),
    }
}

/// How many points InfluxDB 1 and 2 say they dropped for their age, the others being written: `partial write: points
/// beyond retention policy dropped=3`.
fn too_old(text: &str) -> Option<usize> {
    let (_, told) = text.split_once("points beyond retention policy dropped=")?;
    let digits = told.find(|c: char| !c.is_ascii_digit()).map_or(told, |end| told.get(..end).unwrap_or_default());
    digits.parse().ok()
}

/// How many of the lines go into the next batch: no more than so many, and no more bytes than are sent at once.
fn batch_of(lines: &[String], at_once: usize) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take(at_once).take_while(|line| {
        bytes += line.len() + 1;
        bytes <= BYTES_AT_ONCE
    });
    fits.count().max(1).min(lines.len())
}

/// Both halves, that to be sent first last.
fn halves(part: &[String]) -> [&[String]; 2] {
    let (first, second) = part.split_at(part.len() / 2);
    [second, first]
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn words(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(MOST_WORDS) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_lose_nothing() {
        let lines: Vec<String> = (0..LINES_AT_ONCE * 2 + 7).map(|n| format!("m v={n} 5")).collect();
        let sizes = |mut lines: &[String]| {
            let mut sizes = Vec::new();
            while !lines.is_empty() {
                sizes.push(batch_of(lines, LINES_AT_ONCE));
                lines = &lines[sizes[sizes.len() - 1]..];
            }
            sizes
        };
        assert_eq!(sizes(&lines), [LINES_AT_ONCE, LINES_AT_ONCE, 7]);
        assert_eq!(sizes(&vec!["x".repeat(BYTES_AT_ONCE / 2); 3]), [1, 1, 1]);
        assert_eq!(sizes(&vec!["x".repeat(BYTES_AT_ONCE * 2); 2]), [1, 1]);
    }

    #[test]
    fn what_is_older_than_the_server_keeps_is_told_apart_from_what_is_wrong() {
        let of_1 = r#"{"error":"partial write: points beyond retention policy dropped=12"}"#;
        assert_eq!(classify(StatusCode::BAD_REQUEST, of_1), Outcome::TooOld(12));
        let of_2 = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=3"}"#;
        assert_eq!(classify(StatusCode::UNPROCESSABLE_ENTITY, of_2), Outcome::TooOld(3));
        let wrong = r#"{"error":"partial write: field type conflict: input field \"v\" is type float, already exists as type integer dropped=1"}"#;
        assert!(matches!(classify(StatusCode::BAD_REQUEST, wrong), Outcome::Refused(_)));
    }

    #[test]
    fn an_address_that_is_none_is_told_with_the_remedy() {
        let server =
            |url: &str| Server { url: url.to_owned(), org: "o".to_owned(), bucket: "b".to_owned(), token_file: None };
        for (url, said) in [
            ("influx:8086", "is no scheme of it (write it as http://host:8086)"),
            ("/3/4", "(write it as http://host:8086)"),
            ("", "(write it as http://host:8086)"),
            ("http://user:hunter2@influx:8086", "put `name:password` alone into the file of token-file"),
            ("user:hunter2@influx:8086", "is no scheme of it"),
            ("http://user:hunter2@influx:80866", "invalid port"),
        ] {
            let error = Sender::new(server(url), 1).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
        let nowhere = Server { bucket: " ".to_owned(), ..server("http://influx:8086") };
        assert!(Sender::new(nowhere, 1).unwrap_err().to_string().starts_with("bucket: it is empty"));
        let https = Sender::new(server("https://influx:8086"), 1);
        assert_eq!(https.is_err(), !cfg!(feature = "https"));
    }
}
