//! The page where a person gives a token once, instead of with every request: the browser keeps it as a cookie for a shift.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::{Markup, html};
use serde::Deserialize;

use super::guard::{Guard, SIGNED_IN, too_many};
use super::{Viewing, Visitor};
use crate::shell::page;

/// A shift with its handover: after that a person signs in again.
const SECONDS: u32 = 12 * 3600;
/// No token is longer.
const LONGEST_TOKEN: usize = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    to: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    token: String,
    to: String,
}

/// `GET /sign-in`
pub(crate) async fn show(
    State(guard): State<Arc<Guard>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Html<String> {
    Html(form(&guard, &visitor, &asked.to, None).into_string())
}

/// `POST /sign-in`
pub(crate) async fn take(
    State(guard): State<Arc<Guard>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    if let Err(seconds) = guard.sign_ins.take(visitor.address, guard.now()) {
        return too_many(seconds);
    }
    let token = given.token.trim();
    let person =
        if token.len() > LONGEST_TOKEN { None } else { guard.house.as_ref().and_then(|house| house.person_of(token)) };
    let known = Visitor { person, address: visitor.address };
    let what = if known.person.is_some() { "signed in" } else { "sign-in refused" };
    if guard.note(&known, what, "/sign-in").is_err() {
        let trouble =
            "You cannot be signed in: the record of access cannot be written. Tell whoever looks after Touchtime.";
        return (StatusCode::SERVICE_UNAVAILABLE, Html(form(&guard, &visitor, &given.to, Some(trouble)).into_string()))
            .into_response();
    }
    if known.person.is_none() {
        let trouble = "Nobody has this token. Check that it is whole; a token that was withdrawn is not taken.";
        return (StatusCode::FORBIDDEN, Html(form(&guard, &visitor, &given.to, Some(trouble)).into_string()))
            .into_response();
    }
    let cookie =
        format!("{SIGNED_IN}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SECONDS}{}", secure(&guard, &headers));
    ([(SET_COOKIE, cookie)], Redirect::to(way_back(&given.to))).into_response()
}

/// `POST /sign-out`
pub(crate) async fn leave(State(guard): State<Arc<Guard>>, Extension(visitor): Extension<Visitor>) -> Response {
    if visitor.person.is_some() {
        // Leaving is never refused.
        let _ = guard.note(&visitor, "signed out", "/sign-out");
    }
    let cookie = format!("{SIGNED_IN}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Only a proxy knows whether the line to the browser is encrypted; where it is, the cookie goes over no other.
fn secure(guard: &Guard, headers: &HeaderMap) -> &'static str {
    let said = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    if guard.access.proxy.is_some() && said == Some("https") { "; Secure" } else { "" }
}

/// An address on these pages, and no other.
fn way_back(to: &str) -> &str {
    let is_ours = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']) && to.is_ascii();
    if is_ours { to } else { "/" }
}

fn form(guard: &Guard, visitor: &Visitor, to: &str, trouble: Option<&str>) -> Markup {
    let body = html! {
        div.read {
            header.head { div { div.crumb { a href="/" { "Board" } } h1 { "Sign in" } } }
            @if let Some(trouble) = trouble { p.wrong role="alert" { (trouble) } }
            @if let Some(person) = &visitor.person {
                p.lede { "You are signed in as " b { (person.name) } ", who may " (person.role) "." }
                form.plain method="post" action="/sign-out" { button.go type="submit" { "Sign out" } }
            } @else if guard.house.is_none() {
                p.lede { "Nobody can sign in here: the collector's configuration has no [access] with people in it." }
            } @else {
                p.lede {
                    @if guard.access.viewing == Viewing::Known { "These pages are for people who are known. " }
                    "Give the token that you were handed. This browser keeps you signed in for 12 hours."
                }
                form.plain method="post" action="/sign-in" {
                    input type="hidden" name="to" value=(way_back(to));
                    label for="token" { "Token" }
                    input #token type="password" name="token" autocomplete="current-password" required maxlength=(LONGEST_TOKEN);
                    button.go type="submit" { "Sign in" }
                }
            }
        }
    };
    page("Sign in", None, None, false, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for to in ["/lists/a?date=2022-02-11", "/"] {
            assert_eq!(way_back(to), to);
        }
        for to in ["//evil", "https://evil", "", "/\\evil", "/a\r\nSet-Cookie: x", "é"] {
            assert_eq!(way_back(to), "/");
        }
    }
}
