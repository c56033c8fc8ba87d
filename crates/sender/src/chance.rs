//! Seeded chance: a seed, a purpose and a number in; draws out, the same on every machine.
//!
//! Only integer arithmetic and the four IEEE operations are used: the functions of a platform's
//! mathematics library may differ in the last digit, and with it a plan.

use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};

/// What a stream is drawn for; the number is part of what a seed means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The gaps between arrivals.
    Arrival = 1,
    /// By how much each delivery is moved.
    Jitter = 2,
    /// Which deliveries come twice, and when.
    Duplicate = 3,
    /// The order within a window.
    Shuffle = 4,
    /// By how much the wait before a retry is lengthened.
    Retry = 5,
}

/// One stream of draws.
#[derive(Debug)]
pub(crate) struct Chance(ChaCha12Rng);

impl Chance {
    /// Opens the stream of (seed, purpose, number).
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mut key = *b"................ringback plans  ";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        let mut rng = ChaCha12Rng::from_seed(key);
        rng.set_stream(number);
        Self(rng)
    }

    /// Draws a time from nothing to just below the limit; nothing when that is nothing.
    pub(crate) fn within(&mut self, limit: Duration) -> Duration {
        let nanoseconds = limit.as_nanos().min(u128::from(u64::MAX));
        // The high word of the product: even, and one draw whatever the limit.
        let product = u128::from(self.0.next_u64()) * nanoseconds;
        Duration::from_nanos(u64::try_from(product >> 64).unwrap_or_default())
    }

    /// Is true in so many of a million draws.
    pub(crate) fn happens(&mut self, millionths: u32) -> bool {
        (u128::from(self.0.next_u64()) * 1_000_000) >> 64 < u128::from(millionths)
    }

    /// Draws from the exponential distribution with the mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        // 53 bits, from just above 0 to 1, so that the logarithm is finite.
        let bits = (self.0.next_u64() >> 11) + 1;
        -ln(bits as f64 / (1_u64 << 53) as f64)
    }
}

/// The natural logarithm of a normal positive number, by the series of the inverse hyperbolic tangent.
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap_or_default() - 1023;
    let fraction = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    // Between the root of a half and the root of two the series is short.
    let (fraction, exponent) = if fraction > std::f64::consts::SQRT_2 {
        (fraction / 2.0, exponent + 1)
    } else {
        (fraction, exponent)
    };
    let z = (fraction - 1.0) / (fraction + 1.0);
    let square = z * z;
    let mut sum = 0.0;
    for n in (0_u32..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * n + 1);
    }
    2.0 * z * sum + f64::from(exponent) * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_is_its_seed_purpose_and_number() {
        let first = |seed, purpose, number| {
            Chance::new(seed, purpose, number).within(Duration::from_secs(1 << 40))
        };
        let one = first(1, Purpose::Jitter, 0);
        assert_eq!(one, first(1, Purpose::Jitter, 0));
        assert_ne!(one, first(2, Purpose::Jitter, 0));
        assert_ne!(one, first(1, Purpose::Shuffle, 0));
        assert_ne!(one, first(1, Purpose::Jitter, 1));
    }

    #[test]
    fn shares_and_means_are_met() {
        let mut chance = Chance::new(7, Purpose::Duplicate, 0);
        let n = 100_000;
        let hits = (0..n).filter(|_| chance.happens(50_000)).count();
        assert!((4_700..5_300).contains(&hits), "{hits}");
        assert!(!(0..n).any(|_| chance.happens(0)));
        assert!((0..n).all(|_| chance.happens(1_000_000)));
        let mean = (0..n).map(|_| chance.exponential()).sum::<f64>() / f64::from(n);
        assert!((0.98..1.02).contains(&mean), "{mean}");
    }

    proptest! {
        #[test]
        fn the_logarithm_is_one(x in f64::MIN_POSITIVE..1e300) {
            let (ours, theirs) = (ln(x), x.ln());
            prop_assert!((ours - theirs).abs() <= 1e-13 * theirs.abs().max(1.0), "{ours} {theirs}");
        }

        #[test]
        fn a_draw_stays_below_its_limit(seed: u64, limit in 0_u64..u64::MAX) {
            let limit = Duration::from_nanos(limit);
            let drawn = Chance::new(seed, Purpose::Jitter, 0).within(limit);
            prop_assert!(drawn < limit || drawn.is_zero());
        }
    }
}
