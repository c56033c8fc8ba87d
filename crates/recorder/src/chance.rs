//! Seeded chance: a seed and what is decided come in, draws go out, the same in every run.
//!
//! There is no shared stream. Each decision has one of its own, addressed by the route, the number of
//! the request there and the id of its event, so requests that come at the same time cannot change what
//! others draw.

use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// The stream of one decision.
#[derive(Debug)]
pub(crate) struct Chance(ChaCha12Rng);

impl Chance {
    /// Opens the stream of (seed, route, number, event).
    pub(crate) fn new(seed: u64, route: usize, number: u64, event: &str) -> Self {
        let mut key = Sha256::new();
        for part in [seed, route as u64, number] {
            key.update(part.to_le_bytes());
        }
        key.update(event);
        Self(ChaCha12Rng::from_seed(key.finalize().into()))
    }

    /// Draws 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws from 0 up to and without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are what a f64 holds.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws from the standard normal distribution (the method of Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Draws from the lognormal distribution that has this median and this 99th percentile.
    pub(crate) fn lognormal(&mut self, median: Duration, p99: Duration) -> Duration {
        /// Where the standard normal distribution has its 99th percentile.
        const NORMAL_P99: f64 = 2.326_347_874_040_841;
        let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / NORMAL_P99;
        let factor = (sigma * self.normal()).exp();
        Duration::try_from_secs_f64(median.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}
