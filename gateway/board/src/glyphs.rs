//! The small pictures: each state and each kind of trouble has its own shape, so that colour never stands alone.

use maud::{Markup, PreEscaped, html};

/// A shape of 20 by 20 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyph {
    Procedure,
    Anaesthetic,
    Leaving,
    Turnover,
    Done,
    Wait,
    Late,
    Unknown,
    Cancelled,
    Over,
    Bad,
    Notice,
    Warning,
}

impl Glyph {
    const fn shape(self) -> &'static str {
        match self {
            Self::Procedure => r#"<rect x="2" y="2" width="16" height="16" class="f-proc"/>"#,
            Self::Anaesthetic => {
                r#"<rect x="2" y="2" width="16" height="16" class="f-prep"/><path d="M10 2H18V18H10Z" class="f-page"/><rect x="2" y="2" width="16" height="16" class="f-none s-ink w15"/>"#
            }
            Self::Leaving => {
                r#"<rect x="2" y="2" width="16" height="16" class="f-page"/><path d="M10 2H18V18H10Z" class="f-prep"/><rect x="2" y="2" width="16" height="16" class="f-none s-ink w15"/>"#
            }
            Self::Turnover => {
                r#"<rect x="3" y="2" width="5" height="16" class="f-ink"/><rect x="12" y="2" width="5" height="16" class="f-ink"/>"#
            }
            Self::Done => r#"<path d="M2 10 8 16 18 4" class="f-none s-ink w3"/>"#,
            Self::Wait => r#"<circle cx="10" cy="10" r="7.5" class="f-none s-ink2 w2 dash"/>"#,
            Self::Late => {
                r#"<path d="M10 0 20 10 10 20 0 10Z" class="f-warn s-ink w15"/><path d="M10 5V11H14" class="f-none s-dark w2"/>"#
            }
            Self::Unknown => {
                r#"<rect x="1" y="1" width="18" height="18" class="f-unk s-unk w15"/><rect x="5.5" y="3" width="9" height="14" class="f-page"/><text x="10" y="15" class="mid t14 bold">?</text>"#
            }
            Self::Cancelled => r#"<path d="M3 3 17 17M17 3 3 17" class="f-none s-ink2 w3"/>"#,
            Self::Over => r#"<path d="M10 1 19.5 18.5H.5Z" class="f-over"/>"#,
            Self::Bad => {
                r#"<path d="M6 0H14L20 6V14L14 20H6L0 14V6Z" class="f-bad"/><path d="M10 4.5V11M10 13.5V16" class="s-on-bad w26"/>"#
            }
            Self::Notice => {
                r#"<circle cx="10" cy="10" r="8.5" class="f-none s-ink w2"/><path d="M10 9V15M10 5V7.2" class="s-ink w22"/>"#
            }
            Self::Warning => {
                r#"<path d="M10 0 20 10 10 20 0 10Z" class="f-warn s-ink w15"/><path d="M10 4.5V11M10 13V15.4" class="s-dark w22"/>"#
            }
        }
    }

    /// The shape at so many pixels. It says nothing that a word beside it does not say.
    pub(crate) fn at(self, size: u8) -> Markup {
        html! {
            svg width=(size) height=(size) viewBox="0 0 20 20" aria-hidden="true" { (PreEscaped(self.shape())) }
        }
    }
}

/// The patterns that pictures refer to by `url(#...)` in the style sheet; once per page.
pub(crate) fn patterns() -> Markup {
    PreEscaped(
        r##"<svg class="defs" aria-hidden="true"><defs>
<pattern id="p-unk" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" class="f-page"/><rect width="4" height="8" class="f-hatch"/><path d="M4 0V8" class="s-unk"/></pattern>
<pattern id="p-reach" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" class="f-page"/><path d="M1 0V5" class="s-ink2 w13"/></pattern>
<pattern id="p-late" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="6" height="6" class="f-warn"/><path d="M1 0V6" class="s-dark w15"/></pattern>
<pattern id="p-over" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" class="f-page"/><path d="M1.5 0V6" class="s-over w25"/></pattern>
</defs></svg>"##
            .to_owned(),
    )
}
