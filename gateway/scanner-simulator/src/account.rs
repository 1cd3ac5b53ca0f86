//! [`Account`]: what the simulator itself says about its scanners' days, to be held against what was measured of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::department::{Department, Ending, ScannerDay};

/// Of all scanners, by room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// By room.
    pub rooms: BTreeMap<String, RoomAccount>,
}

/// Of one scanner. Exams are accession numbers; those of a wrong worklist entry are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomAccount {
    /// Days.
    pub sessions: u32,
    /// Completed by the planned end.
    pub exams_completed: u32,
    /// Completed later.
    pub out_of_hours_exams: u32,
    /// Begun and never completed.
    pub exams_discontinued: u32,
    /// Of all these those of somebody without an appointment.
    pub walk_ins: u32,
    /// Steps for a wrong worklist entry.
    pub wrong_entries: u32,
    /// Exams with an appointment.
    pub booked: u32,
    /// Of them those whose patient did not come.
    pub did_not_attend: u32,
    /// Messages about steps that were answered with success.
    pub messages: u32,
}

impl Account {
    /// What is to happen; nothing has been told of it yet.
    pub fn planned(department: &Department) -> Self {
        let mut account = Self::default();
        for day in &department.days {
            account.room(day).count(day);
        }
        account
    }

    fn room(&mut self, day: &ScannerDay) -> &mut RoomAccount {
        self.rooms.entry(day.scanner.room.to_owned()).or_default()
    }
}

impl RoomAccount {
    /// A day whose messages have all been answered.
    pub(crate) fn count(&mut self, day: &ScannerDay) {
        self.sessions += 1;
        let mut booked = BTreeSet::new();
        for appointment in &day.appointments {
            let exams = u32::try_from(appointment.accessions.len()).unwrap_or(u32::MAX);
            self.booked += exams;
            self.did_not_attend += if appointment.missed.is_some() { exams } else { 0 };
            booked.extend(&appointment.accessions);
        }
        // In the order of the day, so that the first completed step of an exam decides when it was done.
        let mut done_at = BTreeMap::new();
        for step in &day.steps {
            match step.ending {
                Ending::WrongEntry => self.wrong_entries += 1,
                Ending::Completed | Ending::Discontinued | Ending::ToRepeat => {
                    for accession in &step.accessions {
                        let at = (step.ending == Ending::Completed).then_some(step.end);
                        let known = done_at.entry(accession).or_insert(at);
                        *known = known.or(at);
                    }
                }
            }
        }
        for (accession, at) in done_at {
            self.walk_ins += u32::from(!booked.contains(accession));
            match at {
                Some(at) if at <= day.planned.1 => self.exams_completed += 1,
                Some(_) => self.out_of_hours_exams += 1,
                None => self.exams_discontinued += 1,
            }
        }
    }
}
