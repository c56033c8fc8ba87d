//! `ringback generate`: makes events up.

use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ringback_event::{Event, Timestamp};
use ringback_generator::{
    Archetype, Coverage, Effect, Generation, Mutation, Profile, Recipe, analysis, apply_all,
    domains, locales, mutations, write,
};

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;

/// Make events up, on standard output
///
/// The same seed gives the same bytes, on any machine; `send` with that seed sends them.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// How many calls
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    count: u64,
    #[command(flatten)]
    events: EventArgs,
    /// Which events of each call
    #[arg(long, value_enum, default_value = "completed")]
    event: Which,
    /// The documented form of conversation.analysisCompleted, `old` or `new`
    #[arg(long, value_name = "FORM", default_value = "new")]
    generation: Generation,
    /// Break or stretch each event: one of `--list mutations`, or EFFECT:POINTER (repeatable)
    #[arg(long = "mutate", value_name = "NAME")]
    mutations: Vec<Mutation>,
    /// Replace a value: POINTER=JSON, or POINTER=TEXT where it is not JSON (repeatable)
    #[arg(long = "override", value_name = "POINTER=VALUE")]
    overrides: Vec<Override>,
    /// Add a key, given with its place: POINTER=JSON or POINTER=TEXT (repeatable)
    #[arg(long = "add", value_name = "POINTER=VALUE")]
    additions: Vec<Addition>,
    /// Leave a key out (repeatable)
    #[arg(long = "remove", value_name = "POINTER")]
    removals: Vec<String>,
    /// Make the I-th of N parts only; the parts one after the other are the whole
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// How to write them
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Print what there is to choose from instead, one a line
    #[arg(long, value_enum, value_name = "WHAT")]
    list: Option<List>,
    /// Print what the events exercise instead, and what they do not
    #[arg(long)]
    coverage: bool,
    /// Print the profile instead, as TOML to start from
    #[arg(long)]
    print_profile: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum List {
    /// The kinds of call
    Archetypes,
    /// The ways to break or stretch an event
    Mutations,
    /// The shipped profiles
    Profiles,
    /// The languages
    Locales,
    /// What calls are about
    Domains,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// conversation.completed
    Completed,
    /// conversation.analysisCompleted, for the calls that have one
    Analysis,
    /// Both, one after the other
    Pair,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Draws people, times, words and money
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draws the ids of the conversations themselves; the seed where this says nothing
    #[arg(long, value_name = "S")]
    identity: Option<u64>,
    /// The kind of call, one of `generate --list archetypes`; a mix where this says nothing
    #[arg(long, value_name = "NAME")]
    archetype: Option<Archetype>,
    /// What the mix is like: one of `generate --list profiles`, or a TOML file
    #[arg(long, value_name = "NAME|FILE", value_parser = profile, conflicts_with = "like")]
    profile: Option<Arc<Profile>>,
    /// Make the mix like the events of this file (JSON Lines or JSON); keeps nothing of them but counts
    #[arg(long, value_name = "FILE", value_parser = learnt)]
    like: Option<Arc<Profile>>,
    /// Midnight before the first call, such as 2025-01-06T00:00:00.000Z; drawn by the seed otherwise
    #[arg(long, value_name = "TIME")]
    epoch: Option<Timestamp>,
}

impl EventArgs {
    /// Returns the seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns what the events are made from.
    pub(crate) fn recipe(&self) -> Recipe {
        let default = Recipe::new(self.seed);
        Recipe {
            identity: self.identity.unwrap_or(self.seed),
            archetype: self.archetype,
            epoch: self.epoch,
            profile: self.profile.clone().or_else(|| self.like.clone()).unwrap_or(default.profile),
            ..default
        }
    }
}

/// Reads a profile, shipped or from a file.
fn profile(name: &str) -> Result<Arc<Profile>, String> {
    let is_file = name.contains(['/', '\\']) || name.ends_with(".toml");
    let profile = if is_file {
        let text =
            fs::read_to_string(name).map_err(|error| format!("cannot read `{name}`: {error}"))?;
        Profile::parse(&text)
    } else {
        Profile::named(name)
    };
    profile.map(Arc::new).map_err(|error| error.to_string())
}

/// Learns a profile from a file of events.
fn learnt(file: &str) -> Result<Arc<Profile>, String> {
    let path = PathBuf::from(file);
    let events =
        read_events(&path).map_err(|error| format!("cannot learn from `{file}`: {error}"))?;
    let profile = Profile::like(&events);
    profile.map(Arc::new).map_err(|error| format!("cannot learn from `{file}`: {error}"))
}

/// Reads events: one JSON text a line, an array of them, or one.
fn read_events(path: &Path) -> Result<Vec<Event>, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(path)?;
    if text.trim_start().starts_with('[') {
        return Ok(serde_json::from_str(&text)?);
    }
    let stream = serde_json::Deserializer::from_str(&text).into_iter();
    Ok(stream.collect::<Result<_, _>>()?)
}

#[derive(Debug, Clone)]
struct Override(Mutation);

#[derive(Debug, Clone)]
struct Addition(Mutation);

/// Splits POINTER=VALUE; a value that is not JSON is a text.
fn assignment(text: &str) -> Result<(&str, String), String> {
    let (pointer, value) = text
        .split_once('=')
        .filter(|(pointer, _)| pointer.starts_with('/'))
        .ok_or("write POINTER=VALUE, such as /payload/endReason=user_busy")?;
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(_) => Ok((pointer, value.to_owned())),
        Err(_) => Ok((pointer, serde_json::Value::from(value).to_string())),
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pointer, value) = assignment(text)?;
        Ok(Self(Mutation::by_hand(format!("--override {text}"), pointer, Effect::Raw(value))))
    }
}

impl FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pointer, value) = assignment(text)?;
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let key = key.replace("~1", "/").replace("~0", "~");
        let effect = Effect::Key(key, value);
        Ok(Self(Mutation::by_hand(format!("--add {text}"), parent, effect)))
    }
}

/// The I-th of N parts.
#[derive(Debug, Clone, Copy)]
struct Shard {
    number: u64,
    of: NonZeroU64,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One event a line
    Jsonl,
    /// One event, or an array of them
    Json,
    /// The same over many lines, for people
    Pretty,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<Exit, CliError> {
    let mut out = output::bytes();
    if let Some(what) = args.list {
        list(what, &mut out)?;
    } else if args.print_profile {
        out.write_all(args.events.recipe().profile.to_toml().as_bytes()).map_err(unwritten)?;
    } else if args.coverage {
        write!(out, "{}", coverage(args)?).map_err(unwritten)?;
    } else {
        write_events(args, &mut out)?;
    }
    out.flush().map_err(unwritten)?;
    Ok(Exit::Held)
}

fn list(what: List, out: &mut impl Write) -> Result<(), CliError> {
    match what {
        List::Archetypes => {
            for archetype in Archetype::ALL {
                writeln!(out, "{archetype:24} {}", archetype.statement()).map_err(unwritten)?;
            }
        }
        List::Mutations => {
            for mutation in mutations() {
                writeln!(out, "{mutation:28} {}", mutation.statement).map_err(unwritten)?;
            }
        }
        List::Profiles => {
            for (name, description) in Profile::shipped_with_descriptions() {
                writeln!(out, "{name:24} {description}").map_err(unwritten)?;
            }
        }
        List::Locales => {
            for name in locales() {
                writeln!(out, "{name}").map_err(unwritten)?;
            }
        }
        List::Domains => {
            for name in domains() {
                writeln!(out, "{name}").map_err(unwritten)?;
            }
        }
    }
    Ok(())
}

/// Counts what the events exercise.
fn coverage(args: &GenerateArgs) -> Result<Coverage, CliError> {
    let mut coverage = Coverage::default();
    args.each(|event| {
        coverage.add(event);
        for mutation in &args.mutations {
            coverage.add_mutation(&mutation.name);
        }
        Ok(())
    })?;
    Ok(coverage)
}

fn write_events(args: &GenerateArgs, out: &mut impl Write) -> Result<(), CliError> {
    let is_one = args.count == 1 && !matches!(args.event, Which::Pair);
    let (open, between, close) = match args.format {
        Format::Jsonl => ("", "\n", "\n"),
        _ if is_one => ("", "", "\n"),
        Format::Json | Format::Pretty => ("[", ",\n", "]\n"),
    };
    out.write_all(open.as_bytes()).map_err(unwritten)?;
    let mut is_first = true;
    args.each(|event| {
        if !is_first {
            out.write_all(between.as_bytes()).map_err(unwritten)?;
        }
        is_first = false;
        match args.format {
            Format::Jsonl | Format::Json => out.write_all(event).map_err(unwritten),
            Format::Pretty => write_pretty(event, out),
        }
    })?;
    if !is_first || !open.is_empty() {
        out.write_all(close.as_bytes()).map_err(unwritten)?;
    }
    Ok(())
}

impl GenerateArgs {
    /// Returns what is done to each event: what was asked for by hand first.
    fn mutations(&self) -> Vec<Mutation> {
        let overrides = self.overrides.iter().map(|Override(mutation)| mutation.clone());
        let additions = self.additions.iter().map(|Addition(mutation)| mutation.clone());
        let removals = self
            .removals
            .iter()
            .map(|at| Mutation::by_hand(format!("--remove {at}"), at, Effect::Drop));
        overrides.chain(additions).chain(removals).chain(self.mutations.iter().cloned()).collect()
    }

    /// Makes the events, one after the other.
    fn each(&self, mut take: impl FnMut(&[u8]) -> Result<(), CliError>) -> Result<(), CliError> {
        let recipe = self.events.recipe();
        let mutations = self.mutations();
        let mut event = Vec::new();
        for index in self.shard.map_or(0..self.count, |shard| shard.range(self.count)) {
            let mut take = |event: &[u8]| match mutations.is_empty() {
                true => take(event),
                false => {
                    let refused = |error| CliError::usage(format!("event {index}: {error}"));
                    take(&apply_all(event, &mutations).map_err(refused)?)
                }
            };
            if !matches!(self.event, Which::Analysis) {
                event.clear();
                write(&recipe, index, &mut event);
                take(&event)?;
            }
            if !matches!(self.event, Which::Completed)
                && let Some(analysis) = analysis(&recipe, index, self.generation)
            {
                take(
                    &serde_json::to_vec(&analysis.event)
                        .map_err(|error| unwritten(error.into()))?,
                )?;
            }
        }
        Ok(())
    }
}

fn write_pretty(event: &[u8], out: &mut impl Write) -> Result<(), CliError> {
    // What a mutation has broken cannot be laid out, and is shown as it is.
    match serde_json::from_slice::<serde_json::Value>(event) {
        Ok(value) => {
            serde_json::to_writer_pretty(out, &value).map_err(|error| unwritten(error.into()))?;
        }
        Err(_) => out.write_all(event).map_err(unwritten)?,
    }
    Ok(())
}
