//! What people say on the pages, as events of the collector's own stream: corrections, changed rooms and admissions, reasons.
//!
//! Each form is a stream of its own, named by the form's number, written in one transaction. So a form that comes twice, or
//! comes again after a restart, finds its stream there and adds nothing. The collector that takes its batches in writes beside it, as
//! beside any command that writes; readers see both alike.
//!
//! ```text
//! a stamp          a correction with the new instant, or without one
//! an admission     the booking as it stands with the other admission, and a remark with the reason
//! another room     each stamp withdrawn here and set there, the booking there, and a remark with the reason
//! a reason         a remark
//! ```

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use board::corrections::{Corrected, Correction as Said, Recorded, Recorder};
use board::source::Change;
use delivery::ack::RunId;
use delivery::batch;
use room_events::event;
use room_events::topic::AgentAddress;
use room_events::{
    AgentId, Booking, ClockQuality, Correction, Event, Label, ListKind, Observation, Remark, RemarkAbout, RoomId, Seq,
    SiteId, SourceId, StreamId, Token, TrustId, wire,
};
use store::{Inbound, Reader, Writer};
use tokio::sync::broadcast;
use utilisation::timeline::record::CORRECTION_SOURCE;
use utilisation::timeline::{Booked, CaseHistory, Precedence};

use crate::clock::{Clock, wall_now};
use crate::config::GatewayConfig;
use crate::measured::whole_timeline;

/// The store of one collector, for what people say.
#[derive(Debug)]
pub struct StoreRecorder {
    dir: PathBuf,
    trust: TrustId,
    collector: AgentId,
    clock: Clock,
    precedence: Precedence,
    rooms: Vec<(SiteId, RoomId, String)>,
    reasons: Vec<(RemarkAbout, Vec<Label>)>,
    changes: broadcast::Sender<Change>,
    /// One form at a time: whether it is there must not change between the look and the writing.
    alone: Mutex<()>,
}

impl StoreRecorder {
    /// The recorder of a collector that is configured so.
    pub fn new(config: &GatewayConfig, clock: Clock, changes: broadcast::Sender<Change>) -> Self {
        let name = |room: &crate::config::RoomConfig| room.name.clone().unwrap_or_else(|| room.id.to_string());
        Self {
            dir: config.store.dir.clone(),
            trust: config.trust.clone(),
            collector: config.collector.id.clone(),
            clock,
            precedence: Precedence::new(config.rules.precedence.clone()),
            rooms: config.rooms.iter().map(|room| (room.site.clone(), room.id.clone(), name(room))).collect(),
            reasons: config.reasons.all(),
            changes,
            alone: Mutex::new(()),
        }
    }

    fn agent(&self, site: &SiteId) -> AgentAddress {
        AgentAddress { trust: self.trust.clone(), site: site.clone(), agent: self.collector.clone() }
    }

    fn write(&self, said: &Said) -> anyhow::Result<Recorded> {
        let _alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = self.agent(&said.site);
        if Reader::open(&self.dir)?.has_stream(StreamId(said.number))? {
            return Ok(Recorded::Before);
        }
        let mut writer = Writer::open(&self.dir, RunId(crate::random::bits_128()?))?;
        let mut bytes = Vec::new();
        for event in self.events(said)? {
            bytes.push(wire::encode(&event, &mut [0; wire::MAX_EVENT_BYTES])?.to_vec());
        }
        let mut buffer = vec![0; batch::MAX_BATCH_BYTES];
        let events = bytes.iter().map(Vec::as_slice);
        let payload = batch::encode(StreamId(said.number), Seq::FIRST, Seq::FIRST, events, &mut buffer)?;
        // It is nobody's to acknowledge: what is committed is recorded.
        let done = writer.commit(&[Inbound { from: &agent, payload }], wall_now())?;
        for (site, room) in done.rooms {
            // An error only says that nobody is looking.
            let _ = self.changes.send(Change::Room { site, room });
        }
        Ok(Recorded::Now)
    }

    fn events(&self, said: &Said) -> anyhow::Result<Vec<Event>> {
        let here = (&said.site, &said.room);
        Ok(match &said.what {
            Corrected::Stamp { case, milestone, to } => {
                let correction = Correction {
                    case: *case,
                    name: *milestone,
                    to: *to,
                    author: Some(said.author.clone()),
                    reason: said.reason.clone(),
                };
                vec![self.event(said, here, Observation::Correction(correction))?]
            }
            Corrected::Reason { about, case } => vec![self.remark(said, *about, *case)?],
            Corrected::Admission { case, kind } => {
                let history = self.history(said, *case)?;
                let booking = booking(*case, booked(&history), Some(*kind));
                vec![
                    self.event(said, here, Observation::Booking(booking))?,
                    self.remark(said, RemarkAbout::Admission, Some(*case))?,
                ]
            }
            Corrected::Room { case, site, room } => {
                let history = self.history(said, *case)?;
                let mut events = Vec::new();
                for stamp in history.stamps.iter().filter(|stamp| stamp.used) {
                    let Some(at) = stamp.instant() else { continue };
                    let word = |to| {
                        Observation::Correction(Correction {
                            case: *case,
                            name: stamp.milestone,
                            to,
                            author: Some(said.author.clone()),
                            reason: said.reason.clone(),
                        })
                    };
                    events.push(self.event(said, here, word(None))?);
                    events.push(self.event(said, (site, room), word(Some(at)))?);
                }
                let booked = booked(&history);
                // The list that it was on by name is one of the other room.
                let booking = Booking { session: None, ..booking(*case, booked, None) };
                events.push(self.event(said, (site, room), Observation::Booking(booking))?);
                events.push(self.remark(said, RemarkAbout::Room, Some(*case))?);
                events
            }
        })
    }

    fn history(&self, said: &Said, case: Token) -> anyhow::Result<CaseHistory> {
        let reader = Reader::open(&self.dir)?;
        let row = reader.rooms()?.into_iter().find(|row| row.site == said.site && row.room == said.room);
        let row = row.with_context(|| format!("the store has no room {}", said.room))?;
        Ok(whole_timeline(&reader, &row)?.history(case, &self.precedence))
    }

    fn remark(&self, said: &Said, about: RemarkAbout, case: Option<Token>) -> anyhow::Result<Event> {
        let remark = Remark {
            session: said.session.clone(),
            start: said.start,
            about,
            case,
            reason: said.reason.clone(),
            author: Some(said.author.clone()),
        };
        self.event(said, (&said.site, &said.room), Observation::Remark(remark))
    }

    fn event(&self, said: &Said, (site, room): (&SiteId, &RoomId), obs: Observation) -> anyhow::Result<Event> {
        let now = self.clock.now();
        Ok(Event {
            v: event::EVENT_VERSION,
            at: now,
            captured: now,
            mono: 0,
            clock: ClockQuality::External,
            source: SourceId::new(CORRECTION_SOURCE)?,
            // Of two words the later counts, whichever collector took it.
            order: u64::try_from(now.millis() / 1000).unwrap_or(0),
            site: (*site != said.site).then(|| site.clone()),
            room: Some(room.clone()),
            obs,
        })
    }
}

/// The booking that counts.
fn booked(history: &CaseHistory) -> Option<&Booked> {
    history.bookings.iter().find(|record| record.used).map(|record| &record.booked)
}

/// A booking as it stands, with another admission where there is one.
fn booking(case: Token, booked: Option<&Booked>, admission: Option<ListKind>) -> Booking {
    Booking {
        case,
        start: booked.and_then(|booked| booked.start),
        minutes: booked.and_then(|booked| booked.minutes),
        session: booked.and_then(|booked| booked.session.clone()),
        specialty: booked.and_then(|booked| booked.specialty.clone()),
        procedure: booked.and_then(|booked| booked.procedure.clone()),
        admission: admission.or_else(|| booked.and_then(|booked| booked.admission)),
        class: booked.and_then(|booked| booked.class),
        issued: None,
    }
}

impl Recorder for StoreRecorder {
    fn record(&self, correction: &Said) -> Result<Recorded, String> {
        self.write(correction).map_err(|error| format!("{error:#}"))
    }

    fn has(&self, number: u128) -> bool {
        let known = || -> anyhow::Result<bool> { Ok(Reader::open(&self.dir)?.has_stream(StreamId(number))?) };
        // What cannot be looked up now is looked up again before it is written.
        known().unwrap_or(false)
    }

    fn rooms(&self) -> Vec<(SiteId, RoomId, String)> {
        let mut rooms = self.rooms.clone();
        if let Ok(rows) = Reader::open(&self.dir).and_then(|reader| reader.rooms()) {
            for row in rows {
                if !rooms.iter().any(|(site, room, _)| *site == row.site && *room == row.room) {
                    rooms.push((row.site, row.room.clone(), row.room.to_string()));
                }
            }
        }
        rooms
    }

    fn reasons(&self, about: RemarkAbout) -> Vec<Label> {
        self.reasons.iter().find(|(of, _)| *of == about).map(|(_, reasons)| reasons.clone()).unwrap_or_default()
    }
}
