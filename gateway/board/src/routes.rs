//! The addresses of the pages.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::sse::Sse;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use chrono::NaiveDate;
use room_events::SiteId;
use serde::Deserialize;

use crate::access::guard::{self, Guard};
use crate::access::{Access, House, sign_in};
use crate::assets;
use crate::board_page::Look;
use crate::corrections::Recorder;
use crate::history_routes;
use crate::list_pages::{self, Desk};
use crate::live::{Live, Wish};
use crate::metrics::Form;
use crate::shell::{Theme, message};
use crate::source::{Source, SourceError};
use crate::staff_routes;

/// Forms are short.
const LONGEST_FORM: usize = 16 * 1024;

/// All pages over a source, for everybody who reaches them; nobody may correct.
pub fn router(source: Arc<dyn Source>) -> Router {
    guarded_router(source, Access::default(), None)
}

/// Who keeps what people may do and what they say.
#[derive(Clone)]
pub struct Keepers {
    /// People, and the record of access.
    pub house: Arc<dyn House>,
    /// What people say of lists.
    pub recorder: Arc<dyn Recorder>,
}

/// All pages over a source behind a guard.
pub fn guarded_router(source: Arc<dyn Source>, access: Access, keepers: Option<Keepers>) -> Router {
    let (house, recorder) = keepers.map(|keepers| (keepers.house, keepers.recorder)).unzip();
    let guard = Guard::new(access, house);
    let live = Live::new(Arc::clone(&source));
    let lists = list_pages::router(Desk { live: Arc::clone(&live), guard: Arc::clone(&guard), recorder });
    let people = Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::take))
        .route("/sign-out", post(sign_in::leave))
        .with_state(Arc::clone(&guard));
    Router::new()
        .route("/", get(show_board))
        .route("/events", get(stream))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/assets/{name}", get(asset))
        .fallback(|| async { not_found("This page does not exist.") })
        .with_state(live)
        .merge(history_routes::routes(Arc::clone(&source)))
        .merge(staff_routes::routes(source))
        .merge(people)
        .merge(lists)
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(from_fn_with_state(guard, guard::guard))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    date: Option<String>,
    site: Option<String>,
    theme: Option<String>,
    kiosk: Option<String>,
    pub(crate) said: Option<String>,
}

impl Asked {
    pub(crate) fn theme(&self) -> Option<Theme> {
        self.theme.as_deref().and_then(Theme::from_name)
    }

    fn is_kiosk(&self) -> bool {
        self.kiosk.as_deref().is_some_and(|value| value != "0")
    }

    pub(crate) fn wish(&self) -> Result<Wish, String> {
        let date = match self.date.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(
                NaiveDate::parse_from_str(text, "%Y-%m-%d")
                    .ok()
                    .filter(is_plausible)
                    .ok_or_else(|| format!("“{text}” is not a date of this system (write it like 2022-02-11)."))?,
            ),
        };
        let site = match self.site.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(SiteId::new(text).map_err(|error| format!("The site “{text}” {error}."))?),
        };
        Ok(Wish { site, date })
    }
}

/// Dates of which every instant is a valid one.
fn is_plausible(date: &NaiveDate) -> bool {
    use chrono::Datelike;
    (1901..=9998).contains(&date.year())
}

async fn show_board(State(live): State<Arc<Live>>, Query(asked): Query<Asked>) -> Response {
    let wish = match asked.wish() {
        Ok(wish) => wish,
        Err(text) => return page_of_trouble(StatusCode::BAD_REQUEST, "Please check the address", &text, asked.theme()),
    };
    let look = Look { theme: asked.theme(), kiosk: asked.is_kiosk(), events: wish.events() };
    match live.render(wish).await {
        Ok(board) => Html(board.page(&look).into_string()).into_response(),
        Err(error) => source_trouble(&error, asked.theme()),
    }
}

async fn stream(State(live): State<Arc<Live>>, Query(asked): Query<Asked>) -> Response {
    let Ok(wish) = asked.wish() else { return (StatusCode::BAD_REQUEST, "no such date or site\n").into_response() };
    match live.open(wish) {
        Some(messages) => Sse::new(messages).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many viewers\n").into_response(),
    }
}

async fn show_metrics(State(live): State<Arc<Live>>, headers: HeaderMap) -> Response {
    let accepted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let form = Form::asked(&accepted.join(","));
    match live.metrics(form).await {
        Ok(text) => ([(CONTENT_TYPE, form.media_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be given");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}

async fn asset(Path(name): Path<String>) -> Response {
    match assets::named(&name) {
        Some(asset) => {
            let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn not_found(text: &str) -> Response {
    page_of_trouble(StatusCode::NOT_FOUND, "Not found", text, None)
}

pub(crate) fn source_trouble(error: &SourceError, theme: Option<Theme>) -> Response {
    match error {
        SourceError::UnknownSite(_) => page_of_trouble(StatusCode::NOT_FOUND, "Not found", &sentence(error), theme),
        SourceError::Unavailable(_) => {
            tracing::error!(%error, "a page cannot be shown");
            page_of_trouble(StatusCode::SERVICE_UNAVAILABLE, "No figures", &sentence(error), theme)
        }
    }
}

fn sentence(error: &SourceError) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

pub(crate) fn page_of_trouble(status: StatusCode, title: &str, text: &str, theme: Option<Theme>) -> Response {
    (status, Html(message(title, text, theme).into_string())).into_response()
}
