//! The live board and the audit page of a list: server-rendered HTML and SVG, one event stream, no file from elsewhere.
//!
//! The way of a figure: [`source`] hands over measured lists; `room_state` says what each room is doing, `standing`
//! how its list stands against the plan, `outlook` when it is expected to end; `scanner_state` and
//! `scanner_rows` the same of scanner rooms; `board_row`, `day_figures` and `attention` make fragments of that, `board_page`
//! the page, and `live` sends the fragments that change. `audit_page` shows one list, `scan_audit_page` one scanner session, with everything its figures rest
//! on. `trends` looks back over all lists ([`history`]), `daily_page` over one day, `spare_page` ahead. [`access`] says who may see and do what, [`corrections`] takes what people add to the record; `reasons_page` sums reasons up, `quality_page` says what is in doubt. `metrics` tells the same to Prometheus. The crate reads no clock and no store: [`Source::now`] is the only now, and the program wires the rest.

pub mod access;
mod assets;
mod attention;
mod audit_arithmetic;
mod audit_gantt;
mod audit_page;
mod audit_records;
mod axis;
mod board_page;
mod board_row;
mod board_tables;
pub mod corrections;
mod daily_page;
mod day_figures;
mod glyphs;
pub mod health;
pub mod history;
mod history_routes;
mod list_pages;
mod live;
mod metrics;
mod outlook;
mod quality_page;
mod reasons_page;
mod room_state;
mod routes;
mod scan_audit_page;
mod scanner_rows;
mod scanner_state;
mod scanner_svg;
mod shell;
pub mod source;
mod spare_page;
mod staff_routes;
mod standing;
mod timeline_svg;
mod trends;
mod wording;

pub use daily_page::{daily_file, monthly_file};
pub use routes::{Keepers, guarded_router, router};
pub use source::{
    Audit, Change, Condition, Feed, ListForecast, PlanRecord, RoomDay, ScanAudit, Severity, SiteDay, Source,
    SourceError, Stamp, UnderRules,
};
pub use trends::trends_html;
