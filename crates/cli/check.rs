//! `ringback check`: scenarios against a receiver, with snapshots.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use ringback_report::{RunEvent, Tally, json_line, terminal};
use ringback_runner::{Settings, check, find};
use ringback_sender::AllowHost;
use url::Url;

use crate::address::{parse_listen, parse_url};
use crate::error::CliError;
use crate::exit::Exit;
use crate::signals::{Signals, block_on};
use crate::{clock, output, secret};

/// Run scenarios against a receiver and compare what it did with snapshots
///
/// Without a target each scenario gets a sample receiver of its own. New and changed snapshots are
/// written as `.snap.new` for you to accept or reject, but never in CI (where `CI` is set). Ends with 0
/// when all held, 1 when an expectation did not, and 4 when only snapshots are new or changed.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Your receiver: a URL, or short for one on this machine: `3000`, `:3000/hooks`
    #[arg(long, value_name = "URL", env = "RINGBACK_TARGET", hide_env_values = true, value_parser = parse_url)]
    target: Option<Url>,
    /// Where snapshots lie; `snapshots` beside `scenarios` where this says nothing
    #[arg(long, value_name = "FOLDER")]
    snapshots: Option<PathBuf>,
    /// Where a downstream listens, whatever its file says; may be repeated
    #[arg(long, value_name = "NAME=ADDR", value_parser = parse_downstream)]
    downstream: Vec<(String, SocketAddr)>,
    /// Draws the ids of conversations: with a target another number in every run, so that a receiver
    /// that de-duplicates has not seen them
    #[arg(long, value_name = "N")]
    identity: Option<u64>,
    /// Sign the events of every scenario that does not sign by itself, by Standard Webhooks with this
    /// secret: its text, `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SECRET", env = "RINGBACK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Leave out this scenario, or those in this folder; may be repeated
    #[arg(long, value_name = "PATH")]
    exclude: Vec<PathBuf>,
    /// A host beyond this machine that events may be sent to; may be repeated
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    allow_hosts: Vec<AllowHost>,
    /// A host on the public internet that is yours; may be repeated
    #[arg(long = "i-own", value_name = "HOST[:PORT]")]
    owned_hosts: Vec<AllowHost>,
    /// Print what happens as lines of JSON
    #[arg(long)]
    json: bool,
}

fn parse_downstream(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, addr) = text.split_once('=').ok_or("write it as `crm=127.0.0.1:4010`")?;
    Ok((name.to_owned(), parse_listen(addr)?))
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> Result<Exit, CliError> {
    let has_secret = |url: &Url| !url.username().is_empty() || url.password().is_some();
    if args.target.as_ref().is_some_and(has_secret) {
        // Before anything is printed: reports name the target.
        return Err(CliError::usage(
            "the target has credentials in its URL, which would be printed",
        ));
    }
    let mut found = find(&args.paths, args.snapshots.as_deref())
        .map_err(|error| CliError::usage("cannot find the scenarios").because(error))?;
    for excluded in &args.exclude {
        let all = found.len();
        found.retain(|shelved| !shelved.scenario.starts_with(excluded));
        if found.len() == all {
            let message = format!("`--exclude {}` leaves nothing out", excluded.display());
            return Err(
                CliError::usage(message).hint("name a file or a folder as `check` shows it")
            );
        }
    }
    if found.is_empty() {
        return Err(CliError::usage("every scenario is excluded"));
    }
    let secret = args.secret.as_deref().map(secret::read).transpose()?;
    // The sample receiver is new for each scenario and has seen nothing.
    let identity =
        args.identity.unwrap_or_else(|| args.target.as_ref().map_or(1, |_| clock::chance()));
    let settings = Settings {
        target: args.target.clone().map(String::from),
        allow_hosts: args.allow_hosts.clone(),
        owned_hosts: args.owned_hosts.clone(),
        downstream: args.downstream.iter().cloned().collect(),
        identity,
        secret,
        write_pending: !is_ci(),
        env: |name| std::env::var(name).ok(),
        now_s: clock::now_s,
        clock: clock::wall(),
    };

    let mut broken = None;
    let mut on_event = |event: RunEvent| {
        let written = write(&event, args.json);
        if broken.is_none() {
            broken = written.err();
        }
    };
    let finished = block_on(async {
        let signals = Signals::new()?;
        tokio::select! {
            tally = check(&found, &settings, &mut on_event) => Ok::<_, CliError>(Some(tally)),
            () = signals.asked_to_end() => Ok(None),
        }
    })?;
    output::muted(broken.map_or(Ok(()), Err))?;
    let Some(tally) = finished else {
        output::talk("interrupted");
        return Ok(Exit::Interrupted);
    };
    if args.target.is_some() && tally.failed > 0 {
        output::talk(&format!(
            "reproduce with the same ids: --identity {identity} (start a receiver that de-duplicates anew \
             before)"
        ));
    }
    Ok(exit(&tally))
}

fn write(event: &RunEvent, as_json: bool) -> std::io::Result<()> {
    let mut out = output::data().lock();
    if as_json {
        writeln!(out, "{}", json_line(event))
    } else {
        write!(out, "{}", terminal::text(event))
    }
}

/// Tells whether this is a CI job, where nobody is there to accept what is written.
pub(crate) fn is_ci() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let ci = std::env::var("CI").unwrap_or_default().to_ascii_lowercase();
    is_set("TF_BUILD") || !matches!(ci.as_str(), "" | "0" | "false")
}

pub(crate) const fn exit(tally: &Tally) -> Exit {
    if tally.invalid > 0 {
        Exit::Usage
    } else if tally.environment > 0 {
        Exit::Environment
    } else if tally.failed > 0 {
        Exit::Failed
    } else if tally.pending > 0 {
        Exit::Snapshots
    } else {
        Exit::Held
    }
}
