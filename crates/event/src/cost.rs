//! What a conversation cost.

use crate::exact::Exact;
use crate::open::open_enum;
use crate::record::record;

record! {
    /// The bill of a conversation. The currency is not stated.
    pub struct ConversationCost {
        /// The exact decimal sum of the items' costs.
        must total_cost: Exact,
        /// Seconds; those of the `platform_charge` item, not the sum of the items.
        must total_actual_duration: Exact,
        /// Seconds; those of the `platform_charge` item, not the sum of the items.
        must total_billable_duration: Exact,
        /// One row for each kind of charge.
        may items: Vec<CostItem>,
    }
}

record! {
    /// One row of the bill.
    pub struct CostItem {
        /// What is charged for.
        must charge_type: ChargeType,
        /// Money, four decimals in the example.
        must cost: Exact,
        /// Seconds used.
        must actual_duration: Exact,
        /// Seconds charged: those used, rounded up to a step that depends on the kind of charge.
        must billable_duration: Exact,
        /// `provider/model` for speech and language models; the key is missing for other charges. The
        /// part after the first `/` may hold further ones.
        may provider_model: String,
    }
}

open_enum! {
    /// What a row of the bill is for.
    pub enum ChargeType {
        /// Language model.
        Llm = "llm_call_charge",
        /// Text to speech.
        Tts = "tts_call_charge",
        /// Speech to text.
        Stt = "stt_call_charge",
        /// The platform.
        Platform = "platform_charge",
        /// The phone line.
        Telephony = "telephony_call_charge",
        /// The agent.
        Agent = "agent_charge",
    }
}

impl ChargeType {
    /// Tells whether rows of this kind name a model; `None` for a kind that is not known.
    pub const fn names_model(&self) -> Option<bool> {
        match self {
            Self::Llm | Self::Tts | Self::Stt => Some(true),
            Self::Platform | Self::Telephony | Self::Agent => Some(false),
            Self::Other(_) => None,
        }
    }
}
