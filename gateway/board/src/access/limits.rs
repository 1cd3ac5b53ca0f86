//! How much one visitor may ask for: a bucket that fills by the minute and that each request takes from.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Visitors who are remembered at once; one who is forgotten begins with a full bucket.
const MOST_REMEMBERED: usize = 4096;

/// Buckets by visitor.
#[derive(Debug)]
pub(crate) struct Limit<K> {
    per_minute: u32,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// What is left, in thousandths of a request.
    left: u64,
    at: Duration,
}

impl<K: Hash + Eq> Limit<K> {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one request at `now`, a time since any fixed instant; on refusal says after how many seconds there is one again.
    pub(crate) fn take(&self, key: K, now: Duration) -> Result<(), u64> {
        let full = u64::from(self.per_minute) * 1000;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_REMEMBERED && !buckets.contains_key(&key) {
            // Those who could ask for everything need not be remembered; if all are busy, all begin anew.
            buckets.retain(|_, bucket| refilled(*bucket, now, self.per_minute) < full);
            if buckets.len() >= MOST_REMEMBERED {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: full, at: now });
        let left = refilled(*bucket, now, self.per_minute);
        if let Some(left) = left.checked_sub(1000) {
            *bucket = Bucket { left, at: now.max(bucket.at) };
            return Ok(());
        }
        // The bucket stays as it is: time that is counted in small parts would be rounded away.
        let missing = 1000 - left;
        Err((missing * 60).div_ceil(full.max(1)).max(1))
    }
}

fn refilled(bucket: Bucket, now: Duration, per_minute: u32) -> u64 {
    let full = u64::from(per_minute) * 1000;
    let passed = u64::try_from(now.saturating_sub(bucket.at).as_millis()).unwrap_or(u64::MAX);
    bucket.left.saturating_add(passed.saturating_mul(u64::from(per_minute)) / 60).min(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_answered_at_once_and_then_as_many_as_time_brings() {
        let limit = Limit::new(60);
        let at = Duration::from_millis;
        for _ in 0..60 {
            assert_eq!(limit.take("a", at(0)), Ok(()));
        }
        assert_eq!(limit.take("a", at(0)), Err(1));
        assert_eq!(limit.take("b", at(0)), Ok(()), "another visitor has a bucket of their own");
        assert_eq!(limit.take("a", at(1000)), Ok(()));
        assert_eq!(limit.take("a", at(1001)), Err(1));
        for _ in 0..60 {
            assert_eq!(limit.take("a", at(600_000)), Ok(()), "a bucket holds a minute's worth, however long it stood");
        }
        assert_eq!(limit.take("a", at(600_000)), Err(1));
    }

    #[test]
    fn many_requests_in_short_order_do_not_round_the_time_away() {
        let limit = Limit::new(10);
        let answered = (0..60_000_u64).filter(|n| limit.take((), Duration::from_millis(*n)).is_ok()).count();
        assert_eq!(answered, 10 + 9);
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_visitors() {
        let limit = Limit::new(10);
        for visitor in 0..3 * MOST_REMEMBERED {
            assert_eq!(limit.take(visitor, Duration::ZERO), Ok(()));
        }
        assert!(limit.buckets.lock().unwrap().len() <= MOST_REMEMBERED);
    }
}
