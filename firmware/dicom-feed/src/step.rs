//! The rules of Modality Performed Procedure Step (PS3.4 annex F): what an N-CREATE begins, what an N-SET may change.
//!
//! Two rules of the standard are not enforced, because an exam would be lost by them: that a step which ends names its
//! end, and that an N-SET repeats no attribute which may not change. The start is that of the *step*, which on many
//! scanners is the registration of the patient, not the first image.

use room_events::observation::MAX_STEP_ACCESSIONS;
use room_events::{Identifier, Label, PerformedStep, StepState, Token, TokenMaker, UtcMillis, personal};

use crate::command::Status;
use crate::data_set::{DataSet, Tag};
use crate::local_time::{Zone, offset_minutes};

const ACCESSION: Tag = Tag(0x0008_0050);
const CODE_VALUE: Tag = Tag(0x0008_0100);
const CODING_SCHEME: Tag = Tag(0x0008_0102);
const CODE_MEANING: Tag = Tag(0x0008_0104);
const TIMEZONE_OFFSET: Tag = Tag(0x0008_0201);
const PROCEDURE_CODES: Tag = Tag(0x0008_1032);
const PATIENT_NAME: Tag = Tag(0x0010_0010);
const PATIENT_ID: Tag = Tag(0x0010_0020);
const PATIENT_BIRTH_DATE: Tag = Tag(0x0010_0030);
const PROTOCOL_NAME: Tag = Tag(0x0018_1030);
const STUDY: Tag = Tag(0x0020_000d);
const ADMISSION_ID: Tag = Tag(0x0038_0010);
const STATION: Tag = Tag(0x0040_0241);
const START_DATE: Tag = Tag(0x0040_0244);
const START_TIME: Tag = Tag(0x0040_0245);
const END_DATE: Tag = Tag(0x0040_0250);
const END_TIME: Tag = Tag(0x0040_0251);
const STATUS: Tag = Tag(0x0040_0252);
const PROTOCOL_CODES: Tag = Tag(0x0040_0260);
const SCHEDULED_STEPS: Tag = Tag(0x0040_0270);
const DISCONTINUATION_REASON: Tag = Tag(0x0040_0281);
const PERFORMED_SERIES: Tag = Tag(0x0040_0340);
const REQUESTED_PROCEDURE: Tag = Tag(0x0040_1001);

/// Why a request is not taken; the scanner is answered with [`Refusal::status`]. Shows no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The step exists.
    #[error("a step of this UID exists already")]
    Duplicate,
    /// The step was never created here, or too long ago.
    #[error("there is no step of this UID (was it begun before the agent was connected?)")]
    NoSuchStep,
    /// The step is completed or discontinued.
    #[error("the step has ended and may no longer be changed")]
    Ended,
    /// What should be a UID is none.
    #[error("the step's UID is none")]
    NoUid,
    /// An attribute is missing.
    #[error("attribute {0} is missing")]
    Missing(Tag),
    /// An attribute has a value that it may not have.
    #[error("attribute {0} has a value that it may not have")]
    Invalid(Tag),
    /// The data set cannot be read.
    #[error("the data set cannot be read: {0}")]
    Unreadable(#[from] crate::data_set::ReadError),
}

impl Refusal {
    /// What the scanner is answered.
    pub const fn status(&self) -> Status {
        match self {
            Self::Duplicate => Status::DuplicateInstance,
            Self::NoSuchStep => Status::NoSuchInstance,
            Self::Ended | Self::Unreadable(_) => Status::ProcessingFailure,
            Self::NoUid => Status::InvalidInstance,
            Self::Missing(_) => Status::MissingAttribute,
            Self::Invalid(_) => Status::InvalidValue,
        }
    }
}

/// How what is read becomes what leaves.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Makes tokens of numbers.
    pub tokens: &'a dyn TokenMaker,
    /// How times are read; an offset in the message has precedence over its own.
    pub zone: Zone,
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("zone", &self.zone).finish_non_exhaustive()
    }
}

/// A step that an N-CREATE begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// What is known of it.
    pub step: PerformedStep,
    /// The message's offset from UTC, which holds for the step's later times too.
    pub offset_minutes: Option<i16>,
    /// Accession numbers beyond those that a step carries.
    pub accessions_left_out: usize,
}

/// The AE title of the station that performs the step.
pub fn station(set: &DataSet<'_>) -> Option<String> {
    set.text(STATION)
}

/// The token of a step's UID.
pub fn token_of(uid: &str, tokens: &dyn TokenMaker) -> Result<Token, Refusal> {
    let uid = room_events::identifier::trimmed(uid).filter(|uid| crate::uid::is_uid(uid)).ok_or(Refusal::NoUid)?;
    tokens.token_of(Identifier::Step, uid).ok_or(Refusal::NoUid)
}

/// What an N-CREATE begins.
pub fn create(step: Token, set: &DataSet<'_>, reading: Reading<'_>) -> Result<Created, Refusal> {
    match state(set)? {
        Some(StepState::InProgress) => {}
        Some(StepState::Completed | StepState::Discontinued) => return Err(Refusal::Invalid(STATUS)),
        None => return Err(Refusal::Missing(STATUS)),
    }
    let reading = with_offset_of(set, reading);
    let start = instant(set, START_DATE, START_TIME, reading.zone)?.ok_or(Refusal::Missing(START_DATE))?;
    let (accessions, accessions_left_out) = accessions(set, reading.tokens);
    let number = |kind, tag| set.text(tag).and_then(|text| reading.tokens.token_of(kind, &text));
    Ok(Created {
        step: PerformedStep {
            step,
            state: StepState::InProgress,
            start,
            end: None,
            accessions,
            visit: number(Identifier::Visit, ADMISSION_ID),
            patient: number(Identifier::Patient, PATIENT_ID),
            protocol: protocol(set),
            reason: None,
        },
        offset_minutes: reading.zone.offset_minutes,
        accessions_left_out,
    })
}

/// The step as an N-SET leaves it.
pub fn set(known: &PerformedStep, set: &DataSet<'_>, reading: Reading<'_>) -> Result<PerformedStep, Refusal> {
    match known.state {
        StepState::InProgress => {}
        StepState::Completed | StepState::Discontinued => return Err(Refusal::Ended),
    }
    let reading = with_offset_of(set, reading);
    let mut step = known.clone();
    if let Some(state) = state(set)? {
        step.state = state;
    }
    if let Some(end) = instant(set, END_DATE, END_TIME, reading.zone)? {
        step.end = Some(end);
    }
    if let Some(reason) = reason(set) {
        step.reason = Some(reason);
    }
    if step.protocol.is_none() {
        step.protocol = protocol(set);
    }
    Ok(step)
}

/// When what is now known of a step happened: its end, if it has one.
pub fn happened(step: &PerformedStep) -> UtcMillis {
    step.end.unwrap_or(step.start)
}

fn with_offset_of<'a>(set: &DataSet<'_>, mut reading: Reading<'a>) -> Reading<'a> {
    if let Some(minutes) = set.text(TIMEZONE_OFFSET).as_deref().and_then(offset_minutes) {
        reading.zone.offset_minutes = Some(minutes);
    }
    reading
}

fn state(set: &DataSet<'_>) -> Result<Option<StepState>, Refusal> {
    match set.text(STATUS).as_deref() {
        None => Ok(None),
        Some("IN PROGRESS") => Ok(Some(StepState::InProgress)),
        Some("COMPLETED") => Ok(Some(StepState::Completed)),
        Some("DISCONTINUED") => Ok(Some(StepState::Discontinued)),
        Some(_) => Err(Refusal::Invalid(STATUS)),
    }
}

/// Both halves or none; one of them without the other is refused, because a guess would be taken for the truth.
fn instant(set: &DataSet<'_>, date: Tag, time: Tag, zone: Zone) -> Result<Option<UtcMillis>, Refusal> {
    match (set.text(date), set.text(time)) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Refusal::Missing(time)),
        (None, Some(_)) => Err(Refusal::Missing(date)),
        (Some(day), Some(of_day)) => zone.instant(&day, &of_day).map(Some).ok_or(Refusal::Invalid(date)),
    }
}

type Accessions = heapless::Vec<Token, MAX_STEP_ACCESSIONS>;

/// Each exam that the step performs: its accession number, else its requested procedure, else its study.
fn accessions(set: &DataSet<'_>, tokens: &dyn TokenMaker) -> (Accessions, usize) {
    let (mut found, mut left_out) = (Accessions::new(), 0);
    for item in set.items(SCHEDULED_STEPS) {
        let kinds = [
            (Identifier::Accession, ACCESSION),
            (Identifier::RequestedProcedure, REQUESTED_PROCEDURE),
            (Identifier::Study, STUDY),
        ];
        let mut of_kinds = kinds.iter().filter_map(|(kind, tag)| tokens.token_of(*kind, &item.text(*tag)?));
        let Some(token) = of_kinds.next() else { continue };
        if !found.contains(&token) && found.push(token).is_err() {
            left_out += 1;
        }
    }
    (found, left_out)
}

/// What is done, by its code's meaning. A description in free words is not looked at, because people write names into
/// it; for the same reason a text with a part of the patient's name or number is left out.
fn protocol(set: &DataSet<'_>) -> Option<Label> {
    let of_series = || set.items(PERFORMED_SERIES).first()?.text(PROTOCOL_NAME);
    coded(set).or_else(of_series).and_then(|text| unless_patient(&text, set))
}

/// The procedure or protocol of the first code that has one.
pub(crate) fn coded_protocol(set: &DataSet<'_>) -> Option<Label> {
    coded(set).and_then(|text| unless_patient(&text, set))
}

fn coded(set: &DataSet<'_>) -> Option<String> {
    let of_code = |item: &DataSet<'_>| item.text(CODE_MEANING).or_else(|| item.text(CODE_VALUE));
    [PROCEDURE_CODES, PROTOCOL_CODES].into_iter().find_map(|tag| set.items(tag).first().and_then(of_code))
}

/// The text, unless a part of the patient's name or number is in it.
pub(crate) fn unless_patient(text: &str, set: &DataSet<'_>) -> Option<Label> {
    if names_patient(text, set) { None } else { Label::fitted(text) }
}

fn names_patient(text: &str, set: &DataSet<'_>) -> bool {
    let of_patient = [PATIENT_NAME, PATIENT_ID, PATIENT_BIRTH_DATE].into_iter().filter_map(|tag| set.text(tag));
    personal::holds_a_number(text)
        || of_patient.into_iter().any(|whole| {
            personal::holds(text, &whole) || whole.split(['^', '=', ' ', ',']).any(|part| personal::holds(text, part))
        })
}

/// The code of DICOM's own list (PS3.16 CID 9300), such as 110514 "wrong worklist entry selected".
fn reason(set: &DataSet<'_>) -> Option<u32> {
    let item = set.items(DISCONTINUATION_REASON).first()?;
    item.text(CODING_SCHEME).filter(|scheme| scheme == "DCM")?;
    item.text(CODE_VALUE)?.parse().ok()
}
