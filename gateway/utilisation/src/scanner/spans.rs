//! [`Spans`]: sets of instants, as disjoint half-open stretches in order.

use room_events::UtcMillis;

use crate::quantity::Minutes;

/// A set of instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans(Vec<(UtcMillis, UtcMillis)>);

impl Spans {
    /// The union of any stretches; what ends before it starts is empty.
    pub fn of(stretches: impl IntoIterator<Item = (UtcMillis, UtcMillis)>) -> Self {
        let mut sorted: Vec<_> = stretches.into_iter().filter(|(from, to)| from < to).collect();
        sorted.sort_unstable();
        let mut spans: Vec<(UtcMillis, UtcMillis)> = Vec::with_capacity(sorted.len());
        for (from, to) in sorted {
            match spans.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                Some(_) | None => spans.push((from, to)),
            }
        }
        Self(spans)
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied())
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (mut i, mut j, mut shared) = (0, 0, Vec::new());
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from < to {
                shared.push((from, to));
            }
            if a.1 < b.1 { i += 1 } else { j += 1 }
        }
        Self(shared)
    }

    /// What is in this one only.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return Self::default() };
        let mut holes = Vec::with_capacity(other.0.len() + 1);
        let mut from = first.0;
        for &(start, end) in &other.0 {
            holes.push((from, start));
            from = from.max(end);
        }
        holes.push((from, last.1));
        self.and(&Self::of(holes))
    }

    /// The stretches, in order.
    pub fn stretches(&self) -> &[(UtcMillis, UtcMillis)] {
        &self.0
    }

    /// How long all stretches are together.
    pub fn length(&self) -> Minutes {
        self.0.iter().map(|&(from, to)| Minutes::between(from, to)).sum()
    }

    /// The stretches in order.
    pub fn iter(&self) -> impl Iterator<Item = (UtcMillis, UtcMillis)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(of: &[(i64, i64)]) -> Spans {
        Spans::of(of.iter().map(|&(from, to)| (UtcMillis::saturating(from), UtcMillis::saturating(to))))
    }

    #[test]
    fn sets_are_joined_shared_and_taken_apart() {
        let (a, b) = (spans(&[(0, 10), (20, 30), (30, 31)]), spans(&[(5, 22), (28, 29), (40, 50)]));
        assert_eq!(a, spans(&[(20, 31), (0, 10)]));
        assert_eq!(a.or(&b), spans(&[(0, 31), (40, 50)]));
        assert_eq!(a.and(&b), spans(&[(5, 10), (20, 22), (28, 29)]));
        assert_eq!(a.without(&b), spans(&[(0, 5), (22, 28), (29, 31)]));
        assert_eq!(b.without(&a), spans(&[(10, 20), (40, 50)]));
        assert_eq!(a.without(&Spans::default()), a);
        assert_eq!(spans(&[(3, 3), (5, 4)]), Spans::default());
    }
}
