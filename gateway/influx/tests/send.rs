//! A sender against a server that does what servers do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use influx::send::{Refused, Sender, Server, Watch};

/// What a server answers to so many lines under that authorisation.
type Answer = Box<dyn FnMut(&[String], &str) -> (u16, &'static str) + Send>;

struct Served {
    url: String,
    taken: Arc<Mutex<Vec<String>>>,
}

fn serve(mut answer: Answer) -> Served {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&taken);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let (mut client, mut length, mut token, mut line) = (client, 0, String::new(), String::new());
            let mut target = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "authorization" => token = value.trim().to_owned(),
                    _ if target.is_empty() => target = line.trim().to_owned(),
                    _ => {}
                }
                line.clear();
            }
            assert!(target.starts_with("POST /api/v2/write?bucket=b&org=o&precision=ms "), "{target}");
            let mut packed = vec![0; length];
            reader.read_exact(&mut packed).unwrap();
            let mut text = String::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
            let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
            let (status, said) = answer(&lines, &token);
            // No answer at all, for as long as the sender waits.
            if status == 0 {
                std::thread::spawn(move || client.read_to_end(&mut Vec::new()));
                continue;
            }
            if status == 204 {
                keep.lock().unwrap().extend(lines);
            }
            let head =
                format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}", said.len());
            client.write_all(head.as_bytes()).unwrap();
        }
    });
    Served { url, taken }
}

#[derive(Default)]
struct Seen(Vec<String>);

impl Watch for Seen {
    fn waiting(&mut self, why: &str, _pause: Duration) {
        self.0.push(why.to_owned());
    }

    fn taken(&mut self, _lines: usize) {}

    fn too_old(&mut self, lines: usize) {
        self.0.push(format!("{lines} too old"));
    }

    fn refused(&mut self, refused: &Refused) {
        self.0.push(format!("refused {}", refused.line));
    }
}

fn lines(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("m v={n} 5")).collect()
}

fn server(url: &str) -> Server {
    Server { url: url.to_owned(), org: "o".to_owned(), bucket: "b".to_owned(), token_file: None }
}

#[tokio::test]
async fn lines_at_fault_are_handed_back_and_all_others_arrive_in_order() {
    let bad = |line: &String| line.contains("v=7 ") || line.contains("v=60 ");
    let served = serve(Box::new(move |lines, _| if lines.iter().any(bad) { (400, "bad") } else { (204, "") }));
    let mut seen = Seen::default();
    let refused = Sender::new(server(&served.url), 1).unwrap().send(&lines(100), &mut seen).await;
    let expected = [7, 60].map(|n| Refused { line: format!("m v={n} 5"), reason: "400 Bad Request: bad".to_owned() });
    assert_eq!(refused, expected);
    assert_eq!(seen.0, ["refused m v=7 5", "refused m v=60 5"]);
    let arrived: Vec<String> = lines(100).into_iter().filter(|line| !bad(line)).collect();
    assert_eq!(*served.taken.lock().unwrap(), arrived);
}

#[tokio::test]
async fn what_a_server_no_longer_keeps_is_sent_once_and_told() {
    let mut requests = 0;
    let served = serve(Box::new(move |_, _| {
        requests += 1;
        assert_eq!(requests, 1);
        (400, r#"{"error":"partial write: points beyond retention policy dropped=90"}"#)
    }));
    let mut seen = Seen::default();
    let refused = Sender::new(server(&served.url), 1).unwrap().send(&lines(100), &mut seen).await;
    assert_eq!((refused, seen.0), (Vec::new(), vec!["90 too old".to_owned()]));
}

#[tokio::test]
async fn a_server_that_needs_too_long_for_many_lines_gets_fewer() {
    let served = serve(Box::new(|lines, _| if lines.len() > 100 { (0, "") } else { (204, "") }));
    let mut seen = Seen::default();
    let sender = Sender::new(server(&served.url), 1).unwrap();
    let mut sender = sender.giving_up_after(Duration::from_millis(300)).unwrap();
    let refused = sender.send(&lines(300), &mut seen).await;
    assert_eq!(refused, []);
    assert!(seen.0.first().is_some_and(|why| why.contains("no answer to 300 lines within 300ms")), "{:?}", seen.0);
    assert_eq!(*served.taken.lock().unwrap(), lines(300));
}

#[tokio::test]
async fn a_server_that_is_busy_is_tried_again_and_a_new_token_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "old\n").unwrap();
    let rotated = file.clone();
    let mut asked = 0;
    let served = serve(Box::new(move |_, token| {
        asked += 1;
        match (asked, token) {
            (1, _) => (503, "busy"),
            (2, "Token old") => {
                std::fs::write(&rotated, "new\n").unwrap();
                (401, "no")
            }
            (_, "Token new") => (204, ""),
            (..) => (401, "no"),
        }
    }));
    let mut seen = Seen::default();
    let with_token = Server { token_file: Some(file), ..server(&served.url) };
    let refused = Sender::new(with_token, 1).unwrap().send(&lines(3), &mut seen).await;
    assert_eq!((refused, served.taken.lock().unwrap().len()), (Vec::new(), 3));
    assert_eq!(seen.0[0], "503 Service Unavailable: busy");
    assert!(seen.0[1].contains("check the token"), "{}", seen.0[1]);
}

#[test]
fn a_token_file_without_a_token_is_refused_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "se cret").unwrap();
    let with_token = |file| Server { token_file: Some(file), ..server("http://127.0.0.1:1") };
    let error = Sender::new(with_token(file.clone()), 1).unwrap_err().to_string();
    assert!(error.contains("holds no token") && !error.contains("cret"), "{error}");
    std::fs::write(&file, "secret").unwrap();
    let sender = Sender::new(with_token(file), 1).unwrap();
    assert!(!format!("{sender:?}").contains("secret"));
    assert!(Sender::new(with_token(dir.path().join("none")), 1).unwrap_err().to_string().contains("token-file: "));
}
