//! [`Mapping`]: which messages of a system say what, and where in them it stands.

use chrono_tz::Tz;
use room_events::{
    CancellationClass, ExamStage, Identifier, ListKind, Milestone, PatientClass, RoomId, RoomKind, SiteId, SourceId,
    StepState, Urgency,
};

use crate::field::FieldRef;

/// Why a mapping cannot be used: correct the mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct MappingError {
    /// The name of the mapping file, as passed in.
    pub file: String,
    /// The key, what is wrong with it, and the remedy.
    pub problem: String,
}

/// How the messages of one sending system are read; made from TOML by [`Mapping::parse`].
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) zone: Tz,
    pub(crate) source: SourceId,
    /// Sending applications (MSH-3) that it is for; empty: all.
    pub(crate) applications: Vec<String>,
    pub(crate) rules: Vec<Rule>,
}

impl Mapping {
    /// Reads a mapping; `file` is its name for error messages; the README of this crate has every key.
    ///
    /// # Errors
    /// Names the key and the remedy.
    pub fn parse(file: &str, toml: &str) -> Result<Self, MappingError> {
        crate::mapping_toml::parse(toml).map_err(|problem| MappingError { file: file.to_owned(), problem })
    }

    /// The name of the source in events.
    #[must_use]
    pub const fn source(&self) -> &SourceId {
        &self.source
    }

    /// Whether it is for messages of a sending application (MSH-3).
    #[must_use]
    pub fn is_for(&self, application: &str) -> bool {
        self.applications.is_empty() || self.applications.iter().any(|one| one == application)
    }
}

/// What messages of some types say.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub types: Vec<MessageType>,
    /// The segment that begins a group; each group is read by itself.
    pub each: Option<String>,
    pub when: Vec<Condition>,
    pub unless: Vec<Condition>,
    pub site: Option<IdRule<SiteId>>,
    pub room: Option<IdRule<RoomId>>,
    pub case: Number,
    pub milestones: Vec<(Milestone, TimeRule)>,
    pub milestone: Option<CodedMilestone>,
    pub booking: Option<BookingRule>,
    pub cancellation: Option<CancellationRule>,
    pub exam: Option<ExamRule>,
    pub stage: Option<StageRule>,
}

/// MSH-9: `SIU` or `SIU^S12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageType {
    pub kind: String,
    pub trigger: Option<String>,
}

/// A field that has one of some values.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub field: FieldRef,
    pub values: Vec<String>,
}

/// A number that becomes a token.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub field: FieldRef,
    pub kind: Identifier,
}

/// A constant id, or how a field's value becomes one.
#[derive(Debug, Clone)]
pub(crate) enum IdRule<T> {
    Constant(T),
    Field {
        field: FieldRef,
        /// Value to id, before any other rule.
        values: Vec<(String, String)>,
        prefix: String,
        lower_case: bool,
        /// Each run of other characters becomes one `-`.
        dashes: bool,
    },
}

/// A time, with its date in another field or not.
#[derive(Debug, Clone)]
pub(crate) struct TimeRule {
    pub date: Option<FieldRef>,
    pub time: FieldRef,
}

/// A constant code, or a field of codes and what they mean.
#[derive(Debug, Clone)]
pub(crate) enum Code<T> {
    Constant(T),
    Field {
        field: FieldRef,
        /// `None`: passed over. A value that is itself one of the names needs no entry.
        values: Vec<(String, Option<T>)>,
        /// Values without an entry are passed over too.
        others_ignored: bool,
    },
}

/// Which milestone it is stands in a field.
#[derive(Debug, Clone)]
pub(crate) struct CodedMilestone {
    pub code: Code<Milestone>,
    pub time: TimeRule,
}

/// What is booked of a case.
#[derive(Debug, Clone)]
pub(crate) struct BookingRule {
    pub start: Option<TimeRule>,
    pub minutes: Option<FieldRef>,
    pub specialty: Option<FieldRef>,
    pub procedure: Option<FieldRef>,
    pub class: Option<Code<PatientClass>>,
    pub admission: Option<Code<ListKind>>,
    pub issued: Option<TimeRule>,
}

/// A cancellation; its time is the message's unless a field has it.
#[derive(Debug, Clone)]
pub(crate) struct CancellationRule {
    pub time: Option<TimeRule>,
    pub class: Option<Code<CancellationClass>>,
    pub reason: Option<Text>,
}

/// An exam begins or ends in its room.
#[derive(Debug, Clone)]
pub(crate) struct ExamRule {
    pub state: Code<StepState>,
    pub start: TimeRule,
    pub end: Option<TimeRule>,
    pub visit: Option<Number>,
    pub patient: Option<Number>,
    pub protocol: Option<FieldRef>,
}

/// An exam reaches a stage; its time is the message's unless a field has it.
#[derive(Debug, Clone)]
pub(crate) struct StageRule {
    pub stage: ExamStage,
    pub time: Option<TimeRule>,
    pub modality: Option<Code<RoomKind>>,
    pub urgency: Option<Code<Urgency>>,
}

/// A text of the mapping itself, or a field's.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Constant(String),
    Field(FieldRef),
}
