//! Seeded chance: a key, a purpose and a number in; draws out, the same on every machine.
//!
//! There is no shared stream. Each thing that is drawn (the story of event 17, agent 3, the ids of
//! event 17) has a ChaCha8 stream of its own, addressed by (key, [`VERSION`], purpose, number), so any
//! of them can be drawn alone and in any order.
//!
//! Only integer arithmetic and the four IEEE operations are used: the functions of a platform's
//! mathematics library (`exp`, `ln`) may differ in the last digit, and with it the bytes of an event.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::VERSION;

/// What a stream is drawn for; the number is part of what a seed means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// What happens in the call at an index.
    Story = 1,
    /// The ids that belong to the conversation at an index.
    Identity = 2,
    /// What all events of a seed share.
    World = 3,
    /// One agent.
    Agent = 4,
    /// One customer.
    Customer = 5,
    /// One campaign.
    Campaign = 6,
    /// What the analysis after the call at an index finds, and when.
    Analysis = 7,
    /// The id of that event.
    AnalysisIdentity = 8,
}

/// One stream of draws.
#[derive(Debug)]
pub(crate) struct Chance {
    rng: ChaCha8Rng,
}

impl Chance {
    /// Opens the stream of (key, purpose, number).
    pub(crate) fn new(key: u64, purpose: Purpose, number: u64) -> Self {
        let mut seed = *b"................ringback events ";
        seed[..8].copy_from_slice(&key.to_le_bytes());
        seed[8..12].copy_from_slice(&VERSION.to_le_bytes());
        seed[12..16].copy_from_slice(&(purpose as u32).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(number);
        Self { rng }
    }

    /// The generator behind the draws, for crates that draw by themselves.
    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Draws from `0..end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high word of the product: even to within 1 in 2^64 / end, and one draw whatever the end.
        let product = u128::from(self.rng.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// Draws from `low..=high`; `low` when the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).map_or(0, |width| width + 1);
        low.saturating_add_unsigned(self.below(width))
    }

    /// Is true in `share` of a thousand draws.
    pub(crate) fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    /// Draws a decimal digit.
    pub(crate) fn digit(&mut self) -> char {
        char::from(b'0' + u8::try_from(self.below(10)).unwrap_or_default())
    }

    /// Draws an index of a list; 0 for an empty one.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// Draws one of a list that is known not to be empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    /// Draws an index in proportion to the weights; 0 when none is positive.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        0
    }

    /// Draws a UUID of version 4.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Draws from a lognormal distribution, in the unit of its median; `sigma` is the standard
    /// deviation of the logarithm.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }

    /// Draws from the standard normal distribution, as the sum of twelve uniform draws less six (its
    /// first four moments are those of a normal one to within 0.1).
    fn normal(&mut self) -> f64 {
        let mut sum = 0_u32;
        for _ in 0..3 {
            let mut word = self.rng.next_u64();
            for _ in 0..4 {
                sum += u32::from((word & 0xFFFF) as u16);
                word >>= 16;
            }
        }
        // Each of the twelve lanes is in 0..65536, so that the mean is half a step below 6.
        (f64::from(sum) + 6.0) / 65_536.0 - 6.0
    }
}

/// e to the `x` for |x| ≤ 6, by halving until the series is short.
fn exp(x: f64) -> f64 {
    let small = x / 64.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..=8 {
        term *= small / f64::from(n);
        sum += term;
    }
    for _ in 0..6 {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_is_addressed_by_key_purpose_and_number() {
        let draw = |key, purpose, number| Chance::new(key, purpose, number).below(u64::MAX);
        assert_eq!(draw(42, Purpose::Story, 17), draw(42, Purpose::Story, 17));
        assert_ne!(draw(42, Purpose::Story, 17), draw(42, Purpose::Story, 18));
        assert_ne!(draw(42, Purpose::Story, 17), draw(42, Purpose::Identity, 17));
        assert_ne!(draw(42, Purpose::Story, 17), draw(43, Purpose::Story, 17));
    }

    #[test]
    fn the_exponential_is_that_of_the_mathematics_library_to_eleven_digits() {
        for tenth in -60..=60 {
            let x = f64::from(tenth) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-11, "{x}");
        }
    }

    #[test]
    fn the_normal_draws_have_the_moments_of_a_normal_distribution() {
        let mut chance = Chance::new(1, Purpose::Story, 0);
        let draws: Vec<f64> = (0..100_000).map(|_| chance.normal()).collect();
        let moment = |power| draws.iter().map(|x| x.powi(power)).sum::<f64>() / 100_000.0;
        assert!(moment(1).abs() < 0.02);
        assert!((moment(2) - 1.0).abs() < 0.02);
        assert!(moment(3).abs() < 0.05);
        assert!((moment(4) - 3.0).abs() < 0.2);
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, low in -1000_i64..1000, width in 0_i64..1000) {
            let mut chance = Chance::new(seed, Purpose::Story, 0);
            let drawn = chance.between(low, low + width);
            prop_assert!((low..=low + width).contains(&drawn));
            prop_assert_eq!(chance.between(5, 4), 5);
            prop_assert_eq!(chance.weighted([0, 3, 0].into_iter()), 1);
        }
    }
}
