//! Laws that hold over the whole crate.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{EXAMPLE, Event, Field, Level, judge};

fn example() -> Value {
    serde_json::from_slice(EXAMPLE).unwrap()
}

/// Every pointer into a value, the whole first.
fn pointers(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, out: &mut Vec<String>) {
        out.push(at.to_owned());
        match value {
            Value::Object(keys) => {
                keys.iter().for_each(|(key, value)| walk(value, &format!("{at}/{key}"), out));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| walk(value, &format!("{at}/{index}"), out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(value, "", &mut out);
    out
}

/// Compares as JSON does: numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn the_documented_example_survives_parse_and_print() {
    let event: Event = serde_json::from_slice(EXAMPLE).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), example());

    // Even the order of the keys, so that a printed event looks like a sent one.
    let printed = serde_json::to_string_pretty(&event).unwrap();
    assert_eq!(printed, String::from_utf8_lossy(EXAMPLE).trim_end());
}

#[test]
fn unknown_keys_are_kept_at_every_level() {
    let mut event = example();
    for pointer in pointers(&example()) {
        if let Some(Value::Object(keys)) = event.pointer_mut(&pointer) {
            keys.insert("brandNew".to_owned(), json!({ "at": pointer }));
        }
    }
    let parsed = Event::deserialize(&event).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), event);
    assert!(judge(event.to_string().as_bytes(), Level::Shape).is_empty());
}

#[test]
fn json_inside_strings_is_reachable_as_values() {
    let event: Event = serde_json::from_slice(EXAMPLE).unwrap();
    let variables = event.payload.dynamic_variables.value().unwrap().decode().unwrap();
    assert_eq!(variables["customer_name"], "John Doe");
    let messages = event.payload.transcripts.rows()[0].messages.value().unwrap().decode().unwrap();
    assert_eq!(messages[0].message, "Hello, can you hear me?");
}

/// A JSON value of any kind, the kinds that events hold first.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2023-01-01T12:00:00.000Z")),
        Just(json!("2023-02-30T12:00:00.000Z")),
        Just(json!(
            "[{\"messageType\":\"x\",\"message\":\"y\",\"timestamp\":\"2023-01-01T12:00:00.000Z\"}]"
        )),
        Just(json!("conversation.completed")),
        Just(json!(1.0)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..3)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

proptest! {
    #[test]
    fn what_has_the_shape_is_read_by_the_types_and_printed_the_same(
        at in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut event = example();
        let pointers = pointers(&event);
        let pointer = &pointers[at.index(pointers.len())];
        *event.pointer_mut(pointer).unwrap() = value;
        let bytes = event.to_string();

        if judge(bytes.as_bytes(), Level::Shape).is_empty() {
            let parsed = Event::deserialize(&event);
            prop_assert!(parsed.is_ok(), "{pointer}: {parsed:?}");
            let printed = serde_json::to_value(parsed.unwrap()).unwrap();
            prop_assert!(same(&printed, &event), "{pointer}: {printed}");
        }
        judge(bytes.as_bytes(), Level::Semantic);
    }

    #[test]
    fn a_key_may_be_missing_and_stays_so(at in any::<prop::sample::Index>()) {
        let mut event = example();
        let pointers: Vec<String> = pointers(&event).into_iter().skip(1).collect();
        let (parent, key) = pointers[at.index(pointers.len())].rsplit_once('/').unwrap();
        if let Some(Value::Object(keys)) = event.pointer_mut(parent) {
            keys.shift_remove(key);
        }
        if judge(event.to_string().as_bytes(), Level::Shape).is_empty() {
            let parsed = Event::deserialize(&event).unwrap();
            prop_assert_eq!(serde_json::to_value(parsed).unwrap(), event);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, cut in 0..EXAMPLE.len(), junk in any::<[u8; 2]>()) {
        judge(&bytes, Level::Semantic);
        let mut event = EXAMPLE.to_vec();
        event.splice(cut..cut, junk);
        judge(&event, Level::Semantic);
        judge(&EXAMPLE[..cut], Level::Semantic);
    }
}

#[test]
fn absent_null_and_a_value_are_three_things() {
    let read = |customer: Value| {
        let mut event = example();
        event["payload"]["customer"] = customer;
        Event::deserialize(&event).unwrap().payload.customer
    };
    assert_eq!(read(Value::Null), Field::Null);
    let read = read(json!({ "identifier": "a", "name": null }));
    let customer = read.value().unwrap();
    assert_eq!((&customer.name, &customer.email), (&Field::Null, &Field::Absent));
}
