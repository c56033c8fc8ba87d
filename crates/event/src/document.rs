//! Bytes to JSON, with every doubt about the bytes as a finding.
//!
//! A parser that is lenient hides what breaks other parsers: a duplicate key is silently the last one,
//! and an integer of thirty digits silently a float. Both parse here too, and are reported.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use crate::finding::{At, Finding};
use crate::rule::Rule;

/// A place in a text: line and column count from 1, the column in characters; the offset from 0, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The byte, from 0.
    pub offset: usize,
}

impl Place {
    /// Returns the place that is at `place` counted from this one.
    #[must_use]
    pub const fn then(self, place: Self) -> Self {
        let column = if place.line == 1 { self.column + place.column - 1 } else { place.column };
        Self { line: self.line + place.line - 1, column, offset: self.offset + place.offset }
    }
}

/// Returns the place of the byte at `offset`.
pub fn place_of(text: &[u8], offset: usize) -> Place {
    let before = &text[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    // A continuation byte (10xxxxxx) is part of the character before it.
    let is_start = |byte: &&u8| (**byte & 0b1100_0000) != 0b1000_0000;
    Place {
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: before[line_start..].iter().filter(is_start).count() + 1,
        offset: before.len(),
    }
}

/// Reads one JSON document; `None` when the bytes hold none.
pub(crate) fn read(bytes: &[u8]) -> (Option<Value>, Vec<Finding>) {
    let mut findings = Vec::new();
    let whole = bytes;
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => {
            findings.push(
                Finding::new(Rule::JsonBom, "", "a byte order mark", "`{`").at(place_of(whole, 0)),
            );
            rest
        }
        None => bytes,
    };
    let skipped = whole.len() - bytes.len();

    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.valid_up_to();
            findings.push(
                Finding::new(
                    Rule::JsonEncoding,
                    "",
                    format!("the byte 0x{:02X}", bytes[offset]),
                    "UTF-8",
                )
                .at(place_of(whole, skipped + offset)),
            );
            return (None, findings);
        }
    };
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            findings.push(
                unreadable(text, &error).at(place_of(whole, skipped + offset_of(text, &error))),
            );
            return (None, findings);
        }
    };
    let mut places = Places { bytes: whole, last: place_of(whole, 0) };
    let mut doubts = doubts(text);
    doubts.sort_by_key(|(_, offset)| *offset);
    for (finding, offset) in doubts {
        findings.push(finding.at(places.next(skipped + offset)));
    }
    (Some(value), findings)
}

/// Says why serde_json could not read the text.
fn unreadable(text: &str, error: &serde_json::Error) -> Finding {
    // serde_json appends the place, which a finding carries apart.
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    if what.contains("recursion limit") {
        return Finding::new(Rule::JsonDepth, "", "a 128th level of nesting", "at most 127");
    }
    if what.contains("number out of range") {
        let expected = "a number that a double-precision float holds";
        return Finding::new(Rule::JsonNumber, "", "a number beyond ±1.8e308", expected);
    }
    if text.trim().is_empty() {
        return Finding::new(Rule::JsonSyntax, "", "nothing", "a JSON text");
    }
    if error.is_eof() {
        return Finding::new(
            Rule::JsonSyntax,
            "",
            format!("the end of the text ({what})"),
            "the rest of the JSON text",
        );
    }
    let found = format!("a syntax error ({what})");
    Finding::new(Rule::JsonSyntax, "", found, "one complete JSON text")
}

/// Returns the byte at which serde_json stopped; its columns count bytes, and 0 stands for a line feed.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let line_start = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let offset = line_start + error.column().saturating_sub(1);
    if error.is_eof() { text.len() } else { offset.min(text.len()) }
}

/// Gives findings that have none their places, in one walk however many they are. What is missing is
/// placed at the nearest value around it.
pub(crate) fn locate(bytes: &[u8], findings: &mut [Finding]) {
    if findings.iter().all(|finding| finding.place.is_some()) {
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut walk = Walk::new(bare);
    for finding in findings.iter().filter(|finding| finding.place.is_none()) {
        let mut pointer = finding.pointer.as_str();
        // Known already, and then so is everything around it.
        while walk.wanted.insert(pointer.to_owned(), None).is_none() {
            let Some((around, _)) = pointer.rsplit_once('/') else { break };
            pointer = around;
        }
    }
    walk.value(&At::Root);
    let mut places = Places { bytes, last: place_of(bytes, 0) };
    let mut order: Vec<&mut Finding> =
        findings.iter_mut().filter(|finding| finding.place.is_none()).collect();
    let offset = |pointer: &str| {
        let around = std::iter::successors(Some(pointer), |it| it.rsplit_once('/').map(|it| it.0));
        let found = around.filter_map(|it| walk.wanted.get(it).copied().flatten()).next();
        text.len() - bare.len() + found.unwrap_or(0)
    };
    order.sort_by_cached_key(|finding| offset(&finding.pointer));
    for finding in order {
        finding.place = Some(places.next(offset(&finding.pointer)));
    }
}

/// Places in ascending order, each counted from the last: from the begin each time it would be quadratic.
struct Places<'a> {
    bytes: &'a [u8],
    last: Place,
}

impl Places<'_> {
    fn next(&mut self, offset: usize) -> Place {
        let rest = &self.bytes[self.last.offset..];
        self.last = self.last.then(place_of(rest, offset - self.last.offset));
        self.last
    }
}

/// Walks a text that is known to be JSON and reports duplicate keys and numbers that lose digits, each
/// with its byte.
fn doubts(text: &str) -> Vec<(Finding, usize)> {
    let mut walk = Walk::new(text);
    walk.value(&At::Root);
    walk.doubts
}

/// A recursive walk: serde_json has accepted the text, so it is well-formed and at most 127 deep.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    doubts: Vec<(Finding, usize)>,
    /// The pointers whose values are looked for, and where each was found.
    wanted: HashMap<String, Option<usize>>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, doubts: Vec::new(), wanted: HashMap::new() }
    }

    fn value(&mut self, at: &At<'_>) {
        let first = self.next_byte();
        if !self.wanted.is_empty()
            && let Some(start) = self.wanted.get_mut(&at.to_string())
        {
            *start = Some(self.at);
        }
        match first {
            b'{' => self.object(at),
            b'[' => self.array(at),
            b'"' => {
                self.string();
            }
            b'-' | b'0'..=b'9' => self.number(at),
            _ => {
                self.take_while(|byte| byte.is_ascii_alphabetic());
            }
        }
    }

    fn object(&mut self, at: &At<'_>) {
        let mut keys = HashSet::new();
        self.at += 1;
        while self.next_byte() == b'"' {
            let start = self.at;
            let key = unescape(self.string());
            self.at += usize::from(self.next_byte() == b':');
            let inside = At::Key(at, &key);
            self.value(&inside);
            if keys.contains(&key) {
                let finding = Finding::new(
                    Rule::JsonDuplicateKey,
                    inside.to_string(),
                    "the key a second time; most parsers keep the last, some the first",
                    "one value for the key",
                );
                self.doubts.push((finding, start));
            }
            keys.insert(key);
            self.at += usize::from(self.next_byte() == b',');
        }
        self.at += 1;
    }

    fn array(&mut self, at: &At<'_>) {
        self.at += 1;
        for index in 0.. {
            if self.next_byte() == b']' {
                break;
            }
            self.value(&At::Index(at, index));
            self.at += usize::from(self.next_byte() == b',');
        }
        self.at += 1;
    }

    /// Takes a string and returns it as written, quotes included.
    fn string(&mut self) -> &'a str {
        let start = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        while bytes[self.at] != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        &self.text[start..self.at]
    }

    fn number(&mut self, at: &At<'_>) {
        let start = self.at;
        let number =
            self.take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        if loses_digits(number) {
            let as_float: f64 = number.parse().unwrap_or(f64::NAN);
            let shown = number.get(..40).map_or(number.to_owned(), |head| format!("{head}…"));
            let finding = Finding::new(
                Rule::JsonNumber,
                at.to_string(),
                format!("{shown}, which most parsers read as {as_float:e}"),
                "a number that a double-precision float holds",
            );
            self.doubts.push((finding, start));
        }
    }

    /// Returns the next byte that is no white space without taking it; 0 at the end.
    fn next_byte(&mut self) -> u8 {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blank;
        rest.get(blank).copied().unwrap_or(0)
    }

    fn take_while(&mut self, part: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| !part(byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// Returns what a string means. Two keys may be the same without being written the same.
fn unescape(written: &str) -> Cow<'_, str> {
    if written.contains('\\') {
        Cow::Owned(serde_json::from_str(written).unwrap_or_default())
    } else {
        Cow::Borrowed(&written[1..written.len() - 1])
    }
}

/// Tells whether a number has digits that a double-precision float does not keep.
pub(crate) fn loses_digits(number: &str) -> bool {
    let significant = |text: &str| {
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    // Fifteen digits always survive; beyond, the shortest form of the float must show the same ones.
    if number.len() <= 15 {
        return false;
    }
    let Ok(as_float) = number.parse::<f64>() else { return true };
    let digits = significant(number);
    digits.len() > 15 && significant(&format!("{as_float:e}")) != digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `read` says of the bytes: rule, pointer and place.
    fn check(bytes: &[u8]) -> String {
        let (value, findings) = read(bytes);
        let mut said: Vec<String> = findings
            .iter()
            .map(|finding| {
                let place = finding.place.unwrap();
                format!(
                    "{} {:?} {}:{}+{}: {}",
                    finding.rule,
                    finding.pointer,
                    place.line,
                    place.column,
                    place.offset,
                    finding.found
                )
            })
            .collect();
        said.insert(0, if value.is_some() { "read".to_owned() } else { "unreadable".to_owned() });
        said.join("\n")
    }

    #[test]
    fn every_doubt_about_the_bytes_has_its_place() {
        insta::assert_snapshot!(check(b"{\"a\":1}"), @"read");
        insta::assert_snapshot!(check(b"{\"a\":\n {\"b"), @r#"
        unreadable
        json.syntax "" 2:5+10: the end of the text (EOF while parsing a string)
        "#);
        insta::assert_snapshot!(check(b"{\"\xC3\xA9\":\"\xFF\"}"), @r#"
        unreadable
        json.encoding "" 1:7+7: the byte 0xFF
        "#);
        insta::assert_snapshot!(check(b"\xEF\xBB\xBF{}"), @r#"
        read
        json.bom "" 1:1+0: a byte order mark
        "#);
        insta::assert_snapshot!(check(b"  \n"), @r#"
        unreadable
        json.syntax "" 2:1+3: nothing
        "#);
        insta::assert_snapshot!(check(b"{} {}"), @r#"
        unreadable
        json.syntax "" 1:4+3: a syntax error (trailing characters)
        "#);
        insta::assert_snapshot!(check(br#"{"a/b":[{"~":1,"\u007e":2}]}"#), @r#"
        read
        json.duplicate-key "/a~1b/0/~0" 1:16+15: the key a second time; most parsers keep the last, some the first
        "#);
        insta::assert_snapshot!(check(b"[1.0, 0.1395, 123456789012345678901234567890]"), @r#"
        read
        json.number "/2" 1:15+14: 123456789012345678901234567890, which most parsers read as 1.2345678901234568e29
        "#);
        insta::assert_snapshot!(check(b"{\"n\": 1e400}"), @r#"
        unreadable
        json.number "" 1:11+10: a number beyond ±1.8e308
        "#);
    }

    #[test]
    fn a_hundred_thousand_levels_are_a_finding_and_no_crash() {
        let deep = "[".repeat(100_000);
        insta::assert_snapshot!(check(deep.as_bytes()), @r#"
        unreadable
        json.depth "" 1:128+127: a 128th level of nesting
        "#);
    }

    #[test]
    fn integers_up_to_two_to_the_53rd_keep_their_digits() {
        assert!(!loses_digits("9007199254740992"));
        assert!(loses_digits("9007199254740993"));
        assert!(!loses_digits("1000000000000000000000"));
        assert!(!loses_digits("-0.0"));
    }
}
