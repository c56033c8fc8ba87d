//! Changes that a scenario makes to an event before it is sent.

use ringback_scenario::{Edit, Lookup, interpolate};
use serde_json::Value;
use serde_json_path::JsonPath;

/// Applies the changes in order; says why when one of them cannot be made.
pub(crate) fn apply(event: &mut Value, edits: &[Edit], lookup: Lookup<'_>) -> Result<(), String> {
    for edit in edits {
        match edit {
            Edit::Set(path, value) => {
                let value = interpolate(value, lookup).map_err(|error| error.to_string())?;
                set(event, path, &value)?;
            }
            Edit::Unset(path) => unset(event, path)?,
        }
    }
    Ok(())
}

fn set(event: &mut Value, path: &JsonPath, value: &Value) -> Result<(), String> {
    let pointers = pointers(event, path);
    if pointers.is_empty() {
        return add(event, path, value);
    }
    for pointer in pointers {
        if let Some(place) = event.pointer_mut(&pointer) {
            *place = value.clone();
        }
    }
    Ok(())
}

/// Adds a key where the path without its last name leads.
fn add(event: &mut Value, path: &JsonPath, value: &Value) -> Result<(), String> {
    let text = path.to_string();
    let nowhere = || format!("`{text}` leads to nothing in the event");
    let (parent, name) = split_last(&text).ok_or_else(nowhere)?;
    let parent = JsonPath::parse(&parent).map_err(|_| nowhere())?;
    let parents = pointers(event, &parent);
    if parents.is_empty() {
        return Err(nowhere());
    }
    for pointer in parents {
        match event.pointer_mut(&pointer) {
            Some(Value::Object(keys)) => keys.insert(name.clone(), value.clone()),
            _ => return Err(nowhere()),
        };
    }
    Ok(())
}

/// Splits a path such as `$['payload']['note']` before its last name.
fn split_last(text: &str) -> Option<(String, String)> {
    let head = text.strip_suffix("']").and_then(|text| text.rsplit_once("['"));
    let (parent, name) = head.or_else(|| text.rsplit_once('.'))?;
    let is_name = !name.is_empty() && !name.contains(['[', ']', '*', '\'']);
    is_name.then(|| (parent.to_owned(), name.to_owned()))
}

fn unset(event: &mut Value, path: &JsonPath) -> Result<(), String> {
    let mut pointers = pointers(event, path);
    if pointers.is_empty() {
        return Err(format!("`{path}` leads to nothing in the event"));
    }
    // From the end, so that removing an item of a list does not move those still to be removed.
    pointers.reverse();
    for pointer in pointers {
        let Some((parent, key)) = pointer.rsplit_once('/') else {
            return Err("the whole event cannot be removed; use `body`".to_owned());
        };
        let key = key.replace("~1", "/").replace("~0", "~");
        match event.pointer_mut(parent) {
            Some(Value::Object(keys)) => {
                keys.shift_remove(&key);
            }
            Some(Value::Array(items)) => {
                if let Ok(index) = key.parse::<usize>()
                    && index < items.len()
                {
                    items.remove(index);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn pointers(event: &Value, path: &JsonPath) -> Vec<String> {
    path.query_located(event).iter().map(|node| node.location().to_json_pointer()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(edits: &[Edit]) -> Result<Value, String> {
        let mut event = json!({ "a": { "b": 1 }, "list": [{ "id": 1 }, { "id": 2 }] });
        apply(&mut event, edits, &|_| None).map(|()| event)
    }

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    #[test]
    fn a_path_sets_all_that_it_leads_to_or_adds_one_key() {
        let set = |at, value| check(&[Edit::Set(path(at), value)]);
        assert_eq!(
            set("$.list[*].id", json!(0)).unwrap()["list"],
            json!([{ "id": 0 }, { "id": 0 }])
        );
        assert_eq!(set("$.a.new", json!([])).unwrap()["a"], json!({ "b": 1, "new": [] }));
        assert_eq!(set("$.a['odd key']", json!(1)).unwrap()["a"]["odd key"], 1);
        assert!(set("$.x.y", json!(1)).unwrap_err().contains("leads to nothing"));
        assert!(set("$.a.b.c", json!(1)).is_err());
    }

    #[test]
    fn a_path_removes_all_that_it_leads_to() {
        let unset = |at| check(&[Edit::Unset(path(at))]);
        assert_eq!(unset("$.list[*]").unwrap()["list"], json!([]));
        assert_eq!(unset("$.a.b").unwrap()["a"], json!({}));
        assert!(unset("$.z").is_err());
        assert!(unset("$").is_err());
    }
}
