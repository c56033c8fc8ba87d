//! The shape as JSON Schema 2020-12, generated from the types.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::envelope::Event;

/// Where the schema says how sure it is of a key: `documented`, `evidenced` or `inferred`.
pub(crate) const STRENGTH: &str = "x-strength";

static EVENT: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<Event>().to_value();
    schema["title"] = json!("Oration webhook event");
    schema
});

/// Returns the JSON Schema of an event. Validators other than ours reach the same verdict with it as
/// [`Level::Shape`](crate::Level::Shape), but for the JSON inside strings, which JSON Schema only
/// describes, and for days that a month has not, which a pattern cannot tell.
pub fn event() -> &'static Value {
    &EVENT
}

/// Returns the schema's definitions by name, and the root without them.
pub(crate) fn parts() -> (Map<String, Value>, Value) {
    let mut root = EVENT.clone();
    let definitions = match root.as_object_mut().and_then(|root| root.remove("$defs")) {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    (definitions, root)
}
