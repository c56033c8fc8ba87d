//! The shape rules, read off the JSON Schema.
//!
//! The types are the one place where a key is declared; the schema is generated from them and this
//! check from the schema, so that the three cannot disagree. A general JSON Schema validator would do
//! the same with sixty more crates; only the keywords that our own types produce are known here.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::finding::{At, Finding, show};
use crate::rule::{Rule, Strength};
use crate::schema;
use crate::timestamp::{self, Timestamp};

static EVENT: LazyLock<Shape> = LazyLock::new(|| {
    let (definitions, root) = schema::parts();
    Shape::compile(&root, &definitions)
});

/// Checks an event against the shape.
pub(crate) fn check(event: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    EVENT.check(event, &At::Root, Strength::Documented, &mut findings);
    findings
}

/// Returns the shape of an event.
pub(crate) fn event() -> &'static Shape {
    &EVENT
}

/// One schema, ready to be checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Permitted JSON types; empty when any is.
    types: Vec<String>,
    /// In the order in which the types declare them, which is the one in which events have them.
    properties: Vec<(String, Self, Strength)>,
    /// Where in `properties` each name is.
    places: HashMap<String, usize>,
    required: Vec<String>,
    items: Option<Box<Self>>,
    one_of: Vec<String>,
    not_empty: bool,
    is_timestamp: bool,
    range: Option<(f64, f64)>,
    /// The shape of the JSON text inside the string.
    content: Option<Box<Self>>,
}

impl Shape {
    fn compile(schema: &Value, definitions: &Map<String, Value>) -> Self {
        let Some(keys) = schema.as_object() else { return Self::default() };
        let mut shape = match (keys.get("$ref"), keys.get("anyOf")) {
            (Some(Value::String(target)), _) => {
                let name = target.trim_start_matches("#/$defs/");
                Self::compile(definitions.get(name).unwrap_or(&Value::Null), definitions)
            }
            // The types produce `anyOf` in one form only: something or `null`.
            (_, Some(Value::Array(options))) => {
                let mut shape = Self::compile(&options[0], definitions);
                if !shape.types.is_empty() {
                    shape.types.push("null".to_owned());
                }
                shape
            }
            _ => Self::default(),
        };
        for (key, value) in keys {
            match key.as_str() {
                "type" => shape.types = strings(value),
                "required" => shape.required = strings(value),
                "enum" => shape.one_of = strings(value),
                "minLength" => shape.not_empty = true,
                "pattern" => shape.is_timestamp = value == timestamp::PATTERN,
                "items" => shape.items = Some(Box::new(Self::compile(value, definitions))),
                "contentSchema" => {
                    shape.content = Some(Box::new(Self::compile(value, definitions)));
                }
                "properties" => {
                    let properties = value.as_object().into_iter().flatten();
                    shape.properties = properties
                        .map(|(name, schema)| {
                            let strength = strength_of(schema);
                            (name.clone(), Self::compile(schema, definitions), strength)
                        })
                        .collect();
                    let names = shape.properties.iter().enumerate();
                    shape.places = names.map(|(place, (name, ..))| (name.clone(), place)).collect();
                }
                _ => {}
            }
        }
        let bound = |key: &str| keys.get(key).and_then(Value::as_f64);
        if let (Some(low), Some(high)) = (bound("minimum"), bound("maximum")) {
            shape.range = Some((low, high));
        }
        shape
    }

    /// Tells whether a value has one of the permitted types.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.types.is_empty() || self.types.iter().any(|kind| is_of(value, kind))
    }

    /// Tells whether values of a kind are permitted; an integer is a number that this cannot tell from
    /// others.
    pub(crate) fn allows_kind(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|known| known == kind)
    }

    /// Tells whether a number is in the range.
    pub(crate) fn is_in_range(&self, number: &Value) -> bool {
        let (low, high) = self.range.unwrap_or((f64::MIN, f64::MAX));
        (low..=high).contains(&number.as_f64().unwrap_or(f64::NAN))
    }

    /// Tells whether a text is one that may stand here, whatever is inside it.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        (self.one_of.is_empty() || self.one_of.iter().any(|one| one == text))
            && !(self.not_empty && text.is_empty())
            && !(self.is_timestamp && text.parse::<Timestamp>().is_err())
    }

    /// Tells whether it matters what a text says, and not only whether there is one.
    pub(crate) fn reads_text(&self) -> bool {
        !self.one_of.is_empty() || self.is_timestamp || self.content.is_some()
    }

    /// Returns the shape of a key and its place; most often the key is the one expected next.
    pub(crate) fn property(&self, name: &str, next: usize) -> Option<(usize, &Self)> {
        let place = match self.properties.get(next) {
            Some((known, ..)) if known == name => next,
            _ => *self.places.get(name)?,
        };
        Some((place, &self.properties[place].1))
    }

    /// Returns the places of the keys that must be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = usize> {
        // One that is not declared is at no place, and never there.
        self.required.iter().map(|name| self.places.get(name).copied().unwrap_or(usize::MAX))
    }

    pub(crate) fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    pub(crate) fn content(&self) -> Option<&Self> {
        self.content.as_deref()
    }

    fn check(&self, value: &Value, at: &At<'_>, strength: Strength, out: &mut Vec<Finding>) {
        let mut report = |rule, expected: String| {
            let finding = Finding::new(rule, at.to_string(), show(value), expected);
            out.push(finding.with_strength(strength));
        };
        if !self.allows(value) {
            report(Rule::ShapeType, self.types.join(" or "));
            return;
        }
        match value {
            Value::String(text) => {
                if !self.one_of.is_empty() && !self.one_of.contains(text) {
                    report(Rule::ShapeEventType, self.one_of.join(" or "));
                }
                if self.not_empty && text.is_empty() {
                    report(Rule::ShapeEmpty, "a text".to_owned());
                }
                if self.is_timestamp && text.parse::<Timestamp>().is_err() {
                    report(Rule::ShapeTimestamp, "a time like 2023-01-01T12:00:00.000Z".to_owned());
                }
                if let Some(content) = &self.content {
                    content.check_text(text, at, strength, out);
                }
            }
            Value::Number(_) => {
                let (low, high) = self.range.unwrap_or((f64::MIN, f64::MAX));
                if !self.is_in_range(value) {
                    report(Rule::ShapeRange, format!("a number from {low} to {high}"));
                }
            }
            Value::Array(items) => {
                let Some(shape) = &self.items else { return };
                for (index, item) in items.iter().enumerate() {
                    shape.check(item, &At::Index(at, index), strength, out);
                }
            }
            Value::Object(keys) => self.check_keys(keys, at, out),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_keys(&self, keys: &Map<String, Value>, at: &At<'_>, out: &mut Vec<Finding>) {
        for name in &self.required {
            if !keys.contains_key(name) {
                let place = self.places.get(name);
                let strength = place.map_or(Strength::Evidenced, |at| self.properties[*at].2);
                let pointer = At::Key(at, name).to_string();
                let finding = Finding::new(Rule::ShapeRequired, pointer, "nothing", "this key");
                out.push(finding.with_strength(strength));
            }
        }
        for (name, value) in keys {
            if let Some((_, shape, strength)) =
                self.places.get(name).map(|at| &self.properties[*at])
            {
                shape.check(value, &At::Key(at, name), *strength, out);
            }
        }
    }

    /// Checks the JSON text inside a string. The empty string is one of the documented ways to say
    /// nothing.
    fn check_text(&self, text: &str, at: &At<'_>, strength: Strength, out: &mut Vec<Finding>) {
        if text.is_empty() {
            return;
        }
        match serde_json::from_str(text) {
            Ok(value) => {
                let mut inner = Vec::new();
                self.check(&value, &At::Root, strength, &mut inner);
                out.extend(inner.into_iter().map(|finding| finding.inside(at)));
            }
            Err(error) => {
                let found = format!("{} ({error})", show(&Value::from(text)));
                let finding =
                    Finding::new(Rule::ShapeInnerJson, at.to_string(), found, "JSON text");
                out.push(finding.with_strength(strength));
            }
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    let of_one = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(values) => values.iter().filter_map(of_one).collect(),
        value => of_one(value).into_iter().collect(),
    }
}

/// Returns how sure a key is; one that does not say so is evidenced by an example.
fn strength_of(schema: &Value) -> Strength {
    match schema.get(schema::STRENGTH).and_then(Value::as_str) {
        Some("documented") => Strength::Documented,
        Some("inferred") => Strength::Inferred,
        _ => Strength::Evidenced,
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // JSON Schema 2020-12 section 4.2.3: 1.0 is an integer.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EXAMPLE;

    /// What the shape says of the documented example with one value replaced.
    fn with(pointer: &str, value: Value) -> String {
        let mut event: Value = serde_json::from_slice(EXAMPLE).unwrap();
        *event.pointer_mut(pointer).unwrap() = value;
        said(&event)
    }

    fn said(event: &Value) -> String {
        check(event).iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
    }

    /// The keywords that this check knows, or that judge nothing. A new attribute on a type brings a new
    /// one, and other validators would judge what this one does not.
    #[test]
    fn the_schema_uses_no_keyword_that_is_not_known_here() {
        const JUDGED: [&str; 12] = [
            "$ref",
            "anyOf",
            "type",
            "required",
            "enum",
            "minLength",
            "pattern",
            "items",
            "contentSchema",
            "properties",
            "minimum",
            "maximum",
        ];
        const SAYS_ONLY: [&str; 9] = [
            "$schema",
            "$defs",
            "title",
            "description",
            "examples",
            "format",
            "contentMediaType",
            "x-strength",
            "default",
        ];
        fn walk(schema: &Value, names_keys: bool) {
            let Some(keys) = schema.as_object() else { return };
            for (key, value) in keys {
                let is_known = JUDGED.contains(&key.as_str()) || SAYS_ONLY.contains(&key.as_str());
                // An open object says so.
                let is_open = key == "additionalProperties" && *value == Value::Bool(true);
                assert!(names_keys || is_known || is_open, "`{key}` in {schema}");
                let holds_names = !names_keys && matches!(key.as_str(), "properties" | "$defs");
                match value {
                    Value::Array(items) => items.iter().for_each(|item| walk(item, false)),
                    value => walk(value, holds_names),
                }
            }
        }
        walk(schema::event(), false);
    }

    #[test]
    fn the_documented_example_has_the_shape() {
        assert_eq!(said(&serde_json::from_slice(EXAMPLE).unwrap()), "");
    }

    #[test]
    fn each_shape_rule_names_the_place_and_what_was_expected() {
        insta::assert_snapshot!(with("/payload/transcript", json!(7)), @"shape.type (evidenced): /payload/transcript: found 7, expected string or null");
        insta::assert_snapshot!(with("/payload", json!([])), @"shape.type (documented): /payload: found [], expected object");
        insta::assert_snapshot!(with("/payload", json!({})), @"shape.required (evidenced): /payload/id: found nothing, expected this key");
        insta::assert_snapshot!(with("/eventId", json!("")), @r#"shape.empty (documented): /eventId: found "", expected a text"#);
        insta::assert_snapshot!(with("/eventType", json!("ping")), @r#"shape.event-type (documented): /eventType: found "ping", expected conversation.completed or conversation.analysisCompleted"#);
        insta::assert_snapshot!(with("/payload/createdAt", json!("2023-01-01")), @r#"shape.timestamp (evidenced): /payload/createdAt: found "2023-01-01", expected a time like 2023-01-01T12:00:00.000Z"#);
        insta::assert_snapshot!(with("/payload/customer/priority", json!(1.5)), @"shape.type (documented): /payload/customer/priority: found 1.5, expected integer or null");
        insta::assert_snapshot!(with("/payload/customer/priority", json!(-1)), @"shape.range (documented): /payload/customer/priority: found -1, expected a number from 0 to 1000000000");
        insta::assert_snapshot!(with("/payload/dynamicVariables", json!("{oops")), @r#"shape.inner-json (documented): /payload/dynamicVariables: found "{oops" (key must be a string at line 1 column 2), expected JSON text"#);
        insta::assert_snapshot!(with("/payload/dynamicVariables", json!("[]")), @"shape.type (documented): /payload/dynamicVariables, in the JSON text there at : found [], expected object");
        insta::assert_snapshot!(with("/payload/transcripts/1/messages", json!("[{\"message\":null}]")), @"
        shape.required (evidenced): /payload/transcripts/1/messages, in the JSON text there at /0/messageType: found nothing, expected this key
        shape.required (evidenced): /payload/transcripts/1/messages, in the JSON text there at /0/timestamp: found nothing, expected this key
        shape.type (evidenced): /payload/transcripts/1/messages, in the JSON text there at /0/message: found null, expected string
        ");
        insta::assert_snapshot!(said(&json!("{}")), @r#"shape.type (documented): the whole event: found "{}", expected object"#);
    }

    #[test]
    fn nothing_may_be_said_by_null_by_the_empty_string_or_by_no_key() {
        assert_eq!(with("/payload/dynamicVariables", json!(null)), "");
        assert_eq!(with("/payload/dynamicVariables", json!("")), "");
        let mut event: Value = serde_json::from_slice(EXAMPLE).unwrap();
        event["payload"].as_object_mut().unwrap().remove("dynamicVariables");
        assert_eq!(said(&event), "");
    }
}
