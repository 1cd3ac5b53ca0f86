//! The addresses of the pages of reasons and of data quality.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::access::{Role, Visitor};
use crate::live::today;
use crate::quality_page::quality_page;
use crate::reasons_page::{self, reasons_csv, reasons_page};
use crate::routes::{Asked, page_of_trouble, source_trouble};
use crate::source::{Source, SourceError};

/// The pages over a source.
pub(crate) fn routes(source: Arc<dyn Source>) -> Router {
    Router::new()
        .route("/reasons", get(show_reasons))
        .route("/reasons.csv", get(give_reasons))
        .route("/quality", get(show_quality))
        .with_state(source)
}

/// Drawn on a thread that may read a database; a refused address comes back as its words.
async fn drawn(
    work: impl FnOnce() -> Result<Result<String, String>, SourceError> + Send + 'static,
) -> Result<String, Response> {
    let done = tokio::task::spawn_blocking(work).await;
    match done.unwrap_or_else(|_| Err(SourceError::Unavailable("the page could not be drawn".to_owned()))) {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(text)) => Err(page_of_trouble(StatusCode::BAD_REQUEST, "Please check the address", &text, None)),
        Err(error) => Err(source_trouble(&error, None)),
    }
}

async fn show_reasons(State(source): State<Arc<dyn Source>>, Query(asked): Query<reasons_page::Asked>) -> Response {
    let page = drawn(move || {
        let choice = match asked.choice(source.as_ref()) {
            Ok(choice) => choice,
            Err(text) => return Ok(Err(text)),
        };
        let reasons = reasons_page::read(source.as_ref(), &choice)?;
        Ok(Ok(reasons_page(&choice, &reasons).into_string()))
    });
    page.await.map_or_else(|trouble| trouble, |page| Html(page).into_response())
}

async fn give_reasons(State(source): State<Arc<dyn Source>>, Query(asked): Query<reasons_page::Asked>) -> Response {
    let csv = drawn(move || {
        let choice = match asked.choice(source.as_ref()) {
            Ok(choice) => choice,
            Err(text) => return Ok(Err(text)),
        };
        let reasons = reasons_page::read(source.as_ref(), &choice)?;
        Ok(Ok(reasons_csv(&choice, &reasons)))
    });
    match csv.await {
        Ok(csv) => csv_answer("reasons.csv", csv),
        Err(trouble) => trouble,
    }
}

/// A file of values for a spreadsheet.
pub(crate) fn csv_answer(name: &str, csv: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, csv).into_response()
}

async fn show_quality(
    State(source): State<Arc<dyn Source>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = drawn(move || {
        let wish = match asked.wish() {
            Ok(wish) => wish,
            Err(text) => return Ok(Err(text)),
        };
        let day = match wish.date {
            Some(date) => source.site_day(wish.site.as_ref(), date)?,
            None => today(source.as_ref(), wish.site.as_ref())?,
        };
        let held = if visitor.may(Role::Admin) { Some(source.held_messages()?) } else { None };
        Ok(Ok(quality_page(&day, source.rules(), held.as_deref(), asked.theme()).into_string()))
    });
    page.await.map_or_else(|trouble| trouble, |page| Html(page).into_response())
}
