//! The exported schema, in the hands of a validator that is not ours.

use crate::harness::{Folder, finish, has_peer};

/// Judges each line of standard input with Python's jsonschema and prints the numbers of the wrong ones.
const JUDGE: &str = r"
import json, sys
from jsonschema import Draft202012Validator as V
schema = json.load(open(sys.argv[1]))
V.check_schema(schema)
v = V(schema)
print([n for n, line in enumerate(sys.stdin) if not v.is_valid(json.loads(line))])
";

#[test]
fn another_validator_reaches_the_same_verdict() {
    if !has_peer("python3", &["-c", "import jsonschema"]) {
        return;
    }
    let folder = Folder::new();
    let schema = folder.run(&["schema", "event"]).expect(0).stdout;
    folder.write("event.json", &schema);
    let mut events = folder.run(&["generate", "-c", "200"]).expect(0).stdout;
    let example: serde_json::Value =
        serde_json::from_str(include_str!("../../crates/event/src/example.json")).unwrap();
    events.push_str(&format!("{example}\n"));

    // Each breaks the shape in a way of its own, and the schema must say so too.
    let mut broken = Vec::new();
    for (pointer, value) in [
        ("/eventId", serde_json::json!("")),
        ("/eventType", serde_json::json!("ping")),
        ("/payload", serde_json::json!([])),
        ("/payload/createdAt", serde_json::json!("2023-01-01T12:00:00Z")),
        ("/payload/customer/priority", serde_json::json!(1.5)),
        ("/payload/conversationCost/totalCost", serde_json::json!("0.1")),
        ("/payload/transcripts", serde_json::json!({})),
    ] {
        let mut event = example.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        broken.push(event.to_string());
    }
    let mut python = std::process::Command::new("python3");
    python.current_dir(folder.path("")).args(["-c", JUDGE, "event.json"]);
    let all = format!("{events}{}\n", broken.join("\n"));
    let output = finish(&mut python, all.as_bytes()).expect(0);
    let wrong: Vec<usize> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(wrong, (201..208).collect::<Vec<_>>());

    let output = folder.run_with(&["validate", "--level", "shape", "--json"], all.as_bytes());
    let mut ours: Vec<u64> =
        output.json_lines().iter().map(|line| line["event"].as_u64().unwrap() - 1).collect();
    ours.dedup();
    assert_eq!(ours, (201..208).collect::<Vec<_>>());
}

#[test]
fn the_openapi_document_has_a_webhook_for_each_event_and_no_loose_end() {
    let folder = Folder::new();
    let text = folder.run(&["schema", "openapi"]).expect(0).stdout;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let names: Vec<&String> = document["webhooks"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["conversation.completed", "conversation.analysisCompleted"]);
    for target in text.split("\"$ref\": \"").skip(1) {
        let pointer = target.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer} leads to nothing");
    }
}
