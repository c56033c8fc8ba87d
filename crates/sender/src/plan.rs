//! What is to be sent, and when: pure, and printable before anything is sent.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::rate::Rate;

/// The deliveries of a run and their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// How many deliveries there are.
    pub count: u64,
    /// When each is due.
    pub pace: Pace,
}

/// When a delivery is due. In JSON and for people it is its text: `one by one`, `50/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each when the last was answered: the receiver sets the pace.
    OneByOne,
    /// Each at its time, whatever became of those before it.
    Rate(Rate),
}

impl Plan {
    /// Returns the time from the start of the run at which the delivery `index` is due. There is none
    /// for a delivery past the last, nor when the deliveries go one by one: the answers decide then.
    pub fn due(&self, index: u64) -> Option<Duration> {
        match self.pace {
            Pace::Rate(rate) if index < self.count => Some(rate.due(index)),
            _ => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.count == 1 { "delivery" } else { "deliveries" };
        write!(f, "{} {noun}", self.count)?;
        if self.count < 2 {
            return Ok(());
        }
        match self.pace {
            Pace::OneByOne => write!(f, ", {}", self.pace),
            Pace::Rate(rate) => {
                write!(f, " at {rate}, the last after {:.3?}", rate.due(self.count - 1))
            }
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneByOne => f.write_str("one by one"),
            Self::Rate(rate) => rate.fmt(f),
        }
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated(count: u64, rate: &str) -> Plan {
        Plan { count, pace: Pace::Rate(rate.parse().unwrap()) }
    }

    #[test]
    fn a_rated_plan_has_a_time_for_each_delivery_and_none_beyond() {
        let plan = rated(3, "4/s");
        let times: Vec<_> = (0..5).map(|index| plan.due(index)).collect();
        let ms = |n| Some(Duration::from_millis(n));
        assert_eq!(times, [ms(0), ms(250), ms(500), None, None]);
        assert_eq!(rated(0, "4/s").due(0), None);
    }

    #[test]
    fn one_by_one_has_no_times_of_its_own() {
        assert_eq!(Plan { count: 3, pace: Pace::OneByOne }.due(0), None);
    }

    #[test]
    fn a_plan_is_printed_in_words_and_in_json() {
        let one_by_one = Plan { count: 2, pace: Pace::OneByOne };
        insta::assert_snapshot!(rated(1, "1/h"), @"1 delivery");
        insta::assert_snapshot!(rated(0, "1/h"), @"0 deliveries");
        insta::assert_snapshot!(one_by_one, @"2 deliveries, one by one");
        insta::assert_snapshot!(rated(100, "3/s"), @"100 deliveries at 3/s, the last after 33.000s");
        insta::assert_snapshot!(serde_json::to_string(&one_by_one).unwrap(), @r#"{"count":2,"pace":"one by one"}"#);
        insta::assert_snapshot!(serde_json::to_string(&rated(100, "600/m")).unwrap(), @r#"{"count":100,"pace":"600/m"}"#);
    }
}
