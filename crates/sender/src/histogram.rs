//! Durations counted in buckets, so that the percentiles of ten million take no more room than those
//! of ten.

use std::time::Duration;

/// The longest duration that is told apart from longer ones, in microseconds: two weeks.
const LONGEST_US: u64 = 14 * 24 * 60 * 60 * 1_000_000;

/// How many decimal digits of a duration are kept.
const DIGITS: u8 = 3;

/// Counts of durations, whatever their number.
///
/// A percentile is by nearest rank and never less than the exact one; it is more by at most 0.1 % and the
/// microsecond to which durations are cut. The largest is exact to that microsecond.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    max_us: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        match hdrhistogram::Histogram::new_with_bounds(1, LONGEST_US, DIGITS) {
            Ok(counts) => Self { counts, max_us: 0 },
            Err(error) => unreachable!("two weeks in microseconds have a histogram: {error}"),
        }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(LONGEST_US);
        self.counts.saturating_record(us);
        self.max_us = self.max_us.max(us);
    }

    /// Returns the duration that `thousandths` of all are not longer than; nothing when there are none.
    pub(crate) fn percentile(&self, thousandths: u32) -> Option<Duration> {
        if self.counts.is_empty() {
            return None;
        }
        let us = self.counts.value_at_quantile(f64::from(thousandths) / 1000.0);
        Some(Duration::from_micros(us.min(self.max_us)))
    }
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
    fn nothing_has_no_percentile_and_one_value_is_all_of_them() {
        assert_eq!(Histogram::new().percentile(500), None);
        for us in [0, 1, 255, 256, 1_234_567, LONGEST_US] {
            for thousandths in [1, 500, 1000] {
                assert_eq!(of(&[us]).percentile(thousandths), Some(Duration::from_micros(us)));
            }
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_never_less_and_hardly_more_than_the_exact_one(
            mut values in prop::collection::vec((0_u64..LONGEST_US, 0_u32..40).prop_map(|(v, s)| v >> s), 1..300),
            thousandths in 1_u32..=1000,
        ) {
            let found = of(&values).percentile(thousandths).unwrap().as_micros();
            let exact = u128::from(exact(&mut values, thousandths as usize));
            prop_assert!(found >= exact, "{found} < {exact}");
            prop_assert!(found <= exact + exact / 1000, "{found} > {exact}");
        }
    }
}
