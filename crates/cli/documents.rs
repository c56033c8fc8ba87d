//! A file or standard input to the events it holds: JSON, an array of events, or JSON Lines.
//!
//! JSON Lines are read line by line, however many there are; anything else is read whole. Bytes that
//! are no JSON are handed on as they are, because judging them is what the caller is for.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
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
        Place {
            line: self.start.line + place.line - 1,
            column: if place.line == 1 {
                self.start.column + place.column - 1
            } else {
                place.column
            },
            offset: self.start.offset + place.offset,
        }
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
pub(crate) fn each<E: From<io::Error>>(
    mut input: impl BufRead,
    is_lines: bool,
    mut judge: impl FnMut(&Document<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut first = Vec::new();
    let mut blank_lines = 0;
    while input.read_until(b'\n', &mut first)? > 0 && first.trim_ascii().is_empty() {
        blank_lines += 1;
        if !is_lines {
            continue; // kept, so that places count from the begin of the input
        }
        first.clear();
    }
    if is_lines || is_one_of_many(&first, &mut input)? {
        let skipped = if is_lines { 0 } else { first.len() - last_line(&first).len() };
        return lines(&first[skipped..], blank_lines, skipped, input, judge);
    }
    input.read_to_end(&mut first)?;
    whole(&first, &mut judge)
}

fn last_line(text: &[u8]) -> &[u8] {
    let end = text.strip_suffix(b"\n").unwrap_or(text);
    let start = end.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    &text[start..]
}

/// Tells whether the first line is a whole JSON value with more behind it.
fn is_one_of_many(first: &[u8], input: &mut impl BufRead) -> io::Result<bool> {
    let is_whole = serde_json::from_slice::<&RawValue>(first.trim_ascii()).is_ok();
    Ok(is_whole && first.ends_with(b"\n") && !input.fill_buf()?.trim_ascii().is_empty())
}

fn lines<E: From<io::Error>>(
    first: &[u8],
    lines_before: usize,
    offset: usize,
    mut input: impl BufRead,
    mut judge: impl FnMut(&Document<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut count = 0;
    let mut start = Place { line: lines_before + 1, column: 1, offset };
    let mut line = first.to_vec();
    while !line.is_empty() {
        // A line of nothing but white space separates, as editors leave one at the end.
        let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        if !bytes.trim_ascii().is_empty() {
            count += 1;
            judge(&Document { bytes, number: count, start })?;
        }
        start = Place { line: start.line + 1, column: 1, offset: start.offset + line.len() };
        line.clear();
        input.read_until(b'\n', &mut line)?;
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
    let mut count = 0;
    for item in items {
        let bytes = item.get().as_bytes();
        let offset = bytes.as_ptr() as usize - text.as_ptr() as usize;
        count += 1;
        judge(&Document { bytes, number: count, start: place_of(text, offset) })?;
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
        each(text.as_bytes(), false, judge).unwrap();
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
        assert_eq!(check("{\"cut"), [("{\"cut".to_owned(), 1, 1, 0)]);
        assert_eq!(check(" \n"), []);
        assert_eq!(check("[]"), []);
    }
}
