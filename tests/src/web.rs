//! A page or an event stream of the board, by plain HTTP/1.1.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Fetches a page; returns status and body.
pub fn get(port: u16, path: &str) -> (u16, String) {
    get_as(port, path, "*/*")
}

/// The same with a wish for a media type.
pub fn get_as(port: u16, path: &str, accept: &str) -> (u16, String) {
    get_with(port, path, &format!("Accept: {accept}\r\n"))
}

/// The same with whole lines of a head.
pub fn get_with(port: u16, path: &str, head: &str) -> (u16, String) {
    let mut stream = connect(port);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}Connection: close\r\n\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split_whitespace().nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// Sends a form with whole lines of a head; returns the whole answer, head and body.
pub fn post_with(port: u16, path: &str, head: &str, form: &str) -> String {
    let mut stream = connect(port);
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let length = form.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("UTF-8");
    text
}

/// Reads an event stream until `enough` says so; returns what came.
pub fn events_until(port: u16, path: &str, mut enough: impl FnMut(&str) -> bool) -> String {
    let mut stream = connect(port);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n").expect("sent");
    let mut seen = String::new();
    for line in BufReader::new(stream).lines() {
        seen.push_str(&line.expect("the stream goes on"));
        seen.push('\n');
        if enough(&seen) {
            return seen;
        }
    }
    panic!("the stream ended before it had said enough:\n{seen}");
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the board listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    stream
}
