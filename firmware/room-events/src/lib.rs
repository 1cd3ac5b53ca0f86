//! The contract between agents and collectors: what is observed in a room, and how it travels.
//!
//! An agent reports facts ("the patient came into theatre at 08:41"); what they mean is the gateway's business, so a
//! change of definition never touches an agent. The crate runs without std and without an allocator, reads no clock,
//! socket or file, and has no field that could hold patient data: identifiers arrive here as keyed [`Token`]s already.
//!
//! - [`id`]: trust, site, room, agent, source, session; streams and sequence numbers.
//! - [`instant`]: [`UtcMillis`], the one instant of the whole system.
//! - [`token`]: keyed tokens in place of identifiers.
//! - [`observation`]: everything that can be observed, one closed enum.
//! - [`personal`]: whether a text holds a part of somebody's name or number.
//! - [`event`]: an observation with its room, times, clock quality and source.
//! - [`wire`]: the JSON form, at most [`wire::MAX_EVENT_BYTES`] an event.
//! - [`topic`]: the MQTT topics.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod event;
pub mod id;
pub mod identifier;
pub mod instant;
pub mod observation;
pub mod personal;
pub mod token;
pub mod topic;
mod usual;
pub mod wire;

pub use event::{ClockQuality, Event};
pub use id::{AgentId, BootId, EventId, Label, RoomId, Seq, SessionKey, SiteId, SourceId, StreamId, TrustId};
pub use identifier::{Identifier, TokenMaker};
pub use instant::UtcMillis;
pub use observation::{
    Acquisition, AgentStarted, Alive, Booking, Cancellation, CancellationClass, Correction, EventsLost, ExamReached,
    ExamStage, Level, ListKind, Milestone, MilestoneReached, Observation, PatientClass, PerformedStep, PlanRevision,
    Remark, RemarkAbout, RoomKind, SignalLevel, StepState, Urgency,
};
pub use token::Token;
