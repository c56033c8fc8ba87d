//! `ringback generate`: makes events up.

pub(crate) mod change;
mod corpus;
mod edit;
mod file;
mod layout;
mod manifest;
mod progress;

use std::fs;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use ringback_event::{Event, Timestamp};
use ringback_generator::{
    Archetype, Coverage, Generation, Mutation, Population, Profile, Recipe, domains, locales,
    models, mutations, optional_keys,
};
use sha2::{Digest as _, Sha256};
use url::Url;

use self::change::Changes;
use self::corpus::{Corpus, Named, Shard, Which};
use self::file::{Job, hex};
use self::layout::{Format, is_zstd};
use crate::address::parse_url;
use crate::documents::{self, Document};
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::signals::{Signals, block_on};
use crate::validate::recorded;
use crate::{clock, output};

/// Make events up, on standard output or as files
///
/// The same seed gives the same bytes, on any machine; `send` with that seed sends them. A file is
/// there when it is whole and not before, with a manifest beside it.
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
    #[command(flatten)]
    changes: Changes,
    /// Open the events in your editor (VISUAL or EDITOR) first; mutations come after
    #[arg(long)]
    edit: bool,
    /// Make the I-th of N parts only; the parts one after the other are the whole
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Write to a file or a folder, and a manifest beside or into it
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// How to write them; read off the name that --output gives (.json, .http, .sh, a folder), or jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Pack with zstd; a name that ends in .zst says so too
    #[arg(long)]
    zstd: bool,
    /// Where the requests of `http` and `curl` go to
    #[arg(long, value_name = "URL", value_parser = parse_url, default_value = DEFAULT_URL)]
    url: Url,
    /// Say nothing and show no progress
    #[arg(short, long)]
    quiet: bool,
    /// Print what there is to choose from instead, one a line
    #[arg(long, value_enum, value_name = "WHAT")]
    list: Option<List>,
    /// Print what the events exercise instead, and what they do not
    #[arg(long, conflicts_with = "output")]
    coverage: bool,
    /// Print the profile instead, as TOML to start from
    #[arg(long)]
    print_profile: bool,
    /// Compare a corpus with its manifest instead, and with its events made again
    #[arg(long, value_name = "MANIFEST", conflicts_with_all = ["output", "coverage", "list", "edit"])]
    verify: Option<PathBuf>,
}

const DEFAULT_URL: &str = "http://127.0.0.1:3000/";

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
    /// The speech and language models of the price table
    Models,
    /// The keys that a profile may leave out or make null
    Keys,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Draws people, times, words and money
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draws the ids of the conversations themselves, the seed where this says nothing: the same seed sends the
    /// same ids again, which a receiver that de-duplicates has seen; `random` takes new ones
    #[arg(long, value_name = "S|random", value_parser = parse_identity)]
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
    /// The customers, one JSON object a line, in place of people who are made up
    #[arg(long, value_name = "FILE", value_parser = population)]
    population: Option<Named>,
    /// Midnight before the first call, such as 2025-01-06T00:00:00.000Z; drawn by the seed otherwise
    #[arg(long, value_name = "TIME")]
    epoch: Option<Timestamp>,
}

/// Reads an identity; a random one is told, so that the run can be made again.
fn parse_identity(text: &str) -> Result<u64, String> {
    if text != "random" {
        return text.parse().map_err(|_| "write a number, or `random`".to_owned());
    }
    let identity = clock::chance();
    output::talk(&format!("--identity {identity}"));
    Ok(identity)
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
            population: self.population.as_ref().map(|it| Arc::clone(&it.population)),
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

/// Reads the customers of a file.
fn population(file: &str) -> Result<Named, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
    let population = Population::parse(&text).map_err(|error| format!("`{file}`, {error}"))?;
    let sha256 = hex(Sha256::new_with_prefix(text));
    Ok(Named { population: Arc::new(population), sha256 })
}

/// Learns a profile from a file of events.
fn learnt(file: &str) -> Result<Arc<Profile>, String> {
    let path = PathBuf::from(file);
    let events =
        read_events(&path).map_err(|error| format!("cannot learn from `{file}`: {error}"))?;
    let profile = Profile::like(&events);
    profile.map(Arc::new).map_err(|error| format!("cannot learn from `{file}`: {error}"))
}

/// Reads events: one JSON text a line, an array of them, one, or exchanges that `export` has printed.
fn read_events(path: &Path) -> Result<Vec<Event>, Box<dyn std::error::Error>> {
    let mut events = Vec::new();
    let is_lines = path.extension().is_some_and(|kind| kind == "jsonl" || kind == "ndjson");
    let read = |document: &Document<'_>| {
        let body = recorded(document.bytes);
        let event = serde_json::from_slice(body.as_deref().unwrap_or(document.bytes));
        let at = |error: serde_json::Error| format!("event {}: {error}", document.number);
        events.push(event.map_err(at)?);
        Ok::<(), String>(())
    };
    let input = documents::open(path).map_err(|error| error.to_string())?;
    documents::each(input, is_lines, read, |error| error.to_string())?;
    Ok(events)
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<Exit, CliError> {
    if let Some(what) = args.list {
        let mut out = output::bytes();
        list(what, &mut out)?;
        out.flush().map_err(unwritten)?;
    } else if args.print_profile {
        let mut out = output::bytes();
        out.write_all(args.events.recipe().profile.to_toml().as_bytes()).map_err(unwritten)?;
        out.flush().map_err(unwritten)?;
    } else if args.coverage {
        let mut out = output::bytes();
        write!(out, "{}", coverage(&args.corpus()?)?).map_err(unwritten)?;
        out.flush().map_err(unwritten)?;
    } else if let Some(manifest) = &args.verify {
        return manifest::verify(manifest, args.events.population.as_ref());
    } else {
        return write(args);
    }
    Ok(Exit::Held)
}

fn list(what: List, out: &mut impl Write) -> Result<(), CliError> {
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect();
    let lines: Vec<String> = match what {
        List::Archetypes => Archetype::ALL
            .iter()
            .chain(&[Archetype::Example])
            .map(|archetype| format!("{archetype:24} {}", archetype.statement()))
            .collect(),
        List::Mutations => mutations()
            .iter()
            .map(|mutation| format!("{mutation:28} {}", mutation.statement))
            .collect(),
        List::Profiles => Profile::shipped_with_descriptions()
            .map(|(name, description)| format!("{name:24} {description}"))
            .collect(),
        List::Locales => names(&mut locales()),
        List::Domains => names(&mut domains()),
        List::Models => models().map(|(kind, model)| format!("{kind:8} {model}")).collect(),
        List::Keys => optional_keys().map(|(name, at)| format!("{name:24} {at}")).collect(),
    };
    for line in lines {
        writeln!(out, "{line}").map_err(unwritten)?;
    }
    Ok(())
}

/// Counts what the events exercise.
fn coverage(corpus: &Corpus) -> Result<Coverage, CliError> {
    let mut coverage = Coverage::default();
    corpus.each(|made| {
        corpus.count_coverage(made, &mut coverage);
        Ok::<(), CliError>(())
    })?;
    Ok(coverage)
}

/// Writes the events where they are wanted.
fn write(args: &GenerateArgs) -> Result<Exit, CliError> {
    let corpus = args.corpus()?;
    let path = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let format = args.format.or(path.map(Format::of)).unwrap_or(Format::Jsonl);
    let is_zstd = args.zstd || path.is_some_and(is_zstd);
    if format == Format::Folder {
        if path.is_none() {
            return Err(CliError::usage("a folder needs a name").hint("add --output FOLDER"));
        }
        if is_zstd {
            return Err(CliError::usage("zstd packs one file, and a folder holds many")
                .hint("leave --zstd out, or write one file with --format jsonl"));
        }
    }
    let (is_quiet, url) = (args.quiet, &args.url);
    let job = Job { corpus: &corpus, format, is_zstd, url, is_quiet };
    let Some(path) = path else {
        if is_zstd && std::io::stdout().is_terminal() {
            return Err(CliError::usage("packed bytes are nothing for a terminal")
                .hint("name a file with --output, or pipe them on"));
        }
        return job.to_stdout();
    };
    until_asked(|asked| job.to_path(path, asked))
}

/// Does work that looks, now and then, at whether somebody has asked to stop by a signal.
fn until_asked(work: impl FnOnce(&AtomicBool) -> Result<Exit, CliError>) -> Result<Exit, CliError> {
    block_on(async {
        let signals = Signals::new()?;
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        let listening = tokio::spawn(async move {
            signals.asked_to_end().await;
            heard.store(true, Ordering::Relaxed);
        });
        let worked = tokio::task::block_in_place(|| work(&asked));
        listening.abort();
        worked
    })
}

impl GenerateArgs {
    /// Settles what is to be made.
    fn corpus(&self) -> Result<Corpus, CliError> {
        let corpus = Corpus {
            recipe: self.events.recipe(),
            count: self.count,
            shard: self.shard,
            which: self.event,
            generation: self.generation,
            changes: self.changes.clone(),
            mutations: self.mutations.clone(),
            population: self.events.population.clone(),
            edited: None,
        };
        let edited = self.edit.then(|| edit::edit(&corpus)).transpose()?;
        Ok(Corpus { edited, ..corpus })
    }
}
