//! The second event of a call, `conversation.analysisCompleted`: what the analysis found, some time
//! later.
//!
//! Two generations of its documentation exist, with no version marker in the body; both are cut off
//! after `transcript`, so that whether the lists and the bill are sent with it is not known. They are
//! left out here.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ringback_event::{Event, EventType, Field, Timestamp};
use serde_json::json;

use crate::Recipe;
use crate::archetype::{Answer, Archetype, Ending, Outcome};
use crate::call::{Call, Stage};
use crate::chance::{Chance, Purpose};
use crate::written;

/// Which of the two documented forms an analysis has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// The earlier one: with `summary`, `postCallNotes` and three categories, without the times of
    /// agents and transfers.
    Old,
    /// The later one: with those times, and all findings in `postCallMetadata`.
    New,
}

impl Generation {
    /// Both generations.
    pub const ALL: [Self; 2] = [Self::Old, Self::New];

    /// Returns the name: `old` or `new`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no generation has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no generation of conversation.analysisCompleted; write `old` or `new`")]
pub struct GenerationError(pub String);

impl FromStr for Generation {
    type Err = GenerationError;

    fn from_str(name: &str) -> Result<Self, GenerationError> {
        let known = Self::ALL.into_iter().find(|generation| generation.as_str() == name);
        known.ok_or_else(|| GenerationError(name.to_owned()))
    }
}

/// The analysis of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The event: the same `payload.id` as the call's, another `eventId`.
    pub event: Event,
    /// How long after the call's own event it is sent: lognormal, half of them within 20 s, at most
    /// an hour.
    pub delay: Duration,
}

/// Makes the analysis of the call that [`event`](crate::event) makes of the same recipe and index;
/// `None` for a call in which nobody spoke, which has nothing to analyse, and for the documented example,
/// whose analysis is not documented.
pub fn analysis(recipe: &Recipe, index: u64, generation: Generation) -> Option<Analysis> {
    if recipe.archetype == Some(Archetype::Example) {
        return None;
    }
    let mut stage = Stage::new(recipe);
    let call = stage.play(index);
    if call.plan.answer == Answer::Nobody {
        return None;
    }
    let mut chance = Chance::new(recipe.seed, Purpose::Analysis, index);
    let delay = crate::call::milliseconds(chance.lognormal(20_000.0, 0.8)).clamp(500, 3_600_000);

    let mut event = written::event(&call, Chance::new(recipe.identity, Purpose::Identity, index));
    let event_id = Chance::new(recipe.identity, Purpose::AnalysisIdentity, index).uuid();
    event.event_id = written::event_id(call.ids, event_id);
    event.event_type = EventType::AnalysisCompleted;
    let payload = &mut event.payload;
    if let Field::Value(updated) = payload.updated_at {
        payload.updated_at =
            Timestamp::from_millisecond(updated.as_millisecond() + delay).ok().into();
    }
    payload.flow_id = Field::Absent;
    payload.transcripts = Field::Absent;
    payload.agents = Field::Absent;
    payload.users = Field::Absent;
    payload.transfers = Field::Absent;
    payload.conversation_cost = Field::Absent;

    let found = Findings::of(&call, &mut chance);
    payload.post_call_metadata = Field::Value(json!({
        "sentiment": found.sentiment,
        "duration": (call.times.end - call.times.start) / 1_000,
        "resolution": found.resolution,
    }));
    if generation == Generation::Old {
        payload.agent_join_time = Field::Absent;
        payload.agent_leave_time = Field::Absent;
        payload.transfer_start_time = Field::Absent;
        payload.transfer_end_time = Field::Absent;
        payload.transfer_user_join_time = Field::Absent;
        payload.transfer_user_leave_time = Field::Absent;
        payload.transfer_status = Field::Absent;
        payload.transfer_destination = Field::Absent;
        if let Field::Value(customer) = &mut payload.customer {
            customer.source = Field::Absent;
        }
        payload.ws_url = Field::Null;
        payload.llm_url = Field::Null;
        payload.summary = found.summary.into();
        payload.post_call_notes = found.notes.to_owned().into();
        payload.post_call_category1 = call.domain.to_owned().into();
        payload.post_call_category2 = found.follow_up.to_owned().into();
        payload.post_call_category3 = found.priority.to_owned().into();
    }
    let delay = Duration::from_millis(delay.unsigned_abs());
    Some(Analysis { event, delay })
}

/// What an analysis finds.
struct Findings {
    sentiment: &'static str,
    resolution: &'static str,
    summary: String,
    notes: &'static str,
    follow_up: &'static str,
    priority: &'static str,
}

impl Findings {
    fn of(call: &Call<'_>, chance: &mut Chance) -> Self {
        let outcome = call.transfer.as_ref().map(|transfer| transfer.outcome);
        let (resolution, notes, follow_up) = match (outcome, call.plan.ending) {
            (Some(Outcome::Connected), _) => {
                ("transferred", "A person took over the call.", "no_follow_up")
            }
            (Some(Outcome::TimedOut | Outcome::Failed), _) => (
                "callback",
                "Nobody was free to take over; the customer waits for a call.",
                "call_back",
            ),
            (None, Ending::CustomerHangsUp | Ending::AgentHangsUp) => {
                ("completed", "The matter was settled.", "no_follow_up")
            }
            (None, Ending::MessageLeft) => ("voicemail", "A message was left.", "follow_up"),
            (None, _) => {
                ("incomplete", "The call ended before the matter was settled.", "follow_up")
            }
        };
        let sentiment = match (resolution, chance.below(10)) {
            ("completed", 0..=6) | ("transferred", 0..=2) => "positive",
            ("callback" | "incomplete", 0..=5) | ("completed", 9) => "negative",
            _ => "neutral",
        };
        let priority = if sentiment == "negative" { "high_priority" } else { "normal_priority" };
        let turns = call.turns.len();
        let domain = call.domain;
        let summary = format!("A call about {domain} with {turns} turns. {notes}");
        Self { sentiment, resolution, summary, notes, follow_up, priority }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_found_by_its_name() {
        for generation in Generation::ALL {
            assert_eq!(generation.to_string().parse(), Ok(generation));
        }
        let error = "newest".parse::<Generation>().unwrap_err();
        insta::assert_snapshot!(error, @"`newest` is no generation of conversation.analysisCompleted; write `old` or `new`");
    }
}
