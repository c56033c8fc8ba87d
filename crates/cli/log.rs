//! What a server says on standard error: lines for people, or one line of JSON for each event.

use clap::ValueEnum;
use ringback_exchange::json_line;
use serde_json::{Map, Value};

use crate::{clock, output};

/// The form of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// Lines for people.
    Text,
    /// One line of JSON for each event: `time`, `event`, `message`, and what belongs to it.
    Json,
}

impl Log {
    /// Says that something has happened. `facts` are shown in JSON only: the message has them in words.
    pub(crate) fn tell(self, event: &str, message: &str, facts: impl Into<Value>) {
        match self {
            Self::Text => output::talk(message),
            Self::Json => output::talk(&line(event, Some(message), facts.into())),
        }
    }

    /// Says an event that people see on standard output.
    pub(crate) fn note(self, event: &str, facts: impl FnOnce() -> Value) {
        if self == Self::Json {
            output::talk(&line(event, None, facts()));
        }
    }
}

fn line(event: &str, message: Option<&str>, facts: Value) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), clock::now().to_string().into());
    line.insert("event".to_owned(), event.into());
    line.extend(message.map(|message| ("message".to_owned(), message.into())));
    if let Value::Object(facts) = facts {
        line.extend(facts);
    }
    // A map of texts and numbers is always JSON.
    json_line(&line).unwrap_or_default()
}
