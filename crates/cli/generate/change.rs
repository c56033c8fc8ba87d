//! What is changed by hand: `--override`, `--add` and `--remove`.
//!
//! `PLACE=VALUE` comes in, the bytes of an event become others. A place is a JSON Pointer (RFC 6901)
//! such as `/payload/endReason`, or a JSONPath (RFC 9535) such as `$.payload.transcripts[*].flowId`,
//! which may lead to several values; a value that is not JSON is a text. A place that the event lacks is
//! refused with what is near it.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use ringback_generator::{Effect, Mutation, apply};
use serde_json::Value;
use serde_json_path::JsonPath;

/// Where in an event.
#[derive(Debug, Clone)]
enum Place {
    /// A JSON Pointer; one value.
    Pointer(String),
    /// A JSONPath that may lead to any number of values.
    Path(Box<JsonPath>),
}

/// Replaces the values at a place.
#[derive(Debug, Clone)]
pub(super) struct Override {
    text: String,
    place: Place,
    value: String,
}

/// Adds a key, or with the key `-` an element to a list.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    text: String,
    parent: String,
    key: String,
    value: String,
}

/// Leaves out what is at a place.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    text: String,
    place: Place,
}

const FORM: &str = "write PLACE=VALUE, such as /payload/endReason=user_busy or \
                    $.payload.customer.priority=1";

/// Reads a place: a pointer begins with `/`, a path with `$`.
fn place(text: &str) -> Result<Place, String> {
    if text.starts_with('/') {
        return Ok(Place::Pointer(text.to_owned()));
    }
    if !text.starts_with('$') {
        return Err(format!(
            "`{text}` is no place; write a JSON Pointer such as /payload/customer/name or a JSONPath \
             such as $.payload.customer.name"
        ));
    }
    if let Some(pointer) = pointer(text) {
        return Ok(Place::Pointer(pointer));
    }
    let path = JsonPath::parse(text).map_err(|error| {
        format!("`{text}` is no JSONPath: {} at column {}", error.message(), error.position() + 1)
    })?;
    Ok(Place::Path(Box::new(path)))
}

/// Turns a path of plain names and numbers, which leads to one value at most, into a pointer.
fn pointer(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('$')?;
    let mut pointer = String::new();
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            (name, rest) = after.split_at(end);
            let is_plain = |letter: char| letter == '_' || letter.is_alphanumeric();
            if name.is_empty() || !name.chars().all(is_plain) {
                return None;
            }
        } else {
            let quote = rest.strip_prefix('[')?.chars().next()?;
            if let '\'' | '"' = quote {
                (name, rest) = rest[2..].split_once(quote)?;
                if name.contains('\\') {
                    return None;
                }
                rest = rest.strip_prefix(']')?;
            } else {
                (name, rest) = rest[1..].split_once(']')?;
                if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
            }
        }
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    Some(pointer)
}

/// Splits PLACE=VALUE at the first `=` that ends a place: a JSONPath may hold others.
fn assignment(text: &str) -> Result<(Place, String), String> {
    let mut wrong = None;
    for (at, _) in text.match_indices('=') {
        match place(&text[..at]) {
            Ok(place) => {
                let value = &text[at + 1..];
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
                let value = if is_json { value.to_owned() } else { Value::from(value).to_string() };
                return Ok((place, value));
            }
            Err(error) => {
                wrong.get_or_insert(error);
            }
        }
    }
    Err(wrong.unwrap_or_else(|| FORM.to_owned()))
}

impl Place {
    /// Returns the pointers of the values that an event has here, in the event's order.
    fn pointers(&self, event: &[u8], text: &str) -> Result<Vec<String>, String> {
        let path = match self {
            Self::Pointer(pointer) => return Ok(vec![pointer.clone()]),
            Self::Path(path) => path,
        };
        let event: Value = serde_json::from_slice(event)
            .map_err(|error| format!("cannot apply `{text}`: the event is not JSON ({error})"))?;
        let found: Vec<String> = path
            .query_located(&event)
            .iter()
            .map(|node| node.location().to_json_pointer())
            .collect();
        if found.is_empty() {
            let near = near(&event, &path.to_string());
            return Err(format!("cannot apply `{text}`: it leads to nothing in the event{near}"));
        }
        Ok(found)
    }
}

/// Names the key of the event that is nearest to the last name of a path.
fn near(event: &Value, path: &str) -> String {
    fn collect<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
        match value {
            Value::Object(keys) => keys.iter().for_each(|(key, value)| {
                out.push(key);
                collect(value, out);
            }),
            Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
            _ => {}
        }
    }
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let name = path.split(|letter| !is_name(letter)).rfind(|name| !name.is_empty());
    let mut keys = Vec::new();
    collect(event, &mut keys);
    let distance = |key: &&&str| strsim::damerau_levenshtein(key, name.unwrap_or_default());
    let near = keys.iter().min_by_key(distance).filter(|key| Some(**key) != name);
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, value) = assignment(text)?;
        Ok(Self { text: text.to_owned(), place, value })
    }
}

impl FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, value) = assignment(text)?;
        let Place::Pointer(pointer) = place else {
            return Err("name one place to add to, without wildcards and filters".to_owned());
        };
        let (parent, key) = pointer.rsplit_once('/').ok_or("name the key to add")?;
        let key = key.replace("~1", "/").replace("~0", "~");
        Ok(Self { text: text.to_owned(), parent: parent.to_owned(), key, value })
    }
}

impl FromStr for Removal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match place(text)? {
            Place::Pointer(pointer) if pointer.is_empty() => {
                Err("the whole event cannot be removed".to_owned())
            }
            place => Ok(Self { text: text.to_owned(), place }),
        }
    }
}

macro_rules! shown_as_written {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )+};
}

shown_as_written!(Override, Addition, Removal);

/// All that is changed by hand, in this order.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Changes {
    /// Replace what is at a JSON Pointer or JSONPath: JSON, or a text where it is not JSON (repeatable)
    #[arg(long = "override", value_name = "PLACE=VALUE")]
    pub(super) overrides: Vec<Override>,
    /// Add a key, given with its place, or an element to a list after `-` (repeatable)
    #[arg(long = "add", value_name = "PLACE=VALUE")]
    pub(super) additions: Vec<Addition>,
    /// Leave out what is at a place (repeatable)
    #[arg(long = "remove", value_name = "PLACE")]
    pub(super) removals: Vec<Removal>,
}

impl Changes {
    pub(crate) const fn is_empty(&self) -> bool {
        self.overrides.is_empty() && self.additions.is_empty() && self.removals.is_empty()
    }

    /// Changes the bytes of an event, and only those that a change is about.
    pub(crate) fn apply(&self, event: &[u8]) -> Result<Vec<u8>, String> {
        let mut event = event.to_vec();
        let one = |event: &mut Vec<u8>, name: String, at: &str, effect: Effect| {
            let mutation = Mutation::by_hand(name, at, effect);
            *event = apply(event, &mutation).map_err(|error| error.to_string())?;
            Ok::<(), String>(())
        };
        for Override { text, place, value } in &self.overrides {
            for at in place.pointers(&event, text)? {
                let effect = Effect::Raw(value.clone());
                one(&mut event, format!("--override {text}"), &at, effect)?;
            }
        }
        for Addition { text, parent, key, value } in &self.additions {
            let effect = Effect::Key(key.clone(), value.clone());
            one(&mut event, format!("--add {text}"), parent, effect)?;
        }
        for Removal { text, place } in &self.removals {
            // From the end, so that removing an element does not move those still to be removed.
            for at in place.pointers(&event, text)?.iter().rev() {
                one(&mut event, format!("--remove {text}"), at, Effect::Drop)?;
            }
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = br#"{"a":{"b.c":1,"d":"x"},"list":[{"id":1},{"id":2}]}"#;

    fn changed(overrides: &[&str], additions: &[&str], removals: &[&str]) -> String {
        let all = || {
            Ok::<_, String>(Changes {
                overrides: overrides.iter().map(|it| it.parse()).collect::<Result<_, _>>()?,
                additions: additions.iter().map(|it| it.parse()).collect::<Result<_, _>>()?,
                removals: removals.iter().map(|it| it.parse()).collect::<Result<_, _>>()?,
            })
        };
        let changed = all().and_then(|changes| changes.apply(EVENT));
        changed.map_or_else(|error| error, |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_place_is_a_pointer_or_a_path_and_a_value_json_or_a_text() {
        insta::assert_snapshot!(changed(&["/a/b.c=2"], &[], &[]), @r#"{"a":{"b.c":2,"d":"x"},"list":[{"id":1},{"id":2}]}"#);
        insta::assert_snapshot!(changed(&["$.a['b.c']=two=2"], &[], &[]), @r#"{"a":{"b.c":"two=2","d":"x"},"list":[{"id":1},{"id":2}]}"#);
        insta::assert_snapshot!(changed(&[r#"$.a.d="1""#, "$.list[1].id=1e400"], &[], &[]), @r#"{"a":{"b.c":1,"d":"1"},"list":[{"id":1},{"id":1e400}]}"#);
        insta::assert_snapshot!(changed(&["$.list[?@.id==2].id=3"], &[], &[]), @r#"{"a":{"b.c":1,"d":"x"},"list":[{"id":1},{"id":3}]}"#);
        insta::assert_snapshot!(changed(&["$..id=null"], &["$.a.e=[]", "/list/-={}"], &["/a/d"]), @r#"{"a":{"b.c":1,"e":[]},"list":[{"id":null},{"id":null},{}]}"#);
        insta::assert_snapshot!(changed(&[], &[], &["$.list[*]", "$.a"]), @r#"{"list":[]}"#);
    }

    #[test]
    fn a_place_that_there_is_not_is_refused_with_what_is_near() {
        insta::assert_snapshot!(changed(&["/a/dd=1"], &[], &[]), @"cannot apply `--override /a/dd=1`: `/a` has no `dd`; did you mean `d`? It has b.c, d");
        insta::assert_snapshot!(changed(&["/lst/0=1"], &[], &[]), @"cannot apply `--override /lst/0=1`: the event has no `lst`; did you mean `list`? It has a, list");
        insta::assert_snapshot!(changed(&["/list/2/id=1"], &[], &[]), @"cannot apply `--override /list/2/id=1`: `/list` has no `2`; it is a list of 2");
        insta::assert_snapshot!(changed(&["$.list[*].idd=1"], &[], &[]), @"cannot apply `$.list[*].idd=1`: it leads to nothing in the event; did you mean `id`?");
        insta::assert_snapshot!(changed(&["$.list[=1"], &[], &[]), @"`$.list[` is no JSONPath: parser error at column 7");
        insta::assert_snapshot!(changed(&["a.d=1"], &[], &[]), @"`a.d` is no place; write a JSON Pointer such as /payload/customer/name or a JSONPath such as $.payload.customer.name");
        insta::assert_snapshot!(changed(&["/a"], &[], &[]), @"write PLACE=VALUE, such as /payload/endReason=user_busy or $.payload.customer.priority=1");
        insta::assert_snapshot!(changed(&[], &["/a/d=1"], &[]), @"cannot apply `--add /a/d=1`: the value at `/a` is not an object without `d`; replace that instead");
        insta::assert_snapshot!(changed(&[], &["/a/d/e=1"], &[]), @"cannot apply `--add /a/d/e=1`: the value at `/a/d` is not an object or a list");
        insta::assert_snapshot!(changed(&[], &["/list/x=1"], &[]), @"cannot apply `--add /list/x=1`: the value at `/list` is not an object; a list takes one more after `-`");
        insta::assert_snapshot!(changed(&[], &["$.list[*].x=1"], &[]), @"name one place to add to, without wildcards and filters");
        insta::assert_snapshot!(changed(&[], &[], &["$"]), @"the whole event cannot be removed");
    }
}
