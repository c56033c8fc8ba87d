//! What a listener answers, as it is told on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringback_recorder::{Answer, Receipt, Script};
use ringback_signature::Template;
use url::Url;

use crate::address::parse_url;
use crate::error::CliError;
use crate::output;
use crate::secret;
use crate::send::parse_duration;
use crate::signer::parse_scheme;

/// What is answered, and whose signatures are accepted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answers")]
pub(crate) struct AnswerArgs {
    /// Forward each request to this receiver and give its answer: a URL, `3000`, `localhost:3000/hooks`
    #[arg(short, long, value_name = "URL", value_parser = parse_url, conflicts_with_all = ["reply", "routes"])]
    pub(crate) forward_to: Option<Url>,
    /// Answer in turn: `503x2, timeout, 200`; the last one stays, or `...` begins again
    ///
    /// An answer is a status, a fault, or both: `429(retry-after=2) "slow down"`, `201 {"id": 1}`,
    /// `delay 1s..3s 200`, `10% 500`, `timeout`, `reset`, `reset-after-head`, `empty`, `garbage`,
    /// `truncate(10) 200 "a longer body"`, `drip(20/s) 200 "slow"`, `length(+5) 200 "short"`. At the begin,
    /// `reset-on-accept x2` resets the first connections. With `--routes` it is for what fits no route.
    #[arg(long, value_name = "REPLIES")]
    reply: Option<Script>,
    /// Answer by the routes in this YAML file (docs/guides/stand-in.md)
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Decides what replies leave to chance: the same seed, the same replies
    #[arg(long, value_name = "N", conflicts_with = "forward_to")]
    seed: Option<u64>,
    /// Verify the signature of each request, and keep the verdict with it: by a preset of `sign --list`, as
    /// `standard-webhooks` or `github`, or by a template
    #[arg(long, value_name = "PRESET|TEMPLATE", value_parser = parse_scheme)]
    verify: Option<Template>,
    /// The secret of signatures: its text, `env:NAME` or `file:PATH`; may be repeated while secrets rotate
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// By how much a signature's time and this machine's clock may differ
    /// [default: as the scheme has it]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "verify")]
    tolerance: Option<Duration>,
    /// Answer 401 to what has no valid signature; it is kept all the same, and not forwarded
    #[arg(long, requires = "verify")]
    reject_unsigned: bool,
}

impl AnswerArgs {
    /// Makes the answer, but for forwarding.
    pub(crate) fn script(&self) -> Result<Answer, CliError> {
        let mut script = match &self.routes {
            Some(path) => Script::read(path)
                .map_err(|error| CliError::usage("cannot play the routes").because(error))?,
            None if self.reply.is_none() => return Ok(Answer::Ok),
            None => Script::default(),
        };
        if let Some(reply) = &self.reply {
            if script.otherwise.is_some() {
                return Err(CliError::usage(
                    "both `--reply` and the file's `otherwise` are for what fits no route",
                )
                .hint("leave one of them out"));
            }
            script.otherwise.clone_from(&reply.otherwise);
            script.reset_on_accept += reply.reset_on_accept;
        }
        script.seed = self.seed.unwrap_or(script.seed);
        Ok(Answer::Script(script))
    }

    /// Says how signatures are judged, if they are.
    pub(crate) fn receipt(&self) -> Result<Option<Receipt>, CliError> {
        let Some(template) = &self.verify else {
            // It may stand in `ringback.toml` for all commands.
            if !self.secret.is_empty() {
                output::talk("a secret is given and no `--verify`: signatures are not judged");
            }
            return Ok(None);
        };
        if self.secret.is_empty() {
            return Err(CliError::usage("`--verify` needs a secret")
                .hint("give one with `--secret env:NAME` or `--secret file:PATH`"));
        }
        if template.needs_url() {
            return Err(CliError::usage("the scheme signs the address, which a proxy may change")
                .hint("capture with `--store`, and judge with `ringback verify --url URL`"));
        }
        let secrets = self.secret.iter().map(|text| secret::read_for(template, text));
        Ok(Some(Receipt {
            template: template.clone(),
            secrets: secrets.collect::<Result<_, _>>()?,
            tolerance_s: self.tolerance.map_or(template.tolerance_s(), |it| it.as_secs()),
            rejects: self.reject_unsigned,
        }))
    }
}
