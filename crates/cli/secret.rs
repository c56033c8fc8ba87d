//! Secrets from the command line, which are never printed.

use ringback_signature::Secret;

use crate::error::CliError;

/// Reads a secret: its text, `env:NAME` for a variable, `file:PATH` for a file.
///
/// # Errors
///
/// When there is no such variable or file, or it holds no secret. The error never shows the secret.
pub(crate) fn read(text: &str) -> Result<Secret, CliError> {
    let text = if let Some(name) = text.strip_prefix("env:") {
        std::env::var(name).map_err(|_| {
            CliError::usage(format!("the variable `{name}` of `--secret` is not set"))
        })?
    } else if let Some(path) = text.strip_prefix("file:") {
        std::fs::read_to_string(path)
            .map_err(|error| CliError::usage(format!("cannot read `{path}`")).because(error))?
    } else {
        text.to_owned()
    };
    text.trim().parse().map_err(|error| CliError::usage("`--secret` cannot be used").because(error))
}
