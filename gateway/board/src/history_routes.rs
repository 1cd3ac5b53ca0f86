//! The addresses of the pages that look back.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::routes::{page_of_trouble, source_trouble};
use crate::shell::Theme;
use crate::source::{Source, SourceError};
use crate::trends::{Asked, trends_page};

/// A page, or why there is none.
type Page = Result<Result<String, String>, SourceError>;

/// The pages over a source.
pub(crate) fn routes(source: Arc<dyn Source>) -> Router {
    Router::new().route("/trends", get(show_trends)).with_state(source)
}

async fn show_trends(State(source): State<Arc<dyn Source>>, Query(asked): Query<Asked>) -> Response {
    let theme = asked.theme.as_deref().and_then(Theme::from_name);
    answer(theme, move || {
        let history = source.history()?;
        Ok(asked.choice(&history).map(|choice| trends_page(&history, &choice, source.rules()).into_string()))
    })
    .await
}

/// Draws a page apart from the threads that answer others.
async fn answer(theme: Option<Theme>, draw: impl FnOnce() -> Page + Send + 'static) -> Response {
    let drawn = tokio::task::spawn_blocking(draw)
        .await
        .unwrap_or_else(|_| Err(SourceError::Unavailable("the page could not be drawn".to_owned())));
    match drawn {
        Ok(Ok(page)) => Html(page).into_response(),
        Ok(Err(text)) => page_of_trouble(StatusCode::BAD_REQUEST, "Please check the address", &text, theme),
        Err(error) => source_trouble(&error, theme),
    }
}
