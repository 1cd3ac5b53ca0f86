//! A server on a free port and the least of a browser.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::fixed_source::FixedSource;

/// Serves the source for as long as the test's runtime lives.
pub async fn serve(source: &Arc<FixedSource>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = ::board::router(Arc::clone(source) as Arc<dyn ::board::Source>);
    tokio::spawn(async move { axum::serve(listener, pages).await });
    address
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

async fn ask(address: SocketAddr, path: &str, accept: &str) -> TcpStream {
    open(address, &format!("GET {path} HTTP/1.1\r\nHost: board\r\nAccept: {accept}\r\nConnection: close\r\n\r\n")).await
}

async fn open(address: SocketAddr, request: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    get_as(address, path, "*/*").await
}

/// The same with a wish for a media type.
pub async fn get_as(address: SocketAddr, path: &str, accept: &str) -> Answer {
    answer_of(ask(address, path, accept).await).await
}

/// Sends a request as it is written, which must ask to close the connection.
pub async fn send(address: SocketAddr, request: &str) -> Answer {
    answer_of(open(address, request).await).await
}

async fn answer_of(mut connection: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// The page of one source, when nothing but the page is of interest.
pub async fn page(source: FixedSource, path: &str) -> String {
    let address = serve(&Arc::new(source)).await;
    let answer = get(address, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// What a reader sees of some HTML: no tags, single spaces, the commonest entities undone.
pub fn text(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => {
                in_tag = true;
                text.push(' ');
            }
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The element that begins with `<tag ... id="id"`, up to its closing tag.
pub fn element<'a>(html: &'a str, tag: &str, id: &str) -> &'a str {
    let at = html.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no element {id}"));
    let begin = html[..at].rfind('<').unwrap();
    let end = begin + html[begin..].find(&format!("</{tag}>")).unwrap();
    &html[begin..end]
}

/// An open event stream.
pub struct Events(BufReader<TcpStream>);

pub struct Event {
    pub name: String,
    pub id: String,
    pub data: serde_json::Value,
}

impl Event {
    /// The ids of the parts it replaces.
    pub fn parts(&self) -> Vec<&str> {
        self.data["parts"].as_array().into_iter().flatten().filter_map(|part| part[0].as_str()).collect()
    }

    /// The HTML of one part.
    pub fn part(&self, id: &str) -> &str {
        let parts = self.data["parts"].as_array().into_iter().flatten();
        parts.filter(|part| part[0] == id).find_map(|part| part[1].as_str()).unwrap_or_default()
    }
}

impl Events {
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let mut reader = BufReader::new(ask(address, path, "*/*").await);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).await.unwrap(), 0, "closed: {head}");
        }
        assert!(head.contains("text/event-stream"), "{head}");
        Self(reader)
    }

    /// The next event. The sizes of chunks stand on lines of their own, which no field of an event looks like.
    pub async fn next(&mut self) -> Event {
        let (mut name, mut id, mut data) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).await.unwrap(), 0, "the stream has ended");
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("id: ") {
                value.clone_into(&mut id);
            } else if let Some(value) = line.strip_prefix("data: ") {
                value.clone_into(&mut data);
            } else if line.is_empty() && !data.is_empty() {
                return Event { name, id, data: serde_json::from_str(&data).unwrap() };
            }
        }
    }
}
