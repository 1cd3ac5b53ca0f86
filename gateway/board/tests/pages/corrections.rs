//! The forms under a list: who gets them, what they take, and that each counts once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use board::Keepers;
use board::access::Access;
use board::corrections::{Corrected, Correction, Recorded, Recorder};
use room_events::{Label, Milestone, RemarkAbout, RoomId, SiteId};
use tokio::net::TcpListener;

use crate::access::{TestHouse, get, post_as};
use crate::fixed_source::FixedSource;
use crate::fixture;

const LIST: &str = "/lists/main.th-1.2022-02-11.0830";
const CORRECT: &str = "Authorization: Bearer mend-token\r\n";
const VIEW: &str = "Authorization: Bearer look-token\r\n";

/// Keeps what it is told.
#[derive(Default)]
pub struct TestRecorder(Mutex<Vec<Correction>>);

impl Recorder for TestRecorder {
    fn record(&self, correction: &Correction) -> Result<Recorded, String> {
        self.0.lock().unwrap().push(correction.clone());
        Ok(Recorded::Now)
    }

    fn has(&self, number: u128) -> bool {
        self.0.lock().unwrap().iter().any(|known| known.number == number)
    }

    fn rooms(&self) -> Vec<(SiteId, RoomId, String)> {
        let room = |id: &str| (SiteId::new("main").unwrap(), RoomId::new(id).unwrap(), format!("Room {id}"));
        vec![room("th-1"), room("th-2")]
    }

    fn reasons(&self, _: RemarkAbout) -> Vec<Label> {
        vec![Label::new("no bed").unwrap(), Label::new("portering").unwrap()]
    }
}

struct Pages {
    address: SocketAddr,
    house: Arc<TestHouse>,
    recorder: Arc<TestRecorder>,
}

impl Pages {
    async fn serve(house: TestHouse) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let now = fixture::at("13:10");
        let cases = vec![fixture::case(1, "08:30", 60, &["08:34", "08:52", "09:31", "09:44"])];
        let plans = [fixture::plan("08:30", "12:30", "Orthopaedics")];
        let day = fixture::site(vec![fixture::room("th-1", &plans, cases, now)], now);
        let (house, recorder) = (Arc::new(house), Arc::new(TestRecorder::default()));
        let keepers = Keepers { house: Arc::clone(&house) as _, recorder: Arc::clone(&recorder) as _ };
        let pages = board::guarded_router(Arc::new(FixedSource::new(day)), Access::default(), Some(keepers));
        tokio::spawn(async move { axum::serve(listener, pages).await });
        Self { address, house, recorder }
    }

    async fn page(&self, head: &str) -> String {
        get(self.address, LIST, head).await.body
    }

    /// The hidden fields of a form on a page.
    fn sealed(page: &str) -> String {
        let value = |name: &str| {
            let at = page.find(&format!("name=\"{name}\" value=\"")).expect("a field") + name.len() + 15;
            page[at..].split('"').next().unwrap().to_owned()
        };
        format!("form={}&seal={}", value("form"), value("seal"))
    }

    async fn send(&self, head: &str, body: &str) -> (u16, String) {
        let answer = post_as(self.address, &format!("{LIST}/corrections"), head, body).await;
        (answer.status, answer.head + &answer.body)
    }

    fn recorded(&self) -> Vec<Correction> {
        self.recorder.0.lock().unwrap().clone()
    }
}

/// The token of the only case.
fn case(page: &str) -> String {
    let rest = &page[page.find("id=\"stamp-case\"").expect("a form")..];
    let at = rest.find("<option value=\"").expect("a case") + "<option value=\"".len();
    rest[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn forms_are_for_those_who_may_correct() {
    let pages = Pages::serve(TestHouse::default()).await;
    let stranger = pages.page("").await;
    assert!(!stranger.contains("name=\"seal\""));
    assert!(stranger.contains(&format!("/sign-in?to={LIST}")), "the way in is shown");
    let viewer = pages.page(VIEW).await;
    assert!(!viewer.contains("name=\"seal\"") && viewer.contains("may look, but not correct"));
    let page = pages.page(CORRECT).await;
    for text in
        ["Add or change a stamp", "Withdraw a stamp", "The case was in another room", "Reason for the late start"]
    {
        assert!(page.contains(text), "{text}");
    }
    let sealed = Pages::sealed(&page);
    for head in ["", VIEW] {
        assert_eq!(pages.send(head, &format!("{sealed}&what=reason&about=late_start&reason=no+bed")).await.0, 403);
    }
    assert_eq!(pages.recorded(), []);
}

#[tokio::test]
async fn a_form_is_recorded_once_with_its_author_and_reason() {
    let pages = Pages::serve(TestHouse::default()).await;
    let page = pages.page(CORRECT).await;
    let case = case(&page);
    let body = format!(
        "{}&what=stamp&case={case}&milestone=anaesthetic_start&date=2022-02-11&time=08:31&reason=not+entered",
        Pages::sealed(&page)
    );
    for said in ["now", "before"] {
        let (status, text) = pages.send(CORRECT, &body).await;
        assert_eq!(status, 303, "{text}");
        assert!(text.contains(&format!("location: {LIST}?said={said}#correct")), "{text}");
    }
    let recorded = pages.recorded();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].author.as_str(), "coordinator-1");
    assert_eq!(recorded[0].reason.as_ref().unwrap().as_str(), "not entered");
    let to = Some(fixture::at("08:31"));
    let milestone = Milestone::AnaestheticStart;
    assert_eq!(recorded[0].what, Corrected::Stamp { case: case.parse().unwrap(), milestone, to });
    let notes = pages.house.notes.lock().unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("coordinator-1|corrects|main.th-1.2022-02-11.0830: case"), "{notes:?}");
}

#[tokio::test]
async fn a_form_that_was_not_given_to_the_sender_is_refused() {
    let pages = Pages::serve(TestHouse::default()).await;
    let sealed = Pages::sealed(&pages.page(CORRECT).await);
    let other = sealed.replacen("form=0", "form=1", 1);
    for fields in ["", "form=1&seal=00", &other] {
        let (status, text) = pages.send(CORRECT, &format!("{fields}&what=reason&about=late_start&reason=no+bed")).await;
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("was not given to you"), "{text}");
    }
    assert_eq!(pages.recorded(), []);
}

#[tokio::test]
async fn what_cannot_be_is_told_with_its_remedy_and_not_recorded() {
    let pages = Pages::serve(TestHouse::default()).await;
    let page = pages.page(CORRECT).await;
    let (sealed, case) = (Pages::sealed(&page), case(&page));
    let stamp = |rest: &str| format!("what=stamp&case={case}&milestone=out_of_theatre&{rest}");
    for (fields, expected) in [
        (stamp("date=2022-02-11&time=09:50&reason="), "Say why"),
        (stamp("date=2022-02-11&time=09:50&reason=ring+01903+555123"), "has a number in it like a patient"),
        (stamp("date=2022-02-11&time=09:50&reason=longer+than+thirty-two+characters+are"), "longer than 32"),
        (stamp("date=2022-02-11&time=9.50&reason=typing"), "Write the time like 09:31"),
        (stamp("date=11.02.2022&time=09:50&reason=typing"), "Write the date like 2022-02-11"),
        (stamp("date=2022-02-14&time=09:50&reason=typing"), "more than a day from the list"),
        (stamp("date=2022-02-11&time=13:40&reason=typing"), "still to come"),
        (stamp("date=2022-02-11&time=09:44&reason=typing"), "nothing to change"),
        (
            "what=stamp&case=7.1&milestone=out_of_theatre&date=2022-02-11&time=09:50&reason=x".to_owned(),
            "Choose a case",
        ),
        (format!("what=room&case={case}&room=main/th-1&reason=x"), "says already that it was in Room th-1"),
        (format!("what=room&case={case}&room=main/th-9&reason=x"), "no such room"),
        ("what=reason&about=late_start&reason=made+up".to_owned(), "Choose a reason of the list"),
        ("what=reason&about=admission&reason=no+bed".to_owned(), "Choose what the reason is for"),
        ("what=delete".to_owned(), "none of this page"),
    ] {
        let (status, text) = pages.send(CORRECT, &format!("{sealed}&{fields}")).await;
        assert_eq!(status, 422, "{fields}: {text}");
        assert!(text.contains(expected), "{fields}: {text}");
    }
    assert_eq!(pages.recorded(), []);
}

#[tokio::test]
async fn nothing_is_changed_while_the_record_of_access_cannot_be_written() {
    let pages = Pages::serve(TestHouse { broken: true, ..TestHouse::default() }).await;
    let sealed = Pages::sealed(&pages.page(CORRECT).await);
    let (status, text) = pages.send(CORRECT, &format!("{sealed}&what=reason&about=late_start&reason=no+bed")).await;
    assert_eq!(status, 503, "{text}");
    assert_eq!(pages.recorded(), []);
}
