//! [`Variation`]: how far units differ in one measure, and in which quartile each stands.
//!
//! Quartiles are of type 7 (Hyndman and Fan), the default of R and of spreadsheets' `QUARTILE.INC`. Fewer than four
//! units have no quartiles worth the name, so there are none.

use crate::measure::Direction;

/// Fewer units than this have no variation.
pub const LEAST_UNITS: usize = 4;

/// The spread of a measure over units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    /// How many units have a value.
    pub n: usize,
    /// The least value.
    pub least: f64,
    /// A quarter of the way up.
    pub lower_quartile: f64,
    /// Half of the way up.
    pub median: f64,
    /// Three quarters of the way up.
    pub upper_quartile: f64,
    /// The greatest value.
    pub greatest: f64,
}

/// Where a unit stands among its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quartile {
    /// The worst quarter.
    Lowest,
    /// Below the middle.
    LowerMiddle,
    /// Above the middle.
    UpperMiddle,
    /// The best quarter, called the upper quartile whichever way the measure goes.
    Upper,
}

impl Quartile {
    /// 1 to 4, 4 the best.
    pub const fn number(self) -> u8 {
        match self {
            Self::Lowest => 1,
            Self::LowerMiddle => 2,
            Self::UpperMiddle => 3,
            Self::Upper => 4,
        }
    }
}

impl Variation {
    /// Over the units' values; absent for fewer than [`LEAST_UNITS`]. Values that are no number are passed over.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        if sorted.len() < LEAST_UNITS {
            return None;
        }
        let quarter = |quarters| type_7(&sorted, quarters);
        Some(Self {
            n: sorted.len(),
            least,
            lower_quartile: quarter(1),
            median: quarter(2),
            upper_quartile: quarter(3),
            greatest,
        })
    }

    /// The spread: upper less lower quartile.
    pub fn spread(&self) -> f64 {
        self.upper_quartile - self.lower_quartile
    }

    /// The quartile of a unit with that value, the upper being the best; a value on a cut is in the better one. Absent
    /// for a measure without a better way.
    pub fn quartile(&self, value: f64, direction: Direction) -> Option<Quartile> {
        let reached = match direction {
            Direction::HigherIsBetter => {
                [self.upper_quartile, self.median, self.lower_quartile].iter().position(|cut| value >= *cut)
            }
            Direction::LowerIsBetter => {
                [self.lower_quartile, self.median, self.upper_quartile].iter().position(|cut| value <= *cut)
            }
            Direction::Neutral => return None,
        };
        Some(match reached {
            Some(0) => Quartile::Upper,
            Some(1) => Quartile::UpperMiddle,
            Some(2) => Quartile::LowerMiddle,
            Some(_) | None => Quartile::Lowest,
        })
    }
}

/// So many quarters of the way from the first to the last of the sorted values, between neighbours in proportion.
fn type_7(sorted: &[f64], quarters: usize) -> f64 {
    let place = (sorted.len() - 1) * quarters;
    let below = sorted[place / 4];
    let above = sorted[(place / 4 + 1).min(sorted.len() - 1)];
    let part = match place % 4 {
        1 => 0.25,
        2 => 0.5,
        3 => 0.75,
        _ => 0.0,
    };
    below + part * (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_r() {
        // quantile(c(1, 2, 4, 7, 11, 16), type = 7)
        let variation = Variation::of(&[16.0, 1.0, 7.0, 2.0, 11.0, 4.0]).unwrap();
        assert_eq!((variation.lower_quartile, variation.median, variation.upper_quartile), (2.5, 5.5, 10.0));
        assert_eq!((variation.least, variation.greatest, variation.spread(), variation.n), (1.0, 16.0, 7.5, 6));
    }

    #[test]
    fn fewer_than_four_units_have_no_variation() {
        assert_eq!(Variation::of(&[1.0, 2.0, 3.0]), None);
        assert_eq!(Variation::of(&[1.0, 2.0, 3.0, f64::NAN]), None);
        assert!(Variation::of(&[1.0, 2.0, 3.0, 4.0]).is_some());
    }

    #[test]
    fn a_value_on_a_cut_is_in_the_better_quartile() {
        let variation = Variation::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let numbers = |direction| {
            [1.0, 2.0, 3.0, 4.0, 5.0].map(|value| variation.quartile(value, direction).map(Quartile::number))
        };
        assert_eq!(numbers(Direction::HigherIsBetter), [Some(1), Some(2), Some(3), Some(4), Some(4)]);
        assert_eq!(numbers(Direction::LowerIsBetter), [Some(4), Some(4), Some(3), Some(2), Some(1)]);
        assert_eq!(numbers(Direction::Neutral), [None; 5]);
    }
}
