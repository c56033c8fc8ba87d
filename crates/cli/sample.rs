//! `ringback sample`: the sample receiver alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use ringback_sample::{Config, Sample};
use url::Url;

use crate::address::{parse_listen, parse_url, remove_ready_file, write_ready_file};
use crate::error::CliError;
use crate::exit::Exit;
use crate::signals::{Signals, block_on};
use crate::{clock, output, secret};

/// Run the sample receiver: it verifies, de-duplicates, answers, and posts a note to a CRM
///
/// It is what `check` runs scenarios against when no target is named.
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// Where to listen: `3000`, `127.0.0.1:3000`; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:3000", value_parser = parse_listen)]
    addr: SocketAddr,
    /// The CRM that notes are posted to; without it none are written
    #[arg(long, value_name = "URL", env = "CRM_URL", value_parser = parse_url)]
    crm: Option<Url>,
    /// Verify signatures by Standard Webhooks with this secret: its text, `env:NAME` or `file:PATH`;
    /// may be repeated
    #[arg(long = "secret", value_name = "SECRET")]
    secrets: Vec<String>,
    /// Write the URL that takes events into this file once they are taken
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &SampleArgs) -> Result<Exit, CliError> {
    if let Some(path) = &args.ready_file {
        remove_ready_file(path)?;
    }
    let secrets = args.secrets.iter().map(|text| secret::read(text)).collect::<Result<_, _>>()?;
    let config = Config { secrets, crm: args.crm.clone(), now_s: clock::now_s };
    block_on(async {
        let signals = Signals::new()?;
        let sample = Sample::start(args.addr, config).await.map_err(|error| {
            CliError::environment("cannot start the sample receiver")
                .because(error)
                .hint("end the program that listens there, or let the system choose with port 0")
        })?;
        if let Some(path) = &args.ready_file {
            write_ready_file(path, &sample.url())?;
        }
        output::talk(&format!("taking events at {}", sample.url()));
        signals.asked_to_end().await;
        if let Some(path) = &args.ready_file {
            remove_ready_file(path)?;
        }
        sample.finish().await;
        Ok(Exit::Held)
    })
}
