//! A form that came back: who sent it, whether it is ours, what it says, and its way to the recorder.

use chrono::{NaiveDate, NaiveTime};
use room_events::{Label, ListKind, Milestone, RemarkAbout, RoomId, SiteId, Token, UtcMillis, personal};
use serde::Deserialize;

use super::{Corrected, Correction, REASONS_FOR, Recorder};
use crate::source::Audit;
use crate::wording::Local;

/// A clock may be so much behind the one that a stamp was read from.
const AHEAD_MILLIS: i64 = 5 * 60_000;
/// A stamp lies so close to its list; what is further away is a slip in the date.
const REACH_MINUTES: i64 = 24 * 60;

/// The fields of all forms; a form has some of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filled {
    pub(crate) form: String,
    pub(crate) seal: String,
    pub(crate) what: String,
    case: String,
    milestone: String,
    date: String,
    time: String,
    stamp: String,
    room: String,
    kind: String,
    about: String,
    reason: String,
}

/// What the form says of the list. The error tells the person what to change.
pub(crate) fn read(
    filled: &Filled,
    audit: &Audit,
    recorder: &dyn Recorder,
    author: Label,
    number: u128,
) -> Result<Correction, String> {
    let (what, reason) = match filled.what.as_str() {
        "stamp" => {
            let to = instant(filled, audit)?;
            let (case, milestone) = (case_of(&filled.case, audit)?, milestone_of(&filled.milestone)?);
            let stands = audit.stamps.iter().any(|stamp| {
                !stamp.superseded && stamp.case == case && stamp.milestone == milestone && stamp.at == Some(to)
            });
            if stands {
                return Err("The record says so already; there is nothing to change.".to_owned());
            }
            (Corrected::Stamp { case, milestone, to: Some(to) }, Some(why(filled)?))
        }
        "withdraw" => {
            let (case, milestone) = filled.stamp.split_once(' ').ok_or("Choose the stamp that did not happen.")?;
            let (case, milestone) = (case_of(case, audit)?, milestone_of(milestone)?);
            (Corrected::Stamp { case, milestone, to: None }, Some(why(filled)?))
        }
        "admission" => {
            let kind = ListKind::from_name(&filled.kind).ok_or("Choose emergency or elective.")?;
            (Corrected::Admission { case: case_of(&filled.case, audit)?, kind }, Some(why(filled)?))
        }
        "room" => {
            let (site, room) = room_of(&filled.room, audit, recorder)?;
            (Corrected::Room { case: case_of(&filled.case, audit)?, site, room }, Some(why(filled)?))
        }
        "reason" => reason_of(filled, audit, recorder)?,
        _ => return Err("This form is none of this page. Open the list again.".to_owned()),
    };
    Ok(Correction {
        number,
        site: audit.result.site.clone(),
        room: audit.result.room.clone(),
        session: audit.result.key.clone(),
        start: audit.result.planned_start,
        author,
        reason,
        what,
    })
}

/// The correction in words, for the record of access.
pub(crate) fn in_words(list: &str, correction: &Correction) -> String {
    let what = match &correction.what {
        Corrected::Stamp { case, milestone, to: Some(to) } => format!("case {case}: {milestone} at {to}"),
        Corrected::Stamp { case, milestone, to: None } => format!("case {case}: {milestone} did not happen"),
        Corrected::Admission { case, kind } => format!("case {case}: {kind}"),
        Corrected::Room { case, site, room } => format!("case {case}: was in {site}/{room}"),
        Corrected::Reason { about, case: Some(case) } => format!("case {case}: reason for {about}"),
        Corrected::Reason { about, case: None } => format!("reason for {about}"),
    };
    let reason = correction.reason.as_ref().map_or("taken back", |reason| reason.as_str());
    format!("{list}: {what} ({reason})")
}

fn case_of(text: &str, audit: &Audit) -> Result<Token, String> {
    let case: Token = text.parse().map_err(|_| "Choose a case.".to_owned())?;
    let is_here =
        audit.result.cases.iter().any(|known| known.id == case) || audit.stamps.iter().any(|stamp| stamp.case == case);
    if is_here { Ok(case) } else { Err("This case is no more on this list. Open the list again.".to_owned()) }
}

fn milestone_of(text: &str) -> Result<Milestone, String> {
    Milestone::from_name(text).ok_or_else(|| "Choose a milestone.".to_owned())
}

/// A reason in a few words that is nobody's name or number, as far as a program can tell.
fn why(filled: &Filled) -> Result<Label, String> {
    let text = filled.reason.trim();
    if text.is_empty() {
        return Err("Say why, in a few words.".to_owned());
    }
    if personal::holds_a_number(text) {
        return Err("The reason has a number in it like a patient's or a telephone's. Leave it out.".to_owned());
    }
    Label::new(text).map_err(|error| format!("The reason {error}."))
}

fn instant(filled: &Filled, audit: &Audit) -> Result<UtcMillis, String> {
    let date = NaiveDate::parse_from_str(&filled.date, "%Y-%m-%d")
        .map_err(|_| "Write the date like 2022-02-11.".to_owned())?;
    let time = NaiveTime::parse_from_str(&filled.time, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(&filled.time, "%H:%M"))
        .map_err(|_| "Write the time like 09:31.".to_owned())?;
    let list = &audit.result;
    let at = Local::new(audit.zone)
        .instant(date.and_time(time), list.planned_start)
        .ok_or_else(|| "That night the clocks went forward, and this time did not exist. Check it.".to_owned())?;
    let (first, last) = (list.planned_start.plus_minutes(-REACH_MINUTES), list.planned_end.plus_minutes(REACH_MINUTES));
    if at < first || at > last {
        return Err("This is more than a day from the list. Check the date.".to_owned());
    }
    if at.millis_since(audit.as_at) > AHEAD_MILLIS {
        return Err("This is still to come. Check date and time.".to_owned());
    }
    Ok(at)
}

fn room_of(text: &str, audit: &Audit, recorder: &dyn Recorder) -> Result<(SiteId, RoomId), String> {
    let (site, room) = text.split_once('/').ok_or("Choose a room.")?;
    let rooms = recorder.rooms();
    let known = rooms.into_iter().find(|(s, r, _)| s.as_str() == site && r.as_str() == room);
    let (site, room, name) = known.ok_or("There is no such room. Open the list again.")?;
    if site == audit.result.site && room == audit.result.room {
        return Err(format!("The record says already that it was in {name}."));
    }
    Ok((site, room))
}

fn reason_of(filled: &Filled, audit: &Audit, recorder: &dyn Recorder) -> Result<(Corrected, Option<Label>), String> {
    let about = RemarkAbout::from_name(&filled.about).filter(|about| REASONS_FOR.contains(about));
    let about = about.ok_or("Choose what the reason is for.")?;
    let case = match about {
        RemarkAbout::Gap | RemarkAbout::Cancellation => Some(case_of(&filled.case, audit)?),
        RemarkAbout::LateStart | RemarkAbout::Overrun | RemarkAbout::Admission | RemarkAbout::Room => None,
    };
    let given = audit.remarks.iter().find(|remark| remark.used && remark.about == about && remark.case == case);
    let given = given.and_then(|remark| remark.reason.as_ref());
    let reason = match filled.reason.as_str() {
        "" => None,
        text => Some(
            recorder
                .reasons(about)
                .into_iter()
                .find(|known| known.as_str() == text)
                .ok_or("Choose a reason of the list.")?,
        ),
    };
    if given == reason.as_ref() {
        return Err("The record says so already; there is nothing to change.".to_owned());
    }
    Ok((Corrected::Reason { about, case }, reason))
}
