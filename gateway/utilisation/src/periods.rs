//! Weeks and months in a row: their names, their first days, and which of them are over.

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};

use crate::aggregate::{AggregateRow, Dimension};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodLength {
    /// An ISO week, from Monday.
    Week,
    /// A month.
    Month,
}

impl PeriodLength {
    /// The name used in exports and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Week, Self::Month].into_iter().find(|length| length.name() == name)
    }

    /// Sessions are summed up by it.
    pub const fn dimension(self) -> Dimension {
        match self {
            Self::Week => Dimension::Week,
            Self::Month => Dimension::Month,
        }
    }

    /// The first day of the period of that name, `2022-W01` or `2022-01`.
    pub fn first_day(self, name: &str) -> Option<NaiveDate> {
        let year = name.get(..4)?.parse().ok()?;
        match self {
            Self::Week => NaiveDate::from_isoywd_opt(year, name.get(6..)?.parse().ok()?, Weekday::Mon),
            Self::Month => NaiveDate::from_ymd_opt(year, name.get(5..)?.parse().ok()?, 1),
        }
    }

    /// The first day of the period that a row of sessions is of.
    pub fn first_day_of(self, row: &AggregateRow) -> Option<NaiveDate> {
        self.first_day(match self {
            Self::Week => row.week.as_deref()?,
            Self::Month => row.month.as_deref()?,
        })
    }

    /// The first day of the next period.
    pub fn after(self, first_day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Week => first_day.checked_add_days(Days::new(7)),
            Self::Month => first_day.checked_add_months(Months::new(1)),
        }
    }

    /// The name of the period with that first day.
    pub fn name_of(self, first_day: NaiveDate) -> String {
        match self {
            Self::Week => format!("{}-W{:02}", first_day.iso_week().year(), first_day.iso_week().week()),
            Self::Month => first_day.format("%Y-%m").to_string(),
        }
    }

    /// Whether the period with that first day is over on a local date.
    pub fn is_over(self, first_day: NaiveDate, today: NaiveDate) -> bool {
        self.after(first_day).is_some_and(|after| after <= today)
    }

    /// The first days of every period from one to another, both included.
    pub fn all_from(self, first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        std::iter::successors(Some(first), move |day| self.after(*day)).take_while(move |day| *day <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_named_and_followed_as_people_do() {
        let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
        for (length, name, first, after) in [
            (PeriodLength::Week, "2020-W53", "2020-12-28", "2021-01-04"),
            (PeriodLength::Week, "2022-W01", "2022-01-03", "2022-01-10"),
            (PeriodLength::Month, "2022-12", "2022-12-01", "2023-01-01"),
        ] {
            let (first, after) = (day(first), day(after));
            assert_eq!(length.first_day(name), Some(first));
            assert_eq!((length.name_of(first).as_str(), length.after(first)), (name, Some(after)));
            assert_eq!((length.is_over(first, after), length.is_over(first, after.pred_opt().unwrap())), (true, false));
            assert_eq!(length.all_from(first, after).collect::<Vec<_>>(), [first, after]);
        }
    }
}
