//! Ordered exams from request to report: what orders, scanners and reports say of each, in any order and with any
//! duplicates, as one agreed [`ExamWay`].

use std::collections::BTreeMap;

use room_events::{ExamStage, Observation, RoomKind, SiteId, StepState, Token, TrustId, Urgency, UtcMillis};

use super::record::{Precedence, Record, Word, last_word};

/// An exam's way, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamWay {
    /// The trust.
    pub trust: TrustId,
    /// The site of the request, else of the scan, else of the report.
    pub site: SiteId,
    /// The exam.
    pub exam: Token,
    /// On what kind of scanner, by the request, else by the report.
    pub modality: Option<RoomKind>,
    /// How soon it is wanted.
    pub urgency: Option<Urgency>,
    /// When it was requested.
    pub requested: Option<UtcMillis>,
    /// When the request was withdrawn.
    pub withdrawn: Option<UtcMillis>,
    /// When it was performed: the end of its first completed step; without one, its last image.
    pub scanned: Option<UtcMillis>,
    /// When its final report was issued.
    pub reported: Option<UtcMillis>,
}

/// What one record says of an exam's stage.
type StageSaid = (Option<RoomKind>, Option<Urgency>, SiteId);

/// What one record says of a step: its state, end and site.
type StepSaid = (StepState, Option<UtcMillis>, SiteId);

#[derive(Debug, Default)]
struct Said {
    stages: BTreeMap<ExamStage, Vec<Word<StageSaid>>>,
    /// The records of each step.
    steps: BTreeMap<Token, Vec<Word<StepSaid>>>,
    images: Vec<(UtcMillis, SiteId)>,
}

/// The exams of records; those of other kinds say nothing of them.
pub fn exam_ways<'r>(records: impl IntoIterator<Item = &'r Record>, precedence: &Precedence) -> Vec<ExamWay> {
    let mut exams: BTreeMap<(TrustId, Token), Said> = BTreeMap::new();
    for record in records {
        let trust = || record.agent.trust.clone();
        let site = record.event.site.clone().unwrap_or_else(|| record.agent.site.clone());
        match &record.event.obs {
            Observation::ExamStage(said) => {
                let words = exams.entry((trust(), said.exam)).or_default().stages.entry(said.stage).or_default();
                Word::of(record, (said.modality, said.urgency, site)).insert_into(words);
            }
            Observation::PerformedStep(said) => {
                for exam in &said.accessions {
                    let words = exams.entry((trust(), *exam)).or_default().steps.entry(said.step).or_default();
                    Word::of(record, (said.state, said.end, site.clone())).insert_into(words);
                }
            }
            Observation::Acquisition(said) => {
                exams.entry((trust(), said.exam)).or_default().images.push((said.last, site))
            }
            Observation::Milestone(_)
            | Observation::Correction(_)
            | Observation::Cancellation(_)
            | Observation::Booking(_)
            | Observation::PlanRevision(_)
            | Observation::SignalLevel(_)
            | Observation::Alive(_)
            | Observation::Remark(_)
            | Observation::EventsLost(_)
            | Observation::AgentStarted(_) => {}
        }
    }
    exams.into_iter().filter_map(|((trust, exam), said)| said.agree(trust, exam, precedence)).collect()
}

impl Said {
    fn agree(&self, trust: TrustId, exam: Token, precedence: &Precedence) -> Option<ExamWay> {
        let stage = |stage| self.stages.get(&stage).and_then(|words| last_word(words.iter(), precedence));
        let (requested, reported) = (stage(ExamStage::Requested), stage(ExamStage::Reported));
        let scan = self.scan(precedence);
        let stage_site = |word: Option<&Word<StageSaid>>| word.map(|word| word.said.2.clone());
        let site = stage_site(requested)
            .or_else(|| scan.as_ref().map(|(_, site)| site.clone()))
            .or_else(|| stage_site(reported))
            .or_else(|| self.stages.values().flatten().map(|word| word.said.2.clone()).min())?;
        Some(ExamWay {
            trust,
            site,
            exam,
            modality: requested.and_then(|word| word.said.0).or(reported.and_then(|word| word.said.0)),
            urgency: requested.and_then(|word| word.said.1),
            requested: requested.map(|word| word.at),
            withdrawn: stage(ExamStage::Withdrawn).map(|word| word.at),
            scanned: scan.map(|(at, _)| at),
            reported: reported.map(|word| word.at),
        })
    }

    fn scan(&self, precedence: &Precedence) -> Option<(UtcMillis, SiteId)> {
        let completed = self.steps.values().filter_map(|words| {
            // Of the source that is believed most, the first final word, as for the step itself.
            let finals = || words.iter().filter(|word| word.said.0 != StepState::InProgress);
            let last = last_word(finals(), precedence)?;
            let counts = finals().find(|word| word.source == last.source)?;
            let end = counts.said.1.filter(|_| counts.said.0 == StepState::Completed)?;
            Some((end, counts.said.2.clone()))
        });
        completed.min().or_else(|| self.images.iter().max().cloned())
    }
}
