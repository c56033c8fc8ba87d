//! A file or standard input to the events it holds: JSON, an array of events, or JSON Lines.
//!
//! JSON Lines are read line by line, however many there are; anything else is read whole. Bytes that
//! are no JSON are handed on as they are, because judging them is what the caller is for.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::ops::Range;
use std::path::Path;

use ringback_event::{Place, place_of};
use serde_json::value::RawValue;

use crate::error::CliError;

/// One event of an input.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Which one of the input it is, from 1.
    pub(crate) number: u64,
    /// Where in the input it begins.
    pub(crate) start: Place,
}

impl Document<'_> {
    /// Moves a place in the event to the place in the input.
    pub(crate) const fn in_input(&self, place: Place) -> Place {
        self.start.then(place)
    }
}

/// Opens an input; `-` is standard input.
///
/// # Errors
///
/// When there is no such file or it cannot be read.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, CliError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let refused =
        |error| CliError::usage(format!("cannot read `{}`", path.display())).because(error);
    let file = File::open(path).map_err(refused)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(CliError::usage(format!("`{}` is a folder", path.display()))
            .hint(format!("name its files: {}/*.json", path.display())));
    }
    Ok(Box::new(BufReader::with_capacity(64 * 1024, file)))
}

/// Calls `judge` with each event of an input and returns how many there were.
///
/// # Errors
///
/// When reading fails, or `judge` does.
pub(crate) fn each<E>(
    mut input: impl BufRead,
    is_lines: bool,
    mut judge: impl FnMut(&Document<'_>) -> Result<(), E>,
    unread: impl Fn(io::Error) -> E,
) -> Result<u64, E> {
    // Two lines with something in them tell lines of JSON from JSON over many lines.
    let mut head = Vec::new();
    let first = read_line(&mut input, &mut head).map_err(&unread)?;
    let is_lines = is_lines || {
        let second = read_line(&mut input, &mut head).map_err(&unread)?;
        is_one_of_many(&head[first], &head[second])
    };
    let mut input = head.as_slice().chain(input);
    if is_lines {
        return lines(input, judge, unread);
    }
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(unread)?;
    whole(&text, &mut judge)
}

/// Appends the next line that is not blank, with those before it, and returns where it is.
fn read_line(input: &mut impl BufRead, head: &mut Vec<u8>) -> io::Result<Range<usize>> {
    loop {
        let start = head.len();
        if input.read_until(b'\n', head)? == 0 || !head[start..].trim_ascii().is_empty() {
            return Ok(start..head.len());
        }
    }
}

/// Tells whether the first line is one document of several. A broken one is, too, when both begin as
/// compact objects do; an object over many lines begins with its brace alone.
fn is_one_of_many(first: &[u8], second: &[u8]) -> bool {
    let is_whole = || serde_json::from_slice::<&RawValue>(first.trim_ascii()).is_ok();
    let is_compact = |line: &[u8]| line.trim_ascii().starts_with(b"{\"");
    !second.is_empty() && (is_compact(first) && is_compact(second) || is_whole())
}

fn lines<E>(
    mut input: impl BufRead,
    mut judge: impl FnMut(&Document<'_>) -> Result<(), E>,
    unread: impl Fn(io::Error) -> E,
) -> Result<u64, E> {
    let mut count = 0;
    let mut start = Place { line: 1, column: 1, offset: 0 };
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).map_err(&unread)? > 0 {
        // A line of nothing but white space separates, as editors leave one at the end.
        let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        if !bytes.trim_ascii().is_empty() {
            count += 1;
            judge(&Document { bytes, number: count, start })?;
        }
        start = Place { line: start.line + 1, column: 1, offset: start.offset + line.len() };
        line.clear();
    }
    Ok(count)
}

fn whole<E>(text: &[u8], judge: &mut impl FnMut(&Document<'_>) -> Result<(), E>) -> Result<u64, E> {
    let start = Place { line: 1, column: 1, offset: 0 };
    if text.trim_ascii().is_empty() {
        return Ok(0);
    }
    let Ok(items) = serde_json::from_slice::<Vec<&RawValue>>(text) else {
        judge(&Document { bytes: text, number: 1, start })?;
        return Ok(1);
    };
    let (mut count, mut last) = (0, start);
    for item in items {
        let bytes = item.get().as_bytes();
        let offset = bytes.as_ptr() as usize - text.as_ptr() as usize;
        // From the last item on: counting from the begin each time would be quadratic.
        let between = place_of(&text[last.offset..], offset - last.offset);
        last = last.then(between);
        count += 1;
        judge(&Document { bytes, number: count, start: last })?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<(String, u64, usize, usize)> {
        let mut found = Vec::new();
        let judge = |document: &Document<'_>| {
            let bytes = String::from_utf8_lossy(document.bytes).into_owned();
            found.push((bytes, document.number, document.start.line, document.start.offset));
            Ok::<(), io::Error>(())
        };
        each(text.as_bytes(), false, judge, |error| error).unwrap();
        found
    }

    #[test]
    fn one_document_an_array_and_lines_are_told_apart() {
        assert_eq!(check("{\n \"a\": 1\n}\n"), [("{\n \"a\": 1\n}\n".to_owned(), 1, 1, 0)]);
        assert_eq!(check("[{},\n {}]"), [("{}".to_owned(), 1, 1, 1), ("{}".to_owned(), 2, 2, 6)]);
        assert_eq!(
            check("\n{}\n\n{\"cut\n{}\n"),
            [
                ("{}".to_owned(), 1, 2, 1),
                ("{\"cut".to_owned(), 2, 4, 5),
                ("{}".to_owned(), 3, 5, 11)
            ]
        );
        assert_eq!(check("{\"cut\n\n{\"b\":1}").len(), 2);
        assert_eq!(check("{\"cut"), [("{\"cut".to_owned(), 1, 1, 0)]);
        assert_eq!(check(" \n"), []);
        assert_eq!(check("[]"), []);
    }
}
