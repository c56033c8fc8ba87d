//! What there is to exercise: the keys of the contract, read off its JSON Schema.

use ringback_event::schema;
use serde_json::{Map, Value};

/// A key of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The pattern of its pointer, in which `*` stands for any element.
    pub(super) at: String,
    pub(super) may_be_null: bool,
    pub(super) may_be_missing: bool,
}

/// Returns the keys that the contract names, in its order.
pub(super) fn keys() -> Vec<Key> {
    let root = schema::event();
    let none = Map::new();
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let mut keys = Vec::new();
    collect(root, definitions, &mut String::new(), &mut keys);
    keys
}

fn collect(schema: &Value, definitions: &Map<String, Value>, at: &mut String, out: &mut Vec<Key>) {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|target| definitions.get(target.trim_start_matches("#/$defs/")));
    let options = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for schema in options.chain(target) {
        collect(schema, definitions, at, out);
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let length = at.len();
    for (key, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        at.push('/');
        at.push_str(key);
        out.push(Key {
            at: at.clone(),
            may_be_null: may_be_null(schema),
            may_be_missing: !required.contains(&key.as_str()),
        });
        collect(schema, definitions, at, out);
        at.truncate(length);
    }
    if let Some(items) = schema.get("items") {
        at.push_str("/*");
        collect(items, definitions, at, out);
        at.truncate(length);
    }
    // The messages, which are text in a string.
    if let Some(content) = schema.get("contentSchema") {
        collect(content, definitions, at, out);
    }
}

/// Tells whether a schema takes null; one without any type takes everything.
fn may_be_null(schema: &Value) -> bool {
    let options = schema.get("anyOf").and_then(Value::as_array);
    match (schema.get("type"), options) {
        (Some(Value::Array(types)), _) => types.iter().any(|kind| kind == "null"),
        (Some(kind), _) => kind == "null",
        (None, Some(options)) => options.iter().any(may_be_null),
        (None, None) => schema.get("$ref").is_none(),
    }
}
