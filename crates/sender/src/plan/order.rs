//! What comes more than once, together, or in another order than it happened.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::PlanError;
use super::text::parse_share;

/// The most copies of one event that a plan may have.
pub const COPIES_MAX: u32 = 1_000;

/// In which order, and how often, the events of a call are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which deliveries come again.
    pub duplicates: Duplicates,
    /// Within which time after the first a duplicate comes; drawn evenly. Where the receiver sets the
    /// pace, a duplicate follows its first at once.
    pub duplicate_within: Duration,
    /// How many copies of each delivery are begun at once, from 1.
    pub simultaneous: u32,
    /// Deliveries that are due within so much of each other are dealt out anew among their times.
    pub shuffle_window: Duration,
    /// The events of a call; the completed event alone where this says nothing.
    pub pairs: Option<Pairs>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            duplicates: Duplicates::None,
            duplicate_within: Duration::from_secs(1),
            simultaneous: 1,
            shuffle_window: Duration::ZERO,
            pairs: None,
        }
    }
}

/// Which deliveries come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// None.
    None,
    /// So many of a million, drawn by the seed, come twice.
    Share(u32),
    /// Each comes so often, from 1 to [`COPIES_MAX`].
    Times(u32),
}

impl FromStr for Duplicates {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let times = |text: &str| text.parse().ok().filter(|n| (1..=COPIES_MAX).contains(n));
        let read = match text.strip_suffix('x') {
            Some(n) => times(n).map(Self::Times),
            None => parse_share(text).map(Self::Share),
        };
        read.ok_or_else(|| PlanError::Form {
            text: text.to_owned(),
            what: "share or number of duplicates",
            example: "5%` or `3x",
        })
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no duplicates"),
            Self::Share(millionths) => write!(f, "{}% twice", f64::from(*millionths) / 10_000.0),
            Self::Times(n) => write!(f, "each {n} times"),
        }
    }
}

/// The two events of a call, and what lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairs {
    /// Which comes first.
    pub order: PairOrder,
    /// From the first to the second. Where the receiver sets the pace, one follows the other.
    pub gap: Duration,
}

/// Which of the two events of a call comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairOrder {
    /// The completed event, and then its analysis: as it happens.
    CompletedFirst,
    /// The analysis overtakes.
    AnalysisFirst,
    /// Both at once.
    Simultaneous,
    /// The completed event never comes.
    AnalysisOnly,
}

impl PairOrder {
    /// All orders.
    pub const ALL: [Self; 4] =
        [Self::CompletedFirst, Self::AnalysisFirst, Self::Simultaneous, Self::AnalysisOnly];

    /// Returns the name, as `completed-first`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CompletedFirst => "completed-first",
            Self::AnalysisFirst => "analysis-first",
            Self::Simultaneous => "simultaneous",
            Self::AnalysisOnly => "analysis-only",
        }
    }
}

impl fmt::Display for PairOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PairOrder {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        Self::ALL.into_iter().find(|order| order.as_str() == text).ok_or_else(|| PlanError::Form {
            text: text.to_owned(),
            what: "order of a pair",
            example: "completed-first`, `analysis-first`, `simultaneous` or `analysis-only",
        })
    }
}

impl Order {
    /// How many deliveries one call makes at the most.
    pub(crate) fn copies_of_a_call(&self) -> u64 {
        let events = match self.pairs.map(|pairs| pairs.order) {
            None | Some(PairOrder::AnalysisOnly) => 1,
            Some(_) => 2,
        };
        let times = match self.duplicates {
            Duplicates::None => 1,
            Duplicates::Share(_) => 2,
            Duplicates::Times(n) => n.max(1),
        };
        events * u64::from(times) * u64::from(self.simultaneous.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_a_share_or_a_number() {
        assert_eq!("5%".parse(), Ok(Duplicates::Share(50_000)));
        assert_eq!("3x".parse(), Ok(Duplicates::Times(3)));
        for wrong in ["3", "0x", "1001x", "x", "200%", ""] {
            assert!(wrong.parse::<Duplicates>().is_err(), "{wrong}");
        }
        insta::assert_snapshot!("3".parse::<Duplicates>().unwrap_err(), @"`3` is no share or number of duplicates: write it as `5%` or `3x`");
    }

    #[test]
    fn orders_have_names() {
        for order in PairOrder::ALL {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        assert!("first".parse::<PairOrder>().is_err());
    }
}
