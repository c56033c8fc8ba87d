//! `ringback accept`, `reject` and `pending`: settles snapshots.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ringback_report::terminal::count;
use ringback_snapshot::{self as snapshot, SnapshotError};

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;

/// Accept pending snapshots: what the receiver did is what it should do
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Pending files (`.snap.new`), or folders that hold some
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

/// Reject pending snapshots: the accepted ones stay
#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    /// Pending files (`.snap.new`), or folders that hold some
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

/// List pending snapshots, one a line
#[derive(Debug, Args)]
pub(crate) struct PendingArgs {
    /// Folders to look in
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
}

/// Runs `accept`.
pub(crate) fn accept(args: &AcceptArgs) -> Result<Exit, CliError> {
    let found = find(&args.paths)?;
    for pending in &found {
        let path = snapshot::accept(pending).map_err(refused)?;
        writeln!(output::data(), "accepted {}", path.display()).map_err(unwritten)?;
    }
    output::talk(&format!("{} accepted", count(found.len(), "snapshot")));
    Ok(Exit::Held)
}

/// Runs `reject`.
pub(crate) fn reject(args: &RejectArgs) -> Result<Exit, CliError> {
    let found = find(&args.paths)?;
    for pending in &found {
        snapshot::reject(pending).map_err(refused)?;
        writeln!(output::data(), "rejected {}", pending.display()).map_err(unwritten)?;
    }
    output::talk(&format!("{} rejected", count(found.len(), "snapshot")));
    Ok(Exit::Held)
}

/// Runs `pending`.
pub(crate) fn pending(args: &PendingArgs) -> Result<Exit, CliError> {
    let found = find(&args.paths)?;
    for pending in &found {
        writeln!(output::data(), "{}", pending.display()).map_err(unwritten)?;
    }
    Ok(if found.is_empty() { Exit::Held } else { Exit::Snapshots })
}

fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let below = snapshot::pending_below(path).map_err(refused)?;
            // `./` before each name would only be noise.
            let short = |path: PathBuf| path.strip_prefix(".").map_or(path.clone(), Path::to_owned);
            found.extend(below.into_iter().map(short));
        } else if path.is_file() && path.to_string_lossy().ends_with(".snap.new") {
            found.push(path.clone());
        } else {
            return Err(CliError::usage(format!("`{}` is no pending snapshot", path.display()))
                .hint("name a `.snap.new` file or a folder; `ringback pending` lists them"));
        }
    }
    Ok(found)
}

fn refused(error: SnapshotError) -> CliError {
    CliError::usage("cannot settle the snapshot").because(error)
}
