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
        let instant = jiff::Timestamp::from_millisecond(milliseconds)
            .map_err(|_| TimestampError(milliseconds.to_string()))?;
        Self(instant).to_string().parse()
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00.000Z.
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let refused = || TimestampError(text.to_owned());
        let instant = Self(text.parse().map_err(|_| refused())?);
        // A time in another form (an offset, six digits, a leap second) reads as an instant too, but
        // would be printed differently: what is accepted here survives parse and print.
        if instant.to_string() == text { Ok(instant) } else { Err(refused()) }
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

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            let time = Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(time.to_string().len(), 24);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(time.as_millisecond(), ms);
        }
    }
}
