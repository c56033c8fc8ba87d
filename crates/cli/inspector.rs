//! The flags of the inspector: who may see what is captured, and where.

use std::net::SocketAddr;

use clap::Args;
use ringback_recorder::{Feed, Inspector, InspectorConfig, Listener, Source, StartError};

use crate::address::parse_listen;
use crate::error::CliError;
use crate::secret;

/// Where what is captured is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inspector")]
pub(crate) struct InspectorArgs {
    /// Show what is captured on this address, by HTTP: lists, one exchange, a live stream, waits, metrics
    /// (docs/guides/inspector.md); port 0 takes a free one
    #[arg(long = "inspector", value_name = "ADDR", value_parser = parse_listen)]
    inspector: Option<SocketAddr>,
    /// What every request to the inspector must show as `Authorization: Bearer …`: its text, `env:NAME` or
    /// `file:PATH`; needed where other machines can reach the address
    #[arg(long = "inspector-token", value_name = "SECRET", requires = "inspector")]
    inspector_token: Option<String>,
    /// A name besides those of this machine under which the inspector is asked for (repeatable)
    #[arg(long = "inspector-host", value_name = "NAME", requires = "inspector")]
    inspector_hosts: Vec<String>,
}

impl InspectorArgs {
    /// Returns where the listener is to tell what happens, when somebody listens to it.
    pub(crate) fn feed(&self) -> Option<Feed> {
        self.inspector.map(|_| Feed::default())
    }

    /// Starts the inspector, if there is to be one.
    ///
    /// # Errors
    ///
    /// When the token cannot be read, or the address cannot be taken.
    pub(crate) async fn start(
        &self,
        listener: &Listener,
        source: Source,
        feed: Option<Feed>,
    ) -> Result<Option<Inspector>, CliError> {
        let (Some(addr), Some(feed)) = (self.inspector, feed) else { return Ok(None) };
        let token =
            self.inspector_token.as_deref().map(|token| secret::text("--inspector-token", token));
        let config = InspectorConfig {
            addr,
            token: token.transpose()?,
            hosts: self.inspector_hosts.clone(),
            source,
            feed,
            capture_url: listener.url(),
        };
        match Inspector::start(config).await {
            Ok(inspector) => Ok(Some(inspector)),
            Err(error @ StartError::Open { .. }) => Err(CliError::usage("cannot inspect")
                .because(error)
                .hint("give one with `--inspector-token env:NAME`, or stay on 127.0.0.1")),
            Err(error) => Err(CliError::environment("cannot inspect").because(error)),
        }
    }
}
