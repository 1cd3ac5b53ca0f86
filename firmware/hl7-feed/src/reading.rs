//! [`Reading`]: a message and a mapping to what the message says.
//!
//! What is good in a message counts even where something else in it is wrong; the sender is told of the rest. To record
//! a thing twice is harmless, because the later word on it replaces the earlier.

use std::borrow::Cow;

use room_events::{
    Booking, Cancellation, Correction, ExamReached, Identifier, Label, Milestone, MilestoneReached, Observation,
    PerformedStep, RoomId, SiteId, StepState, Token, TokenMaker, UtcMillis,
};

use serde::{Deserialize, Serialize};

use crate::field::FieldRef;
use crate::mapping::{
    BookingRule, CancellationRule, Code, Condition, ExamRule, IdRule, Mapping, Number, Rule, StageRule, Text, TimeRule,
};
use crate::message::{Group, Message, Value};
use crate::personal::Personal;
use crate::problem::{ErrorCode, Problem};
use crate::time::{NoInstant, Zone};

/// What one message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Observations, in the order of the message.
    pub said: Vec<Said>,
    /// Ends of exams whose start an earlier message told, or a later one will.
    pub ends: Vec<ExamEnd>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// No rule of the mapping takes messages of its type.
    pub is_unlisted: bool,
}

/// One observation of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The site, where the mapping names one.
    pub site: Option<SiteId>,
    /// The room, where there is one.
    pub room: Option<RoomId>,
    /// When it happened.
    pub at: UtcMillis,
    /// Of two records of one thing the higher is the later word; absent: the later one heard.
    pub order: Option<u64>,
    /// What was observed.
    pub obs: Observation,
}

/// An exam's end without its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamEnd {
    site: Option<SiteId>,
    room: Option<RoomId>,
    order: Option<u64>,
    end: UtcMillis,
    /// Its start is only a place for the real one.
    step: PerformedStep,
}

impl ExamEnd {
    /// The exam, as the token of its step.
    #[must_use]
    pub const fn exam(&self) -> Token {
        self.step.step
    }

    /// The whole exam, now that its start is known.
    #[must_use]
    pub fn with_start(self, start: UtcMillis) -> Said {
        let obs = Observation::PerformedStep(PerformedStep { start, ..self.step });
        Said { site: self.site, room: self.room, at: self.end, order: self.order, obs }
    }
}

/// How messages become observations.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The mapping of the sending system.
    pub mapping: &'a Mapping,
    /// Makes tokens of numbers.
    pub tokens: &'a dyn TokenMaker,
    /// When the message was heard.
    pub heard: UtcMillis,
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Reading<'_> {
    /// What a message says.
    #[must_use]
    pub fn read(&self, message: &Message<'_>) -> Read {
        let mut read = Read::default();
        let zone = Zone { site: self.mapping.zone, header: None, heard: self.heard };
        let made = message.value("MSH", 7, 1);
        // A date alone is no instant and gives no order; that is no fault of the message.
        let made = made.as_deref().and_then(|text| zone.instant(text).ok());
        let zone = made.map_or(zone, |(at, offset)| zone.under_header(at, offset));
        let of_message = OfMessage {
            tokens: self.tokens,
            zone,
            made: made.map(|(at, _)| at),
            heard: self.heard,
            personal: Personal::of(message),
        };
        let kind = message.value("MSH", 9, 1).unwrap_or_default();
        let trigger = message.value("MSH", 9, 2).unwrap_or_default();
        read.is_unlisted = true;
        for rule in self.mapping.rules.iter().filter(|rule| rule.takes(&kind, &trigger)) {
            read.is_unlisted = false;
            match &rule.each {
                None => of_message.read_group(rule, message.whole(), &mut read),
                Some(segment) => {
                    message.groups(segment).for_each(|group| of_message.read_group(rule, group, &mut read));
                }
            }
        }
        read
    }
}

impl Rule {
    fn takes(&self, kind: &str, trigger: &str) -> bool {
        self.types.iter().any(|one| one.kind == kind && one.trigger.as_deref().is_none_or(|wanted| wanted == trigger))
    }
}

/// What holds for all groups of a message.
struct OfMessage<'a> {
    tokens: &'a dyn TokenMaker,
    zone: Zone,
    made: Option<UtcMillis>,
    heard: UtcMillis,
    personal: Personal,
}

type Found<T> = Result<Option<T>, Problem>;

impl OfMessage<'_> {
    fn read_group(&self, rule: &Rule, group: Group<'_, '_>, read: &mut Read) {
        let holds = |condition: &Condition| match group.get(&condition.field) {
            Value::Text(text) => condition.values.iter().any(|value| *value == text),
            Value::Absent | Value::Deleted => condition.values.iter().any(String::is_empty),
        };
        if !rule.when.iter().all(holds) || rule.unless.iter().any(holds) {
            return;
        }
        let about = || -> Result<(Option<SiteId>, Option<RoomId>, Token), Problem> {
            let site = rule.site.as_ref().map(|rule| id(rule, group, SiteId::new)).transpose()?;
            let room = rule.room.as_ref().map(|rule| id(rule, group, RoomId::new)).transpose()?;
            Ok((site, room, self.token(&rule.case, group)?))
        };
        let (site, room, case) = match about() {
            Ok(about) => about,
            Err(problem) => return read.problems.push(problem),
        };
        let order = self.made.and_then(|at| u64::try_from(at.millis()).ok());
        let mut say = |found: Found<(UtcMillis, Observation)>| match found {
            Ok(None) => {}
            Ok(Some((at, obs))) => read.said.push(Said { site: site.clone(), room: room.clone(), at, order, obs }),
            Err(problem) => read.problems.push(problem),
        };
        if let Some(rule) = &rule.booking {
            let (booking, problems) = self.booking(rule, case, group);
            say(Ok(Some((self.told(), Observation::Booking(booking)))));
            problems.into_iter().for_each(|problem| say(Err(problem)));
        }
        for (name, time) in &rule.milestones {
            say(self.milestone(case, *name, time, group));
        }
        if let Some(rule) = &rule.milestone {
            let name = code(&rule.code, group);
            say(name.and_then(|name| name.map_or(Ok(None), |name| self.milestone(case, name, &rule.time, group))));
        }
        if let Some(rule) = &rule.cancellation {
            say(self.cancellation(rule, case, group));
        }
        if let Some(rule) = &rule.stage {
            say(self.stage(rule, case, group));
        }
        if let Some(exam) = &rule.exam {
            match self.exam(exam, &rule.case, case, group) {
                Ok(None) => {}
                Ok(Some(Exam::Known(at, step))) => say(Ok(Some((at, Observation::PerformedStep(step))))),
                Ok(Some(Exam::EndOnly(end, step))) => read.ends.push(ExamEnd { site, room, order, end, step }),
                Err(problem) => say(Err(problem)),
            }
        }
    }

    /// When the message was made, by its header, else when it was heard.
    fn told(&self) -> UtcMillis {
        self.made.unwrap_or(self.heard)
    }

    fn token(&self, number: &Number, group: Group<'_, '_>) -> Result<Token, Problem> {
        let found = match group.get(&number.field) {
            Value::Text(text) => self.tokens.token_of(number.kind, &text),
            Value::Absent | Value::Deleted => None,
        };
        found.ok_or_else(|| {
            let remedy = "have the sender fill it, or map the field that has it";
            Problem::of_field(ErrorCode::Missing, &number.field, None, "has no number", remedy)
        })
    }

    fn milestone(
        &self,
        case: Token,
        name: Milestone,
        time: &TimeRule,
        group: Group<'_, '_>,
    ) -> Found<(UtcMillis, Observation)> {
        // `""` takes back what was said before.
        if group.get(&time.time) == Value::Deleted {
            let withdrawn = Correction { case, name, to: None, author: None, reason: None };
            return Ok(Some((self.told(), Observation::Correction(withdrawn))));
        }
        let at = self.instant(time, group)?;
        Ok(at.map(|at| (at, Observation::Milestone(MilestoneReached::new(case, name)))))
    }

    /// A booking is told as far as it can be read; one part that cannot does not take the rest away.
    fn booking(&self, rule: &BookingRule, case: Token, group: Group<'_, '_>) -> (Booking, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut keep = Keep(&mut problems);
        let booking = Booking {
            case,
            start: keep.of(rule.start.as_ref().map(|time| self.instant(time, group))),
            minutes: keep.of(rule.minutes.as_ref().map(|field| minutes(field, group))),
            session: None,
            specialty: rule.specialty.as_ref().and_then(|field| self.label(field, group)),
            procedure: rule.procedure.as_ref().and_then(|field| self.label(field, group)),
            admission: keep.of(rule.admission.as_ref().map(|rule| code(rule, group))),
            class: keep.of(rule.class.as_ref().map(|rule| code(rule, group))),
            issued: keep.of(rule.issued.as_ref().map(|time| self.instant(time, group))).or(self.made),
        };
        (booking, problems)
    }

    fn cancellation(
        &self,
        rule: &CancellationRule,
        case: Token,
        group: Group<'_, '_>,
    ) -> Found<(UtcMillis, Observation)> {
        let at = match &rule.time {
            Some(time) => self.instant(time, group)?,
            None => None,
        };
        let class = rule.class.as_ref().map_or(Ok(None), |rule| code(rule, group))?;
        let reason = match &rule.reason {
            None => None,
            Some(Text::Constant(text)) => Label::fitted(text),
            // Where nobody is named a reason in words cannot be held against any name.
            Some(Text::Field(_)) if self.personal.is_nobody() => None,
            Some(Text::Field(field)) => self.label(field, group),
        };
        let cancellation = Cancellation { case, class, reason };
        Ok(Some((at.unwrap_or_else(|| self.told()), Observation::Cancellation(cancellation))))
    }

    fn stage(&self, rule: &StageRule, exam: Token, group: Group<'_, '_>) -> Found<(UtcMillis, Observation)> {
        let at = match &rule.time {
            Some(time) => self.instant(time, group)?,
            None => None,
        };
        let modality = rule.modality.as_ref().map_or(Ok(None), |rule| code(rule, group))?;
        let urgency = rule.urgency.as_ref().map_or(Ok(None), |rule| code(rule, group))?;
        let reached = ExamReached { exam, stage: rule.stage, modality, urgency };
        Ok(Some((at.unwrap_or_else(|| self.told()), Observation::ExamStage(reached))))
    }

    fn exam(&self, rule: &ExamRule, number: &Number, exam: Token, group: Group<'_, '_>) -> Found<Exam> {
        let Some(state) = code(&rule.state, group)? else { return Ok(None) };
        let start = self.instant(&rule.start, group)?;
        let end = rule.end.as_ref().map_or(Ok(None), |time| self.instant(time, group))?;
        let is_final = state != StepState::InProgress;
        let Some(some_time) = start.or(end.filter(|_| is_final)) else {
            let remedy = "have the sender fill it, or map the field that has it";
            return Err(Problem::of_field(
                ErrorCode::Missing,
                &rule.start.time,
                None,
                "has no time of the exam",
                remedy,
            ));
        };
        let text_of_number = text(group, &number.field).unwrap_or_default();
        // One step an exam: a system that sends no steps of its own repeats the exam's number.
        let step = self.tokens.token_of(Identifier::Step, &format!("hl7 {}", text_of_number.trim())).unwrap_or(exam);
        let of = |number: &Option<Number>| number.as_ref().and_then(|number| self.token(number, group).ok());
        let step = PerformedStep {
            step,
            state,
            start: some_time,
            end: end.filter(|_| is_final),
            accessions: [exam].into_iter().collect(),
            visit: of(&rule.visit),
            patient: of(&rule.patient),
            protocol: rule.protocol.as_ref().and_then(|field| self.label(field, group)),
            reason: None,
        };
        Ok(Some(match start {
            Some(start) => Exam::Known(step.end.unwrap_or(start), step),
            None => Exam::EndOnly(some_time, step),
        }))
    }

    fn instant(&self, rule: &TimeRule, group: Group<'_, '_>) -> Found<UtcMillis> {
        let (Some(time), date) = (text(group, &rule.time), rule.date.as_ref().map(|date| text(group, date))) else {
            return Ok(None);
        };
        let whole = match date {
            None => time,
            Some(Some(date)) => Cow::Owned(format!("{}{}", date.trim(), time.trim())),
            Some(None) => {
                let remedy = "have the sender fill it, or map the field that has date and time";
                let place = rule.date.as_ref().unwrap_or(&rule.time);
                return Err(Problem::of_field(ErrorCode::Missing, place, None, "has no date", remedy));
            }
        };
        let wrong = |detail, remedy| Problem::of_field(ErrorCode::DataType, &rule.time, Some(&whole), detail, remedy);
        match self.zone.instant(&whole) {
            Ok((at, _)) => Ok(Some(at)),
            Err(NoInstant::TooCoarse) => {
                Err(wrong("is a date, not an instant", "map the field that has hour and minute, or have it sent"))
            }
            Err(NoInstant::NotATime) => Err(wrong("is not a time", "have it sent as YYYYMMDDHHMM")),
        }
    }

    /// A text in words. One with a part of the person's name or numbers in it, or any number like theirs, is left out.
    fn label(&self, field: &FieldRef, group: Group<'_, '_>) -> Option<Label> {
        text(group, field).filter(|text| !self.personal.is_in(text)).and_then(|text| Label::fitted(&text))
    }
}

/// What is told of an exam.
enum Exam {
    /// With its start; and when that happened.
    Known(UtcMillis, PerformedStep),
    /// Its end alone.
    EndOnly(UtcMillis, PerformedStep),
}

/// Takes what was found and puts aside what is wrong.
struct Keep<'p>(&'p mut Vec<Problem>);

impl Keep<'_> {
    fn of<T>(&mut self, found: Option<Found<T>>) -> Option<T> {
        match found {
            None => None,
            Some(Ok(value)) => value,
            Some(Err(problem)) => {
                self.0.push(problem);
                None
            }
        }
    }
}

fn text<'m>(group: Group<'m, '_>, field: &FieldRef) -> Option<Cow<'m, str>> {
    match group.get(field) {
        Value::Text(text) if !text.trim().is_empty() => Some(text),
        Value::Text(_) | Value::Absent | Value::Deleted => None,
    }
}

fn minutes(field: &FieldRef, group: Group<'_, '_>) -> Found<u16> {
    let Some(text) = text(group, field) else { return Ok(None) };
    let number = text.trim().trim_end_matches(".0").parse().map(Some);
    number.map_err(|_| {
        Problem::of_field(ErrorCode::DataType, field, Some(&text), "is not a number of minutes", "map another field")
    })
}

fn code<T: Copy>(rule: &Code<T>, group: Group<'_, '_>) -> Found<T> {
    let (field, values, others_ignored) = match rule {
        Code::Constant(constant) => return Ok(Some(*constant)),
        Code::Field { field, values, others_ignored } => (field, values, *others_ignored),
    };
    let Some(text) = text(group, field) else { return Ok(None) };
    match values.iter().find(|(from, _)| from == text.trim()) {
        Some((_, meaning)) => Ok(*meaning),
        None if others_ignored => Ok(None),
        None => {
            let remedy = "give it a meaning in the mapping's values, or \"*\" = \"ignore\"";
            Err(Problem::of_field(ErrorCode::Table, field, Some(&text), "has no meaning", remedy))
        }
    }
}

fn id<T: Clone>(
    rule: &IdRule<T>,
    group: Group<'_, '_>,
    new: fn(&str) -> Result<T, room_events::id::IdError>,
) -> Result<T, Problem> {
    let (field, values, prefix, lower_case, dashes) = match rule {
        IdRule::Constant(id) => return Ok(id.clone()),
        IdRule::Field { field, values, prefix, lower_case, dashes } => (field, values, prefix, *lower_case, *dashes),
    };
    let Some(text) = text(group, field) else {
        let remedy = "have the sender fill it, or map the field that has it";
        return Err(Problem::of_field(ErrorCode::Missing, field, None, "is empty", remedy));
    };
    let text = text.trim();
    let mut name = match values.iter().find(|(from, _)| from == text) {
        Some((_, to)) => to.clone(),
        None => {
            let mut name = if lower_case { text.to_lowercase() } else { text.to_owned() };
            if dashes {
                name = dashed(&name);
            }
            format!("{prefix}{name}")
        }
    };
    // The longest id has 32; what is longer is refused in any case.
    name.truncate(name.char_indices().nth(64).map_or(name.len(), |(at, _)| at));
    new(&name).map_err(|_| {
        let remedy = "give it an id in the mapping's values, or set dashes = true";
        Problem::of_field(ErrorCode::Table, field, Some(text), "cannot be an id of a-z, 0-9 and -", remedy)
    })
}

fn dashed(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}
