//! The guard before every page: limits, who it is, whether they may; and the headers that keep foreign content out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, REFERRER_POLICY, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::time::Instant;

use super::limits::Limit;
use super::proxy::client_behind;
use super::{Access, House, Note, PeerAddress, Person, Viewing, Visitor};
use crate::shell::message;
use crate::wording::in_address;

/// The cookie that the sign-in page sets.
pub(crate) const SIGNED_IN: &str = "touchtime";
/// So many sign-ins of one address may fail in a minute.
const SIGN_INS_PER_MINUTE: u32 = 10;

/// A form must have come, and its page be made, within this.
const FORM_WITHIN: Duration = Duration::from_secs(30);

/// Nothing but our own files, no inline script or style, no plug-in, no form to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The guard with what it remembers.
pub(crate) struct Guard {
    pub(crate) access: Access,
    pub(crate) house: Option<Arc<dyn House>>,
    began: Instant,
    requests: Limit<Asker>,
    pub(crate) sign_ins: Limit<Option<IpAddr>>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asker {
    Person(String),
    Address(Option<IpAddr>),
}

impl Guard {
    pub(crate) fn new(access: Access, house: Option<Arc<dyn House>>) -> Arc<Self> {
        let requests = Limit::new(access.requests_per_minute);
        Arc::new(Self { access, house, began: Instant::now(), requests, sign_ins: Limit::new(SIGN_INS_PER_MINUTE) })
    }

    /// A time since the guard began, for its limits.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Writes to the record of access; an error has been told to the log.
    pub(crate) fn note(&self, visitor: &Visitor, what: &'static str, subject: &str) -> Result<(), String> {
        let Some(house) = &self.house else { return Ok(()) };
        let subject: String = subject.chars().filter(|c| !c.is_control()).take(400).collect();
        let note = Note { who: visitor.name().to_owned(), address: visitor.address, what, subject };
        house.note(&note).inspect_err(|error| tracing::error!(%error, "the record of access cannot be written"))
    }

    fn visitor(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Visitor {
        let proxy = self.access.proxy.as_ref().filter(|proxy| peer.is_some_and(|peer| proxy.is_at(peer)));
        let address = if proxy.is_some() { client_behind(headers).or(peer) } else { peer };
        let person = proxy.and_then(|proxy| proxy.person(headers)).or_else(|| self.by_token(headers));
        Visitor { person, address }
    }

    fn by_token(&self, headers: &HeaderMap) -> Option<Person> {
        let house = self.house.as_ref()?;
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        house.person_of(bearer.or_else(|| cookie(headers, SIGNED_IN))?)
    }
}

/// A cookie's value.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// What is given to everybody, so that a sign-in page can be drawn and a monitor can ask whether the program lives.
fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/sign-in") || path.starts_with("/assets/")
}

/// Lets a request through to its page, or says why not.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip().to_canonical());
    let visitor = guard.visitor(request.headers(), peer);
    let asker = match &visitor.person {
        Some(person) => Asker::Person(person.name.clone()),
        None => Asker::Address(visitor.address),
    };
    let mut response = if let Err(seconds) = guard.requests.take(asker, guard.now()) {
        too_many(seconds)
    } else if guard.access.viewing == Viewing::Known && visitor.person.is_none() && !is_open(request.uri().path()) {
        // Whether the record can be written or not, the answer is no.
        let _ = guard.note(&visitor, "refused", &format!("{} {}", request.method(), request.uri().path()));
        unknown(&request)
    } else {
        request.extensions_mut().insert(visitor);
        answer(request, next).await
    };
    harden(response.headers_mut());
    response
}

/// What is asked must be said at once: a form that comes drop by drop would hold its connection for ever.
async fn answer(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    match tokio::time::timeout(FORM_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            (StatusCode::REQUEST_TIMEOUT, "the form did not come whole in time (send it again)\n").into_response()
        }
    }
}

fn harden(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A browser is led to the sign-in page; a program is told what to send.
fn unknown(request: &Request) -> Response {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.method() == Method::GET && accept.contains("text/html") {
        let to = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Redirect::to(&format!("/sign-in?to={}", in_address(to))).into_response();
    }
    let text = "who is asking? send `Authorization: Bearer TOKEN` (`touchtime access-token` makes one)\n";
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], text).into_response()
}

/// The answer to one who asks too often.
pub(crate) fn too_many(seconds: u64) -> Response {
    let text = format!("Too many requests came from here. Try again in {seconds} s.");
    let page = axum::response::Html(message("Too many requests", &text, None).into_string());
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], page).into_response()
}
