//! What people said of a list or its cases: why it was late, why it overran, why its record was changed.

use std::collections::BTreeMap;

use room_events::topic::AgentAddress;
use room_events::{Label, Remark, RemarkAbout, SessionKey, Token, UtcMillis};

use super::RoomTimeline;
use super::record::{Precedence, Record, Word, last_word};

/// What one record says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RemarkSaid {
    about: RemarkAbout,
    case: Option<Token>,
    reason: Option<Label>,
    author: Option<Label>,
}

/// One remark on a list, with who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemarkRecord {
    /// What it is about.
    pub about: RemarkAbout,
    /// The case that it is about.
    pub case: Option<Token>,
    /// The reason; absent: what was said before is withdrawn.
    pub reason: Option<Label>,
    /// Who said it.
    pub author: Option<Label>,
    /// When it was said.
    pub at: UtcMillis,
    /// The agent or collector that recorded it.
    pub agent: AgentAddress,
    /// It is the word that counts.
    pub used: bool,
}

pub(super) fn insert(
    remarks: &mut BTreeMap<SessionKey, Vec<Word<RemarkSaid>>>,
    record: &Record,
    said: &Remark,
) -> bool {
    let words = remarks.entry(said.session.clone()).or_default();
    let (reason, author) = (said.reason.clone(), said.author.clone());
    Word::of(record, RemarkSaid { about: said.about, case: said.case, reason, author }).insert_into(words)
}

impl RoomTimeline {
    /// All that was said of a list, by subject and case; of one subject the word that counts is the last.
    pub fn remarks(&self, session: &SessionKey, precedence: &Precedence) -> Vec<RemarkRecord> {
        let Some(words) = self.remarks.get(session) else { return Vec::new() };
        let mut sorted: Vec<&Word<RemarkSaid>> = words.iter().collect();
        let subject = |word: &Word<RemarkSaid>| (word.said.about, word.said.case);
        sorted.sort_by(|a, b| subject(a).cmp(&subject(b)).then_with(|| precedence.rank_words(a, b)));
        let is_last = |word: &Word<RemarkSaid>| {
            let same = words.iter().filter(|other| subject(other) == subject(word));
            last_word(same, precedence).is_some_and(|last| last == word)
        };
        let record = |word: &&Word<RemarkSaid>| RemarkRecord {
            about: word.said.about,
            case: word.said.case,
            reason: word.said.reason.clone(),
            author: word.said.author.clone(),
            at: word.at,
            agent: word.agent.clone(),
            used: is_last(word),
        };
        sorted.iter().map(record).collect()
    }
}
