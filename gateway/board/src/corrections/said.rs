//! What people said of a list and its cases, with what was replaced or taken back.

use maud::{Markup, html};
use room_events::Token;

use super::about_in_words;
use crate::source::{Audit, short_token};
use crate::wording::Local;

/// `Case 3`; of a case that is no more in the list, its token.
pub(crate) fn case_name(audit: &Audit, case: &Token) -> String {
    match audit.result.cases.iter().position(|known| known.id == *case) {
        Some(place) => format!("Case {}", place + 1),
        None => format!("case {}", short_token(case)),
    }
}

/// The table; nothing where nobody said anything.
pub(crate) fn said(audit: &Audit) -> Markup {
    let local = Local::new(audit.zone);
    html! {
        @if !audit.remarks.is_empty() {
            h2 { "Reasons and changes" }
            div.scroll { table {
                thead { tr { th { "About" } th { "Case" } th { "Reason" } th { "Said by" } th { "When" } } }
                tbody {
                    @for remark in &audit.remarks {
                        tr {
                            td { @if remark.used { (about_in_words(remark.about)) } @else { s { (about_in_words(remark.about)) } } }
                            td { @match &remark.case { Some(case) => (case_name(audit, case)), None => span.dim { "the list" }, } }
                            td {
                                @match (&remark.reason, remark.used) {
                                    (Some(reason), true) => b { (reason) },
                                    (Some(reason), false) => s { (reason) },
                                    (None, _) => span.dim { "taken back" },
                                }
                                @if !remark.used { " " span.dim { "replaced" } }
                            }
                            td { @if let Some(author) = &remark.author { (author) } @else { span.dim { "not stated" } } }
                            td.dim { (local.date_and_time(remark.at)) }
                        }
                    }
                }
            } }
        }
    }
}
