//! The catalogue of mutations, read from `data/mutations.toml`, and its table for the documentation.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Effect, Mutation, Reaction};

static CATALOGUE: LazyLock<Vec<Mutation>> = LazyLock::new(|| {
    read(include_str!("../../data/mutations.toml"))
        .unwrap_or_else(|error| unreachable!("data/mutations.toml: {error}"))
});

static FAILURES: LazyLock<Vec<Failure>> = LazyLock::new(|| {
    let file: FailuresFile = toml::from_str(include_str!("../../data/failures.toml"))
        .unwrap_or_else(|error| unreachable!("data/failures.toml: {error}"));
    file.failures
});

/// Returns every mutation of the catalogue, by kind.
pub fn mutations() -> &'static [Mutation] {
    &CATALOGUE
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    #[serde(rename = "mutation")]
    mutations: Vec<MutationFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MutationFile {
    name: String,
    at: String,
    inner: Option<String>,
    effect: Effect,
    statement: String,
    failures: Vec<u8>,
    reaction: Reaction,
    breaks: Vec<String>,
    archetype: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailuresFile {
    #[serde(rename = "failure")]
    failures: Vec<Failure>,
}

/// A way in which receivers have failed in public.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    number: u8,
    statement: String,
    seen: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum CatalogueError {
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error("`{name}`: {error}")]
    Archetype { name: String, error: crate::ArchetypeError },
}

fn read(text: &str) -> Result<Vec<Mutation>, CatalogueError> {
    let file: CatalogueFile = toml::from_str(text)?;
    let mut mutations = Vec::new();
    for row in file.mutations {
        let archetype = row
            .archetype
            .map(|name| name.parse())
            .transpose()
            .map_err(|error| CatalogueError::Archetype { name: row.name.clone(), error })?;
        mutations.push(Mutation {
            name: row.name,
            at: row.at,
            inner: row.inner,
            effect: row.effect,
            statement: row.statement,
            failures: row.failures,
            reaction: row.reaction,
            breaks: row.breaks,
            archetype,
        });
    }
    Ok(mutations)
}

/// A name that is neither in the catalogue nor of the form `EFFECT:POINTER`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no mutation is called `{name}`; did you mean `{near}`? Outside of the catalogue, write \
     EFFECT:POINTER with one of {}, such as `null:/payload/customer`",
    EFFECTS.map(|(name, _)| name).join(", ")
)]
pub struct MutationError {
    /// The name as it was given.
    pub name: String,
    /// The mutation whose name is nearest.
    pub near: String,
}

/// The effects that need nothing but a place.
const EFFECTS: [(&str, Effect); 9] = [
    ("drop", Effect::Drop),
    ("null", Effect::Null),
    ("empty", Effect::Empty),
    ("as-text", Effect::AsText),
    ("reverse", Effect::Reverse),
    ("encode", Effect::Encode),
    ("decode", Effect::Decode),
    ("cut", Effect::Cut),
    ("unknown-keys", Effect::UnknownKeys),
];

impl FromStr for Mutation {
    type Err = MutationError;

    fn from_str(name: &str) -> Result<Self, MutationError> {
        if let Some(mutation) = mutations().iter().find(|mutation| mutation.name == name) {
            return Ok(mutation.clone());
        }
        if let Some((effect, at)) = name.split_once(':')
            && (at.is_empty() || at.starts_with('/'))
            && let Some((_, effect)) = EFFECTS.into_iter().find(|(known, _)| *known == effect)
        {
            return Ok(Self::by_hand(name, at, effect));
        }
        let distance = |mutation: &&Self| strsim::damerau_levenshtein(name, &mutation.name);
        let near = mutations().iter().min_by_key(distance);
        let near = near.map(|mutation| mutation.name.clone()).unwrap_or_default();
        Err(MutationError { name: name.to_owned(), near })
    }
}

/// Returns `docs/mutations.md`: the catalogue as a table, and the failures that it stems from.
pub fn table() -> String {
    let mut out = String::from(
        "# Mutations\n\n\
         Ways to break or stretch an event, by name: `ringback generate --mutate NAME`. This page is \
         generated from\n`crates/generator/data/mutations.toml` and `failures.toml`; a test compares \
         them.\n\n\
         A sound receiver **accepts** (answers 2xx and does what it does for the event as it was), \
         **tolerates**\n(answers 2xx and does without what is missing or unknown), **rejects** \
         (answers 4xx and does nothing\nelse) or **survives** (2xx or 4xx, never 5xx, never half a \
         result). *Breaks* lists the rules that the\nevent breaks then; where there are none it still \
         holds, and whoever refuses it is too strict.\n\n\
         | name | place | what | sound receiver | breaks | failures |\n|---|---|---|---|---|---|\n",
    );
    for mutation in mutations() {
        let inner = mutation.inner.as_deref().map(|inner| format!(" › `{inner}`"));
        let at = match mutation.at.as_str() {
            "" => "the body".to_owned(),
            at => format!("`{at}`"),
        };
        let breaks: Vec<_> = mutation.breaks.iter().map(|rule| format!("`{rule}`")).collect();
        let failures: Vec<_> = mutation.failures.iter().map(u8::to_string).collect();
        let _ = writeln!(
            out,
            "| `{}` | {at}{} | {} | {} | {} | {} |",
            mutation.name,
            inner.unwrap_or_default(),
            mutation.statement,
            mutation.reaction,
            breaks.join(", "),
            failures.join(", "),
        );
    }
    out.push_str(
        "\n## The failures\n\nHow receivers have failed in public. Each number has a thread or a page \
         to read.\n\n| number | failure | seen in |\n|---|---|---|\n",
    );
    for failure in FAILURES.iter() {
        let seen: Vec<_> = failure.seen.iter().map(|at| format!("`{at}`")).collect();
        let Failure { number, statement, .. } = failure;
        let _ = writeln!(out, "| {number} | {statement} | {} |", seen.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_catalogue_is_rich_and_every_entry_says_what_why_and_what_then() {
        assert!(mutations().len() >= 60);
        let mut names = HashSet::new();
        for mutation in mutations() {
            assert!(names.insert(&mutation.name), "{mutation} twice");
            assert!(mutation.statement.ends_with('.'), "{mutation}");
            assert!(!mutation.failures.is_empty(), "{mutation}");
            for number in &mutation.failures {
                assert!(FAILURES.iter().any(|failure| failure.number == *number), "{mutation}");
            }
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let error = "drop-eventid".parse::<Mutation>().unwrap_err();
        insta::assert_snapshot!(error, @"no mutation is called `drop-eventid`; did you mean `drop-event-id`? Outside of the catalogue, write EFFECT:POINTER with one of drop, null, empty, as-text, reverse, encode, decode, cut, unknown-keys, such as `null:/payload/customer`");
    }
}
