//! JSON numbers held in decimal.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A number of an event (money, seconds, a priority), exact in decimal.
///
/// Binary floating point cannot hold a price: `0.0245 + 0.012 + 0.008 + 0.03 + 0.015 + 0.05` is
/// `0.1395` in one order and `0.13949999999999999` in another, and an empty sum is `-0.0`. In decimal
/// a sum is the same in every order, and zero has one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(Decimal);

/// The largest magnitude that an event's number may have; beyond it the shape does not hold.
pub(crate) const MAGNITUDE_MAX: f64 = 1e15;

/// A number that is not finite or exceeds ±10^15.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("number {0} is beyond what an event can hold (±1e15)")]
pub struct ExactError(pub f64);

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Makes a number of `units` of `10^-scale`, so that `Exact::new(1395, 4)` is 0.1395.
    ///
    /// # Panics
    ///
    /// When `scale` exceeds 28, the most a decimal can hold.
    pub fn new(units: i64, scale: u32) -> Self {
        Self(Decimal::new(units, scale).normalize())
    }

    /// Returns the decimal behind the number.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Reads a float by its shortest decimal form, the one that stood in the JSON text.
    ///
    /// # Errors
    ///
    /// When it is not finite or exceeds ±10^15.
    pub fn from_f64(number: f64) -> Result<Self, ExactError> {
        if !number.is_finite() || number.abs() > MAGNITUDE_MAX {
            return Err(ExactError(number));
        }
        let decimal: Decimal = number.to_string().parse().map_err(|_| ExactError(number))?;
        // A negative zero is a float's idea; no sum of money is one.
        Ok(Self(if decimal.is_zero() { Decimal::ZERO } else { decimal.normalize() }))
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<i64> for Exact {
    fn from(number: i64) -> Self {
        Self(Decimal::from(number))
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        Self(numbers.map(|number| number.0).sum::<Decimal>().normalize())
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(whole) = i64::try_from(self.0)
            && Decimal::from(whole) == self.0
        {
            return serializer.serialize_i64(whole);
        }
        // Reading the decimal digits gives the float nearest to them, and that float's shortest form
        // is those digits again, for up to 15 of them.
        let nearest: f64 = self.0.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(nearest)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Exact, E> {
                #[expect(clippy::cast_precision_loss, reason = "only the magnitude counts here")]
                self.visit_f64::<E>(number as f64).map(|_| Exact::from(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Exact, E> {
                match i64::try_from(number) {
                    Ok(number) => self.visit_i64(number),
                    #[expect(clippy::cast_precision_loss, reason = "it is refused as too large")]
                    Err(_) => self.visit_f64(number as f64),
                }
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Exact, E> {
                Exact::from_f64(number).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl JsonSchema for Exact {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": -MAGNITUDE_MAX, "maximum": MAGNITUDE_MAX })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(number: Exact) -> String {
        serde_json::to_string(&number).unwrap()
    }

    #[test]
    fn a_sum_of_money_is_the_same_in_every_order_and_never_negative_zero() {
        let costs = [245, 120, 80, 300, 150, 500].map(|units| Exact::new(units, 4));
        assert_eq!(print(costs.iter().copied().sum()), "0.1395");
        assert_eq!(print(costs.iter().rev().copied().sum()), "0.1395");
        assert_eq!(print(std::iter::empty().sum()), "0");
        assert_eq!(print(serde_json::from_str("-0.0").unwrap()), "0");
    }

    #[test]
    fn a_number_that_no_event_can_hold_is_refused() {
        let error = serde_json::from_str::<Exact>("1e300").unwrap_err();
        assert!(error.to_string().contains("beyond what an event can hold"), "{error}");
        assert!(serde_json::from_str::<Exact>("18446744073709551615").is_err());
    }

    proptest! {
        #[test]
        fn money_is_printed_with_the_digits_it_was_read_with(units in -10_000_000_i64..10_000_000) {
            let money = Exact::new(units, 4);
            let text = print(money);
            prop_assert_eq!(&text, &money.to_string());
            prop_assert_eq!(serde_json::from_str::<Exact>(&text).unwrap(), money);
        }

        #[test]
        fn any_float_in_range_is_read_or_refused(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assert_eq!(Exact::from_f64(number).is_ok(), number.abs() <= MAGNITUDE_MAX);
        }
    }
}
