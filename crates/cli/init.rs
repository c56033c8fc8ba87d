//! `ringback init`: writes the files to begin with.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Every file, and what is in it.
const FILES: [(&str, &str); 2] = [
    (config::FILE, include_str!("init/ringback.toml")),
    ("scenarios/first.yaml", include_str!("init/first.yaml")),
];

/// Write a commented ringback.toml and a first scenario
///
/// A file that is there already is left as it is.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &InitArgs) -> Result<Exit, CliError> {
    for (name, text) in FILES {
        let path = args.folder.join(name);
        if write_new(&path, text)? {
            output::talk(&format!("wrote {}", path.display()));
        } else {
            output::talk(&format!("left {} as it is", path.display()));
        }
    }
    output::talk("next: ringback check, and ringback send http://localhost:3000/your/receiver");
    Ok(Exit::Held)
}

/// Writes a file if there is none, and tells whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool, CliError> {
    let unwritten =
        |error| CliError::usage(format!("cannot write `{}`", path.display())).because(error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritten)?;
    }
    // In one step with the look whether it is there: nothing of somebody else's is overwritten.
    match std::fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(unwritten),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritten(error)),
    }
}
