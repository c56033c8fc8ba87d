//! How many deliveries in how much time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The fraction is kept to this many decimal places.
const PLACES: usize = 6;
const MICRO: u64 = 1_000_000;
/// The fastest rate, in deliveries a second. No clock of this crate could keep a faster one.
const PER_SECOND_MAX: u64 = 100_000;
/// The slowest is one in this many seconds, a day.
const SECONDS_PER_DELIVERY_MAX: u64 = 24 * 60 * 60;

/// A rate, written `50/s`, `600/m` or `0.5/h`; without a unit it is per second.
///
/// It lies between one a day and 100,000 a second, and is exact: the amount is kept as a whole number
/// of millionths, so that the millionth delivery is due to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    amount_micro: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// It has not the form of one.
    #[error(
        "`{text}` is no rate: write it as `50/s`, `600/m` or `0.5/h`, with at most {PLACES} decimals"
    )]
    Form {
        /// What was given.
        text: String,
    },
    /// What follows the slash is no unit.
    #[error("`{text}` is no rate: its unit is `s`, `m` or `h`, not `{unit}`")]
    Unit {
        /// What was given.
        text: String,
        /// What stands for the unit.
        unit: String,
    },
    /// It is zero or less.
    #[error("the rate `{text}` is not more than zero, so nothing would ever be sent")]
    NotPositive {
        /// What was given.
        text: String,
    },
    /// It is faster than can be kept.
    #[error(
        "the rate `{text}` is more than {PER_SECOND_MAX} a second, which nothing here can keep"
    )]
    TooFast {
        /// What was given.
        text: String,
    },
    /// It is slower than anybody can mean.
    #[error("the rate `{text}` is less than one a day")]
    TooSlow {
        /// What was given.
        text: String,
    },
}

impl Rate {
    /// Returns the time from the start to the delivery `index`, to the nanosecond below. A time that a
    /// [`Duration`] cannot hold is its longest.
    pub fn due(self, index: u64) -> Duration {
        let interval_parts = u128::from(self.unit.seconds()) * 1_000_000_000 * u128::from(MICRO);
        // At most 2^64 times 3.6e18, which is less than 2^126.
        let nanoseconds = u128::from(index) * interval_parts / u128::from(self.amount_micro);
        let seconds = u64::try_from(nanoseconds / 1_000_000_000);
        let rest = u32::try_from(nanoseconds % 1_000_000_000);
        match (seconds, rest) {
            (Ok(seconds), Ok(rest)) => Duration::new(seconds, rest),
            _ => Duration::MAX,
        }
    }

    /// Returns how many a second it is.
    pub(crate) fn per_second(self) -> f64 {
        // Both are whole numbers below 2^53, so that one rounding is all.
        self.amount_micro as f64 / (MICRO * self.unit.seconds()) as f64
    }

    /// Tells whether it is more than `n` a second.
    pub(crate) const fn exceeds_per_second(self, n: u32) -> bool {
        self.amount_micro > n as u64 * MICRO * self.unit.seconds()
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let form = || RateError::Form { text: text.to_owned() };
        let (amount, unit) = text.split_once('/').unwrap_or((text, "s"));
        let unit = match unit {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(RateError::Unit { text: text.to_owned(), unit: unit.to_owned() }),
        };
        let (is_negative, amount) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) || fraction.len() > PLACES {
            return Err(form());
        }
        let too_fast = || RateError::TooFast { text: text.to_owned() };
        // Digits only, so that the one way to fail is to be too large.
        let whole: u64 = whole.parse().map_err(|_| too_fast())?;
        let fraction: u64 = format!("{fraction:0<PLACES$}").parse().map_err(|_| form())?;
        let amount_micro = whole.checked_mul(MICRO).and_then(|n| n.checked_add(fraction));
        let amount_micro = amount_micro.ok_or_else(too_fast)?;
        if is_negative || amount_micro == 0 {
            return Err(RateError::NotPositive { text: text.to_owned() });
        }
        let per_day = u128::from(amount_micro) * u128::from(SECONDS_PER_DELIVERY_MAX);
        if amount_micro > PER_SECOND_MAX * MICRO * unit.seconds() {
            return Err(too_fast());
        }
        if per_day < u128::from(MICRO * unit.seconds()) {
            return Err(RateError::TooSlow { text: text.to_owned() });
        }
        Ok(Self { amount_micro, unit })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.amount_micro / MICRO)?;
        let fraction = format!("{:0PLACES$}", self.amount_micro % MICRO);
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            write!(f, ".{fraction}")?;
        }
        write!(f, "/{}", self.unit.letter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn each_form_is_read_and_printed() {
        for (text, printed) in [
            ("50/s", "50/s"),
            ("50", "50/s"),
            ("600/m", "600/m"),
            ("0.5/s", "0.5/s"),
            ("1/h", "1/h"),
            ("007.250/s", "7.25/s"),
            ("100000/s", "100000/s"),
            ("6000000/m", "6000000/m"),
            ("0.041667/h", "0.041667/h"),
            ("0.000012/s", "0.000012/s"),
        ] {
            assert_eq!(rate(text).to_string(), printed);
        }
    }

    #[test]
    fn each_wrong_form_is_told() {
        let error = |text: &str| text.parse::<Rate>().unwrap_err();
        for text in [
            "",
            "/s",
            "x",
            "NaN",
            "inf/s",
            "1e3",
            "1.",
            ".5",
            "1.2.3",
            "+5",
            " 5",
            "--5",
            "1_0",
            "0.0000001",
        ] {
            assert_eq!(error(text), RateError::Form { text: text.to_owned() });
        }
        for (text, unit) in [("5/", ""), ("5/d", "d"), ("5/sec", "sec"), ("5/s/s", "s/s")] {
            let expected = RateError::Unit { text: text.to_owned(), unit: unit.to_owned() };
            assert_eq!(error(text), expected);
        }
        for text in ["0", "0/s", "0.000000/h", "-1", "-0.5/m"] {
            assert_eq!(error(text), RateError::NotPositive { text: text.to_owned() });
        }
        for text in [
            "100001",
            "100000.000001/s",
            "6000001/m",
            "18446744073709551615",
            "99999999999999999999",
        ] {
            assert_eq!(error(text), RateError::TooFast { text: text.to_owned() });
        }
        for text in ["0.041666/h", "0.000011/s"] {
            assert_eq!(error(text), RateError::TooSlow { text: text.to_owned() });
        }
        insta::assert_snapshot!(error("fast"), @"`fast` is no rate: write it as `50/s`, `600/m` or `0.5/h`, with at most 6 decimals");
        insta::assert_snapshot!(error("5/d"), @"`5/d` is no rate: its unit is `s`, `m` or `h`, not `d`");
    }

    #[test]
    fn times_are_exact_and_do_not_drift() {
        let seconds = |n| Duration::from_secs(n);
        assert_eq!(rate("50/s").due(0), Duration::ZERO);
        assert_eq!(rate("50/s").due(1), Duration::from_millis(20));
        assert_eq!(rate("0.5/s").due(3), seconds(6));
        assert_eq!(rate("600/m").due(600), seconds(60));
        assert_eq!(rate("1/h").due(2), seconds(7200));
        // A third of a second has no end, and the third one is whole all the same.
        assert_eq!(rate("3/s").due(1), Duration::from_nanos(333_333_333));
        assert_eq!(rate("3/s").due(3_000_000_000), seconds(1_000_000_000));
        assert_eq!(rate("1/h").due(u64::MAX), Duration::MAX);
    }

    #[test]
    fn a_rate_is_compared_across_units() {
        assert!(!rate("10/s").exceeds_per_second(10));
        assert!(rate("10.000001/s").exceeds_per_second(10));
        assert!(!rate("600/m").exceeds_per_second(10));
        assert!(rate("600.1/m").exceeds_per_second(10));
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(amount in 42_000_u64..=100_000_000_000, unit in "[smh]") {
            let text = format!("{}.{:06}/{unit}", amount / MICRO, amount % MICRO);
            let rate = rate(&text);
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        }

        #[test]
        fn times_only_grow(text in "[1-9][0-9]{0,4}/[smh]", index in 0..u64::MAX) {
            let rate = rate(&text);
            prop_assert!(rate.due(index) <= rate.due(index + 1));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = text.parse::<Rate>();
        }
    }
}
