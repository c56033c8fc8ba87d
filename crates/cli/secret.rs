//! Secrets from the command line, which are never printed.

use ringback_signature::{Secret, SecretError, Template};

use crate::error::CliError;

/// Reads a secret of Standard Webhooks: its text, `env:NAME` for a variable, `file:PATH` for a file.
///
/// # Errors
///
/// When there is no such variable or file, or it holds no secret. The error never shows the secret.
pub(crate) fn read(source: &str) -> Result<Secret, CliError> {
    text("--secret", source)?.trim().parse().map_err(unusable)
}

/// Reads a secret as a scheme takes it.
///
/// # Errors
///
/// Those of [`read`].
pub(crate) fn read_for(template: &Template, source: &str) -> Result<Secret, CliError> {
    template.secret(text("--secret", source)?.trim()).map_err(unusable)
}

/// Reads a text that nobody should see on a command line: itself, `env:NAME` or `file:PATH`.
///
/// # Errors
///
/// When there is no such variable or file.
pub(crate) fn text(flag: &str, source: &str) -> Result<String, CliError> {
    if let Some(name) = source.strip_prefix("env:") {
        let unset = format!("the variable `{name}` of `{flag}` is not set");
        std::env::var(name).map_err(|_| CliError::usage(unset))
    } else if let Some(path) = source.strip_prefix("file:") {
        let unread = |error| CliError::usage(format!("cannot read `{path}`")).because(error);
        Ok(std::fs::read_to_string(path).map_err(unread)?.trim().to_owned())
    } else {
        Ok(source.to_owned())
    }
}

fn unusable(error: SecretError) -> CliError {
    CliError::usage("`--secret` cannot be used").because(error)
}
