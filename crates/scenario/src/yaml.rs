//! YAML text to a tree of values that know where they stand.
//!
//! The only module that knows the YAML library. YAML's traps are closed here: a key twice is an error,
//! `yes`, `no`, `on` and `012` stay texts, merge keys are refused, one document a file.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Location, Spanned};

use crate::problem::Problem;

/// The largest file that is read.
pub const BYTES_MAX: usize = 1024 * 1024;

/// A value and where it stands, in bytes of the text.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
}

impl Node {
    /// Returns the value as JSON.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
            ),
        }
    }

    /// Says what the value is, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Number(number) => format!("`{number}`"),
            Kind::Text(text) => format!("`{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > BYTES_MAX {
        let message = format!("the file has {} bytes, more than {BYTES_MAX}", text.len());
        return Err(Problem::new(0..0, message));
    }
    let options = serde_saphyr::options! {
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let parsed: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| refused(text, &error))?;
    Ok(node(text, parsed))
}

/// Says why a text is no YAML.
fn refused(text: &str, error: &serde_saphyr::Error) -> Problem {
    let span = error.location().map_or(0..0, |location| span_of(text, location));
    let whole = error.without_snippet().to_string();
    // The library appends the place, which a problem shows by itself.
    let what = whole.split(" at line ").next().unwrap_or(&whole);
    let what = what.split(", set DuplicateKeyPolicy").next().unwrap_or(what);
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let problem = Problem::new(span, what);
    // What people forget: inside `{ }` and `[ ]` a brace of a text ends the map.
    if line.contains("${") || line.contains("/{") || line.matches(": ").count() > 1 {
        return problem.hint("a text with `{`, `}`, `[`, `]`, `,` or `: ` in it needs quotes");
    }
    problem
}

/// What serde hands over; [`Node`] is the same with byte ranges.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Raw, D::Error> {
                Raw::deserialize(inner)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(value))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
                Ok(Raw::Number(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
                Ok(Raw::Number(number.into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
                // `.inf` and `.nan` have no JSON form and stay the texts they are.
                let text = || Raw::Text(number.to_string());
                Ok(Number::from_f64(number).map_or_else(text, Raw::Number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Raw::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Raw::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn node(text: &str, raw: Spanned<Raw>) -> Node {
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(value) => Kind::Bool(value),
        Raw::Number(number) => Kind::Number(number),
        Raw::Text(text) => Kind::Text(text),
        Raw::List(items) => Kind::List(items.into_iter().map(|item| node(text, item)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                let span = span_of(text, key.referenced);
                (Key { name: key.value, span }, node(text, value))
            };
            Kind::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { kind, span: span_of(text, raw.referenced) }
}

/// Returns the bytes of a location; a collection has no length and is shown by its first character.
fn span_of(text: &str, location: Location) -> Range<usize> {
    let span = location.span();
    let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    // Syntax errors come without byte offsets, only with line and column.
    let start = span.byte_offset().map_or_else(|| offset_of(text, location), clamp);
    let len = clamp(span.byte_len().unwrap_or(0));
    let end = start.saturating_add(len).min(text.len());
    // Trailing line feeds of a block belong to no line that could be underlined.
    let end = start + text.get(start..end).map_or(0, |taken| taken.trim_end().len());
    start..end
}

/// Returns the byte at a line and a column, both from 1; the column counts characters.
fn offset_of(text: &str, location: Location) -> usize {
    let before = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let line_start: usize =
        text.split_inclusive('\n').take(before(location.line())).map(str::len).sum();
    let line = &text[line_start..];
    let column = line.char_indices().nth(before(location.column())).map_or(line.len(), |at| at.0);
    line_start + column.min(line.find('\n').unwrap_or(line.len()))
}
