//! Calls made up from a seed, so coherent that a receiver cannot tell.
//!
//! A [`Recipe`] and an index come in, one event goes out: typed ([`event`]) or as the bytes that
//! `ringback generate` prints and `ringback send` sends ([`bytes`]). An event is a pure function of
//! (seed, [`VERSION`], index): event 17 of seed 42 can be made alone, on any machine, and is always the
//! same bytes. The crate reads no clock, no file and no randomness of the system.
//!
//! A call is simulated first (who calls whom, what is said when, who joins and leaves, what it costs)
//! and then written down, so that every relation between its keys holds: each event passes
//! [`ringback_event::judge`] at [`Level::Semantic`](ringback_event::Level::Semantic). No datum belongs
//! to a person: phone numbers are from ranges kept for fiction, e-mail addresses at example domains.
//!
//! What a corpus is like as a whole is a [`Profile`]; the second event of a call is its [`analysis`].
//! [`apply`] breaks an event in one of the named ways of the catalogue ([`mutations`]), and the
//! [`strategy`] module draws events for property tests.
//!
//! ```
//! use ringback_event::{Level, judge};
//! use ringback_generator::{Archetype, Recipe, bytes};
//!
//! let recipe = Recipe { archetype: Some(Archetype::Inbound), ..Recipe::new(42) };
//! let event = bytes(&recipe, 17);
//! assert_eq!(event, bytes(&recipe, 17));
//! assert!(judge(&event, Level::Semantic).is_empty());
//! ```

mod analysis;
mod archetype;
mod calendar;
mod call;
mod cast;
mod chance;
mod coverage;
mod digits;
mod direct;
mod escape;
mod library;
mod like;
mod line;
mod mutation;
mod population;
mod price;
mod profile;
mod script;
pub mod strategy;
mod texts;
mod world;
mod written;

use std::sync::Arc;

use ringback_event::{EXAMPLE, Event, Timestamp};

pub use analysis::{Analysis, Generation, GenerationError, analysis};
pub use archetype::{Archetype, ArchetypeError};
pub use cast::{Kind, kind};
pub use coverage::{Coverage, Missing};
pub use like::classify;
pub use mutation::{
    ApplyError, Effect, Mutation, MutationError, Reaction, apply, apply_all, mutations, table,
};
pub use population::{Population, PopulationError};
pub use profile::{IdStyle, Profile, ProfileError};

use call::Stage;
use chance::{Chance, Purpose};

/// The version of what a seed means. It changes whenever the same seed would give other bytes.
pub const VERSION: u32 = 2;

/// What events are made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Draws the stories: people, times, words, money.
    pub seed: u64,
    /// Draws the ids that belong to a conversation itself: `eventId`, `payload.id`, and the ids of the
    /// rows in `transcripts`, `agents`, `users` and `transfers`. The same seed with another identity is
    /// the same story under fresh ids, which a receiver that de-duplicates has not seen.
    pub identity: u64,
    /// The kind of every call; `None` for the profile's mix.
    pub archetype: Option<Archetype>,
    /// Midnight before the first call; `None` for the one that the seed draws, a Monday of 2025.
    /// Moved into the years 5 to 9892, where every time of a call has a year of four digits.
    pub epoch: Option<Timestamp>,
    /// What the events are like as a whole.
    pub profile: Arc<Profile>,
    /// The customers; `None` for people who are made up.
    pub population: Option<Arc<Population>>,
}

impl Recipe {
    /// Makes the recipe of a realistic mix, whose identity is the seed.
    pub fn new(seed: u64) -> Self {
        let profile = Arc::new(Profile::default());
        Self { seed, identity: seed, archetype: None, epoch: None, profile, population: None }
    }
}

/// Makes one event.
pub fn event(recipe: &Recipe, index: u64) -> Event {
    Generator::new(recipe).event(index)
}

/// Makes one event as compact JSON, without a line feed at its end.
pub fn bytes(recipe: &Recipe, index: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(EVENT_BYTES);
    Generator::new(recipe).write(index, &mut out);
    out
}

/// What most events fit into.
const EVENT_BYTES: usize = 12 * 1024;

/// Appends one event to a buffer, as [`bytes`] makes it.
pub fn write(recipe: &Recipe, index: u64, out: &mut Vec<u8>) {
    Generator::new(recipe).write(index, out);
}

/// Makes many events of one recipe, in any order and each as [`event`] and [`bytes`] make it, several
/// times as fast: it keeps its buffers and what recurs from call to call.
#[derive(Debug)]
pub struct Generator {
    stage: Stage,
}

impl Generator {
    /// Makes ready for the events of a recipe.
    pub fn new(recipe: &Recipe) -> Self {
        Self { stage: Stage::new(recipe) }
    }

    /// Makes one event.
    pub fn event(&mut self, index: u64) -> Event {
        if self.stage.recipe().archetype == Some(Archetype::Example) {
            return example();
        }
        let identity = self.identity(index);
        written::event(&self.stage.play(index), identity)
    }

    /// Appends one event to a buffer as compact JSON, without a line feed at its end. Nothing is
    /// allocated once the buffers are large enough and each agent has been met.
    pub fn write(&mut self, index: u64, out: &mut Vec<u8>) {
        if self.stage.recipe().archetype == Some(Archetype::Example) {
            return out.extend_from_slice(EXAMPLE);
        }
        let identity = self.identity(index);
        direct::write(&self.stage.play(index), identity, out);
    }

    fn identity(&self, index: u64) -> Chance {
        Chance::new(self.stage.recipe().identity, Purpose::Identity, index)
    }
}

/// Returns the documented example.
fn example() -> Event {
    serde_json::from_slice(EXAMPLE).unwrap_or_else(|error| unreachable!("the example: {error}"))
}

/// Returns the names of the languages that people speak, such as `en`.
pub fn locales() -> impl Iterator<Item = &'static str> {
    profile::names("locales").into_iter()
}

/// Returns the names of the trades that calls are about, such as `support`.
pub fn domains() -> impl Iterator<Item = &'static str> {
    profile::names("domains").into_iter()
}

/// Returns the models of the price table: what they are for (`llm`, `tts` or `stt`) and their name.
pub fn models() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |table| profile::names(table).into_iter().map(move |model| (table, model));
    ["llm", "tts", "stt"].into_iter().flat_map(of)
}

/// Returns the keys that a profile may leave out or make null: their name there and their JSON Pointer.
pub fn optional_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    profile::names("presence").into_iter().zip(profile::pointers())
}

/// Returns the name that is nearest to one that is not known.
fn nearest<'a>(name: &str, known: &[&'a str]) -> &'a str {
    // What was typed is more often a part of a name than a slip in one.
    let distance =
        |known: &&&'a str| (!known.contains(name), strsim::damerau_levenshtein(name, known));
    known.iter().min_by_key(distance).copied().unwrap_or_default()
}
