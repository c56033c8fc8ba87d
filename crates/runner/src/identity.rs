//! The ids that are new in every run, and the labels that stand for ids in snapshots.

use serde_json::Value;

/// Mixes the run's identity with the scenario's name: against a receiver that runs on, no two
/// scenarios may play a conversation under the same id.
pub(crate) fn of_scenario(run: u64, name: &str) -> u64 {
    // FNV-1a: stable over versions and platforms, unlike the standard library's hasher.
    let start = 0xcbf2_9ce4_8422_2325 ^ run.rotate_left(17);
    name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Lists the ids in an event, each with a label such as `[first.payload.customerId]`.
///
/// A label says where an id comes from, which a number never does; and it is the same in every run.
pub(crate) fn labels(step: &str, event: &Value) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    collect(event, step, &mut labels);
    labels
}

fn collect(value: &Value, path: &str, labels: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                let path = format!("{path}.{key}");
                match value {
                    Value::String(id) if is_id(key) && id.len() >= ID_CHARS_MIN => {
                        labels.push((id.clone(), format!("[{path}]")));
                    }
                    value => collect(value, &path, labels),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{index}]"), labels);
            }
        }
        _ => {}
    }
}

/// A shorter id could stand in a text by accident.
const ID_CHARS_MIN: usize = 8;

fn is_id(key: &str) -> bool {
    key == "id" || key.ends_with("Id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_of_each_run_has_its_own_ids() {
        let all = [of_scenario(1, "a"), of_scenario(1, "b"), of_scenario(2, "a")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert_eq!(of_scenario(1, "a"), all[0]);
    }

    #[test]
    fn a_label_says_where_an_id_comes_from() {
        let event = serde_json::json!({
            "eventId": "11111111", "payload": { "rows": [{ "id": "22222222" }], "flowId": null, "shortId": "1" },
        });
        let labels = labels("first", &event);
        let labels: Vec<_> =
            labels.iter().map(|(id, label)| (id.as_str(), label.as_str())).collect();
        assert_eq!(
            labels,
            [("11111111", "[first.eventId]"), ("22222222", "[first.payload.rows[0].id]")]
        );
    }
}
