//! The events as an OpenAPI 3.1 document with `webhooks`, generated from the types.

use serde_json::{Map, Value, json};

use crate::EXAMPLE;
use crate::envelope::EventType;
use crate::schema;

/// Returns the OpenAPI document: one webhook for each documented event, which share one schema.
pub fn document() -> Value {
    let (definitions, mut event) = schema::parts();
    if let Some(event) = event.as_object_mut() {
        event.remove("$schema");
    }
    let mut schemas = Map::from_iter([("Event".to_owned(), event)]);
    schemas.extend(definitions);
    let mut schemas = Value::Object(schemas);
    point_to_components(&mut schemas);

    let webhooks: Map<String, Value> =
        EventType::KNOWN.iter().map(|name| ((*name).to_owned(), webhook(name))).collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Oration webhooks",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events that Oration sends to its customers, as Ringback understands them. \
                Keys marked x-strength documented stand on Oration's pages; the others are evidenced \
                by examples or inferred.",
        },
        "webhooks": webhooks,
        "components": { "schemas": schemas },
    })
}

fn webhook(name: &str) -> Value {
    let mut content = json!({
        "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Event" }],
            "properties": { "eventType": { "const": name } },
        },
    });
    if name == EventType::Completed.as_str() {
        content["example"] = serde_json::from_slice(EXAMPLE).unwrap_or(Value::Null);
    }
    json!({
        "post": {
            "summary": format!("Sent for {name}"),
            "operationId": name,
            "requestBody": { "required": true, "content": { "application/json": content } },
            "responses": { "200": { "description": "Webhook received successfully" } },
        },
    })
}

/// Rewrites `#/$defs/X` to where OpenAPI keeps schemas.
fn point_to_components(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            for (key, value) in keys.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", "#/components/schemas/");
                    }
                    value => point_to_components(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point_to_components),
        _ => {}
    }
}
