//! Mutations applied: the bytes of an event in, other bytes out.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use super::locate::{self, Missing, Place, locate};
use super::{Effect, Mutation};

/// A mutation that an event cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The event is not JSON, so that nothing can be found in it.
    #[error("cannot apply `{mutation}`: the event is not JSON ({reason})")]
    NotJson {
        /// The mutation.
        mutation: String,
        /// What the parser said.
        reason: String,
    },
    /// There is no such place in the event.
    #[error("cannot apply `{mutation}`: {} has no `{key}`{hint}", named(of))]
    NoPlace {
        /// The mutation.
        mutation: String,
        /// The value that was reached, as a JSON Pointer.
        of: String,
        /// The key or the element that it lacks.
        key: String,
        /// An archetype that has it, if one is known, or the names that are near.
        hint: String,
    },
    /// The place is not a JSON Pointer.
    #[error(
        "cannot apply `{mutation}`: `{at}` is no JSON Pointer; it must be empty or begin with `/`"
    )]
    NotAPointer {
        /// The mutation.
        mutation: String,
        /// The place.
        at: String,
    },
    /// The value is of a type that the effect has no meaning for.
    #[error("cannot apply `{mutation}`: the value at {} is not {expected}", named(at))]
    WrongType {
        /// The mutation.
        mutation: String,
        /// The place.
        at: String,
        /// What it must be.
        expected: Cow<'static, str>,
    },
}

/// Names a place to people.
fn named(pointer: &str) -> String {
    if pointer.is_empty() { "the event".to_owned() } else { format!("`{pointer}`") }
}

/// Applies one mutation to the bytes of an event.
///
/// # Errors
///
/// When the event is not JSON, has no such place, or holds a value there that the effect has no
/// meaning for.
pub fn apply(event: &[u8], mutation: &Mutation) -> Result<Vec<u8>, ApplyError> {
    let job = Job { mutation };
    let text = std::str::from_utf8(event).map_err(|error| job.not_json(&error))?;
    match &mutation.inner {
        None => job.apply(text, &mutation.at),
        Some(inner) => {
            let place = job.locate(text, &mutation.at)?;
            let held = string(&text[place.value.clone()]).ok_or_else(|| job.wrong("a string"))?;
            let held = job.apply(&held, inner)?;
            let held = String::from_utf8_lossy(&held);
            Ok(replaced(text, place.value, &quoted(&held)).into_bytes())
        }
    }
}

/// Applies several mutations: those of values in their order, then those of the whole body.
///
/// # Errors
///
/// When one of them cannot be applied to what the others left.
pub fn apply_all<'a>(
    event: &[u8],
    mutations: impl IntoIterator<Item = &'a Mutation>,
) -> Result<Vec<u8>, ApplyError> {
    let mut mutations: Vec<&Mutation> = mutations.into_iter().collect();
    mutations.sort_by_key(|mutation| mutation.effect.is_of_body());
    mutations.into_iter().try_fold(event.to_vec(), |event, mutation| apply(&event, mutation))
}

struct Job<'a> {
    mutation: &'a Mutation,
}

impl Job<'_> {
    fn name(&self) -> String {
        self.mutation.name.clone()
    }

    fn not_json(&self, reason: &dyn std::fmt::Display) -> ApplyError {
        ApplyError::NotJson { mutation: self.name(), reason: reason.to_string() }
    }

    fn wrong(&self, expected: impl Into<Cow<'static, str>>) -> ApplyError {
        let expected = expected.into();
        ApplyError::WrongType { mutation: self.name(), at: self.mutation.at.clone(), expected }
    }

    fn locate(&self, text: &str, at: &str) -> Result<Place, ApplyError> {
        locate(text, at).map_err(|missing| match missing {
            Missing::NotJson(reason) => self.not_json(&reason),
            Missing::NotAPointer => {
                ApplyError::NotAPointer { mutation: self.name(), at: at.to_owned() }
            }
            Missing::NoChild { of, key } => {
                let hint = match self.mutation.archetype {
                    Some(archetype) => {
                        format!("; the events of archetype `{archetype}` have one")
                    }
                    None => near(text, &of, &key),
                };
                ApplyError::NoPlace { mutation: self.name(), of, key, hint }
            }
        })
    }

    fn apply(&self, text: &str, at: &str) -> Result<Vec<u8>, ApplyError> {
        let place = self.locate(text, at)?;
        let value = &text[place.value.clone()];
        let with = |new: &str| replaced(text, place.value.clone(), new);
        let content = || string(value).ok_or_else(|| self.wrong("a string"));
        let out = match &self.mutation.effect {
            Effect::Drop => without(text, &place),
            Effect::Null => with("null"),
            Effect::Empty => with(match value.as_bytes().first() {
                Some(b'"') => "\"\"",
                Some(b'[') => "[]",
                Some(b'{') => "{}",
                Some(b't' | b'f') => "false",
                Some(b'n') => "null",
                _ => "0",
            }),
            Effect::Raw(new) => with(new),
            Effect::AsText => match value.as_bytes().first() {
                Some(b'"' | b'{' | b'[') => return Err(self.wrong("a number, a boolean or null")),
                _ => with(&format!("\"{value}\"")),
            },
            Effect::Swap(other) => self.swap(text, &place, other)?,
            Effect::Append(more) => with(&quoted(&(content()? + more))),
            Effect::AppendRaw(more) => {
                content()?;
                let end = place.value.end - 1;
                replaced(text, end..end, more)
            }
            Effect::Word(bytes) => {
                content()?;
                with(&quoted(&"x".repeat(*bytes)))
            }
            Effect::Grow(bytes) => {
                let more = bytes.saturating_sub(text.len());
                let filler = "All work and no play. ".chars().cycle().take(more);
                with(&quoted(&content()?.chars().chain(filler).collect::<String>()))
            }
            Effect::Key(name, new) => self.with_key(text, &place, name, new)?,
            Effect::Again(new) => match &place.key {
                Some(key) => {
                    let end = place.entry.end;
                    replaced(text, end..end, &format!(",\"{key}\":{new}"))
                }
                None => return Err(self.wrong("a value with a key")),
            },
            Effect::UnknownKeys => with(&unknown_keys(text, &place)),
            Effect::Reverse => with(&reversed(text, &place)),
            Effect::Shuffle => with(&shuffled(text, &place)),
            Effect::Encode => with(&quoted(&quoted(&content()?))),
            Effect::Decode => with(&content()?),
            Effect::Cut if at.is_empty() && self.mutation.inner.is_none() => {
                first_half(text).to_owned()
            }
            Effect::Cut => with(&quoted(first_half(&content()?))),
            Effect::Alone => value.to_owned(),
            Effect::Wrap => format!("[{text}]"),
            Effect::Body(body) => body.clone(),
            Effect::Bom => format!("\u{FEFF}{text}"),
            Effect::Trail(more) => format!("{text}{more}"),
            Effect::InvalidUtf8 => {
                let middle = text.find('"').map_or(0, |at| at + 1);
                let (before, after) = text.as_bytes().split_at(middle);
                return Ok([before, b"\xFF", after].concat());
            }
            Effect::Pretty => pretty(text).map_err(|error| self.not_json(&error))?,
            Effect::Escape => escaped(text),
            Effect::Nest(depth) => {
                with(&format!("{}{value}{}", "[".repeat(*depth), "]".repeat(*depth)))
            }
        };
        Ok(out.into_bytes())
    }

    /// Writes one more key of an object, or one more element of a list where the key is `-`.
    fn with_key(
        &self,
        text: &str,
        place: &Place,
        name: &str,
        new: &str,
    ) -> Result<String, ApplyError> {
        let value = &text[place.value.clone()];
        let (close, entry) = match value.as_bytes().first() {
            Some(b'{') => ('}', format!("{}:{new}", quoted(name))),
            Some(b'[') if name == "-" => (']', new.to_owned()),
            Some(b'[') => return Err(self.wrong("an object; a list takes one more after `-`")),
            _ => return Err(self.wrong("an object or a list")),
        };
        let is_name =
            |child: &Place| child.key.as_deref().map(locate::decoded).as_deref() == Some(name);
        if locate::children(text, place).any(|child| is_name(&child)) {
            return Err(self.wrong(format!("an object without `{name}`; replace that instead")));
        }
        let open = value.strip_suffix(close).unwrap_or(value);
        let comma = if locate::children(text, place).next().is_some() { "," } else { "" };
        Ok(replaced(text, place.value.clone(), &format!("{open}{comma}{entry}{close}")))
    }

    fn swap(&self, text: &str, place: &Place, other: &str) -> Result<String, ApplyError> {
        let other = self.locate(text, other)?;
        let (first, second) = match place.value.start < other.value.start {
            true => (&place.value, &other.value),
            false => (&other.value, &place.value),
        };
        if first.end > second.start {
            return Err(self.wrong("apart from the value to swap it with"));
        }
        Ok([
            &text[..first.start],
            &text[second.clone()],
            &text[first.end..second.start],
            &text[first.clone()],
            &text[second.end..],
        ]
        .concat())
    }
}

/// Says what there is in place of a key that there is not.
fn near(text: &str, of: &str, key: &str) -> String {
    let Ok(parent) = locate(text, of) else { return String::new() };
    let children: Vec<Place> = locate::children(text, &parent).collect();
    match text.as_bytes().get(parent.value.start) {
        Some(b'[') => format!("; it is a list of {}", children.len()),
        Some(b'{') => {
            let names: Vec<String> = children
                .iter()
                .filter_map(|child| child.key.as_deref().map(locate::decoded))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let near = crate::nearest(key, &names);
            if near.is_empty() {
                "; it is empty".to_owned()
            } else if names.len() <= 14 {
                format!("; did you mean `{near}`? It has {}", names.join(", "))
            } else {
                format!("; did you mean `{near}`?")
            }
        }
        _ => "; it is neither an object nor a list".to_owned(),
    }
}

/// Returns the text with a range of it replaced.
fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
    [&text[..range.start], new, &text[range.end..]].concat()
}

/// Returns the text without an entry and one comma beside it.
fn without(text: &str, place: &Place) -> String {
    let before = text[..place.entry.start].trim_end();
    let after = text[place.entry.end..].trim_start();
    match (before.strip_suffix(','), after.strip_prefix(',')) {
        (_, Some(after)) => format!("{before}{after}"),
        (Some(before), None) => format!("{before}{after}"),
        (None, None) => format!("{before}{after}"),
    }
}

/// Returns the first half of a text, to the last whole character.
fn first_half(text: &str) -> &str {
    let mut end = text.len() / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Reads a JSON string; `None` for a value of another type.
fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn pretty(text: &str) -> Result<String, serde_json::Error> {
    let value: Value = serde_json::from_str(text)?;
    serde_json::to_string_pretty(&value)
}

/// Writes a value with one more key in each of its objects.
fn unknown_keys(text: &str, place: &Place) -> String {
    rewrite(text, place, &|is_object, mut entries: Vec<String>| {
        if is_object {
            entries.push(r#""xAddedTomorrow":{"since":"v3","tags":[]}"#.to_owned());
        }
        entries
    })
}

/// Writes a value with the keys of all its objects in reverse order.
fn shuffled(text: &str, place: &Place) -> String {
    rewrite(text, place, &|is_object, mut entries: Vec<String>| {
        if is_object {
            entries.reverse();
        }
        entries
    })
}

/// Writes an array or an object with its entries in reverse order.
fn reversed(text: &str, place: &Place) -> String {
    let mut entries: Vec<&str> =
        locate::children(text, place).map(|child| &text[child.entry]).collect();
    entries.reverse();
    enclosed(text, place, &entries.join(","))
}

/// Writes a value again, with the entries of each array and object in it changed.
fn rewrite(text: &str, place: &Place, change: &dyn Fn(bool, Vec<String>) -> Vec<String>) -> String {
    let is_object = text[place.value.start..].starts_with('{');
    if !is_object && !text[place.value.start..].starts_with('[') {
        return text[place.value.clone()].to_owned();
    }
    let entry = |child: Place| {
        let value = rewrite(text, &child, change);
        match &child.key {
            Some(key) => format!("\"{key}\":{value}"),
            None => value,
        }
    };
    let entries = locate::children(text, place).map(entry).collect();
    enclosed(text, place, &change(is_object, entries).join(","))
}

/// Puts entries between the brackets that a value has.
fn enclosed(text: &str, place: &Place, entries: &str) -> String {
    match text.as_bytes().get(place.value.start) {
        Some(b'{') => format!("{{{entries}}}"),
        Some(b'[') => format!("[{entries}]"),
        _ => text[place.value.clone()].to_owned(),
    }
}

/// Writes every character of a JSON text that may be escaped as an escape, in and outside of ASCII.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut units = [0; 2];
    for letter in text.chars() {
        match letter {
            // Slashes stand in strings only.
            '/' => out.push_str("\\/"),
            letter if letter.is_ascii() => out.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}
