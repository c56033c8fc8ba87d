//! What is to be made, settled: which calls of which recipe, and what is done to each of their events.
//!
//! A [`Corpus`] comes from the command line, or from the [`Order`] that a manifest keeps; its events come
//! out one after the other, the same ones every time.

use std::num::NonZeroU64;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use ringback_generator::{
    ApplyError, Archetype, Coverage, Generation, Generator, Mutation, Population, Profile, Recipe,
    analysis, apply_all, kind,
};
use ringback_report::terminal::count;
use serde::{Deserialize, Serialize};

use super::change::Changes;
use crate::error::{CliError, unwritten};
use crate::output;

/// Which events of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Which {
    /// conversation.completed
    Completed,
    /// conversation.analysisCompleted, for the calls that have one
    Analysis,
    /// Both, one after the other
    Pair,
}

/// The I-th of N parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) number: u64,
    pub(super) of: NonZeroU64,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let expected = "write I/N with I from 1 to N, such as 2/4";
        let (number, of) = text.split_once('/').ok_or(expected)?;
        let number = number.parse().map_err(|_| expected)?;
        let of: NonZeroU64 = of.parse().map_err(|_| expected)?;
        if (1..=of.get()).contains(&number) { Ok(Self { number, of }) } else { Err(expected) }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Returns the calls of this part.
    fn range(self, count: u64) -> Range<u64> {
        let at = |number: u64| {
            let place = u128::from(count) * u128::from(number) / u128::from(self.of.get());
            u64::try_from(place).unwrap_or(count)
        };
        at(self.number - 1)..at(self.number)
    }
}

/// What is to be made.
#[derive(Debug, Clone)]
pub(super) struct Corpus {
    pub(super) recipe: Recipe,
    /// How many calls the whole has.
    pub(super) count: u64,
    pub(super) shard: Option<Shard>,
    pub(super) which: Which,
    pub(super) generation: Generation,
    pub(super) changes: Changes,
    pub(super) mutations: Vec<Mutation>,
    /// The file that the customers come from, where they come from one.
    pub(super) population: Option<Named>,
    /// The events as somebody has edited them, which stand in for those that are made.
    pub(super) edited: Option<Vec<Edited>>,
}

/// Customers, and the digest of the file that names them.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(super) population: Arc<Population>,
    pub(super) sha256: String,
}

/// An event that somebody has edited.
#[derive(Debug, Clone)]
pub(super) struct Edited {
    pub(super) index: u64,
    pub(super) is_analysis: bool,
    pub(super) bytes: Vec<u8>,
}

/// One event of a corpus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    /// Which call it is of.
    pub(super) index: u64,
    pub(super) is_analysis: bool,
    pub(super) bytes: &'a [u8],
    /// Whether the mutations were applied to it.
    pub(super) is_mutated: bool,
}

impl Corpus {
    /// Returns the calls to make.
    pub(super) fn calls(&self) -> Range<u64> {
        self.shard.map_or(0..self.count, |shard| shard.range(self.count))
    }

    /// Tells whether the whole is one event, which can stand alone where several need a frame.
    pub(super) const fn is_one(&self) -> bool {
        self.count == 1 && !matches!(self.which, Which::Pair)
    }

    /// Tells whether every event is as the generator made it, and so compact JSON on one line.
    pub(super) fn is_untouched(&self) -> bool {
        self.mutations.is_empty()
            && self.changes.is_empty()
            && self.edited.is_none()
            && self.recipe.archetype != Some(Archetype::Example)
    }

    /// Names the file of an event by the number of its call, so that parts can share a folder.
    pub(super) fn file_name(&self, made: &Made<'_>) -> String {
        let width = self.count.saturating_sub(1).to_string().len().max(6);
        let index = made.index;
        match (self.which, made.is_analysis) {
            (Which::Pair, false) => format!("{index:0width$}-completed.json"),
            (Which::Pair, true) => format!("{index:0width$}-analysis.json"),
            _ => format!("{index:0width$}.json"),
        }
    }

    /// Counts what an event exercises.
    pub(super) fn count_coverage(&self, made: &Made<'_>, coverage: &mut Coverage) {
        coverage.add_made(made.bytes, &kind(&self.recipe, made.index));
        for mutation in self.mutations.iter().filter(|_| made.is_mutated) {
            coverage.add_mutation(&mutation.name);
        }
    }

    /// Makes the events, one after the other.
    pub(super) fn each<E: From<CliError>>(
        &self,
        mut take: impl FnMut(&Made<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut n, mut n_without, mut first) = (0_usize, 0_usize, None);
        self.unmutated(|made| {
            if self.mutations.is_empty() {
                return take(made);
            }
            n += 1;
            match apply_all(made.bytes, &self.mutations) {
                Ok(bytes) => take(&Made { bytes: &bytes, is_mutated: true, ..*made }),
                // A call that nobody answered has no words to break: in a mix it stays as it is.
                Err(error @ ApplyError::NoPlace { .. }) if !self.is_one() => {
                    n_without += 1;
                    first.get_or_insert_with(|| refused(made.index, &error.to_string()));
                    take(made)
                }
                Err(error) => Err(refused(made.index, &error.to_string()).into()),
            }
        })?;
        match first {
            Some(error) if n_without == n => Err(error.into()),
            Some(_) => {
                let events = count(n, "event");
                output::talk(&format!(
                    "{n_without} of {events} stay as they were: they have no place for the mutation"
                ));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Makes the events as they are before mutations.
    pub(super) fn unmutated<E: From<CliError>>(
        &self,
        mut take: impl FnMut(&Made<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(edited) = &self.edited {
            let made = |it: &Edited| {
                take(&Made {
                    index: it.index,
                    is_analysis: it.is_analysis,
                    bytes: &it.bytes,
                    is_mutated: false,
                })
            };
            return edited.iter().try_for_each(made);
        }
        let mut change = |made: &Made<'_>| {
            if self.changes.is_empty() {
                return take(made);
            }
            let bytes =
                self.changes.apply(made.bytes).map_err(|error| refused(made.index, &error))?;
            take(&Made { bytes: &bytes, ..*made })
        };
        let mut generator = Generator::new(&self.recipe);
        let mut event = Vec::new();
        for index in self.calls() {
            if self.which != Which::Analysis {
                event.clear();
                generator.write(index, &mut event);
                change(&Made { index, is_analysis: false, bytes: &event, is_mutated: false })?;
            }
            if self.which != Which::Completed
                && let Some(analysis) = analysis(&self.recipe, index, self.generation)
            {
                let bytes = serde_json::to_vec(&analysis.event)
                    .map_err(|error| E::from(unwritten(error.into())))?;
                change(&Made { index, is_analysis: true, bytes: &bytes, is_mutated: false })?;
            }
        }
        Ok(())
    }
}

fn refused(index: u64, error: &str) -> CliError {
    CliError::usage(format!("event {index}: {error}"))
}

/// A corpus as text: what a manifest keeps of it, and all that it takes to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Order {
    pub(super) count: u64,
    pub(super) shard: Option<String>,
    pub(super) seed: u64,
    pub(super) identity: u64,
    pub(super) archetype: Option<String>,
    pub(super) epoch: Option<String>,
    pub(super) event: Which,
    pub(super) generation: String,
    #[serde(rename = "override")]
    pub(super) overrides: Vec<String>,
    pub(super) add: Vec<String>,
    pub(super) remove: Vec<String>,
    pub(super) mutate: Vec<String>,
    /// The profile as TOML.
    pub(super) profile: String,
    /// The digest of the file with the customers, where there was one.
    pub(super) population_sha256: Option<String>,
}

impl Order {
    /// Writes down what a corpus is made from; edits by hand are not in it.
    pub(super) fn of(corpus: &Corpus) -> Self {
        let Corpus { recipe, changes, .. } = corpus;
        let texts = |list: &[Mutation]| list.iter().map(ToString::to_string).collect();
        Self {
            count: corpus.count,
            shard: corpus.shard.map(|shard| shard.to_string()),
            seed: recipe.seed,
            identity: recipe.identity,
            archetype: recipe.archetype.map(|archetype| archetype.to_string()),
            epoch: recipe.epoch.map(|epoch| epoch.to_string()),
            event: corpus.which,
            generation: corpus.generation.to_string(),
            overrides: changes.overrides.iter().map(ToString::to_string).collect(),
            add: changes.additions.iter().map(ToString::to_string).collect(),
            remove: changes.removals.iter().map(ToString::to_string).collect(),
            mutate: texts(&corpus.mutations),
            profile: recipe.profile.to_toml(),
            population_sha256: corpus.population.as_ref().map(|it| it.sha256.clone()),
        }
    }

    /// Settles the corpus again, with the customers that it was made with.
    pub(super) fn corpus(&self, population: Option<&Named>) -> Result<Corpus, String> {
        fn read<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
            text.parse().map_err(|error: T::Err| error.to_string())
        }
        fn all<T: FromStr<Err: std::fmt::Display>>(texts: &[String]) -> Result<Vec<T>, String> {
            texts.iter().map(|text| read(text)).collect()
        }
        let profile = Profile::parse(&self.profile).map_err(|error| error.to_string())?;
        if self.population_sha256.as_ref() != population.map(|it| &it.sha256) {
            return Err(match (&self.population_sha256, population) {
                (Some(_), None) => "it was made with a population; give its file with --population",
                (None, _) => "it was made without a population",
                _ => "it was made with another population",
            }
            .to_owned());
        }
        let recipe = Recipe {
            identity: self.identity,
            archetype: self.archetype.as_deref().map(read).transpose()?,
            epoch: self.epoch.as_deref().map(read).transpose()?,
            profile: Arc::new(profile),
            population: population.map(|it| Arc::clone(&it.population)),
            ..Recipe::new(self.seed)
        };
        Ok(Corpus {
            recipe,
            count: self.count,
            shard: self.shard.as_deref().map(read).transpose()?,
            which: self.event,
            generation: read(&self.generation)?,
            changes: Changes {
                overrides: all(&self.overrides)?,
                additions: all(&self.add)?,
                removals: all(&self.remove)?,
            },
            mutations: all(&self.mutate)?,
            population: population.cloned(),
            edited: None,
        })
    }
}
