//! From lists to what is drawn: the chart of a scope and of each unit, and the units beside each other.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use utilisation::aggregate::{AggregateRow, Dimension, aggregate};
use utilisation::control::{Chart, Judged, Period, chart};
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;
use utilisation::targets::Target;

use super::choice::Choice;
use crate::history::{History, NamedChange};

/// A chart, and the row behind each of its periods.
pub(crate) struct Series {
    /// Every period from the first to the last one; without a row where there was no list.
    pub(crate) periods: Vec<(NaiveDate, Option<AggregateRow>)>,
    pub(crate) chart: Chart,
}

/// A unit with its row over the whole span, and its series.
pub(crate) struct Unit {
    pub(crate) name: String,
    /// The choice narrowed to it.
    pub(crate) choice: Choice,
    pub(crate) row: AggregateRow,
    pub(crate) series: Series,
}

/// What figures are made of.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) history: &'a History,
    pub(crate) choice: &'a Choice,
    pub(crate) rules: &'a RuleSet,
}

impl<'a> Ground<'a> {
    /// The target in force, if the measure has one.
    pub(crate) fn target(&self) -> Option<&'a Target> {
        let Choice { rooms, kind, measure, .. } = self.choice;
        self.history.targets.target_for(*rooms, *kind, *measure, self.history.today)
    }

    fn judged(&self) -> Judged {
        let target = self.target();
        Judged {
            direction: target.map_or(self.choice.measure.direction(), |target| target.direction),
            target: target.map(|target| target.value),
            screen: true,
        }
    }

    /// One row for all sessions.
    pub(crate) fn whole(&self, sessions: &[&SessionResult]) -> Option<AggregateRow> {
        aggregate(sessions.iter().copied(), &[], self.rules).into_iter().next()
    }

    /// The series of all sessions.
    pub(crate) fn series(&self, sessions: &[&SessionResult]) -> Option<Series> {
        let rows = aggregate(sessions.iter().copied(), &[self.choice.period.dimension()], self.rules);
        self.series_of(rows, self.choice)
    }

    fn series_of(&self, rows: impl IntoIterator<Item = AggregateRow>, choice: &Choice) -> Option<Series> {
        let length = choice.period;
        let mut rows: BTreeMap<NaiveDate, AggregateRow> =
            rows.into_iter().filter_map(|row| Some((length.first_day_of(&row)?, row))).collect();
        let ((&first, _), (&last, _)) = (rows.first_key_value()?, rows.last_key_value()?);
        let changes: Vec<&NamedChange> =
            self.history.changes.iter().filter(|change| concerns(change, choice)).collect();
        let mut periods = Vec::new();
        let mut plotted = Vec::new();
        let mut before: Option<NaiveDate> = None;
        for day in length.all_from(first, last) {
            let row = rows.remove(&day);
            // The first period that lies wholly behind the change.
            let behind = |change: &&&NamedChange| change.on <= day && before.is_some_and(|before| change.on > before);
            plotted.push(Period {
                name: length.name_of(day),
                value: row.as_ref().and_then(|row| choice.measure.of(row)),
                complete: length.is_over(day, self.history.today),
                rebase: changes.iter().find(behind).map(|change| change.name.clone()),
            });
            periods.push((day, row));
            before = Some(day);
        }
        Some(Series { chart: chart(&plotted, &self.judged()), periods })
    }

    /// Every unit, the best first; units without a value last.
    pub(crate) fn units(&self, sessions: &[&SessionResult]) -> Vec<Unit> {
        let (by, period) = (self.choice.by, self.choice.period.dimension());
        let key = |row: &AggregateRow| (row.trust.clone(), row.site.clone(), row.room.clone(), row.specialty.clone());
        let mut by_period: BTreeMap<_, Vec<AggregateRow>> = BTreeMap::new();
        for row in aggregate(sessions.iter().copied(), &[by, period], self.rules) {
            by_period.entry(key(&row)).or_default().push(row);
        }
        let rows = aggregate(sessions.iter().copied(), &[by], self.rules);
        rows.into_iter()
            .filter_map(|row| {
                let choice = self.narrowed(&row);
                let series = self.series_of(by_period.remove(&key(&row))?, &choice)?;
                Some(Unit { name: self.name(&row), choice, row, series })
            })
            .collect()
    }

    fn narrowed(&self, row: &AggregateRow) -> Choice {
        let mut choice = self.choice.clone();
        match choice.by {
            Dimension::Room => (choice.site, choice.room) = (row.site.clone(), row.room.clone()),
            Dimension::Site => choice.site.clone_from(&row.site),
            Dimension::Specialty => choice.specialty.clone_from(&row.specialty),
            Dimension::Trust | Dimension::Team | Dimension::Week | Dimension::Month => {}
        }
        choice
    }

    fn name(&self, row: &AggregateRow) -> String {
        let (history, several) = (self.history, self.history.sites.len() > 1 && self.choice.site.is_none());
        match (&row.site, &row.room) {
            (Some(site), Some(room)) if several => {
                format!("{}, {}", history.room_name(site, room), history.site_name(site))
            }
            (Some(site), Some(room)) => history.room_name(site, room),
            (Some(site), None) => history.site_name(site),
            (None, _) => match self.choice.by {
                Dimension::Specialty => {
                    row.specialty.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string)
                }
                Dimension::Trust => history.trust_name.clone(),
                Dimension::Site | Dimension::Room | Dimension::Team | Dimension::Week | Dimension::Month => {
                    String::new()
                }
            },
        }
    }
}

/// Whether a change makes another process of what a choice shows.
fn concerns(change: &NamedChange, choice: &Choice) -> bool {
    change.measure.is_none_or(|measure| measure == choice.measure)
        && change.site.as_ref().is_none_or(|site| choice.site.as_ref() == Some(site))
        && change.room.as_ref().is_none_or(|room| choice.room.as_ref() == Some(room))
}
