//! Times and shares as people write them.

use std::time::Duration;

use super::PlanError;

/// Reads a time with its unit, more than nothing.
pub(crate) fn parse_time(text: &str) -> Result<Duration, PlanError> {
    let wrong = || PlanError::Time { text: text.to_owned() };
    let time: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let time = Duration::try_from(time).map_err(|_| wrong())?;
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}

/// Reads a share such as `5%` or `0.1%`, in millionths.
pub(crate) fn parse_share(text: &str) -> Option<u32> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    let millionths = (percent * 10_000.0).round();
    if !(0.0..=1_000_000.0).contains(&millionths) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Some(millionths as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_a_hundred() {
        assert_eq!(parse_share("5%"), Some(50_000));
        assert_eq!(parse_share("0.1 %"), Some(1_000));
        assert_eq!(parse_share("100%"), Some(1_000_000));
        for wrong in ["5", "%", "-1%", "101%", "NaN%", "inf%", "x%"] {
            assert_eq!(parse_share(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(parse_time("1m 30s").unwrap(), Duration::from_secs(90));
        for wrong in ["5", "0s", "-1s", "x", ""] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
