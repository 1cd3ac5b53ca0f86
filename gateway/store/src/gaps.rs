//! Numbers that an agent declared gone: what is lost, and what another agent with the same stream has after all.

use delivery::receiver::{Mark, SeqRange};
use room_events::topic::AgentAddress;
use room_events::{Seq, StreamId, UtcMillis};
use rusqlite::params;

use crate::filing::{find_agent, find_stream};
use crate::reader::{address, damaged};
use crate::{Reader, StoreError};

/// Numbers that an agent declared gone before their events arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub agent: AgentAddress,
    /// In which stream.
    pub stream: StreamId,
    /// Which.
    pub seqs: SeqRange,
    /// When the message came that declared it.
    pub declared: UtcMillis,
}

impl Reader {
    /// Every gap, in order of agent, stream and number. Of a stream that several agents send, only what came from none of
    /// them, and once: a copy of an outbox may lack what the first one sent, and the other way round.
    pub fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        // Both questions are about one moment.
        let moment = self.connection.unchecked_transaction()?;
        let mut statement = moment.prepare(
            "SELECT a.trust, a.site, a.agent, s.stream, g.first, g.last, g.received,
                EXISTS (SELECT 1 FROM streams o WHERE o.stream = s.stream AND o.id <> s.id)
             FROM gaps g JOIN streams s ON s.id = g.stream JOIN agents a ON a.id = s.agent
             ORDER BY a.trust, a.site, a.agent, s.id, g.first",
        )?;
        let mut rows = statement.query([])?;
        let (mut declared, mut shared) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let seqs = range(row.get(4)?, row.get(5)?)?;
            let gap = Gap {
                agent: address(row)?,
                stream: StreamId(u128::from_be_bytes(row.get(3)?)),
                seqs,
                declared: UtcMillis::saturating(row.get(6)?),
            };
            if row.get(7)? && !shared.contains(&gap.stream) {
                shared.push(gap.stream);
            }
            declared.push(gap);
        }
        let mut gaps = declared;
        for stream in shared {
            let mut elsewhere = self.arrived(stream, &gaps)?;
            let (theirs, others) = gaps.into_iter().partition(|gap| gap.stream == stream);
            gaps = others;
            let theirs: Vec<Gap> = theirs;
            for gap in theirs {
                let lost = elsewhere.iter().fold(vec![gap.seqs], |left, held| without(&left, *held));
                elsewhere.extend(&lost);
                gaps.extend(lost.into_iter().map(|seqs| Gap { seqs, ..gap.clone() }));
            }
        }
        gaps.sort_by(|a, b| (&a.agent, a.stream, a.seqs).cmp(&(&b.agent, b.stream, b.seqs)));
        Ok(gaps)
    }

    /// Which numbers of a stream came from any of the agents that send it.
    fn arrived(&self, stream: StreamId, gaps: &[Gap]) -> Result<Vec<SeqRange>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT a.trust, a.site, a.agent FROM streams s JOIN agents a ON a.id = s.agent WHERE s.stream = ?1",
        )?;
        let mut rows = statement.query(params![stream.0.to_be_bytes()])?;
        let mut arrived = Vec::new();
        while let Some(row) = rows.next()? {
            let agent = address(row)?;
            let mark = find_agent(&self.connection, &agent)?
                .map(|id| find_stream(&self.connection, id, stream))
                .transpose()?
                .flatten()
                .map_or_else(Mark::default, |(_, mark)| mark);
            let all = SeqRange { first: Seq::FIRST, last: Seq(mark.through()) };
            let accounted = std::iter::once(all).chain(mark.above().iter().copied()).filter(|r| r.first <= r.last);
            let own_gaps = gaps.iter().filter(|gap| gap.stream == stream && gap.agent == agent);
            arrived.extend(own_gaps.fold(accounted.collect(), |left: Vec<_>, gap| without(&left, gap.seqs)));
        }
        Ok(arrived)
    }
}

/// What of the ranges lies outside of another.
fn without(ranges: &[SeqRange], other: SeqRange) -> Vec<SeqRange> {
    let parts = ranges.iter().flat_map(|range| {
        let before = SeqRange { first: range.first, last: range.last.min(Seq(other.first.0.saturating_sub(1))) };
        let after = SeqRange { first: range.first.max(other.last.next()), last: range.last };
        [before, after]
    });
    parts.filter(|part| part.first <= part.last).collect()
}

fn range(first: i64, last: i64) -> Result<SeqRange, StoreError> {
    let seq = |seq: i64| u64::try_from(seq).map(Seq).map_err(|error| damaged("gaps", &error));
    Ok(SeqRange { first: seq(first)?, last: seq(last)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_loses_its_beginning_middle_or_end() {
        let range = |first, last| SeqRange { first: Seq(first), last: Seq(last) };
        for (other, left) in [
            (range(1, 4), vec![range(5, 9)]),
            (range(6, 7), vec![range(5, 5), range(8, 9)]),
            (range(8, 20), vec![range(5, 7)]),
            (range(1, 20), vec![]),
            (range(10, 20), vec![range(5, 9)]),
        ] {
            assert_eq!(without(&[range(5, 9)], other), left, "{other}");
        }
    }
}
