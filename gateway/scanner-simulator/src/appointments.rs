//! The appointments as a radiology system would export them: what is planned and booked, and who did not come. No scanner
//! tells that.

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;

use crate::department::Department;

/// How the columns of [`csv`] are read.
pub const MAPPING: &str = include_str!("../appointments.mapping.toml");

const HEADER: &str = "Appointment No,Accession No,Scanner,Modality,Session Start,Session End,Slot Start,Slot Minutes,Exam,Issued,Cancelled,Cancel Class,Cancel Reason\n";

/// A row for each exam of an appointment; the appointment's minutes stand in the first.
pub fn csv(department: &Department) -> String {
    let mut text = HEADER.to_owned();
    for day in &department.days {
        let (start, end) = day.planned;
        // The lists are made the evening before.
        let issued = start - TimeDelta::hours(15);
        for appointment in &day.appointments {
            let missed = appointment
                .missed
                .map_or_else(|| ",,".to_owned(), |at| format!("{},patient,did not attend", shown(at)));
            for (n, accession) in appointment.accessions.iter().enumerate() {
                text += &format!(
                    "{},{accession},{},{},{},{},{},{},{},{},{missed}\n",
                    appointment.number,
                    day.scanner.room,
                    day.scanner.modality.room_kind(),
                    shown(start),
                    shown(end),
                    shown(appointment.start),
                    if n == 0 { appointment.minutes.to_string() } else { String::new() },
                    appointment.exam,
                    shown(issued),
                );
            }
        }
    }
    text
}

fn shown(at: DateTime<Tz>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
