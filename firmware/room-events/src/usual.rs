//! The usual bytes of a milestone, read without the general reader.
//!
//! Four of five events that a report reads are milestones, in the one form that [`encode`](crate::wire::encode) writes:
//! fields in their order, no white space. Whatever differs by a byte is none of this module's business, and goes the way
//! of all other events; so there is one answer to what an event is.

use crate::{ClockQuality, Event, Milestone, MilestoneReached, Observation, RoomId, SiteId, SourceId, UtcMillis};

/// The milestone, if the bytes are exactly those that are written for one.
pub(crate) fn milestone(bytes: &[u8]) -> Option<Event> {
    let mut rest = Rest(bytes);
    rest.expect(b"{\"v\":1,\"at\":")?;
    let at = rest.instant()?;
    rest.expect(b",\"captured\":")?;
    let captured = rest.instant()?;
    rest.expect(b",\"mono\":")?;
    let mono = rest.number()?;
    rest.expect(b",\"clock\":\"")?;
    let clock = match rest.text()? {
        "external" => ClockQuality::External,
        "synchronised" => ClockQuality::Synchronised,
        "holdover" => ClockQuality::Holdover,
        "unset" => ClockQuality::Unset,
        _ => return None,
    };
    rest.expect(b",\"source\":\"")?;
    let source = SourceId::new(rest.text()?).ok()?;
    rest.expect(b",\"order\":")?;
    let order = rest.number()?;
    let site = match rest.expect(b",\"site\":\"") {
        Some(()) => Some(SiteId::new(rest.text()?).ok()?),
        None => None,
    };
    let room = match rest.expect(b",\"room\":\"") {
        Some(()) => Some(RoomId::new(rest.text()?).ok()?),
        None => None,
    };
    rest.expect(b",\"obs\":{\"milestone\":{\"case\":\"")?;
    let case = rest.text()?.parse().ok()?;
    rest.expect(b",\"name\":\"")?;
    let name = Milestone::from_name(rest.text()?)?;
    if rest.0 != b"}}}" {
        return None;
    }
    let obs = Observation::Milestone(MilestoneReached::new(case, name));
    Some(Event { v: 1, at, captured, mono, clock, source, order, site, room, obs })
}

/// What is not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn expect(&mut self, part: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(part)?;
        Some(())
    }

    /// A text up to its closing quotation mark; none of the texts here has a backslash.
    fn text(&mut self) -> Option<&'b str> {
        let end = self.0.iter().position(|byte| *byte == b'"')?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        core::str::from_utf8(text).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let length = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(length)?;
        if digits.is_empty() || (length > 1 && digits.starts_with(b"0")) {
            return None;
        }
        self.0 = rest;
        digits.iter().try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(*digit - b'0')))
    }

    fn instant(&mut self) -> Option<UtcMillis> {
        UtcMillis::new(i64::try_from(self.number()?).ok()?).ok()
    }
}
