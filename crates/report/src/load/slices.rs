//! A run cut into slices of time.

use super::{Class, Durations};

/// How many slices there are at most.
pub const SLICES_MAX: usize = 600;

/// How long a slice is at first, in milliseconds.
const FIRST_MS: f64 = 100.0;

/// How many decimal digits of a latency are kept in a slice: a picture shows no more.
const DIGITS: u8 = 2;

/// The slices of a run, by the planned time of the attempts.
#[derive(Debug, Clone)]
pub(super) struct Slices {
    /// How long each is, in milliseconds.
    pub(super) width_ms: f64,
    pub(super) all: Vec<Slice>,
}

/// What was planned for one slice of time.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) classes: [u64; Class::ALL.len()],
    pub(super) latency: Durations,
    /// The longest lateness, in milliseconds.
    pub(super) lateness_max: f64,
}

impl Default for Slices {
    fn default() -> Self {
        Self { width_ms: FIRST_MS, all: Vec::new() }
    }
}

impl Default for Slice {
    fn default() -> Self {
        Self { classes: [0; Class::ALL.len()], latency: Durations::new(DIGITS), lateness_max: 0.0 }
    }
}

impl Slices {
    pub(super) fn add(
        &mut self,
        planned_ms: f64,
        class: Class,
        latency: Option<f64>,
        late_ms: f64,
    ) {
        while planned_ms >= self.width_ms * SLICES_MAX as f64 {
            self.halve();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the most"
        )]
        let place = (planned_ms / self.width_ms).max(0.0) as usize;
        while self.all.len() <= place {
            self.all.push(Slice::default());
        }
        let slice = &mut self.all[place];
        slice.classes[class as usize] += 1;
        slice.lateness_max = slice.lateness_max.max(late_ms);
        if let Some(ms) = latency {
            slice.latency.record(ms);
        }
    }

    /// Makes each two slices one.
    fn halve(&mut self) {
        self.width_ms *= 2.0;
        let mut halved: Vec<Slice> = Vec::with_capacity(self.all.len().div_ceil(2));
        for (place, slice) in std::mem::take(&mut self.all).into_iter().enumerate() {
            match halved.last_mut() {
                Some(last) if place % 2 == 1 => last.merge(&slice),
                _ => halved.push(slice),
            }
        }
        self.all = halved;
    }
}

impl Slice {
    fn merge(&mut self, other: &Self) {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        self.lateness_max = self.lateness_max.max(other.lateness_max);
        if let Err(error) = self.latency.0.add(&other.latency.0) {
            unreachable!("histograms of the same bounds can be added: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_longer_slices_and_loses_nothing() {
        let mut slices = Slices::default();
        for n in 0..SLICES_MAX * 3 {
            let latency = (n % 8) as f64;
            slices.add(n as f64 * FIRST_MS, Class::Success, Some(latency), 0.5);
        }
        assert_eq!(slices.width_ms, FIRST_MS * 4.0);
        assert_eq!(slices.all.len(), SLICES_MAX * 3 / 4);
        assert!(slices.all.iter().all(|slice| slice.classes[0] == 4 && slice.latency.0.len() == 4));
        assert_eq!(slices.all[1].latency.0.count_between(4_000, 7_000), 4);
    }

    #[test]
    fn a_time_that_is_no_number_is_the_begin() {
        let mut slices = Slices::default();
        slices.add(f64::NAN, Class::Unknown, None, 0.0);
        slices.add(-5.0, Class::Unknown, None, 0.0);
        assert_eq!(slices.all[0].classes[Class::Unknown as usize], 2);
    }
}
