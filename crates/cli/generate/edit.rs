//! Events in an editor, before they go on.
//!
//! The events of a corpus come in, laid out for people; what the user saves comes out as compact JSON,
//! byte for byte but for the white space between values. A mistake is told with its line and column and
//! can be mended; a user who gives up ends the command.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use ringback_report::terminal::count;
use serde_json::Value;
use serde_json::value::RawValue;

use super::corpus::{Corpus, Edited};
use crate::error::CliError;
use crate::output;

/// More than this nobody edits by hand.
const EVENTS_MAX: usize = 100;

/// Lets the user edit the events of a corpus.
pub(super) fn edit(corpus: &Corpus) -> Result<Vec<Edited>, CliError> {
    let mut events = Vec::new();
    corpus.unmutated(|made| {
        if events.len() == EVENTS_MAX {
            let what = format!("--edit opens up to {EVENTS_MAX} events, and there are more");
            return Err(CliError::usage(what).hint("--override changes any number of them"));
        }
        let (index, is_analysis) = (made.index, made.is_analysis);
        events.push(Edited { index, is_analysis, bytes: made.bytes.to_vec() });
        Ok(())
    })?;
    let unusable = |error: io::Error| {
        CliError::environment("cannot keep the events in a temporary file").because(error)
    };
    let mut file = tempfile::Builder::new()
        .prefix("ringback-")
        .suffix(".json")
        .tempfile()
        .map_err(unusable)?;
    let is_one = corpus.is_one() && events.len() == 1;
    file.write_all(shown(&events, is_one).as_bytes()).map_err(unusable)?;
    loop {
        open_editor(file.path())?;
        // By its name: an editor may have put another file in its place.
        let text = fs::read_to_string(file.path()).map_err(unusable)?;
        match read(&text, events.len(), is_one) {
            Ok(edited) => {
                for (event, bytes) in events.iter_mut().zip(edited) {
                    event.bytes = bytes.into_bytes();
                }
                return Ok(events);
            }
            Err(problem) => {
                output::talk(&format!("what was saved cannot be used: {problem}"));
                if !asks_again() {
                    return Err(CliError::usage(format!("the events were not edited: {problem}")));
                }
            }
        }
    }
}

/// Lays events out for people: one as it is, several as an array.
fn shown(events: &[Edited], is_one: bool) -> String {
    let lines: Vec<String> = events.iter().map(|event| laid_out(&event.bytes)).collect();
    match lines.as_slice() {
        [one] if is_one => format!("{one}\n"),
        _ => format!("[\n{}\n]\n", lines.join(",\n")),
    }
}

/// Writes an event over several lines, unless that would lose something of it: a key that comes twice, a
/// number beyond a float.
fn laid_out(event: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<Value>(event)
        && serde_json::to_vec(&value).is_ok_and(|printed| printed == event)
        && let Ok(pretty) = serde_json::to_string_pretty(&value)
    {
        return pretty;
    }
    String::from_utf8_lossy(event).into_owned()
}

/// Reads what was saved: as many events as there were.
fn read(text: &str, expected: usize, is_one: bool) -> Result<Vec<String>, String> {
    let problem = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        let why = error.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        format!("line {line}, column {column}: {why}")
    };
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if is_one {
        let event: &RawValue = serde_json::from_str(text).map_err(problem)?;
        return Ok(vec![compact(event.get())]);
    }
    let events: Vec<&RawValue> = serde_json::from_str(text).map_err(problem)?;
    if events.len() != expected {
        return Err(format!("it holds {} in place of {expected}", count(events.len(), "event")));
    }
    Ok(events.iter().map(|event| compact(event.get())).collect())
}

/// Returns a JSON text without the white space between its values.
fn compact(text: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let keep = |letter: &char| {
        if in_string {
            in_string = is_escaped || *letter != '"';
            is_escaped = !is_escaped && *letter == '\\';
            return true;
        }
        in_string = *letter == '"';
        !letter.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
}

/// Opens the user's editor and waits until it is closed.
fn open_editor(path: &Path) -> Result<(), CliError> {
    let set = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // What is set may have arguments, as `code --wait` has: it is the shell's to take apart.
    let mut command = if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", &editor]).arg(path);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(path);
        command
    };
    // What the editor prints must not stand among the events.
    command.stdout(io::stderr());
    let status = command.status().map_err(|error| {
        CliError::environment(format!("cannot start the editor `{editor}`")).because(error)
    })?;
    if status.success() {
        return Ok(());
    }
    Err(CliError::usage(format!("the editor `{editor}` ended with {status}; no events are made"))
        .hint("set VISUAL or EDITOR to the editor you want"))
}

/// Asks whether to edit again; the end of standard input is a no.
fn asks_again() -> bool {
    output::talk("edit again? [Y/n]");
    let mut answer = String::new();
    let is_read = io::stdin().read_line(&mut answer).is_ok_and(|bytes| bytes > 0);
    is_read && !answer.trim_start().starts_with(['n', 'N'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_white_space_between_values_goes() {
        let text = "{\n  \"a b\" : [ 1e400, \"x \\\" y\\\\\" , 1.0 ],\n\t\"a b\": null }";
        assert_eq!(compact(text), r#"{"a b":[1e400,"x \" y\\",1.0],"a b":null}"#);
    }

    #[test]
    fn what_is_laid_out_is_read_back_and_what_layout_would_lose_stays_as_it_is() {
        let event =
            |bytes: &str| Edited { index: 0, is_analysis: false, bytes: bytes.as_bytes().to_vec() };
        for events in [&[event(r#"{"a":1}"#)][..], &[event(r#"{"a":1,"a":2}"#), event("[1e400]")]] {
            let is_one = events.len() == 1;
            let back = read(&shown(events, is_one), events.len(), is_one).unwrap();
            for (event, back) in events.iter().zip(back) {
                assert_eq!(String::from_utf8_lossy(&event.bytes), back);
            }
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        insta::assert_snapshot!(read("{\n  \"a\": 1,\n}", 1, true).unwrap_err(), @"line 3, column 1: key must be a string");
        insta::assert_snapshot!(read("[{}]", 2, false).unwrap_err(), @"it holds 1 event in place of 2");
        insta::assert_snapshot!(read("", 1, true).unwrap_err(), @"it is empty");
    }
}
