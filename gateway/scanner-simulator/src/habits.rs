//! How departments behave: the numbers of `docs/scanner-simulator.md`, which says where each comes from.

use crate::department::Modality;

/// What is scanned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    /// Code, which stands in the message.
    pub code: &'static str,
    /// Its meaning.
    pub name: &'static str,
    /// From the first to the last image, on average.
    pub mean_minutes: f64,
    /// The appointment's length.
    pub slot_minutes: i64,
    /// How often, beside the others.
    pub weight: f64,
}

const fn protocol(
    code: &'static str,
    name: &'static str,
    mean_minutes: f64,
    slot_minutes: i64,
    weight: f64,
) -> Protocol {
    Protocol { code, name, mean_minutes, slot_minutes, weight }
}

/// A kind of scanner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub protocols: &'static [Protocol],
    /// From the end of a step to the begin of the next one whose patient is there, in minutes.
    pub changeover: (f64, f64),
    /// How late a day's first step begins, in minutes, and on which share of days it does not.
    pub late_start: (f64, f64),
    pub on_time: f64,
    /// Shares of booked patients, of steps.
    pub did_not_attend: f64,
    pub discontinued: f64,
    pub repeated: f64,
    pub wrong_entry: f64,
    /// Of patients with two requested exams in one step.
    pub two_exams: f64,
    /// Of free slots that somebody from a ward takes.
    pub refilled: f64,
}

/// Standard deviation of a protocol's duration, of its mean.
pub(crate) const DEVIATION: f64 = 0.24;

/// A patient who is there is taken this much before the appointment, when the scanner is free.
pub(crate) const EARLIEST_MINUTES: i64 = 10;

const MRI: Habits = Habits {
    protocols: &[
        protocol("MRLSP", "MR lumbar spine", 17.0, 25, 22.0),
        protocol("MRKNE", "MR knee", 16.0, 25, 18.0),
        protocol("MRHEA", "MR head", 19.0, 25, 24.0),
        protocol("MRHEC", "MR head with contrast", 25.0, 35, 12.0),
        protocol("MRPRO", "MR prostate", 28.0, 40, 12.0),
        protocol("MRLIV", "MR liver with contrast", 30.0, 40, 7.0),
        protocol("MRCPB", "MR MRCP", 20.0, 35, 5.0),
    ],
    changeover: (10.2, 3.5),
    late_start: (9.0, 7.0),
    on_time: 0.35,
    did_not_attend: 0.0336,
    discontinued: 0.0122,
    repeated: 0.01,
    wrong_entry: 0.004,
    two_exams: 0.06,
    refilled: 0.15,
};

const CT: Habits = Habits {
    protocols: &[
        protocol("CTHEA", "CT head", 6.5, 15, 28.0),
        protocol("CTCHE", "CT chest", 8.0, 15, 22.0),
        protocol("CTABP", "CT abdomen and pelvis", 10.5, 15, 22.0),
        protocol("CTCAP", "CT chest abdomen pelvis", 12.0, 20, 16.0),
        protocol("CTPAN", "CT pulmonary angiogram", 10.5, 15, 7.0),
        protocol("CTCOR", "CT coronary angiogram", 18.0, 30, 5.0),
    ],
    changeover: (5.7, 2.5),
    late_start: (6.0, 5.0),
    on_time: 0.5,
    did_not_attend: 0.0226,
    discontinued: 0.004,
    repeated: 0.01,
    wrong_entry: 0.004,
    two_exams: 0.09,
    refilled: 0.5,
};

impl Modality {
    pub(crate) const fn habits(self) -> &'static Habits {
        match self {
            Self::Mri => &MRI,
            Self::Ct => &CT,
        }
    }
}
