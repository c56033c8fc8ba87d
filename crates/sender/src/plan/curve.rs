//! Rates that change with time: how much has come by when, and when so much has come.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::PlanError;
use super::text::parse_time;
use crate::rate::Rate;

/// How a day's calls spread over its hours, from midnight, in thousandths of the mean: few at night, most
/// before noon and after it. Ours; no platform documents one.
const DAY: [u32; 24] = [
    200, 120, 80, 80, 120, 250, 500, 900, 1500, 1900, 2000, 1900, 1700, 1700, 1800, 1800, 1700,
    1500, 1300, 1050, 800, 550, 350, 200,
];

/// A rate that changes with time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Curve {
    /// From one rate evenly to another, and then the end.
    Ramp {
        /// The rate at the begin.
        from: Rate,
        /// The rate at the end.
        to: Rate,
        /// From the begin to the end.
        over: Duration,
    },
    /// One rate after the other, each for its time, and then the end.
    Steps(Vec<(Rate, Duration)>),
    /// A day from midnight, over and over: few calls at night, most around noon, with this mean.
    Day(Rate),
}

/// A stretch of time over which the rate moves evenly.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Deliveries a second at its begin and at its end.
    from: f64,
    to: f64,
    seconds: f64,
}

impl Stretch {
    fn amount(self) -> f64 {
        (self.from + self.to) / 2.0 * self.seconds
    }

    /// The time after which so much has come: the root of a quadratic, in the form that loses no digits.
    fn time_of(self, amount: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * amount).max(0.0).sqrt();
        2.0 * amount / (self.from + root)
    }
}

impl Curve {
    fn stretches(&self) -> Vec<Stretch> {
        let even = |rate: f64, length: Duration| Stretch {
            from: rate,
            to: rate,
            seconds: length.as_secs_f64(),
        };
        match self {
            Self::Ramp { from, to, over } => vec![Stretch {
                from: from.per_second(),
                to: to.per_second(),
                seconds: over.as_secs_f64(),
            }],
            Self::Steps(steps) => {
                steps.iter().map(|(rate, length)| even(rate.per_second(), *length)).collect()
            }
            Self::Day(mean) => DAY
                .iter()
                .map(|share| {
                    even(mean.per_second() * f64::from(*share) / 1000.0, Duration::from_secs(3600))
                })
                .collect(),
        }
    }

    /// Returns the highest rate of the curve, in deliveries a second.
    pub(crate) fn peak(&self) -> f64 {
        self.stretches().iter().fold(0.0, |peak, it| it.from.max(it.to).max(peak))
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            stretches: self.stretches(),
            is_repeated: matches!(self, Self::Day(_)),
            index: 0,
            time_before: 0.0,
            amount_before: 0.0,
        }
    }

    /// Reads `10/s..500/s:2m`.
    ///
    /// # Errors
    ///
    /// When it is written otherwise, or holds what is no rate or no time.
    pub fn ramp(text: &str) -> Result<Self, PlanError> {
        let form =
            || PlanError::Form { text: text.to_owned(), what: "ramp", example: "10/s..500/s:2m" };
        let (rates, over) = text.rsplit_once(':').ok_or_else(form)?;
        let (from, to) = rates.split_once("..").ok_or_else(form)?;
        Ok(Self::Ramp { from: from.parse()?, to: to.parse()?, over: parse_time(over)? })
    }

    /// Reads `10/s:30s,50/s:1m`.
    ///
    /// # Errors
    ///
    /// When it is written otherwise, or holds what is no rate or no time.
    pub fn steps(text: &str) -> Result<Self, PlanError> {
        let step = |step: &str| {
            let (rate, length) = step.split_once(':').ok_or_else(|| PlanError::Form {
                text: text.to_owned(),
                what: "list of steps",
                example: "10/s:30s,50/s:1m",
            })?;
            Ok((Rate::from_str(rate)?, parse_time(length)?))
        };
        text.split(',').map(step).collect::<Result<_, _>>().map(Self::Steps)
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ramp { from, to, over } => write!(f, "{from} to {to} within {over:?}"),
            Self::Steps(steps) => {
                for (n, (rate, length)) in steps.iter().enumerate() {
                    write!(f, "{}{rate} for {length:?}", if n > 0 { ", then " } else { "" })?;
                }
                Ok(())
            }
            Self::Day(mean) => write!(f, "{mean} in the mean of a day"),
        }
    }
}

/// Walks along a curve. What is asked of it only grows, so that each step is short.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    stretches: Vec<Stretch>,
    is_repeated: bool,
    index: usize,
    time_before: f64,
    amount_before: f64,
}

/// Less than a delivery by this much is rounding.
const ROUNDING: f64 = 1e-6;

impl Cursor {
    /// Returns the time at which so many deliveries have come; none after the end of the curve.
    pub(crate) fn when(&mut self, amount: f64) -> Option<Duration> {
        loop {
            if self.index == self.stretches.len() && self.is_repeated {
                self.index = 0;
            }
            let stretch = *self.stretches.get(self.index)?;
            let rest = amount - self.amount_before;
            if rest < stretch.amount() - ROUNDING {
                let seconds = self.time_before + stretch.time_of(rest.max(0.0));
                return Duration::try_from_secs_f64(seconds).ok();
            }
            self.amount_before += stretch.amount();
            self.time_before += stretch.seconds;
            self.index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_read_and_printed() {
        insta::assert_snapshot!(Curve::ramp("10/s..500/s:2m").unwrap(), @"10/s to 500/s within 120s");
        insta::assert_snapshot!(Curve::steps("10/s:30s,600/m:1m").unwrap(), @"10/s for 30s, then 600/m for 60s");
        for wrong in ["", "10/s", "10/s..:2m", "10/s..20/s", "10/s..20/s:0s", "10/s..20/s:x"] {
            assert!(Curve::ramp(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "10/s", "10/s:30s,", "0/s:1s", "10/s:-1s"] {
            assert!(Curve::steps(wrong).is_err(), "{wrong}");
        }
        insta::assert_snapshot!(Curve::ramp("fast").unwrap_err(), @"`fast` is no ramp: write it as `10/s..500/s:2m`");
    }

    #[test]
    fn a_day_has_its_mean_and_begins_again() {
        assert_eq!(DAY.iter().sum::<u32>(), 24_000);
        let mut cursor = Curve::Day("1/s".parse().unwrap()).cursor();
        let day = Duration::from_secs(86_400);
        let second_day = cursor.when(86_400.0).unwrap();
        assert!(second_day.abs_diff(day) < Duration::from_millis(1), "{second_day:?}");
        assert_eq!(cursor.when(2.0 * 86_400.0 + 200.0 * 3.6).unwrap().as_secs(), 2 * 86_400 + 3600);
    }

    #[test]
    fn a_ramp_is_denser_at_its_end_and_ends() {
        let mut cursor = Curve::ramp("1/s..3/s:2s").unwrap().cursor();
        let mut times = Vec::new();
        while let Some(time) = cursor.when(times.len() as f64) {
            times.push(time.as_secs_f64());
        }
        assert_eq!(times.len(), 4);
        // t + t²/2 = k
        assert!((times[1] - 0.732_050).abs() < 1e-5, "{times:?}");
        assert!(times[3] - times[2] < times[1] - times[0], "{times:?}");
    }

    proptest! {
        #[test]
        fn what_has_come_by_a_time_is_what_was_asked_for(from in 1_u32..1000, to in 1_u32..1000, over in 1_u32..100, share in 0.0_f64..0.99) {
            let curve = Curve::ramp(&format!("{from}/s..{to}/s:{over}s")).unwrap();
            let (from, to, over) = (f64::from(from), f64::from(to), f64::from(over));
            let amount = share * (from + to) / 2.0 * over;
            let t = curve.cursor().when(amount).unwrap().as_secs_f64();
            let come = from * t + (to - from) / (2.0 * over) * t * t;
            prop_assert!((come - amount).abs() < 1e-4, "{come} {amount}");
            prop_assert!(t <= over);
        }
    }
}
