//! How long a reply is held back: `50ms`, `50ms..120ms`, `100ms~2s`.
//!
//! Text comes in, a judged [`Delay`] goes out. Numbers without a unit are refused, and so is what is
//! longer than [`Delay::MAX`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::chance::Chance;

/// How long a reply is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Always so long: `50ms`.
    Fixed(Duration),
    /// Evenly between two times: `50ms..120ms`.
    Uniform(Duration, Duration),
    /// As real servers answer, mostly soon and sometimes late: the median and the time within which 99
    /// of 100 replies are given, `100ms~2s`. The distribution is lognormal.
    Lognormal {
        /// Half of the replies are sooner.
        median: Duration,
        /// 1 of 100 is later.
        p99: Duration,
    },
}

/// Why a text is no delay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no delay: {why}")]
pub struct ParseDelayError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Delay {
    /// The longest delay that can be asked for or drawn.
    pub const MAX: Duration = Duration::from_secs(600);

    /// No delay.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// Draws a delay.
    pub(crate) fn draw(self, chance: &mut Chance) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Uniform(from, to) => from + (to - from).mul_f64(chance.unit()),
            Self::Lognormal { median, p99 } => chance.lognormal(median, p99).min(Self::MAX),
        }
    }
}

impl From<Duration> for Delay {
    fn from(delay: Duration) -> Self {
        Self::Fixed(delay)
    }
}

impl FromStr for Delay {
    type Err = ParseDelayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why| ParseDelayError { text: text.to_owned(), why };
        let time = |text: &str| match duration(text) {
            None => Err(refuse("write it as `250ms`, `2s`, `1s..3s` or `100ms~2s`")),
            Some(time) if time > Self::MAX => Err(refuse("a reply is held back 10m at most")),
            Some(time) => Ok(time),
        };
        if let Some((from, to)) = text.split_once("..") {
            let (from, to) = (time(from)?, time(to)?);
            return match from <= to {
                true => Ok(Self::Uniform(from, to)),
                false => Err(refuse("the shorter time comes first")),
            };
        }
        if let Some((median, p99)) = text.split_once('~') {
            let (median, p99) = (time(median)?, time(p99)?);
            return match !median.is_zero() && median <= p99 {
                true => Ok(Self::Lognormal { median, p99 }),
                false => Err(refuse("first the median, above 0, then the longer 99th percentile")),
            };
        }
        time(text).map(Self::Fixed)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(delay) => write!(f, "{delay:?}"),
            Self::Uniform(from, to) => write!(f, "{from:?}..{to:?}"),
            Self::Lognormal { median, p99 } => write!(f, "{median:?}~{p99:?}"),
        }
    }
}

/// Reads a time such as `250ms`, `2s`, `1.5s` or `1m`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let unit_s = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * unit_s).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_read_and_drawn_within_their_bounds() {
        for text in ["0ns", "250ms", "1.5s", "600s", "50ms..120ms", "100ms~2s"] {
            let delay = if text == "0ns" { Delay::NONE } else { text.parse().unwrap() };
            assert_eq!(delay.to_string(), text);
        }
        let mut chance = Chance::new(1, 0, 0, "");
        let ms = Duration::from_millis;
        let uniform: Delay = "50ms..120ms".parse().unwrap();
        assert!(
            (0..1000).map(|_| uniform.draw(&mut chance)).all(|it| ms(50) <= it && it <= ms(120))
        );
    }

    #[test]
    fn a_lognormal_delay_has_its_median_and_its_99th_percentile() {
        let delay: Delay = "100ms~2s".parse().unwrap();
        let mut drawn: Vec<_> =
            (0..10_000).map(|n| delay.draw(&mut Chance::new(1, 0, n, "")).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        // The seed is fixed, so these are the same in every run.
        assert!((0.095..0.105).contains(&drawn[5_000]), "{}", drawn[5_000]);
        assert!((1.7..2.3).contains(&drawn[9_900]), "{}", drawn[9_900]);
    }

    #[test]
    fn what_is_no_delay_is_refused_with_its_reason() {
        let why = |text: &str| text.parse::<Delay>().unwrap_err().why;
        for text in ["", "5", "s", "-1s", "1s..", "..1s", "~1s", "1h"] {
            assert!(why(text).starts_with("write it as "), "{text}");
        }
        assert_eq!(why("601s"), "a reply is held back 10m at most");
        assert_eq!(why("3s..1s"), "the shorter time comes first");
        assert!(why("2s~1s").starts_with("first the median"));
        assert!(why("0s~1s").starts_with("first the median"));
    }
}
