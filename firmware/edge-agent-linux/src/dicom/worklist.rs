//! The worklist feed: asks the hospital's worklist for what is booked on the scanners, as they do themselves.
//!
//! Each station of `dicom.scanners` is asked for by its AE title. A worklist that is not told to its end changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono_tz::Tz;
use dicom_feed::step::Reading;
use dicom_feed::worklist::{self, Answer, Booked};
use dicom_feed::{DataSet, Syntax, Zone, uid};
use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use edge_agent::Observed;
use room_events::{RoomId, SourceId, Token, UtcMillis};
use tokio::net::TcpStream;

use super::heard::Heard;
use super::known_bookings::{KnownBooking, KnownBookings, changes};
use super::local_day::LocalDay;
use crate::agent::Shared;
use crate::config::Config;
use crate::config::feeds::Scanner;
use crate::scanners_file::WorklistState;
use crate::token_key::TokenKey;

/// How long the worklist may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of one entry, and the most entries of a station: more is no worklist.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
const MAX_ENTRIES: usize = 5_000;

/// The feed's settings and what it knows.
#[derive(Debug)]
pub struct WorklistFeed {
    address: String,
    called: String,
    calling: String,
    scanners: Vec<Scanner>,
    zone: Tz,
    key: TokenKey,
    source: SourceId,
    days_ahead: u16,
    every: Duration,
    retry_at_most: Duration,
    bookings: Arc<KnownBookings>,
    heard: Arc<Heard>,
    /// Where to write what is heard, if no listener does.
    tells_in: Option<PathBuf>,
}

impl WorklistFeed {
    /// The feed of a configuration, if it has one.
    pub fn of(
        config: &Config,
        bookings: Option<Arc<KnownBookings>>,
        heard: Arc<Heard>,
    ) -> anyhow::Result<Option<Self>> {
        let worklist = &config.worklist;
        let (Some(address), Some(key_file), Some(bookings)) = (&worklist.address, &config.tokens.key_file, bookings)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            address: address.clone(),
            called: worklist.called.clone(),
            calling: worklist.calling.clone(),
            scanners: config.dicom.scanners.clone(),
            zone: config.dicom.zone,
            key: TokenKey::read(key_file)?,
            source: SourceId::new(&worklist.source).context("worklist.source")?,
            days_ahead: worklist.days_ahead,
            every: Duration::from_secs(worklist.every_seconds.into()),
            retry_at_most: Duration::from_secs(worklist.retry_at_most_seconds.into()),
            bookings,
            heard,
            tells_in: config.dicom.listen.is_none().then(|| config.data_dir.clone()),
        }))
    }

    /// Asks again and again, until the task is aborted.
    pub async fn poll(self, shared: Arc<Shared>) -> anyhow::Result<()> {
        let mut wait = self.every;
        let mut failing = false;
        let mut state = WorklistState { answered: None, entries: 0, problem: None };
        loop {
            match self.ask_all(&shared).await {
                Ok(entries) => {
                    let answered = Some(shared.agent().clock().now());
                    state = WorklistState { answered, entries, problem: None };
                    if failing {
                        tracing::info!(entries, "the worklist answers again");
                    }
                    (failing, wait) = (false, self.every);
                }
                Err(error) => {
                    wait = if failing { (wait * 2).min(self.retry_at_most.max(self.every)) } else { self.every };
                    failing = true;
                    let (address, seconds) = (&self.address, wait.as_secs());
                    let error = format!("{error:#}");
                    state.problem = Some(error.clone());
                    tracing::warn!(address, error, "the worklist cannot be asked; again in {seconds} s");
                }
            }
            self.heard.note_worklist(state.clone());
            if let Some(folder) = &self.tells_in
                && let Err(error) = self.heard.file(0, shared.agent().clock().now()).write(folder)
            {
                tracing::warn!(error = format!("{error:#}"), "the state of the worklist cannot be told");
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Asks once for every station, and records what changed; how many exams there are.
    async fn ask_all(&self, shared: &Shared) -> anyhow::Result<usize> {
        let now = shared.agent().clock().now();
        let today = LocalDay::of(now, self.zone);
        let last = today.plus_days(self.days_ahead);
        let mut association = self.associate().await?;
        let mut found: BTreeMap<Token, KnownBooking> = BTreeMap::new();
        for (n, scanner) in (1_u16..).zip(&self.scanners) {
            let station = scanner.station.as_ref().unwrap_or(&scanner.calling);
            let query = worklist::query(station, &today.digits(), &last.digits());
            for booked in self.ask(&mut association, n, query, now).await? {
                // Some worklists answer for every station, whatever is asked for.
                if booked.station != *station {
                    continue;
                }
                // An exam of several steps starts with the first of them.
                let one = KnownBooking::of(scanner.room.clone(), &booked);
                let of_exam = found.entry(booked.exam).or_insert_with(|| one.clone());
                if one.start < of_exam.start {
                    *of_exam = one;
                }
            }
        }
        let _ = association.release().await;
        let window = (today.begins(self.zone), last.plus_days(1).begins(self.zone));
        self.bookings.apply(
            |bookings| Ok(changes(&bookings.all()?, &found, window, now)),
            |says| {
                let observed: Vec<Observed> = says.iter().map(|(room, obs)| self.observed(room, now, obs)).collect();
                shared.agent().record(&observed, None)?;
                shared.recorded.notify_one();
                Ok(())
            },
        )?;
        self.bookings.forget_old(now)?;
        Ok(found.len())
    }

    fn observed(&self, room: &RoomId, at: UtcMillis, obs: &room_events::Observation) -> Observed {
        let (source, room) = (self.source.clone(), Some(room.clone()));
        Observed { source, order: None, site: None, room, at, clock: None, obs: obs.clone() }
    }

    async fn associate(&self) -> anyhow::Result<AsyncClientAssociation<TcpStream>> {
        let options = ClientAssociationOptions::new()
            .calling_ae_title(self.calling.clone())
            .called_ae_title(self.called.clone())
            .with_presentation_context(uid::WORKLIST, vec![uid::IMPLICIT_LITTLE])
            .read_timeout(PATIENCE)
            .write_timeout(PATIENCE)
            .connection_timeout(PATIENCE);
        let addresses: Vec<_> = tokio::net::lookup_host(&self.address)
            .await
            .with_context(|| format!("worklist.address {} is not known (host:port)", self.address))?
            .collect();
        let made = tokio::time::timeout(PATIENCE, options.establish_async(addresses.as_slice())).await;
        made.context("no answer within 30 s")?.map_err(|error| anyhow::anyhow!("{}", why(&error)))
    }

    /// Asks for a station's entries.
    async fn ask(
        &self,
        association: &mut AsyncClientAssociation<TcpStream>,
        message_id: u16,
        query: Vec<u8>,
        heard: UtcMillis,
    ) -> anyhow::Result<Vec<Booked>> {
        let context = association.presentation_contexts().first().context("no presentation context was accepted")?.id;
        let value = |value_type, data| PDataValue { presentation_context_id: context, value_type, is_last: true, data };
        for (kind, bytes) in [(PDataValueType::Command, worklist::command(message_id)), (PDataValueType::Data, query)] {
            association
                .send(&Pdu::PData { data: vec![value(kind, bytes)] })
                .await
                .map_err(|e| anyhow::anyhow!(why(&e)))?;
        }
        let zone = Zone { site: self.zone, offset_minutes: None, heard };
        let (mut entries, mut of_command, mut of_entry) = (Vec::new(), Vec::new(), Vec::new());
        let mut asked = 0;
        loop {
            let pdu = association.receive().await.map_err(|error| anyhow::anyhow!(why(&error)))?;
            let Pdu::PData { data } = pdu else { bail!("the worklist ended the association in its answer") };
            for value in data {
                let (into, is_command) = match value.value_type {
                    PDataValueType::Command => (&mut of_command, true),
                    PDataValueType::Data => (&mut of_entry, false),
                };
                ensure!(into.len() + value.data.len() <= MAX_ENTRY_BYTES, "an entry of the worklist is too long");
                into.extend_from_slice(&value.data);
                if !value.is_last {
                    continue;
                }
                let whole = std::mem::take(into);
                if is_command {
                    match worklist::answer(&whole, message_id).context("an answer of the worklist cannot be read")? {
                        Answer::Entry => {}
                        Answer::End => return Ok(entries),
                        Answer::Failure(status) => bail!("the worklist answers with status {status:04X}H"),
                    }
                    continue;
                }
                asked += 1;
                ensure!(asked <= MAX_ENTRIES, "a station has more than {MAX_ENTRIES} entries on the worklist");
                let set =
                    DataSet::read(&whole, Syntax::ImplicitLittle).context("an entry of the worklist cannot be read")?;
                entries.extend(worklist::booked(&set, Reading { tokens: &self.key, zone }));
            }
        }
    }
}

/// What went wrong, without what was sent, and what to do.
#[allow(clippy::wildcard_enum_match_arm, reason = "the crate's list is open, and the rest is one thing to the reader")]
fn why(error: &dicom_ul::association::Error) -> String {
    use dicom_ul::association::Error;
    match error {
        Error::Connect { source, .. } => format!("nothing answers there: {source}"),
        Error::Rejected { association_rj, .. } => {
            format!("it refuses the association: {} (does it know worklist.calling?)", association_rj.source)
        }
        Error::NoAcceptedPresentationContexts { .. } => "it is no worklist (see worklist.address)".to_owned(),
        Error::Timeout { .. } => "no answer within 30 s".to_owned(),
        Error::ConnectionClosed { .. } | Error::Aborted { .. } => "it gave up".to_owned(),
        _ => "the connection broke".to_owned(),
    }
}
