//! [`Spread`]: how long something may still take, as a chance for each whole minute.
//!
//! Lengths of several steps are added chance by chance, not drawn at random: the same lists always give the same
//! forecast, to the minute.

/// At most so many points stand for earlier lengths; more would cost time and change no minute that is shown.
const POINTS: usize = 25;
/// A week in minutes: a longer case or wait is a fault of its source, and would only make the sum slow.
const LONGEST_MIN: f64 = 10_080.0;

/// Chances of lengths in whole minutes; they add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// The minute of the first chance.
    least: i64,
    chances: Vec<f64>,
}

impl Spread {
    /// No time at all, for certain.
    pub fn nothing() -> Self {
        Self { least: 0, chances: vec![1.0] }
    }

    /// As long as these were, each as likely as the others; absent for none. Values that are no number are passed over.
    pub fn of(lengths: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = lengths
            .into_iter()
            .filter(|minutes| minutes.is_finite())
            .map(|m| m.clamp(-LONGEST_MIN, LONGEST_MIN))
            .collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let points: Vec<i64> = thinned(&sorted).into_iter().map(whole).collect();
        let (&least, &most) = (points.first()?, points.last()?);
        let mut chances = vec![0.0; usize::try_from(most - least).ok()? + 1];
        for point in &points {
            if let Some(chance) = usize::try_from(point - least).ok().and_then(|place| chances.get_mut(place)) {
                *chance += 1.0 / points.len() as f64;
            }
        }
        Some(Self { least, chances })
    }

    /// This, and then that.
    #[must_use]
    pub fn and_then(&self, next: &Self) -> Self {
        let mut chances = vec![0.0; self.chances.len() + next.chances.len() - 1];
        for (after, second) in next.chances.iter().enumerate().filter(|(_, chance)| **chance > 0.0) {
            for (sum, first) in chances.iter_mut().skip(after).zip(&self.chances) {
                *sum += first * second;
            }
        }
        Self { least: self.least + next.least, chances }
    }

    /// In how many minutes it is over with that chance. A whole minute stands for the minute around it, so the answer
    /// need not be whole.
    pub fn quantile(&self, chance: f64) -> f64 {
        let mut before = 0.0;
        let mut minute = self.least as f64;
        for here in &self.chances {
            if *here > 0.0 && before + here >= chance {
                return minute - 0.5 + ((chance - before) / here).clamp(0.0, 1.0);
            }
            before += here;
            minute += 1.0;
        }
        minute - 0.5
    }

    /// The chance that it takes no longer than that.
    pub fn chance_within(&self, minutes: i64) -> f64 {
        let Ok(count) = usize::try_from(minutes - self.least + 1) else { return 0.0 };
        self.chances.iter().take(count).sum()
    }
}

/// All of them, or as many in even steps from the shortest to the longest.
fn thinned(sorted: &[f64]) -> Vec<f64> {
    if sorted.len() <= POINTS {
        return sorted.to_vec();
    }
    // The middles of equal parts.
    (0..POINTS).filter_map(|part| sorted.get((2 * part + 1) * sorted.len() / (2 * POINTS)).copied()).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "not longer than a week")]
fn whole(minutes: f64) -> i64 {
    minutes.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_two_steps_add_up_chance_by_chance() {
        // Two dice.
        let die = Spread::of((1..=6).map(f64::from)).unwrap();
        let two = die.and_then(&die);
        for (at_most, of_36) in [(1, 0), (2, 1), (3, 3), (6, 15), (7, 21), (11, 35), (12, 36), (40, 36)] {
            assert!((two.chance_within(at_most) - f64::from(of_36) / 36.0).abs() < 1e-12, "at most {at_most}");
        }
        // 15 of 36 lie below 7, and 3 of the 6 at 7 make half.
        for (chance, minutes) in [(0.0, 1.5), (1.0 / 36.0, 2.5), (0.5, 7.0), (33.0 / 36.0, 10.5), (1.0, 12.5)] {
            assert!((two.quantile(chance) - minutes).abs() < 1e-9, "{chance}");
        }
        assert_eq!(Spread::nothing().and_then(&die), die);
    }

    #[test]
    fn many_lengths_keep_their_middle_and_their_edges() {
        let many = Spread::of((0..1000).map(f64::from)).unwrap();
        for (chance, minutes) in [(0.1, 100.0), (0.5, 500.0), (0.9, 900.0)] {
            assert!((many.quantile(chance) - minutes).abs() <= 20.0, "{chance}");
        }
    }

    #[test]
    fn what_is_no_length_is_passed_over() {
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::INFINITY, -3.0]).unwrap().quantile(0.5), -3.0);
        assert!(Spread::of([1e300, 2.0]).is_some());
    }
}
