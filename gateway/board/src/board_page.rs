//! The board: its parts as fragments that the event stream can replace one by one, and the page around them.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{Days, NaiveDate};
use maud::{Markup, html};
use room_events::RoomKind;
use utilisation::quantity::Ratio;
use utilisation::rules::RuleSet;

use crate::attention::{attention, items};
use crate::axis::Axis;
use crate::board_row::{RowContext, row, row_id};
use crate::board_tables::tables;
use crate::day_figures::kpis;
use crate::room_state::{RoomView, full_minute};
use crate::scanner_rows::{heading, scanner_row, scanner_row_id};
use crate::scanner_state::ScannerView;
use crate::shell::{Theme, page};
use crate::source::SiteDay;
use crate::wording::{Local, day_and_month, long_date};

/// What the board is made of, besides the day itself.
#[derive(Clone, Copy)]
pub(crate) struct BoardContext<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) target: Option<Ratio>,
    pub(crate) rate: f64,
    /// The latest date with a list, to point to when this one has none.
    pub(crate) latest_day: Option<NaiveDate>,
}

/// How the reader wants the board.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) theme: Option<Theme>,
    pub(crate) kiosk: bool,
    /// The address of the event stream.
    pub(crate) events: String,
}

/// A piece of the page that is replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The id of its element.
    pub(crate) id: String,
    /// The element.
    pub(crate) html: String,
}

/// The board at one instant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Board {
    /// Changes when rows come or go or the axis moves; then the parts cannot be replaced one by one.
    pub(crate) layout: u64,
    /// Everything that can change, in page order.
    pub(crate) parts: Vec<Part>,
    /// All rows in one, for a snapshot.
    pub(crate) rooms: Part,
    /// Milliseconds UTC that the figures were computed for.
    pub(crate) now_millis: i64,
    /// Simulated seconds in a real one.
    pub(crate) rate: f64,
    /// The site's offset from UTC.
    pub(crate) offset_millis: i64,
    /// The title of the page.
    title: String,
    head: String,
    foot: String,
}

/// Renders a day.
pub(crate) fn board(day: &SiteDay, context: &BoardContext<'_>, site_query: &str) -> Board {
    let local = Local::new(day.zone);
    let axis = Axis::of_day(local, day);
    let row_context = RowContext { rules: context.rules, target: context.target, local, axis };
    // Scanner rooms have measures of their own; rows of theatre measures would misstate them.
    let views: Vec<RoomView<'_>> = day
        .rooms
        .iter()
        .filter(|room| room.kind.is_theatre_like())
        .map(|room| RoomView::new(day, room, context.rules))
        .collect();
    let scanners: Vec<ScannerView<'_>> = day
        .rooms
        .iter()
        .filter(|room| !room.kind.is_theatre_like())
        .map(|room| ScannerView::new(day.as_at, room, context.rules))
        .collect();
    let mut parts = vec![
        part("kpis", &kpis(&views, &scanners, &row_context)),
        part("when", &when(day, context, site_query)),
        part("side", &attention(&items(&views, &scanners, &day.conditions, &row_context))),
    ];
    let mut layout = DefaultHasher::new();
    (day.site.as_str(), day.date, axis.map(|axis| (axis.from, axis.to))).hash(&mut layout);
    if let Some(axis) = axis {
        parts.push(part("axis", &axis_part(axis, local, day)));
    }
    for view in &views {
        (row_id(view), &view.room.name, view.room.kind).hash(&mut layout);
        parts.push(part(&row_id(view), &row(view, &row_context)));
    }
    for view in &scanners {
        (scanner_row_id(view), &view.room.name, view.room.kind).hash(&mut layout);
        parts.push(part(&scanner_row_id(view), &scanner_row(view, &row_context)));
    }
    parts.push(part("tables", &tables(&views, &scanners, &row_context)));
    let rooms = part("rooms", &rooms(&views, &scanners, &row_context, day, context, site_query));
    Board {
        layout: layout.finish(),
        parts,
        rooms,
        now_millis: day.as_at.millis(),
        rate: context.rate,
        offset_millis: local.offset_millis(day.as_at),
        title: format!("{}, {}", day.site_name, long_date(day.date)),
        head: title_block(day, context).into_string(),
        foot: foot(day).into_string(),
    }
}

fn part(id: &str, markup: &Markup) -> Part {
    Part { id: id.to_owned(), html: markup.0.clone() }
}

impl Board {
    fn html(&self, id: &str) -> Markup {
        maud::PreEscaped(self.parts.iter().find(|part| part.id == id).map(|part| part.html.clone()).unwrap_or_default())
    }

    /// The whole page.
    pub(crate) fn page(&self, look: &Look) -> Markup {
        let local_now = self.now_millis + self.offset_millis;
        let clock = format!(
            "{:02}:{:02}",
            local_now.div_euclid(3_600_000).rem_euclid(24),
            local_now.div_euclid(60_000).rem_euclid(60)
        );
        let body = html! {
            div.board data-now=(self.now_millis) data-rate=(self.rate) data-offset=(self.offset_millis) {
                header.head {
                    (maud::PreEscaped(&self.head))
                    (self.html("kpis"))
                    div.fresh {
                        span.live id="fresh" { svg width="12" height="12" aria-hidden="true" { circle cx="6" cy="6" r="6" class="f-ink" {} } " " b id="live-word" { "Loaded" } span id="age" {} }
                        (self.html("when"))
                    }
                    div.clock id="clock" { (clock) }
                }
                (self.html("side"))
                (maud::PreEscaped(&self.rooms.html))
                footer.foot { (maud::PreEscaped(&self.foot)) }
            }
            (self.html("tables"))
        };
        page(&self.title, look.theme, Some(&look.events), look.kiosk, &body)
    }
}

fn title_block(day: &SiteDay, context: &BoardContext<'_>) -> Markup {
    let any = |is_theatre: bool| day.rooms.iter().any(|room| room.kind.is_theatre_like() == is_theatre);
    let title = match (any(true), any(false)) {
        (true, true) => "Theatres and imaging",
        (false, true) => "Imaging",
        (true, false) | (false, false) => "Theatres",
    };
    html! {
        div.title {
            h1 { (title) }
            div.org {
                @if (context.rate - 1.0).abs() > 1e-9 { b.simulated { "simulated time" @if context.rate > 0.0 { " × " (context.rate) } } " · " }
                (day.site_name) @if day.trust_name != day.site_name { " · " (day.trust_name) }
            }
        }
    }
}

/// The date with its neighbours, and the rule set that every percentage rests on.
fn when(day: &SiteDay, context: &BoardContext<'_>, site_query: &str) -> Markup {
    let neighbour = |date: Option<NaiveDate>, mark: &str| {
        html! {
            @if let Some(date) = date {
                a.day href=(format!("/?{site_query}date={date}")) aria-label=(day_and_month(date)) { (mark) }
            }
        }
    };
    html! {
        div.when id="when" {
            div {
                (neighbour(day.date.checked_sub_days(Days::new(1)), "‹"))
                " " (long_date(day.date)) " "
                (neighbour(day.date.checked_add_days(Days::new(1)), "›"))
            }
            div { "Rules " b { (context.rules.name) } " " (context.rules.variant.name()) }
        }
    }
}

fn axis_part(axis: Axis, local: Local, day: &SiteDay) -> Markup {
    html! { div.ax id="axis" { (axis.heading(local, full_minute(day.as_at))) } }
}

const fn section_name(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Theatre => "Theatres",
        RoomKind::CathLab => "Cath labs",
        RoomKind::Endoscopy => "Endoscopy",
        RoomKind::Mri => "MRI",
        RoomKind::Ct => "CT",
        RoomKind::Nous => "Ultrasound",
        RoomKind::Echo => "Echo",
    }
}

fn rooms(
    views: &[RoomView<'_>],
    scanners: &[ScannerView<'_>],
    row_context: &RowContext<'_>,
    day: &SiteDay,
    context: &BoardContext<'_>,
    site_query: &str,
) -> Markup {
    // A row for each idle room would say nothing that the sentence does not say; beside lists it says that a room is free.
    let (shown, scanners) = if row_context.axis.is_some() { (views, scanners) } else { (&[][..], &[][..]) };
    let mut kinds: Vec<RoomKind> = shown.iter().map(|view| view.room.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    html! {
        main.rooms id="rooms" data-from=[row_context.axis.map(|axis| axis.from.millis())] data-to=[row_context.axis.map(|axis| axis.to.millis())] {
            @if row_context.axis.is_none() {
                p.empty {
                    "No list on " (long_date(day.date)) "."
                    @if let Some(latest) = context.latest_day.filter(|&latest| latest != day.date) {
                        " The latest day with a list is " a href=(format!("/?{site_query}date={latest}")) { (long_date(latest)) } "."
                    }
                }
            }
            @for (i, kind) in kinds.into_iter().enumerate() {
                @if i == 0 {
                    div.cols {
                        h2 { (section_name(kind)) }
                        @if let Some(axis) = row_context.axis { (axis_part(axis, row_context.local, day)) }
                        span { "capped of plan" } span { "finish" } span { "against plan" }
                    }
                } @else {
                    div.cols.sec2 { h2 { (section_name(kind)) } span {} span { "capped of plan" } span { "finish" } span { "against plan" } }
                }
                @for view in shown.iter().filter(|view| view.room.kind == kind) { (row(view, row_context)) }
            }
            @if !scanners.is_empty() {
                (heading(row_context.axis.filter(|_| shown.is_empty()).map(|axis| axis_part(axis, row_context.local, day))))
                @for view in scanners { (scanner_row(view, row_context)) }
            }
        }
    }
}

/// What the colours mean, and the way to the other sites.
fn foot(day: &SiteDay) -> Markup {
    html! {
        (legend())
        span.sp {}
        @if day.sites.len() > 1 {
            nav aria-label="Sites" {
                @for (i, (site, name)) in day.sites.iter().enumerate() {
                    @if i > 0 { " · " }
                    @if *site == day.site { b { (name) } } @else { a href={ "/?site=" (site) } { (name) } }
                }
            }
        }
        nav aria-label="Pages" { a href="/trends" { "Trends" } " · " a href="/daily" { "Yesterday" } " · " a href="/spare-capacity" { "Spare capacity" } " · " a href="/reasons" { "Reasons" } " · " a href={ "/quality?site=" (day.site) "&date=" (day.date) } { "Data quality" } }
        span.keys { kbd { "t" } " light or dark" }
    }
}

fn legend() -> Markup {
    let key = |shape: Markup, text: &str| {
        html! { span.k { svg width="26" height="14" aria-hidden="true" { (shape) } (text) } }
    };
    html! {
        (key(html! { rect width="26" height="14" class="f-prep s-edge" {} }, "anaesthetic, leaving"))
        (key(html! { rect width="26" height="14" class="f-proc" {} }, "procedure or scan"))
        (key(html! { rect y="5" width="26" height="3" class="booked" {} }, "booked"))
        (key(html! { rect x="1" y="1" width="24" height="12" class="to-come" {} }, "booked, to come"))
        (key(html! { path d="M1 7H25M1 3V11M25 3V11" class="s-ink w15" {} path d="M13 1.5 18.5 7 13 12.5 7.5 7Z" class="f-ink" {} }, "finish, 8 in 10 within"))
        (key(html! { rect width="26" height="14" class="f-plan" {} path d="M1.5 0V14M24.5 0V14" class="pe" {} }, "planned window"))
        (key(html! { rect width="26" height="14" class="f-late s-edge" {} }, "late start, idle"))
        (key(html! { rect y="3" width="26" height="7" class="f-over" {} }, "beyond the plan"))
        (key(html! { rect width="26" height="14" class="f-reach s-ink2" {} }, "still reachable"))
        (key(html! { rect width="26" height="14" class="f-unk" {} }, "not known"))
    }
}
