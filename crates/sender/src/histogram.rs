//! Durations counted in buckets, so that the percentiles of ten million take no more room than those
//! of ten.

use std::time::Duration;

/// Each power of two is cut into this many buckets, so that a bucket is at most 1/128 of its values wide.
const STEPS_BITS: u32 = 7;
const STEPS: usize = 1 << STEPS_BITS;
/// Values from two to this power on (microseconds: two weeks) share the last bucket.
const VALUE_BITS: u32 = 40;
const BUCKETS: usize = STEPS * (VALUE_BITS - STEPS_BITS + 1) as usize;

/// Counts of durations, in 34 KiB whatever their number.
///
/// A percentile is by nearest rank and never less than the exact one; it is more by at most 1/128
/// (0.8 %) and the microsecond to which durations are cut. The largest is exact to that microsecond.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    n: u64,
    max_us: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], n: 0, max_us: 0 }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket_of(us)] += 1;
        self.n += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Returns the duration that `thousandths` of all are not longer than; nothing when there are none.
    pub(crate) fn percentile(&self, thousandths: u32) -> Option<Duration> {
        let rank = (u128::from(self.n) * u128::from(thousandths)).div_ceil(1000).max(1);
        let mut seen = 0_u128;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(Duration::from_micros(last_of(bucket).min(self.max_us)));
            }
        }
        None
    }
}

/// Returns the bucket of a value. Values below 256 have one each.
fn bucket_of(us: u64) -> usize {
    let us = us.min((1 << VALUE_BITS) - 1);
    let bits = u64::BITS - us.leading_zeros();
    let shift = bits.saturating_sub(STEPS_BITS + 1);
    // Below 256 after the shift, and the shift is at most 32.
    shift as usize * STEPS + usize::try_from(us >> shift).unwrap_or(usize::MAX)
}

/// Returns the largest value of a bucket. That of the last has no end.
fn last_of(bucket: usize) -> u64 {
    if bucket == BUCKETS - 1 {
        return u64::MAX;
    }
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let step = bucket % STEPS + STEPS;
    ((step as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The percentile by its definition: the value at the nearest rank of all, sorted.
    fn exact(values: &mut [u64], thousandths: usize) -> u64 {
        values.sort_unstable();
        values[(values.len() * thousandths).div_ceil(1000).max(1) - 1]
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        for us in values {
            histogram.record(Duration::from_micros(*us));
        }
        histogram
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bucket_of(last_of(bucket)), bucket);
            assert_eq!(bucket_of(last_of(bucket) + 1), bucket + 1);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_has_no_percentile_and_one_value_is_all_of_them() {
        assert_eq!(Histogram::new().percentile(500), None);
        for us in [0, 1, 255, 256, 1_234_567, u64::MAX] {
            for thousandths in [0, 1, 500, 1000] {
                assert_eq!(of(&[us]).percentile(thousandths), Some(Duration::from_micros(us)));
            }
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_never_less_and_hardly_more_than_the_exact_one(
            mut values in prop::collection::vec((0_u64..1 << VALUE_BITS, 0_u32..40).prop_map(|(v, s)| v >> s), 1..300),
            thousandths in 1_u32..=1000,
        ) {
            let found = of(&values).percentile(thousandths).unwrap().as_micros();
            let exact = u128::from(exact(&mut values, thousandths as usize));
            prop_assert!(found >= exact, "{found} < {exact}");
            prop_assert!(found <= exact + exact / 128, "{found} > {exact}");
        }
    }
}
