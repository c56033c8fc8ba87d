//! When what failed is sent again: flags in, a schedule out.

use clap::{Args, ValueEnum};
use ringback_sender::{Cause, Preset, Retry, SignedAt, parse_jitter};

/// When what failed is sent again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryArgs {
    /// Try again what failed: times between the tries (`5s,5m,30m`), or a platform's schedule
    #[arg(long, value_name = "TIMES|NAME", default_value = "none", long_help = schedules())]
    retry: Retry,
    /// What to try again on, in place of what the schedule says: `any`, `5xx`, `4xx`, `3xx`, a status,
    /// `timeout`, `connect`, `broken`, or the name of a failure; 2xx and 410 never
    #[arg(long, value_name = "OUTCOME,…", value_delimiter = ',', requires = "retry")]
    retry_on: Vec<Cause>,
    /// Lengthen each wait by up to this share, drawn by the seed
    #[arg(long, value_name = "SHARE", value_parser = parse_jitter, requires = "retry")]
    retry_jitter: Option<u32>,
    /// Which time a retry is signed with
    #[arg(long, value_enum, value_name = "WHICH", default_value = "fresh", requires = "retry")]
    retry_timestamp: Timestamp,
    /// Do not wait for what an answer asks for with `Retry-After`
    #[arg(long, requires = "retry")]
    ignore_retry_after: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Timestamp {
    /// Its own
    Fresh,
    /// That of the first try
    Frozen,
}

/// What `--help` says about the schedules.
fn schedules() -> String {
    let mut text = "Try again what failed: times between the tries (`5s,5m,30m`), or a platform's \
                    schedule\n\nTimes of one's own are for whatever is not 2xx, and are lengthened to what \
                    an answer asks for with `Retry-After`. After 410 nothing is tried again.\n"
        .to_owned();
    for Preset { name, statement, .. } in &Preset::ALL {
        text += &format!("\n{name}: {statement}\n");
    }
    text
}

impl RetryArgs {
    /// Returns the schedule that the flags ask for.
    pub(crate) fn retry(&self) -> Retry {
        let mut retry = self.retry.clone();
        if !self.retry_on.is_empty() {
            // A platform's own rules for this and that give way to one for all that is asked for.
            let waits = retry.rules.first().map(|rule| rule.waits.clone()).unwrap_or_default();
            retry.rules = vec![ringback_sender::Rule { on: self.retry_on.clone(), waits }];
        }
        retry.jitter = self.retry_jitter.unwrap_or(retry.jitter);
        retry.honours_retry_after &= !self.ignore_retry_after;
        retry.timestamp = match self.retry_timestamp {
            Timestamp::Fresh => SignedAt::Fresh,
            Timestamp::Frozen => SignedAt::Frozen,
        };
        retry
    }
}
