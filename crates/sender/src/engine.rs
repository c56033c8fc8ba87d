//! Which engine sends: pure. What is wanted and what the options need come in, a choice or a refusal goes
//! out.

use std::fmt;
use std::str::FromStr;

use crate::options::Options;

/// What writes requests and reads replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// reqwest and hyper: HTTP/1.1 and HTTP/2. Header names are sent in lower case, lines of one name
    /// together.
    Reqwest,
    /// Our own, HTTP/1.1 alone: every line as it was given, faults, and the most requests a second.
    Wire,
}

/// Why no engine can do what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no engine of that name.
    #[error("there is no engine `{name}`: use `reqwest` or `wire`")]
    Name {
        /// The name.
        name: String,
    },
    /// The engine that is wanted cannot do something else that is wanted.
    #[error("the {engine} engine cannot do {what}: leave `--engine` or that out")]
    Unable {
        /// The engine.
        engine: Engine,
        /// What it cannot do.
        what: &'static str,
    },
    /// Two things are wanted that no one engine does both of.
    #[error("HTTP/2 and {what} do not go together: leave one of them out")]
    Apart {
        /// What only HTTP/1.1 has.
        what: &'static str,
    },
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reqwest => "reqwest",
            Self::Wire => "wire",
        })
    }
}

impl FromStr for Engine {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "reqwest" => Ok(Self::Reqwest),
            "wire" => Ok(Self::Wire),
            _ => Err(EngineError::Name { name: text.to_owned() }),
        }
    }
}

/// Chooses the engine, and says why when it is not the usual one and nobody asked for it.
pub(crate) fn choose(options: &Options) -> Result<(Engine, Option<&'static str>), EngineError> {
    let needs_wire = if !options.faults.is_empty() {
        Some("a fault")
    } else if options.style.expect_continue.is_some() {
        Some("waiting for 100-continue")
    } else {
        None
    };
    if options.http2 {
        let only_http1 = needs_wire.or(options.style.chunked.map(|_| "chunks"));
        if let Some(what) = only_http1 {
            return Err(EngineError::Apart { what });
        }
    }
    match (options.engine, needs_wire) {
        (Some(engine @ Engine::Reqwest), Some(what)) => Err(EngineError::Unable { engine, what }),
        (Some(engine @ Engine::Wire), _) if options.http2 => {
            Err(EngineError::Unable { engine, what: "HTTP/2" })
        }
        (Some(engine), _) => Ok((engine, None)),
        (None, Some(what)) => Ok((Engine::Wire, Some(what))),
        (None, None) => Ok((Engine::Reqwest, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faults, Style};

    fn chosen(change: impl FnOnce(&mut Options)) -> String {
        let mut options = Options::default();
        change(&mut options);
        match choose(&options) {
            Ok((engine, None)) => engine.to_string(),
            Ok((engine, Some(why))) => format!("{engine}, for {why}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_engine_is_the_one_that_can_do_it() {
        let reset = || Faults::new(0, vec!["reset".parse().unwrap()]);
        let waiting = || Style { expect_continue: Some(crate::TIMEOUT), ..Style::default() };
        let chunked = || Style { chunked: "5".parse().ok(), ..Style::default() };
        insta::assert_snapshot!(chosen(|_| {}), @"reqwest");
        insta::assert_snapshot!(chosen(|it| it.engine = Some(Engine::Wire)), @"wire");
        insta::assert_snapshot!(chosen(|it| it.faults = reset()), @"wire, for a fault");
        insta::assert_snapshot!(chosen(|it| it.style = waiting()), @"wire, for waiting for 100-continue");
        insta::assert_snapshot!(chosen(|it| it.style = chunked()), @"reqwest");
        insta::assert_snapshot!(chosen(|it| it.http2 = true), @"reqwest");
        insta::assert_snapshot!(chosen(|it| (it.engine, it.faults) = (Some(Engine::Reqwest), reset())), @"the reqwest engine cannot do a fault: leave `--engine` or that out");
        insta::assert_snapshot!(chosen(|it| (it.engine, it.http2) = (Some(Engine::Wire), true)), @"the wire engine cannot do HTTP/2: leave `--engine` or that out");
        insta::assert_snapshot!(chosen(|it| (it.style, it.http2) = (chunked(), true)), @"HTTP/2 and chunks do not go together: leave one of them out");
    }
}
