//! What a command says when it cannot go on.

use std::error::Error;
use std::fmt;
use std::io;

use crate::exit::Exit;

/// A command that cannot go on: what, why (the chain of sources), and what to do.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    source: Option<Box<dyn Error>>,
    hint: Option<String>,
}

impl CliError {
    /// The command line or a file is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), source: None, hint: None }
    }

    /// The surroundings are not as needed.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, ..Self::usage(message) }
    }

    /// A signal has ended the work.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self { exit: Exit::Interrupted, ..Self::usage(message) }
    }

    /// Adds why.
    pub(crate) fn because(self, source: impl Into<Box<dyn Error>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Adds what to do.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Returns the code to end with.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells whether whoever read our output has closed it.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
        source.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        let mut source: Option<&dyn Error> = self.source.as_deref();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Says that the output cannot be written.
pub(crate) fn unwritten(error: io::Error) -> CliError {
    CliError::environment("cannot write the output").because(error)
}
