//! What is printed: data to standard output, talk to standard error.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use crate::error::{CliError, unwritten};

/// When to colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// When the stream is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes this the choice for all streams.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

/// Returns standard output for text that may be coloured.
pub(crate) fn data() -> AutoStream<io::Stdout> {
    anstream::stdout()
}

/// Returns standard output for bytes that must stay as they are.
pub(crate) fn bytes() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// Turns a reader that has gone into one that is not missed: whoever closes a pipe has seen enough, and
/// what a command has found out must not depend on it.
///
/// # Errors
///
/// Those of writing, but for a broken pipe.
pub(crate) fn muted(written: io::Result<()>) -> Result<(), CliError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(unwritten),
    }
}

/// Says a line to whoever watches; a closed standard error is no reason to stop.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
