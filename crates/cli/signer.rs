//! How events are signed: the flags that `send`, `sign` and `verify` share.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use ringback_signature::{Fault, PRESETS, Preset, Secret, Signer, Template};

use crate::error::CliError;
use crate::secret;

/// With what to sign or verify.
#[derive(Debug, Args)]
pub(crate) struct SchemeArgs {
    /// The scheme: `standard-webhooks` (default), `github`, `stripe` or another of `sign --list`, or a
    /// template, such as `content={timestamp}.{body}; x-sig: t={timestamp},v1={hmac-sha256:hex}`
    #[arg(long = "sign", value_name = "PRESET|TEMPLATE", value_parser = parse_scheme, env = "RINGBACK_SIGN")]
    scheme: Option<Template>,
    /// A secret: its text, `env:NAME` or `file:PATH`; may be repeated, as while secrets rotate
    #[arg(long = "secret", value_name = "SECRET", env = "RINGBACK_SECRET", hide_env_values = true)]
    secrets: Vec<String>,
}

/// With what to sign, and what to do wrong.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Sign wrong in one way, to see whether it is noticed
    #[arg(long, value_name = "NAME", value_parser = parse_fault(), hide_possible_values = true,
        long_help = fault_help())]
    sign_fault: Option<Fault>,
    /// By which clock to sign: that of the plan, which `--time-scale` makes faster, or ours, for a receiver that
    /// compares it with its own
    #[arg(long, value_enum, value_name = "CLOCK", default_value = "plan")]
    sign_clock: SignClock,
}

/// By which clock is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignClock {
    /// The time at which the plan has it
    Plan,
    /// The time at which it is sent
    Real,
}

impl SchemeArgs {
    /// Returns the scheme; Standard Webhooks where none is named.
    pub(crate) fn template(&self) -> Template {
        self.scheme.clone().unwrap_or_else(|| PRESETS[0].template())
    }

    /// Reads the secrets as the scheme takes them.
    ///
    /// # Errors
    ///
    /// When one cannot be used.
    pub(crate) fn secrets(&self) -> Result<Vec<Secret>, CliError> {
        let template = self.template();
        self.secrets.iter().map(|source| secret::read_for(&template, source)).collect()
    }
}

impl SignArgs {
    /// Returns by which clock is signed.
    pub(crate) const fn clock(&self) -> SignClock {
        self.sign_clock
    }

    /// Returns what signs; nothing where nobody asked for a signature.
    ///
    /// # Errors
    ///
    /// When there is a scheme or a fault and no secret, or one of them cannot be used.
    pub(crate) fn signer(&self) -> Result<Option<Signer>, CliError> {
        let secrets = self.scheme.secrets()?;
        if secrets.is_empty() {
            let flag = if self.sign_fault.is_some() { "--sign-fault" } else { "--sign" };
            return match (&self.scheme.scheme, self.sign_fault) {
                (None, None) => Ok(None),
                _ => Err(CliError::usage(format!("`{flag}` needs a secret to sign with"))
                    .hint("give one with `--secret env:NAME` or `--secret file:PATH`")),
            };
        }
        let wrong = |error| CliError::usage("cannot sign").because(error);
        let signer = Signer::new(self.scheme.template(), secrets).map_err(wrong)?;
        match self.sign_fault {
            None => Ok(Some(signer)),
            Some(fault) => signer.with_fault(fault).map(Some).map_err(wrong),
        }
    }
}

/// Says what was signed wrong and what a sound receiver makes of it.
pub(crate) fn describe(fault: Fault) -> String {
    let expected = fault.expected().as_str();
    format!("signed wrong on purpose: {}; a sound receiver {expected}", fault.statement())
}

/// Reads the name of a preset, or a template.
pub(crate) fn parse_scheme(text: &str) -> Result<Template, String> {
    if let Some(preset) = Preset::find(text) {
        return Ok(preset.template());
    }
    if text.contains(['{', '=', ':']) {
        return text.parse().map_err(|error| format!("{error}"));
    }
    let names = PRESETS.map(|preset| preset.name);
    Err(format!("there is no such preset{}; there are {}", near(text, &names), names.join(", ")))
}

fn parse_fault() -> impl clap::builder::TypedValueParser<Value = Fault> {
    let values = Fault::ALL.map(|it| PossibleValue::new(it.name()).help(it.statement()));
    PossibleValuesParser::new(values).try_map(|name| {
        Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or("there is no such fault")
    })
}

fn fault_help() -> String {
    let mut text = "Sign wrong in one way, to see whether it is noticed:\n".to_owned();
    for fault in Fault::ALL {
        text.push_str(&format!("\n  {:<18} {}", fault.name(), fault.statement()));
    }
    text.push_str(
        "\n\nA sound receiver refuses each with 400, 401 or 403, but accepts second-of-several; \
         `send` ends with 1 when the receiver does otherwise",
    );
    text
}

/// Names the nearest of some names, if one is near enough to be meant.
pub(crate) fn near(text: &str, names: &[&str]) -> String {
    // One slip in three letters, and never less than three slips.
    let far = (text.len() / 3).max(3);
    let distance = |name: &&&str| strsim::damerau_levenshtein(text, name);
    match names.iter().min_by_key(distance) {
        Some(name) if distance(&name) <= far => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    }
}
