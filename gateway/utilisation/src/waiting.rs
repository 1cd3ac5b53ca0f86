//! Waiting for a scan, and for its report: by site, kind of scanner and month, from each exam's [`ExamWay`].
//!
//! Waiting is counted in local calendar days from request to scan, as the national DM01 return bands its weeks: the day 42
//! days after the request is in the seventh week. What is *not* in DM01's way: a clock is not set anew when a patient
//! did not attend, planned (surveillance) scans are not told apart, and only exams that a feed ordered are known.
//!
//! Reporting is counted from the scan to the final report, in days of 24 hours. A month's exams are those scanned in it.
//! One that is not reported and still within its time is open, and in no share.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, TimeZone};
use chrono_tz::Tz;
use room_events::{RoomKind, SiteId, TrustId, Urgency, UtcMillis};

use crate::quantity::Ratio;
use crate::timeline::ExamWay;

/// Six weeks: waits of so many days are no longer within them.
pub const SIX_WEEKS_DAYS: i64 = 42;

/// Thirteen weeks: waits of so many days are beyond what nobody should wait.
pub const THIRTEEN_WEEKS_DAYS: i64 = 91;

/// The share that is to be scanned within six weeks: the national standard of DM01 (95 %).
pub const WITHIN_SIX_WEEKS: f64 = 0.95;

const DAY_MS: i64 = 86_400_000;

/// A month of the local calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// The month of a date.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        Self { first: date.with_day(1).unwrap_or(date) }
    }

    /// Its first day.
    #[must_use]
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// The month after it; itself at the end of the calendar.
    #[must_use]
    pub fn next(self) -> Self {
        self.first.checked_add_months(chrono::Months::new(1)).map_or(self, |first| Self { first })
    }

    /// Its last day.
    fn last(self) -> NaiveDate {
        self.next().first.pred_opt().unwrap_or(self.first)
    }
}

/// Whose figures they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: SiteId,
    /// Kind of scanner; absent where no order or report names one.
    pub modality: Option<RoomKind>,
}

/// Waiting of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Scanned in the month, their request known.
    pub scanned: u64,
    /// Of them within six weeks.
    pub within_six_weeks: u64,
    /// Of them after thirteen weeks or more.
    pub after_thirteen_weeks: u64,
    /// Scanned in the month without a known request.
    pub without_request: u64,
    /// Waiting at the month's end, or now if that is to come.
    pub waiting: u64,
    /// Of them for six weeks or more.
    pub waiting_six_weeks: u64,
    /// Of them for thirteen weeks or more.
    pub waiting_thirteen_weeks: u64,
}

impl Waiting {
    /// Share scanned within six weeks; absent when none was scanned.
    #[must_use]
    pub const fn share_within_six_weeks(&self) -> Option<Ratio> {
        Ratio::of_counts(self.within_six_weeks, self.scanned)
    }

    /// Exams beyond thirteen weeks, scanned or waiting; there should be none.
    #[must_use]
    pub const fn beyond_thirteen_weeks(&self) -> u64 {
        self.after_thirteen_weeks + self.waiting_thirteen_weeks
    }
}

/// A time within which a share of reports is to be issued.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReportingTarget {
    /// For scans on this kind of scanner.
    pub modality: RoomKind,
    /// Wanted so soon.
    pub urgency: Urgency,
    /// Days from the scan.
    pub days: u16,
    /// The share to reach.
    pub share: f64,
}

/// The targets where a site configures none. A routine MRI scan has none.
pub const REPORTING_TARGETS: [ReportingTarget; 3] = [
    ReportingTarget { modality: RoomKind::Ct, urgency: Urgency::Urgent, days: 7, share: 0.95 },
    ReportingTarget { modality: RoomKind::Ct, urgency: Urgency::Routine, days: 28, share: 0.95 },
    ReportingTarget { modality: RoomKind::Mri, urgency: Urgency::Urgent, days: 7, share: 0.90 },
];

/// Reporting of one month's scans.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reporting {
    /// Scanned in the month.
    pub scanned: u64,
    /// Of them reported.
    pub reported: u64,
    /// Of them reported within the target's time; 0 without a target.
    pub within: u64,
    /// Of them not reported, and still within the target's time.
    pub open: u64,
    /// The target.
    pub target: Option<ReportingTarget>,
}

impl Reporting {
    /// Share reported in time, of all whose time is over or that are reported; absent without a target or exams.
    #[must_use]
    pub fn share_within(&self) -> Option<Ratio> {
        self.target.and_then(|_| Ratio::of_counts(self.within, self.scanned - self.open))
    }
}

/// Waiting of each unit in a month, as known at `now`.
pub fn waiting(
    exams: &[ExamWay],
    month: Month,
    zone: impl Fn(&TrustId, &SiteId) -> Tz,
    now: UtcMillis,
) -> BTreeMap<Unit, Waiting> {
    let mut units: BTreeMap<Unit, Waiting> = BTreeMap::new();
    for exam in exams {
        let date = |at: UtcMillis| local_date(zone(&exam.trust, &exam.site), at);
        let scanned = exam.scanned.filter(|at| *at <= now).and_then(date);
        let (Some(today), first, last) = (date(now), month.first(), month.last()) else { continue };
        let in_month = scanned.is_some_and(|day| (first..=last).contains(&day));
        let Some(requested) = exam.requested.filter(|at| *at <= now).and_then(date) else {
            if in_month {
                units.entry(unit(exam)).or_default().without_request += 1;
            }
            continue;
        };
        if let Some(day) = scanned.filter(|_| in_month) {
            let days = (day - requested).num_days();
            let of = units.entry(unit(exam)).or_default();
            of.scanned += 1;
            of.within_six_weeks += u64::from(days < SIX_WEEKS_DAYS);
            of.after_thirteen_weeks += u64::from(days >= THIRTEEN_WEEKS_DAYS);
        }
        let end = last.min(today);
        let withdrawn = exam.withdrawn.filter(|at| *at <= now).and_then(date);
        let is_over = |day: Option<NaiveDate>| day.is_some_and(|day| day <= end);
        if first <= today && requested <= end && !is_over(scanned) && !is_over(withdrawn) {
            let days = (end - requested).num_days();
            let of = units.entry(unit(exam)).or_default();
            of.waiting += 1;
            of.waiting_six_weeks += u64::from(days >= SIX_WEEKS_DAYS);
            of.waiting_thirteen_weeks += u64::from(days >= THIRTEEN_WEEKS_DAYS);
        }
    }
    units
}

/// Reporting of each unit and urgency in a month, as known at `now`.
pub fn reporting(
    exams: &[ExamWay],
    month: Month,
    targets: &[ReportingTarget],
    zone: impl Fn(&TrustId, &SiteId) -> Tz,
    now: UtcMillis,
) -> BTreeMap<(Unit, Option<Urgency>), Reporting> {
    let mut units: BTreeMap<(Unit, Option<Urgency>), Reporting> = BTreeMap::new();
    for exam in exams {
        let Some(scanned) = exam.scanned.filter(|at| *at <= now) else { continue };
        let day = local_date(zone(&exam.trust, &exam.site), scanned);
        if day.is_none_or(|day| Month::of(day) != month) {
            continue;
        }
        let is_for =
            |target: &&ReportingTarget| Some(target.modality) == exam.modality && Some(target.urgency) == exam.urgency;
        let target = targets.iter().find(is_for).copied();
        let of = units.entry((unit(exam), exam.urgency)).or_default();
        of.target = target;
        of.scanned += 1;
        let reported = exam.reported.filter(|at| *at <= now);
        of.reported += u64::from(reported.is_some());
        let Some(limit_ms) = target.map(|target| i64::from(target.days) * DAY_MS) else { continue };
        match reported {
            Some(at) => of.within += u64::from(at.millis_since(scanned) <= limit_ms),
            None => of.open += u64::from(now.millis_since(scanned) <= limit_ms),
        }
    }
    units
}

fn unit(exam: &ExamWay) -> Unit {
    Unit { trust: exam.trust.clone(), site: exam.site.clone(), modality: exam.modality }
}

fn local_date(zone: Tz, at: UtcMillis) -> Option<NaiveDate> {
    zone.timestamp_millis_opt(at.millis()).single().map(|at| at.date_naive())
}
