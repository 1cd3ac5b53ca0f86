//! [`Department`]: what happens on each scanner and day, from a seed.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::habits::{DEVIATION, EARLIEST_MINUTES, Protocol};
use crate::random::Random;

/// Kinds of scanners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modality {
    /// Magnetic resonance.
    Mri,
    /// Computed tomography.
    Ct,
}

/// A scanner.
#[derive(Debug, Clone, Copy)]
pub struct Scanner {
    /// The id of its room.
    pub room: &'static str,
    /// The AE title under which it calls.
    pub title: &'static str,
    /// Its kind.
    pub modality: Modality,
    /// Its planned day: local hours and minutes.
    pub opens: (u32, u32),
    /// The end of it.
    pub closes: (u32, u32),
}

/// The scanners of the department.
pub const SCANNERS: [Scanner; 4] = [
    Scanner { room: "mri-1", title: "SIM-MR1", modality: Modality::Mri, opens: (8, 0), closes: (17, 0) },
    Scanner { room: "mri-2", title: "SIM-MR2", modality: Modality::Mri, opens: (8, 30), closes: (16, 30) },
    Scanner { room: "ct-1", title: "SIM-CT1", modality: Modality::Ct, opens: (8, 0), closes: (17, 0) },
    Scanner { room: "ct-2", title: "SIM-CT2", modality: Modality::Ct, opens: (9, 0), closes: (16, 0) },
];

impl Modality {
    /// Its name in DICOM (PS3.3 C.7.3.1.1.1).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mri => "MR",
            Self::Ct => "CT",
        }
    }

    /// The kind of its room.
    pub const fn room_kind(self) -> &'static str {
        match self {
            Self::Mri => "mri",
            Self::Ct => "ct",
        }
    }
}

/// A booked patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Its number.
    pub number: String,
    /// The accession number of each exam that is to be done.
    pub accessions: Vec<String>,
    /// When it is.
    pub start: DateTime<Tz>,
    /// Its length.
    pub minutes: i64,
    /// What is to be scanned.
    pub exam: &'static str,
    /// When it was written down that the patient did not come.
    pub missed: Option<DateTime<Tz>>,
}

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Completed,
    /// The patient did not want to go on: DCM 110505.
    Discontinued,
    /// The images are of no use, and the exam is done again: DCM 110513.
    ToRepeat,
    /// The wrong patient was chosen from the worklist: DCM 110514.
    WrongEntry,
}

/// A performed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its UID.
    pub uid: String,
    /// The invented patient's number and name.
    pub patient: (String, String),
    /// Each exam's accession number.
    pub accessions: Vec<String>,
    /// Code and meaning of what is scanned.
    pub protocol: (&'static str, &'static str),
    /// When it begins.
    pub start: DateTime<Tz>,
    /// When it ends.
    pub end: DateTime<Tz>,
    /// How.
    pub ending: Ending,
}

/// A scanner's day.
#[derive(Debug, Clone)]
pub struct ScannerDay {
    /// The scanner.
    pub scanner: Scanner,
    /// Planned start and end.
    pub planned: (DateTime<Tz>, DateTime<Tz>),
    /// Who is booked, in order.
    pub appointments: Vec<Appointment>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// All days of all scanners.
#[derive(Debug, Clone)]
pub struct Department {
    /// In order of scanner, then of day.
    pub days: Vec<ScannerDay>,
}

impl Department {
    /// The same days for the same seed. A day's events do not depend on which other days there are.
    pub fn new(seed: u64, days: &[NaiveDate], zone: Tz) -> Self {
        let of_scanner = |(n, scanner): (usize, &Scanner)| {
            let scanner = *scanner;
            days.iter().filter_map(move |day| {
                ScannerDay::new(Random::new(seed, n as u64, day.num_days_from_ce()), n, scanner, *day, zone)
            })
        };
        Self {
            days: SCANNERS
                .iter()
                .enumerate()
                .flat_map(|(n, scanner)| of_scanner((n, scanner)).collect::<Vec<_>>())
                .collect(),
        }
    }

    /// From when until when something happens or is planned, day by day and scanner by scanner.
    pub fn spans(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        self.days.iter().map(|day| {
            let last = day.steps.last().map_or(day.planned.1, |step| step.end.max(day.planned.1));
            (day.planned.0.to_utc(), last.to_utc())
        })
    }
}

/// Local time; nobody scans in the hours that a clock change skips or repeats.
fn at(zone: Tz, day: NaiveDate, (hour, minute): (u32, u32)) -> Option<DateTime<Tz>> {
    zone.from_local_datetime(&day.and_time(NaiveTime::from_hms_opt(hour, minute, 0)?)).earliest()
}

/// Whole seconds: messages carry no more.
fn minutes(minutes: f64) -> TimeDelta {
    #[allow(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
    TimeDelta::seconds((minutes * 60.0).round() as i64)
}

impl ScannerDay {
    fn new(random: Random, n: usize, scanner: Scanner, day: NaiveDate, zone: Tz) -> Option<Self> {
        let planned = (at(zone, day, scanner.opens)?, at(zone, day, scanner.closes)?);
        let mut making = Making {
            random,
            prefix: format!("{}{n}", day.format("%y%m%d")),
            made: 0,
            free: planned.0,
            day: Self { scanner, planned, appointments: Vec::new(), steps: Vec::new() },
        };
        making.book();
        making.scan();
        Some(making.day)
    }
}

struct Making {
    random: Random,
    prefix: String,
    made: u32,
    /// When the scanner can take the next patient.
    free: DateTime<Tz>,
    day: ScannerDay,
}

impl Making {
    /// One appointment behind the other while the day lasts.
    fn book(&mut self) {
        let habits = self.day.scanner.modality.habits();
        let mut next = self.day.planned.0;
        while let Some(protocol) = self.random.choose(habits.protocols, |protocol| protocol.weight) {
            let end = next + TimeDelta::minutes(protocol.slot_minutes);
            if end > self.day.planned.1 {
                break;
            }
            let missed = self.random.happens(habits.did_not_attend).then(|| next + TimeDelta::minutes(15));
            let (number, accession) = (self.number("SIM-A"), self.number("SIM-E"));
            self.day.appointments.push(Appointment {
                number,
                accessions: vec![accession],
                start: next,
                minutes: protocol.slot_minutes,
                exam: protocol.name,
                missed,
            });
            next = end;
        }
    }

    fn scan(&mut self) {
        let habits = self.day.scanner.modality.habits();
        if !self.random.happens(habits.on_time) {
            self.free += minutes(self.random.duration(habits.late_start.0, habits.late_start.1));
        }
        for (n, appointment) in self.day.appointments.clone().into_iter().enumerate() {
            let Some(booked) = habits.protocols.iter().find(|protocol| protocol.name == appointment.exam) else {
                continue;
            };
            let from_ward = appointment.missed.is_some();
            if from_ward && !self.random.happens(habits.refilled) {
                continue;
            }
            // Somebody from a ward is brought once the patient is missed.
            let there = appointment.missed.unwrap_or(appointment.start - TimeDelta::minutes(EARLIEST_MINUTES));
            self.free = self.free.max(there).max(self.day.planned.0);
            let protocol = if from_ward {
                self.random.choose(habits.protocols, |protocol| protocol.weight).unwrap_or(booked)
            } else {
                booked
            };
            // Whoever takes a missed patient's place has numbers of their own.
            let known = if from_ward { vec![self.number("SIM-E")] } else { appointment.accessions };
            let accessions = self.attend(*protocol, known);
            if let Some(appointment) = self.day.appointments.get_mut(n).filter(|_| !from_ward) {
                appointment.accessions = accessions;
            }
        }
    }

    /// One patient on the table; returns the exams, of which there may be one more than are known.
    fn attend(&mut self, protocol: Protocol, mut accessions: Vec<String>) -> Vec<String> {
        let habits = self.day.scanner.modality.habits();
        let patient = (self.number("SIM-P"), format!("Simulated^Patient {}", self.made));
        if self.random.happens(habits.two_exams) {
            accessions.push(self.number("SIM-E"));
        }
        if self.random.happens(habits.wrong_entry) {
            let other = (self.number("SIM-P"), "Simulated^Mistake".to_owned());
            let mistaken = vec![self.number("SIM-E")];
            self.perform(protocol, other, mistaken, 1.5, Ending::WrongEntry);
            self.free += TimeDelta::minutes(1);
        }
        let whole = self.random.duration(protocol.mean_minutes, protocol.mean_minutes * DEVIATION);
        if self.random.happens(habits.discontinued) {
            let part = whole * (0.2 + 0.6 * self.random.share());
            self.perform(protocol, patient, accessions.clone(), part, Ending::Discontinued);
        } else {
            if self.random.happens(habits.repeated) {
                self.perform(protocol, patient.clone(), accessions.clone(), whole * 0.4, Ending::ToRepeat);
                self.free += TimeDelta::minutes(1);
            }
            self.perform(protocol, patient, accessions.clone(), whole, Ending::Completed);
        }
        self.free += minutes(self.random.duration(habits.changeover.0, habits.changeover.1));
        accessions
    }

    fn perform(
        &mut self,
        protocol: Protocol,
        patient: (String, String),
        accessions: Vec<String>,
        length: f64,
        ending: Ending,
    ) {
        let start = self.free;
        let end = start + minutes(length.max(1.0));
        self.made += 1;
        // 2.25 is the arc of UIDs that anybody may derive from a number of their own.
        let uid = format!("2.25.{}{:04}", self.prefix, self.made);
        let protocol = (protocol.code, protocol.name);
        self.day.steps.push(Step { uid, patient, accessions, protocol, start, end, ending });
        self.free = end;
    }

    /// A number that looks invented.
    fn number(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}{:03}", self.prefix, self.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month() -> Vec<NaiveDate> {
        (1..=28).filter_map(|day| NaiveDate::from_ymd_opt(2022, 2, day)).collect()
    }

    #[test]
    fn a_day_is_the_same_whatever_other_days_there_are() {
        let all = Department::new(7, &month(), Tz::Europe__London);
        let one = Department::new(7, &month()[10..11], Tz::Europe__London);
        assert_eq!((all.days.len(), one.days.len()), (4 * 28, 4));
        assert_eq!(all.days[10].steps, one.days[0].steps);
        assert_ne!(Department::new(8, &month()[10..11], Tz::Europe__London).days[0].steps, one.days[0].steps);
    }

    #[test]
    fn steps_of_a_scanner_never_overlap_and_every_number_is_used_once() {
        let department = Department::new(7, &month(), Tz::Europe__London);
        let mut uids = std::collections::BTreeSet::new();
        for day in &department.days {
            assert!(day.steps.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert!(day.steps.iter().all(|step| step.start >= day.planned.0 && uids.insert(step.uid.clone())));
            assert!(day.appointments.windows(2).all(|pair| pair[0].start < pair[1].start));
        }
    }

    #[test]
    fn shares_come_out_as_documented() {
        let days: Vec<NaiveDate> =
            (0..2000).map(|n| NaiveDate::from_ymd_opt(2022, 1, 3).unwrap() + TimeDelta::days(n)).collect();
        let department = Department::new(1, &days, Tz::Europe__London);
        for modality in [Modality::Mri, Modality::Ct] {
            let habits = modality.habits();
            let of_kind = || department.days.iter().filter(|day| day.scanner.modality == modality);
            let booked = of_kind().map(|day| day.appointments.len()).sum::<usize>() as f64;
            let missed = of_kind().flat_map(|day| &day.appointments).filter(|one| one.missed.is_some()).count() as f64;
            assert!((missed / booked / habits.did_not_attend - 1.0).abs() < 0.1, "{}", missed / booked);
            let steps = of_kind().flat_map(|day| &day.steps);
            let stopped = steps.clone().filter(|step| step.ending == Ending::Discontinued).count() as f64;
            assert!((stopped / steps.count() as f64 / habits.discontinued - 1.0).abs() < 0.15);
        }
    }
}
