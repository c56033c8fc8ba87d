//! References inside texts: `${env.NAME:-default}`, `${first.event.payload.id}`.

use std::fmt;

use serde_json::Value;

/// Finds what a reference such as `first.event.payload.id` leads to.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// A reference that leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved(pub String);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`${{{}}}` leads to nothing", self.0)
    }
}

impl std::error::Error for Unresolved {}

/// Replaces the references in every text of a value.
///
/// A text that is one reference and nothing else becomes the value it leads to, with its type; inside
/// a longer text the value is written out. `$${` stands for `${`.
///
/// # Errors
///
/// When a reference leads to nothing and has no `:-default`.
pub fn interpolate(value: &Value, lookup: Lookup<'_>) -> Result<Value, Unresolved> {
    Ok(match value {
        Value::String(text) => match parts(text).as_slice() {
            [Part::Reference(reference)] => resolve(reference, lookup)?,
            parts => Value::String(join(parts, lookup)?),
        },
        Value::Array(items) => {
            items.iter().map(|item| interpolate(item, lookup)).collect::<Result<_, _>>()?
        }
        Value::Object(keys) => {
            let entry =
                |(key, value): (&String, &Value)| Ok((key.clone(), interpolate(value, lookup)?));
            Value::Object(keys.iter().map(entry).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// Replaces the references in a text.
///
/// # Errors
///
/// As [`interpolate`].
pub fn interpolate_text(text: &str, lookup: Lookup<'_>) -> Result<String, Unresolved> {
    join(&parts(text), lookup)
}

/// Returns the references of a text, without their defaults.
pub(crate) fn references(text: &str) -> Vec<&str> {
    parts(text)
        .into_iter()
        .filter_map(|part| match part {
            Part::Reference(reference) => Some(split_default(reference).0),
            Part::Plain(_) => None,
        })
        .collect()
}

enum Part<'a> {
    Plain(&'a str),
    Reference(&'a str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(escaped) = rest[..at].strip_suffix('$') {
            parts.push(Part::Plain(escaped));
            parts.push(Part::Plain("${"));
            rest = &rest[at + 2..];
            continue;
        }
        let Some(len) = rest[at..].find('}') else { break };
        if at > 0 {
            parts.push(Part::Plain(&rest[..at]));
        }
        parts.push(Part::Reference(&rest[at + 2..at + len]));
        rest = &rest[at + len + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Plain(rest));
    }
    parts
}

fn join(parts: &[Part<'_>], lookup: Lookup<'_>) -> Result<String, Unresolved> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Plain(plain) => text.push_str(plain),
            Part::Reference(reference) => match resolve(reference, lookup)? {
                Value::String(value) => text.push_str(&value),
                value => text.push_str(&value.to_string()),
            },
        }
    }
    Ok(text)
}

fn resolve(reference: &str, lookup: Lookup<'_>) -> Result<Value, Unresolved> {
    let (name, default) = split_default(reference);
    lookup(name).or_else(|| default.map(Value::from)).ok_or_else(|| Unresolved(name.to_owned()))
}

fn split_default(reference: &str) -> (&str, Option<&str>) {
    match reference.split_once(":-") {
        Some((name, default)) => (name.trim(), Some(default)),
        None => (reference.trim(), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(value: &Value) -> Result<Value, String> {
        let known = json!({ "a": { "b": [1] }, "n": "é" });
        let lookup = |name: &str| known.pointer(&format!("/{}", name.replace('.', "/"))).cloned();
        interpolate(value, &lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_reference_keeps_its_type_and_a_part_becomes_text() {
        assert_eq!(check(&json!("${a.b}")), Ok(json!([1])));
        assert_eq!(check(&json!(["x${n}y${ a.b }"])), Ok(json!(["xéy[1]"])));
        assert_eq!(check(&json!({ "k": "${z:-d e}" })), Ok(json!({ "k": "d e" })));
        assert_eq!(check(&json!("$${a} ${")), Ok(json!("${a} ${")));
        assert_eq!(check(&json!("${z.y}")), Err("`${z.y}` leads to nothing".to_owned()));
    }

    proptest! {
        #[test]
        fn a_text_without_references_stays_as_it_is(text in "[^$]*") {
            prop_assert_eq!(check(&json!(text)), Ok(json!(text)));
        }

        #[test]
        fn no_text_panics(text in r"[$\{\}a:\-é]*") {
            let _ = check(&json!(text));
        }
    }
}
