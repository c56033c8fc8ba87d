//! What a call costs: seconds in, a bill with exact sums out.

use serde::Deserialize;

/// The price of each kind of charge, read from `data/prices.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    pub(crate) platform: Price,
    pub(crate) telephony: Price,
    pub(crate) agent: Price,
    pub(crate) llm: Vec<ModelPrice>,
    pub(crate) tts: Vec<ModelPrice>,
    pub(crate) stt: Vec<ModelPrice>,
}

/// The price of a charge that names no model.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// Millionths of the currency for a billed minute.
    rate: u64,
    /// Seconds; time is billed in whole steps.
    step: u64,
}

/// The price of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelPrice {
    /// `provider/model`.
    pub(crate) model: String,
    rate: u64,
    step: u64,
}

impl ModelPrice {
    pub(crate) fn price(&self) -> Price {
        Price { rate: self.rate, step: self.step }
    }
}

/// One row of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Ten-thousandths of the currency.
    pub(crate) cost: i64,
    /// Seconds.
    pub(crate) actual: i64,
    /// Seconds, in whole steps.
    pub(crate) billable: i64,
}

impl Price {
    /// Bills so many seconds.
    pub(crate) fn charge(self, actual: i64) -> Charge {
        let used = u64::try_from(actual).unwrap_or_default();
        let billable = used.next_multiple_of(self.step);
        // Millionths a minute to ten-thousandths a second, rounded half up.
        let cost = (self.rate * billable + 3_000) / 6_000;
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Charge { cost: signed(cost), actual: signed(used), billable: signed(billable) }
    }
}

/// A price table that cannot be billed by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PricesError {
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error(
        "the step of {step} s does not divide the platform's {platform} s; the total is the platform's time, and no row may exceed it"
    )]
    Step { step: u64, platform: u64 },
    #[error("`{0}` is not of the form provider/model")]
    Model(String),
    #[error("the rate {0} is beyond 10^9 millionths a minute")]
    Rate(u64),
    #[error("there is no model for `{0}`; give it at least one")]
    NoModel(&'static str),
}

impl Prices {
    pub(crate) fn read(text: &str) -> Result<Self, PricesError> {
        let prices: Self = toml::from_str(text)?;
        for (kind, models) in [("llm", &prices.llm), ("tts", &prices.tts), ("stt", &prices.stt)] {
            if models.is_empty() {
                return Err(PricesError::NoModel(kind));
            }
        }
        let models = || prices.llm.iter().chain(&prices.tts).chain(&prices.stt);
        for model in models() {
            if !model
                .model
                .split_once('/')
                .is_some_and(|(provider, name)| !provider.is_empty() && !name.is_empty())
            {
                return Err(PricesError::Model(model.model.clone()));
            }
        }
        let platform = prices.platform.step;
        let fixed = [prices.platform, prices.telephony, prices.agent];
        for Price { rate, step } in models().map(ModelPrice::price).chain(fixed) {
            if step == 0 || !platform.is_multiple_of(step) {
                return Err(PricesError::Step { step, platform });
            }
            if rate > 1_000_000_000 {
                return Err(PricesError::Rate(rate));
            }
        }
        Ok(prices)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rows_of_the_documented_example_follow_from_the_first_prices() {
        let charge = |rate, step, actual| Price { rate, step }.charge(actual);
        assert_eq!(charge(24_500, 60, 45), Charge { cost: 245, actual: 45, billable: 60 });
        assert_eq!(charge(16_000, 15, 42), Charge { cost: 120, actual: 42, billable: 45 });
        assert_eq!(charge(12_000, 1, 40), Charge { cost: 80, actual: 40, billable: 40 });
        assert_eq!(charge(15_000, 60, 120), Charge { cost: 300, actual: 120, billable: 120 });
    }

    #[test]
    fn a_step_that_could_outgrow_the_total_is_refused() {
        let text = include_str!("../data/prices.toml").replacen("step = 60", "step = 50", 1);
        let error = Prices::read(&text).unwrap_err();
        insta::assert_snapshot!(error, @"the step of 60 s does not divide the platform's 50 s; the total is the platform's time, and no row may exceed it");
    }

    proptest! {
        #[test]
        fn what_is_billed_is_a_whole_number_of_steps_and_no_less_than_what_was_used(
            rate in 0_u64..1_000_000, step in 1_u64..120, actual in 0_i64..100_000,
        ) {
            let charge = Price { rate, step }.charge(actual);
            prop_assert!(charge.billable >= actual && charge.billable < actual + 120);
            prop_assert_eq!(u64::try_from(charge.billable).unwrap() % step, 0);
            prop_assert!(charge.cost >= 0);
        }
    }
}
