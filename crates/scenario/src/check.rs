//! Expectations: what a value must be, as data.

use std::fmt;

use regex::Regex;
use serde_json::Value;

use crate::interpolate::{Lookup, Unresolved, interpolate};

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Check {
    /// This value. Numbers are equal by value: 1 and 1.0 are.
    Equals(Value),
    /// A text that the pattern matches somewhere.
    Matches(Regex),
    /// A text that begins so.
    StartsWith(Value),
    /// A text with this part, or a list with this item.
    Contains(Value),
    /// A value of this JSON type.
    Type(String),
    /// A number greater than this.
    Gt(f64),
    /// A number not less than this.
    Gte(f64),
    /// A number less than this.
    Lt(f64),
    /// A number not greater than this.
    Lte(f64),
    /// A text of so many characters, a list of so many items, a map of so many keys.
    Len(usize),
    /// One of these values.
    OneOf(Vec<Value>),
    /// Nothing: no value is there (`true`), or one is (`false`).
    Absent(bool),
    /// All of these.
    All(Vec<Self>),
}

/// The JSON types that `type` may name.
pub(crate) const TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

/// Why a value is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl Check {
    /// Returns the check with its references to earlier steps resolved.
    ///
    /// # Errors
    ///
    /// When a reference leads to nothing.
    pub fn resolve(&self, lookup: Lookup<'_>) -> Result<Self, Unresolved> {
        let one = |value: &Value| interpolate(value, lookup);
        Ok(match self {
            Self::Equals(value) => Self::Equals(one(value)?),
            Self::StartsWith(value) => Self::StartsWith(one(value)?),
            Self::Contains(value) => Self::Contains(one(value)?),
            Self::OneOf(values) => Self::OneOf(values.iter().map(one).collect::<Result<_, _>>()?),
            Self::All(checks) => {
                let checks = checks.iter().map(|check| check.resolve(lookup));
                Self::All(checks.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    /// Judges a value; `None` stands for no value at all.
    ///
    /// # Errors
    ///
    /// When the value is not what it must be.
    pub fn judge(&self, value: Option<&Value>) -> Result<(), Mismatch> {
        if let Self::All(checks) = self {
            return checks.iter().try_for_each(|check| check.judge(value));
        }
        let holds = match (self, value) {
            (Self::Absent(absent), value) => value.is_none() == *absent,
            (_, None) => false,
            (Self::Equals(wanted), Some(value)) => equal(wanted, value),
            (Self::OneOf(wanted), Some(value)) => wanted.iter().any(|wanted| equal(wanted, value)),
            (Self::Type(name), Some(value)) => type_of(value) == name,
            (Self::Matches(pattern), Some(Value::String(text))) => pattern.is_match(text),
            (Self::StartsWith(Value::String(head)), Some(Value::String(text))) => {
                text.starts_with(head.as_str())
            }
            (Self::Contains(Value::String(part)), Some(Value::String(text))) => {
                text.contains(part.as_str())
            }
            (Self::Contains(wanted), Some(Value::Array(items))) => {
                items.iter().any(|item| equal(wanted, item))
            }
            (Self::Gt(bound), Some(value)) => value.as_f64().is_some_and(|it| it > *bound),
            (Self::Gte(bound), Some(value)) => value.as_f64().is_some_and(|it| it >= *bound),
            (Self::Lt(bound), Some(value)) => value.as_f64().is_some_and(|it| it < *bound),
            (Self::Lte(bound), Some(value)) => value.as_f64().is_some_and(|it| it <= *bound),
            (Self::Len(len), Some(Value::String(text))) => text.chars().count() == *len,
            (Self::Len(len), Some(Value::Array(items))) => items.len() == *len,
            (Self::Len(len), Some(Value::Object(keys))) => keys.len() == *len,
            _ => false,
        };
        if holds {
            return Ok(());
        }
        let found = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        Err(Mismatch { expected: self.to_string(), found })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |values: &[String], word: &str| values.join(&format!(" {word} "));
        match self {
            Self::Equals(value) => write!(f, "{value}"),
            Self::Matches(pattern) => write!(f, "a text that matches {pattern}"),
            Self::StartsWith(head) => write!(f, "a text that starts with {head}"),
            Self::Contains(part) => write!(f, "something that contains {part}"),
            Self::Type(name) => write!(f, "a value of type {name}"),
            Self::Gt(bound) => write!(f, "a number greater than {bound}"),
            Self::Gte(bound) => write!(f, "a number of at least {bound}"),
            Self::Lt(bound) => write!(f, "a number less than {bound}"),
            Self::Lte(bound) => write!(f, "a number of at most {bound}"),
            Self::Len(len) => write!(f, "a length of {len}"),
            Self::OneOf(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                f.write_str(&join(&values, "or"))
            }
            Self::Absent(true) => f.write_str("nothing"),
            Self::Absent(false) => f.write_str("a value"),
            Self::All(checks) => {
                let checks: Vec<String> = checks.iter().map(Self::to_string).collect();
                f.write_str(&join(&checks, "and"))
            }
        }
    }
}

/// Compares by meaning: 1 equals 1.0, and the order of keys does not matter.
fn equal(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Number(wanted), Value::Number(found)) => {
            wanted == found || wanted.as_f64() == found.as_f64()
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(w, f)| equal(w, f))
        }
        (Value::Object(wanted), Value::Object(found)) => {
            let same = |(key, wanted)| found.get(key).is_some_and(|found| equal(wanted, found));
            wanted.len() == found.len() && wanted.iter().all(same)
        }
        _ => wanted == found,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_check_says_what_it_wanted_and_what_it_found() {
        let check = |check: Check, value: Value| match check.judge(Some(&value)) {
            Ok(()) => "holds".to_owned(),
            Err(mismatch) => mismatch.to_string(),
        };
        let pattern = Check::Matches(Regex::new("^a").unwrap());
        assert_eq!(
            check(Check::Equals(json!({"a": 1, "b": [2]})), json!({"b": [2.0], "a": 1})),
            "holds"
        );
        assert_eq!(check(Check::Equals(json!("1")), json!(1)), r#"expected "1", found 1"#);
        assert_eq!(check(pattern, json!("b")), r#"expected a text that matches ^a, found "b""#);
        assert_eq!(check(Check::Contains(json!(2)), json!([1, 2])), "holds");
        assert_eq!(
            check(Check::Type("string".into()), json!(null)),
            "expected a value of type string, found null"
        );
        assert_eq!(check(Check::Len(2), json!("éa")), "holds");
        assert_eq!(check(Check::Gt(1.0), json!(1)), "expected a number greater than 1, found 1");
        assert_eq!(check(Check::Absent(true), json!(0)), "expected nothing, found 0");
        assert_eq!(Check::Absent(true).judge(None), Ok(()));
        assert!(
            Check::Equals(Value::Null).judge(None).is_err(),
            "null is a value, and absent is none"
        );
    }
}
