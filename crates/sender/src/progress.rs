//! What a run has done so far, one line an outcome, so that it can go on after it was killed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::summary::{from_ms, to_ms};

/// The highest number of a delivery whose outcome can be remembered; there is a bit for each.
pub const DELIVERY_MAX: u64 = 1 << 32;

/// One outcome. Whoever keeps a run writes it down before anybody hears of it: then what was answered is
/// not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The delivery's place in its plan, from 0.
    pub delivery: u64,
    /// The try, from 1.
    pub number: u32,
    /// When the outcome came, in milliseconds of the plan.
    pub at_ms: f64,
    /// The time that the first try was signed with, in milliseconds since 1970.
    pub first_signed_ms: i64,
    /// The status, when there was a whole reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// When it is tried again, in milliseconds of the plan; nothing when it is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_ms: Option<f64>,
}

/// What a run has done so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// A bit for each delivery that is over.
    over: Vec<u64>,
    n_over: u64,
    n_failed: u64,
    /// Deliveries that are to be tried again.
    pub(crate) waiting: BTreeMap<u64, Waiting>,
    /// The time of the plan at the last outcome.
    pub(crate) at: Duration,
}

/// A delivery that is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The next try, from 2.
    pub(crate) number: u32,
    /// When it is due, in the time of the plan.
    pub(crate) due: Duration,
    /// The time that the first try was signed with.
    pub(crate) first_signed: Timestamp,
}

impl Entry {
    pub(crate) fn new(
        (delivery, number): (u64, u32),
        at: Duration,
        first_signed: Timestamp,
        status: Option<u16>,
        next: Option<Duration>,
    ) -> Self {
        let next_ms = next.map(to_ms);
        let first_signed_ms = first_signed.as_millisecond();
        Self { delivery, number, at_ms: to_ms(at), first_signed_ms, status, next_ms }
    }
}

impl Progress {
    /// Takes in one outcome; they come in the order in which they happened. One of a delivery beyond
    /// [`DELIVERY_MAX`] is not remembered, and `false` says so.
    #[must_use]
    pub fn take(&mut self, entry: &Entry) -> bool {
        self.at = self.at.max(from_ms(entry.at_ms));
        if entry.delivery >= DELIVERY_MAX {
            return false;
        }
        match entry.next_ms {
            Some(next_ms) => {
                let waiting = Waiting {
                    number: entry.number.saturating_add(1),
                    due: from_ms(next_ms),
                    first_signed: Timestamp::from_millisecond(entry.first_signed_ms)
                        .unwrap_or_default(),
                };
                self.waiting.insert(entry.delivery, waiting);
            }
            None => {
                self.waiting.remove(&entry.delivery);
                let Ok(word) = usize::try_from(entry.delivery / 64) else { return false };
                if word >= self.over.len() {
                    self.over.resize(word + 1, 0);
                }
                let bit = 1 << (entry.delivery % 64);
                let is_new = self.over[word] & bit == 0;
                let has_failed = !entry.status.is_some_and(|status| (200..=299).contains(&status));
                self.n_over += u64::from(is_new);
                self.n_failed += u64::from(is_new && has_failed);
                self.over[word] |= bit;
            }
        }
        true
    }

    /// Returns how many deliveries are over.
    pub fn n_over(&self) -> u64 {
        self.n_over
    }

    /// Returns how many of those were not answered with 200 to 299.
    pub fn n_failed(&self) -> u64 {
        self.n_failed
    }

    /// Returns how many wait to be tried again.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the time of the plan at the last outcome.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Tells whether a delivery was begun before: it is over, or waits to be tried again.
    pub(crate) fn has(&self, delivery: u64) -> bool {
        let word = usize::try_from(delivery / 64).ok().and_then(|word| self.over.get(word));
        word.is_some_and(|word| word >> (delivery % 64) & 1 == 1)
            || self.waiting.contains_key(&delivery)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn entry(delivery: u64, number: u32, next: Option<u64>) -> Entry {
        let at = Duration::from_millis(u64::from(number) * 100);
        let next = next.map(Duration::from_millis);
        Entry::new((delivery, number), at, Timestamp::UNIX_EPOCH, Some(503), next)
    }

    #[test]
    fn an_entry_is_one_short_line() {
        let line = serde_json::to_string(&entry(7, 2, Some(5_000))).unwrap();
        insta::assert_snapshot!(line, @r#"{"delivery":7,"number":2,"atMs":200.0,"firstSignedMs":0,"status":503,"nextMs":5000.0}"#);
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry(7, 2, Some(5_000)));
    }

    #[test]
    fn what_waits_goes_on_with_its_next_try() {
        let mut progress = Progress::default();
        assert!(progress.take(&entry(3, 1, Some(5_000))));
        assert!(progress.take(&entry(3, 2, Some(9_000))));
        assert_eq!((progress.n_over(), progress.n_waiting()), (0, 1));
        let waiting = progress.waiting[&3];
        assert_eq!((waiting.number, waiting.due), (3, Duration::from_secs(9)));
        assert_eq!(waiting.first_signed, Timestamp::UNIX_EPOCH);
        assert!(progress.take(&entry(3, 3, None)));
        assert_eq!((progress.n_over(), progress.n_waiting(), progress.n_failed()), (1, 0, 1));
        assert_eq!(progress.at(), Duration::from_millis(300));
        assert!(!progress.take(&entry(DELIVERY_MAX, 1, None)));
    }

    proptest! {
        #[test]
        fn what_is_over_is_remembered_and_nothing_else(over in prop::collection::vec(0_u64..1000, 0..200)) {
            let mut progress = Progress::default();
            for delivery in &over {
                prop_assert!(progress.take(&entry(*delivery, 1, None)));
            }
            let over: BTreeSet<u64> = over.into_iter().collect();
            prop_assert_eq!(progress.n_over(), over.len() as u64);
            for delivery in 0..1100 {
                prop_assert_eq!(progress.has(delivery), over.contains(&delivery));
            }
        }
    }
}
