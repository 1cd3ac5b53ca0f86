//! The page of a list or scanner session, and the forms under it on their way to the recorder.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use maud::{Markup, html};

use crate::access::forms::Sealed;
use crate::access::guard::Guard;
use crate::access::{Role, Visitor};
use crate::audit_page::audit_page;
use crate::corrections::forms::forms;
use crate::corrections::{Recorded, Recorder, taking};
use crate::live::Live;
use crate::routes::{Asked, not_found, page_of_trouble, source_trouble};
use crate::scan_audit_page::scan_audit_page;
use crate::source::{Audit, SourceError};

/// What the pages of lists need.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) live: Arc<Live>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
}

/// The addresses of lists.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/lists/{session_id}", get(show_audit))
        .route("/lists/{session_id}/corrections", post(take_correction))
        .with_state(desk)
}

async fn show_audit(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(session_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let theme = asked.theme();
    let page = tokio::task::spawn_blocking(move || {
        let source = &desk.live.source;
        if let Some(audit) = source.scan_audit(&session_id)? {
            return Ok(scan_audit_page(&audit, theme).map(Markup::into_string));
        }
        let audit = source.audit(&session_id)?;
        Ok(audit.map(|audit| {
            let beneath = beneath(&desk, &visitor, &audit, asked.said.as_deref());
            audit_page(&audit, source.target(), theme, &beneath).into_string()
        }))
    })
    .await
    .unwrap_or_else(|_| Err(SourceError::Unavailable("the page could not be drawn".to_owned())));
    match page {
        Ok(Some(page)) => Html(page).into_response(),
        Ok(None) => not_found("There is no list of this name."),
        Err(error) => source_trouble(&error, theme),
    }
}

/// Under a list: the forms for those who may use them, the way to them for the others.
fn beneath(desk: &Desk, visitor: &Visitor, audit: &Audit, said: Option<&str>) -> Markup {
    let (Some(house), Some(recorder)) = (&desk.guard.house, &desk.recorder) else { return Markup::default() };
    if !visitor.may(Role::Correct) {
        return html! {
            p.read.small #correct {
                @if visitor.person.is_some() { "Your role may look, but not correct this list." }
                @else { a href={ "/sign-in?to=/lists/" (audit.result.id) } { "Sign in" } " to give reasons or correct this list." }
            }
        };
    }
    match Sealed::draw(house.as_ref(), visitor) {
        Ok(form) => forms(audit, recorder.as_ref(), &form, said),
        Err(error) => {
            tracing::error!(%error, "no form can be given");
            html! { p.read.small #correct { "This list cannot be corrected now: " (error) "." } }
        }
    }
}

async fn take_correction(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(session_id): Path<String>,
    Form(filled): Form<taking::Filled>,
) -> Response {
    let done = tokio::task::spawn_blocking(move || correct(&desk, &visitor, &session_id, &filled)).await;
    done.unwrap_or_else(|_| {
        let text = "It could not be recorded. Go back and try again; a form that was recorded counts once.";
        page_of_trouble(StatusCode::INTERNAL_SERVER_ERROR, "Not recorded", text, None)
    })
}

/// Checks a form, notes who sent it, records it.
fn correct(desk: &Desk, visitor: &Visitor, session_id: &str, filled: &taking::Filled) -> Response {
    let trouble = |status, text: &str| page_of_trouble(status, "Not recorded", text, None);
    let (Some(house), Some(recorder)) = (&desk.guard.house, &desk.recorder) else {
        return trouble(
            StatusCode::FORBIDDEN,
            "Nobody can correct here: the collector's configuration has no [access] with people in it.",
        );
    };
    let Some(person) = visitor.person.as_ref().filter(|_| visitor.may(Role::Correct)) else {
        // The answer is no, on record or not.
        let _ = desk.guard.note(visitor, "refused", &format!("POST /lists/{session_id}/corrections"));
        return trouble(
            StatusCode::FORBIDDEN,
            "You may look, but not correct. Sign in with a token of the role “correct”.",
        );
    };
    let Some(number) = Sealed::check(house.as_ref(), visitor, &filled.form, &filled.seal) else {
        return trouble(
            StatusCode::FORBIDDEN,
            "This form was not given to you by this page. Open the list again and fill it in there.",
        );
    };
    let audit = match desk.live.source.audit(session_id) {
        Ok(Some(audit)) => audit,
        Ok(None) => return not_found("There is no list of this name."),
        Err(error) => return source_trouble(&error, None),
    };
    let back = |said: &str| Redirect::to(&format!("/lists/{session_id}?said={said}#correct")).into_response();
    if recorder.has(number) {
        return back("before");
    }
    let correction = match taking::read(filled, &audit, recorder.as_ref(), person.author.clone(), number) {
        Ok(correction) => correction,
        Err(text) => {
            return trouble(
                StatusCode::UNPROCESSABLE_ENTITY,
                &format!("{text} Go back to the form, it is as you left it."),
            );
        }
    };
    let in_words = taking::in_words(session_id, &correction);
    if desk.guard.note(visitor, "corrects", &in_words).is_err() {
        return trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            "The record of access cannot be written, so nothing is changed. Tell whoever looks after Touchtime.",
        );
    }
    match recorder.record(&correction) {
        Ok(Recorded::Now) => back("now"),
        Ok(Recorded::Before) => back("before"),
        Err(error) => {
            tracing::error!(%error, "a correction is not recorded");
            // What failed has been told to the log.
            let _ = desk.guard.note(visitor, "not recorded", &in_words);
            trouble(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("It is not recorded: {error}. Go back and try again; a form counts once."),
            )
        }
    }
}
