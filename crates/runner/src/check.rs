//! `check`: scenarios against a receiver, judged and compared with their snapshots.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use ringback_exchange::Verdict;
use ringback_generator::Archetype;
use ringback_recorder::Clock;
use ringback_report::{RunEvent, SnapshotOutcome, Tally};
use ringback_scenario::{BYTES_MAX, Scenario, Surroundings, parse};
use ringback_sender::AllowHost;
use ringback_signature::Secret;
use ringback_snapshot::{
    About, Comparison, Redactions, SnapshotError, compare, render_reply, render_request, settle,
    write_pending,
};

use crate::identity;
use crate::scene::{self, describe};
use crate::shelf::Shelved;
use crate::steps::{self, Played, Product, Trouble};

/// How to run scenarios.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The receiver; none, and each scenario gets a sample receiver of its own.
    pub target: Option<String>,
    /// Hosts beyond this machine that events may be sent to.
    pub allow_hosts: Vec<AllowHost>,
    /// Those on the public internet that somebody has confirmed.
    pub owned_hosts: Vec<AllowHost>,
    /// Where downstreams listen, by name, whatever their files say.
    pub downstream: HashMap<String, SocketAddr>,
    /// What the ids of conversations are drawn from. A receiver that runs on and de-duplicates needs
    /// another one for each run.
    pub identity: u64,
    /// Signs the events of scenarios that name no secret.
    pub secret: Option<Secret>,
    /// Whether new and changed snapshots are written as pending.
    pub write_pending: bool,
    /// Looks an environment variable up.
    pub env: fn(&str) -> Option<String>,
    /// Reads the clock for signatures, in seconds since 1970.
    pub now_s: fn() -> i64,
    /// Reads the clock for recordings.
    pub clock: Clock,
}

/// Runs scenarios one after the other and tells what happens while it does.
///
/// # Cancel safety
///
/// Dropping the future ends the scenario that is playing; its listeners are closed, and a pending
/// snapshot is either whole or not there.
pub async fn check(
    scenarios: &[Shelved],
    settings: &Settings,
    mut on_event: impl FnMut(RunEvent),
) -> Tally {
    let mut tally = Tally::default();
    on_event(RunEvent::RunStarted {
        target: settings.target.clone(),
        scenarios: scenarios.len(),
        identity: settings.identity,
    });
    let mut invalid = |file: String, problems: String, on_event: &mut dyn FnMut(RunEvent)| {
        tally.invalid += 1;
        on_event(RunEvent::ScenarioInvalid { file, problems });
    };
    let mut valid = Vec::new();
    for shelved in scenarios {
        let file = shelved.scenario.display().to_string();
        match read(&shelved.scenario, &file, settings) {
            Ok(scenario) => valid.push((shelved, file, scenario)),
            Err(problems) => invalid(file, problems, &mut on_event),
        }
    }
    let named = |name: &String| {
        let downstreams = valid.iter().flat_map(|(_, _, scenario)| &scenario.downstream);
        downstreams.into_iter().any(|downstream| downstream.name == *name)
    };
    // A file that cannot be read may have it.
    let all_read = valid.len() == scenarios.len();
    let unknown = settings.downstream.iter().filter(|(name, _)| all_read && !named(name));
    for (name, addr) in unknown {
        let problems = format!("no scenario has a downstream `{name}`");
        invalid(format!("--downstream {name}={addr}"), problems, &mut on_event);
    }

    // The ids of conversations that have been played, for calls that come late.
    let mut past = Vec::new();
    for (shelved, file, scenario) in valid {
        let begun = Instant::now();
        let played = run(shelved, &file, &scenario, settings, &past, &mut on_event).await;
        let (verdict, snapshot, error) = match played {
            Ok(played) => {
                let labels = played.labels.iter();
                let fresh = labels.filter(|(_, label)| is_of_conversation(label));
                past.extend(fresh.map(|(id, _)| id.clone()));
                let (verdict, snapshot) = settle_snapshot(&scenario, shelved, &played, settings);
                (verdict, snapshot, None)
            }
            Err(Trouble::Scenario(problems)) => {
                tally.invalid += 1;
                on_event(RunEvent::ScenarioInvalid { file, problems });
                continue;
            }
            Err(Trouble::Surroundings(error)) => {
                (Verdict::Fail, SnapshotOutcome::Skipped, Some(error))
            }
        };
        match (&snapshot, verdict, &error) {
            (_, _, Some(_)) => tally.environment += 1,
            (SnapshotOutcome::Unusable { .. }, _, _) => tally.invalid += 1,
            (_, Verdict::Pass, _) => tally.passed += 1,
            (_, Verdict::Pending, _) => tally.pending += 1,
            _ => tally.failed += 1,
        }
        let duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
        let name = scenario.name;
        on_event(RunEvent::ScenarioFinished { file, name, verdict, duration_ms, snapshot, error });
    }
    on_event(RunEvent::RunFinished(tally));
    tally
}

/// Tells whether an id is new in every run, by its label; a customer's or an agent's is not.
fn is_of_conversation(label: &str) -> bool {
    label.ends_with(".eventId]") || label.ends_with(".payload.id]")
}

fn read(path: &Path, file: &str, settings: &Settings) -> Result<Scenario, String> {
    let refused = |error: io::Error| format!("cannot read `{file}`: {error}");
    // Opening a pipe would wait for its writer, and a device never ends.
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(format!("`{file}` is no file that could be read"));
    }
    let mut text = String::new();
    let bounded = fs::File::open(path).map_err(refused)?.take(BYTES_MAX as u64 + 1);
    { bounded }.read_to_string(&mut text).map_err(refused)?;
    let archetypes: Vec<&str> = Archetype::ALL.iter().map(|archetype| archetype.as_str()).collect();
    let surroundings = Surroundings { archetypes: &archetypes, env: settings.env };
    parse(file, &text, surroundings).map_err(|invalid| invalid.to_string())
}

async fn run(
    shelved: &Shelved,
    file: &str,
    scenario: &Scenario,
    settings: &Settings,
    past: &[String],
    on_event: &mut impl FnMut(RunEvent),
) -> Result<Played, Trouble> {
    let scene = scene::set(scenario, settings).await?;
    let identity = identity::of_scenario(settings.identity, &shelved.name);
    let played = steps::play(file, scenario, identity, &scene, settings, past, on_event).await;
    scene.strike().await;
    played
}

fn settle_snapshot(
    scenario: &Scenario,
    shelved: &Shelved,
    played: &Played,
    settings: &Settings,
) -> (Verdict, SnapshotOutcome) {
    if played.verdict != Verdict::Pass {
        return (played.verdict, SnapshotOutcome::Skipped);
    }
    let text = render(scenario, played);
    if text.is_empty() {
        return (Verdict::Pass, SnapshotOutcome::Empty);
    }
    match compare_and_write(scenario, shelved, text, settings) {
        Ok(SnapshotOutcome::Same) => (Verdict::Pass, SnapshotOutcome::Same),
        Ok(outcome) => (Verdict::Pending, outcome),
        Err(error) => (Verdict::Fail, SnapshotOutcome::Unusable { error: describe(&error) }),
    }
}

fn compare_and_write(
    scenario: &Scenario,
    shelved: &Shelved,
    text: String,
    settings: &Settings,
) -> Result<SnapshotOutcome, SnapshotError> {
    let path = &shelved.snapshot;
    let comparison = compare(path, &text)?;
    if comparison == Comparison::Same {
        // An older run may have left its own text; the accepted one holds again.
        if settings.write_pending {
            settle(path)?;
        }
        return Ok(SnapshotOutcome::Same);
    }
    let pending = if settings.write_pending {
        let about = About {
            description: scenario.name.clone(),
            input_file: Some(shelved.name.clone()),
            seed: Some(scenario.seed),
        };
        Some(write_pending(path, &text, &about)?.display().to_string())
    } else {
        None
    };
    let path = path.display().to_string();
    Ok(match comparison {
        Comparison::Changed { diff } => SnapshotOutcome::Changed { path, pending, diff },
        Comparison::New | Comparison::Same => SnapshotOutcome::New { path, pending, text },
    })
}

/// Writes what a scenario produced as one text, step by step.
fn render(scenario: &Scenario, played: &Played) -> String {
    let redactions = Redactions {
        headers: scenario.snapshot.headers.clone(),
        paths: scenario.snapshot.redact.clone(),
        labels: played.labels.clone(),
        filters: scenario.snapshot.filters.clone(),
    };
    let mut sections = Vec::new();
    for produced in played.produced.iter().filter(|produced| produced.in_snapshot) {
        let texts = match &produced.what {
            Product::Replies { replies, in_order } => {
                let mut texts: Vec<String> =
                    replies.iter().map(|reply| render_reply(reply, &redactions)).collect();
                // Answers to deliveries at once have no order of their own.
                if !in_order {
                    texts.sort();
                }
                texts
            }
            Product::Calls(calls) => calls
                .iter()
                .map(|call| {
                    let request = render_request(&call.request, &redactions);
                    let reply = call.reply.as_ref();
                    let end = reply.map(|reply| format!("answered {}", reply.status));
                    format!("{request}\n\n{}", end.unwrap_or_else(|| "unanswered".to_owned()))
                })
                .collect(),
        };
        sections.push(format!("## {}", produced.title));
        if texts.is_empty() {
            sections.push("none".to_owned());
        }
        sections.extend(count_repeated(texts));
    }
    sections.join("\n\n")
}

/// Writes texts that come several times in a row once, with their number.
fn count_repeated(texts: Vec<String>) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for text in texts {
        match counted.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            _ => counted.push((text, 1)),
        }
    }
    let write = |(text, count)| if count == 1 { text } else { format!("{count} times:\n{text}") };
    counted.into_iter().map(write).collect()
}
