//! What every page has around it: head, style sheet, script, patterns.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets::{ICON, SCRIPT, STYLE};
use crate::glyphs::patterns;

/// Light or dark, where the reader asked for one; else the device decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A whole page. `live` is the address of its event stream.
pub(crate) fn page(title: &str, theme: Option<Theme>, live: Option<&str>, kiosk: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en-GB" data-theme=[theme.map(Theme::name)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) " - Touchtime" }
                link rel="icon" href=(ICON.path()) type="image/svg+xml";
                link rel="stylesheet" href=(STYLE.path());
                script src=(SCRIPT.path()) {}
                @if live.is_some() {
                    // Without script the board still keeps up, a minute at a time.
                    noscript { meta http-equiv="refresh" content="60"; }
                }
            }
            body.kiosk[kiosk] data-live=[live] {
                (patterns())
                (body)
            }
        }
    }
}

/// A page in one file that needs nothing else. Links lead to the board at `board`; without it they are plain text.
pub(crate) fn file(title: &str, body: &Markup, board: Option<&str>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" data-theme="light" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) " - Touchtime" }
                @if let Some(board) = board { base href=(board); }
                style { (PreEscaped(STYLE.text)) }
            }
            body { (patterns()) (body) }
        }
    };
    let page = page.into_string();
    if board.is_some() { page } else { page.replace(" href=\"/", " data-address=\"/") }
}

/// A page that says what went wrong and where to go from there.
pub(crate) fn message(title: &str, text: &str, theme: Option<Theme>) -> Markup {
    page(
        title,
        theme,
        None,
        false,
        &html! {
            div.read {
                header.head { div { div.crumb { a href="/" { "Board" } } h1 { (title) } } }
                p.lede { (text) }
                p { a href="/" { "Go to the board of today" } }
            }
        },
    )
}
