//! Instants as Oration writes them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC to the millisecond, written `2023-01-01T12:00:00.000Z`: exactly three fractional
/// digits and `Z`, as in every documented example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// Twenty-four characters, in which years have four digits and months, days, hours … are in range.
pub(crate) const PATTERN: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$";

/// A text that is not an instant in the form of the documented examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of the form 2023-01-01T12:00:00.000Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// Returns the instant `milliseconds` after 1970-01-01T00:00:00.000Z.
    ///
    /// # Errors
    ///
    /// When the year would not have four digits.
    pub fn from_millisecond(milliseconds: i64) -> Result<Self, TimestampError> {
        /// 0000-01-01T00:00:00.000Z; the last year ends a day before its end.
        const FIRST: i64 = -62_167_219_200_000;
        match jiff::Timestamp::from_millisecond(milliseconds) {
            Ok(instant) if milliseconds >= FIRST => Ok(Self(instant)),
            _ => Err(TimestampError(milliseconds.to_string())),
        }
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00.000Z.
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::tz::Offset::UTC.to_datetime(self.0);
        let (date, time) = (time.date(), time.time());
        // Years of four digits only.
        let year = date.year().unsigned_abs();
        let pair = |number: u16| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        let small = |number: i8| pair(u16::from(number.unsigned_abs()));
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, digits) in [
            (0, pair(year / 100)),
            (2, pair(year % 100)),
            (5, small(date.month())),
            (8, small(date.day())),
            (11, small(time.hour())),
            (14, small(time.minute())),
            (17, small(time.second())),
            (20, pair(time.millisecond().unsigned_abs() / 10)),
        ] {
            text[at..at + 2].copy_from_slice(&digits);
        }
        text[22] = b'0' + (time.millisecond().unsigned_abs() % 10) as u8;
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // By hand, for times are half of what is read of an event. No other form is a time here (an
        // offset, six digits, a leap second): what is accepted survives parse and print.
        let read = |bytes: &[u8; 24]| {
            let number = |at: std::ops::Range<usize>| {
                let digits = &bytes[at];
                let is_number = digits.iter().all(u8::is_ascii_digit);
                is_number
                    .then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
            };
            let part = |at| i8::try_from(number(at)?).ok();
            let marks = [4, 7, 10, 13, 16, 19, 23].map(|at| bytes[at]);
            if marks != *b"--T::.Z" || part(17..19)? > 59 {
                return None;
            }
            let date = jiff::civil::Date::new(number(0..4)?, part(5..7)?, part(8..10)?).ok()?;
            let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
            let milliseconds = i32::from(number(20..23)?);
            let time =
                jiff::civil::Time::new(hour, minute, second, milliseconds * 1_000_000).ok()?;
            jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
        };
        let instant = text.as_bytes().try_into().ok().and_then(read);
        instant.map(Self).ok_or_else(|| TimestampError(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An instant in UTC with exactly three fractional digits.",
            "type": "string",
            "format": "date-time",
            "pattern": PATTERN,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_documented_form_is_a_time() {
        assert!("2023-01-01T12:00:00.000Z".parse::<Timestamp>().is_ok());
        for other in [
            "2023-01-01T12:00:00Z",
            "2023-01-01T12:00:00.000000Z",
            "2023-01-01T12:00:00.000+00:00",
            "2023-02-30T12:00:00.000Z",
            "2023-01-01 12:00:00.000Z",
            "2016-12-31T23:59:60.000Z",
            "1672574400000",
            "",
        ] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_times_and_what_is_beyond_is_refused() {
        for time in
            ["0000-01-01T00:00:00.000Z", "9999-12-30T22:00:00.999Z", "2024-02-29T23:59:59.999Z"]
        {
            assert_eq!(time.parse::<Timestamp>().unwrap().to_string(), time);
        }
        for time in
            ["9999-12-31T23:59:59.999Z", "2023-02-29T00:00:00.000Z", "2023-01-01T24:00:00.000Z"]
        {
            assert!(time.parse::<Timestamp>().is_err(), "{time}");
        }
        assert!(Timestamp::from_millisecond(-62_167_219_200_001).is_err());
        assert!(Timestamp::from_millisecond(i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn a_time_is_that_of_a_library(ms in -62_167_219_200_000_i64..253_402_207_200_000) {
            let time = Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(time.to_string(), format!("{:.3}", time.0));
        }

        #[test]
        fn print_and_parse_are_inverse(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            let time = Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(time.to_string().len(), 24);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(time.as_millisecond(), ms);
        }
    }
}
