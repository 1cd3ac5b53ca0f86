//! The addresses of the pages that look back.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::NaiveDate;
use room_events::{RoomKind, SiteId};
use serde::Deserialize;

use crate::daily_page::{DailyChoice, daily_page};
use crate::routes::{page_of_trouble, source_trouble};
use crate::shell::Theme;
use crate::source::{Source, SourceError};
use crate::spare_page::{SpareChoice, spare_page};
use crate::trends::{Asked, trends_page};

/// A page, or why there is none.
type Page = Result<Result<String, String>, SourceError>;

/// The pages over a source.
pub(crate) fn routes(source: Arc<dyn Source>) -> Router {
    Router::new()
        .route("/trends", get(show_trends))
        .route("/daily", get(show_day))
        .route("/spare-capacity", get(show_spare))
        .with_state(source)
}

/// What a day or coming lists are asked by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AskedPlace {
    site: Option<String>,
    date: Option<String>,
    kind: Option<String>,
    days: Option<String>,
    theme: Option<String>,
}

impl AskedPlace {
    fn site(&self) -> Result<Option<SiteId>, String> {
        let text = self.site.as_deref().filter(|text| !text.is_empty());
        text.map(|text| SiteId::new(text).map_err(|error| format!("The site “{text}” {error}."))).transpose()
    }

    fn theme(&self) -> Option<Theme> {
        self.theme.as_deref().and_then(Theme::from_name)
    }

    fn day(&self) -> Result<DailyChoice, String> {
        let text = self.date.as_deref().filter(|text| !text.is_empty());
        let date = text.map(|text| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map_err(|_| format!("“{text}” is not a date (write it like 2022-02-11)."))
        });
        Ok(DailyChoice { site: self.site()?, date: date.transpose()?, theme: self.theme() })
    }

    fn spare(&self) -> Result<SpareChoice, String> {
        let text = self.days.as_deref().filter(|text| !text.is_empty());
        let days = text.map(|text| {
            let days = text.parse().ok().filter(|days| (1..=366).contains(days));
            days.ok_or_else(|| format!("“{text}” is no number of days from 1 to 366."))
        });
        let kind = self.kind.as_deref().filter(|text| !text.is_empty());
        let kind = kind.map(|text| {
            RoomKind::from_name(text)
                .filter(|kind| kind.is_theatre_like())
                .ok_or_else(|| format!("“{text}” is no kind of room of this page (theatre, cath_lab, endoscopy)."))
        });
        Ok(SpareChoice { site: self.site()?, kind: kind.transpose()?, days: days.transpose()?, theme: self.theme() })
    }
}

async fn show_day(State(source): State<Arc<dyn Source>>, Query(asked): Query<AskedPlace>) -> Response {
    answer(asked.theme(), move || {
        let history = source.history()?;
        let page = asked.day().and_then(|choice| daily_page(&history, &choice, source.rules()));
        Ok(page.map(maud::Markup::into_string))
    })
    .await
}

async fn show_spare(State(source): State<Arc<dyn Source>>, Query(asked): Query<AskedPlace>) -> Response {
    answer(asked.theme(), move || {
        let history = source.history()?;
        Ok(asked.spare().map(|choice| spare_page(&history, &choice, source.rules()).into_string()))
    })
    .await
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
