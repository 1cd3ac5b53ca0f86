//! [`Random`]: the same numbers for the same seed, everywhere and always.

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough for invented patients.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each scanner and day, so that one more day changes no other.
    pub(crate) fn new(seed: u64, scanner: u64, day: i32) -> Self {
        let day = u64::from(day.unsigned_abs());
        Self(seed ^ scanner.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ day.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True so often.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// Log-normal with this mean and standard deviation, because durations are never negative and have a long tail.
    pub(crate) fn duration(&mut self, mean: f64, deviation: f64) -> f64 {
        let variance = (1.0 + (deviation / mean).powi(2)).ln();
        // Box and Muller; 1 - share is never 0.
        let normal = (-2.0 * (1.0 - self.share()).ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos();
        (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp()
    }

    /// One of several, by weight; `None` only of none.
    pub(crate) fn choose<'a, T>(&mut self, of: &'a [T], weight: impl Fn(&T) -> f64) -> Option<&'a T> {
        let mut left = self.share() * of.iter().map(&weight).sum::<f64>();
        let chosen = of.iter().find(|one| {
            left -= weight(one);
            left < 0.0
        });
        chosen.or_else(|| of.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_their_mean_and_deviation() {
        let mut random = Random::new(1, 2, 3);
        let all: Vec<f64> = (0..100_000).map(|_| random.duration(20.0, 5.0)).collect();
        let mean = all.iter().sum::<f64>() / 1e5;
        let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
        assert!((mean - 20.0).abs() < 0.1, "{mean}");
        assert!((deviation - 5.0).abs() < 0.1, "{deviation}");
    }
}
