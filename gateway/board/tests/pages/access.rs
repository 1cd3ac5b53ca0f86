//! Who is let in to which page, and what is said to the others.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use board::Keepers;
use board::access::{Access, House, Note, PeerAddress, Person, Role, TrustedProxy, Viewing};
use room_events::Label;
use tokio::net::TcpListener;

use crate::corrections::TestRecorder;
use crate::fixed_source::FixedSource;
use crate::fixture;
use crate::http::{Answer, send};

/// Two people, and a record that a test can read or break.
#[derive(Default)]
pub struct TestHouse {
    pub notes: Mutex<Vec<String>>,
    pub broken: bool,
    pub drawn: Mutex<u128>,
}

impl House for TestHouse {
    fn person_of(&self, token: &str) -> Option<Person> {
        let (name, role) = match token {
            "look-token" => ("viewer-1", Role::View),
            "mend-token" => ("coordinator-1", Role::Correct),
            _ => return None,
        };
        Some(Person { name: name.to_owned(), author: Label::new(name).unwrap(), role })
    }

    fn note(&self, note: &Note) -> Result<(), String> {
        if self.broken {
            return Err("the disk is full".to_owned());
        }
        self.notes.lock().unwrap().push(format!("{}|{}|{}", note.who, note.what, note.subject));
        Ok(())
    }

    fn draw(&self) -> Result<u128, String> {
        let mut drawn = self.drawn.lock().unwrap();
        *drawn += 1;
        Ok(*drawn)
    }

    fn seal_key(&self) -> [u8; 32] {
        [9; 32]
    }
}

fn known() -> Access {
    Access { viewing: Viewing::Known, ..Access::default() }
}

async fn serve(access: Access, house: &Arc<TestHouse>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = Arc::new(FixedSource::new(fixture::site(Vec::new(), fixture::at("13:10"))));
    let keepers = Keepers { house: Arc::clone(house) as Arc<dyn House>, recorder: Arc::new(TestRecorder::default()) };
    let pages = ::board::guarded_router(source, access, Some(keepers));
    let pages = pages.layer(axum::Extension(PeerAddress("127.0.0.1:1".parse().unwrap())));
    tokio::spawn(async move { axum::serve(listener, pages).await });
    address
}

pub async fn get(address: SocketAddr, path: &str, head: &str) -> Answer {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: board\r\n{head}Connection: close\r\n\r\n")).await
}

pub async fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    post_as(address, path, "", body).await
}

/// The same with more lines of a head.
pub async fn post_as(address: SocketAddr, path: &str, lines: &str, body: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: board\r\n{lines}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    send(address, &head).await
}

#[tokio::test]
async fn a_stranger_sees_nothing_but_the_way_in() {
    let house = Arc::new(TestHouse::default());
    let address = serve(known(), &house).await;
    for path in ["/", "/events", "/metrics", "/lists/x", "/nothing"] {
        let answer = get(address, path, "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        assert!(answer.body.contains("touchtime access-token"), "the remedy is named: {}", answer.body);
        assert!(answer.head.contains("default-src 'none'"), "{}", answer.head);
    }
    let answer = get(address, "/?date=2022-02-11&site=main", "Accept: text/html\r\n").await;
    assert_eq!(answer.status, 303);
    assert!(answer.head.contains("location: /sign-in?to=/%3fdate%3d2022-02-11%26site%3dmain"), "{}", answer.head);
    for path in ["/sign-in", "/healthz"] {
        assert_eq!(get(address, path, "").await.status, 200, "{path}");
    }
    assert_eq!(house.notes.lock().unwrap().first().map(String::as_str), Some("|refused|GET /"));
}

#[tokio::test]
async fn a_token_opens_the_pages_as_a_header_and_as_a_cookie() {
    let address = serve(known(), &Arc::new(TestHouse::default())).await;
    for (head, status) in [
        ("Authorization: Bearer look-token\r\n", 200),
        ("Authorization: bearer  look-token\r\n", 200),
        ("Cookie: other=1; touchtime=mend-token\r\n", 200),
        ("Authorization: Bearer wrong\r\n", 401),
        ("Authorization: Basic look-token\r\n", 401),
        ("Cookie: touchtime=\r\n", 401),
        ("X-Remote-User: u1\r\nX-Remote-Groups: Staff\r\n", 401),
    ] {
        assert_eq!(get(address, "/", head).await.status, status, "{head}");
    }
}

#[tokio::test]
async fn signing_in_gives_a_cookie_that_no_script_reads_and_is_recorded() {
    let house = Arc::new(TestHouse::default());
    let address = serve(known(), &house).await;
    let answer = post(address, "/sign-in", "token=look-token&to=/%3Fdate%3D2022-02-11").await;
    assert_eq!(answer.status, 303);
    assert!(answer.head.contains("location: /?date=2022-02-11"), "{}", answer.head);
    for part in ["touchtime=look-token", "httponly", "samesite=lax", "max-age=43200"] {
        assert!(answer.head.contains(part), "{part} in {}", answer.head);
    }
    assert_eq!(post(address, "/sign-in", "token=wrong&to=/").await.status, 403);
    assert_eq!(*house.notes.lock().unwrap(), ["viewer-1|signed in|/sign-in", "|sign-in refused|/sign-in"]);
    let away = post(address, "/sign-in", "token=look-token&to=//evil.example").await;
    assert!(away.head.contains("location: /\r\n"), "{}", away.head);
}

#[tokio::test]
async fn nobody_signs_in_while_the_record_cannot_be_written() {
    let house = Arc::new(TestHouse { broken: true, ..TestHouse::default() });
    let address = serve(known(), &house).await;
    let answer = post(address, "/sign-in", "token=look-token&to=/").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.head.contains("set-cookie"), "{}", answer.head);
}

#[tokio::test]
async fn tokens_cannot_be_tried_without_end() {
    let address = serve(known(), &Arc::new(TestHouse::default())).await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(post(address, "/sign-in", "token=wrong&to=/").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
}

#[tokio::test]
async fn one_who_asks_too_often_is_told_when_to_come_back() {
    let access = Access { requests_per_minute: 3, ..Access::default() };
    let address = serve(access, &Arc::new(TestHouse::default())).await;
    for _ in 0..3 {
        assert_eq!(get(address, "/healthz", "").await.status, 200);
    }
    let answer = get(address, "/healthz", "").await;
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 2"), "{}", answer.head);
    let person = get(address, "/healthz", "Authorization: Bearer look-token\r\n").await;
    assert_eq!(person.status, 200, "somebody who is known has a measure of their own");
}

#[tokio::test]
async fn a_proxys_headers_are_believed_from_its_address_alone() {
    let proxy = |address: &str| TrustedProxy {
        addresses: vec![address.parse().unwrap()],
        user_header: "x-remote-user".to_owned(),
        groups_header: "x-remote-groups".to_owned(),
        groups: vec![(Label::new("Staff").unwrap(), Role::View)],
    };
    let said = "X-Remote-User: u1\r\nX-Remote-Groups: Staff\r\n";
    for (from, status) in [("127.0.0.1", 200), ("10.0.0.9", 401)] {
        let access = Access { proxy: Some(proxy(from)), ..known() };
        let address = serve(access, &Arc::new(TestHouse::default())).await;
        assert_eq!(get(address, "/", said).await.status, status, "proxy at {from}");
    }
}

#[tokio::test]
async fn a_form_longer_than_any_of_ours_is_refused() {
    let address = serve(known(), &Arc::new(TestHouse::default())).await;
    let answer = post(address, "/sign-in", &format!("token={}", "a".repeat(20_000))).await;
    assert_eq!(answer.status, 413);
}
