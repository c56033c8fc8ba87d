//! `ringback generate`: the same seed, the same bytes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::Folder;

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_process() {
    let folder = Folder::new();
    let make = |args: &[&str]| folder.run(args).expect(0).stdout;
    let all = make(&["generate", "-c", "20", "--seed", "42"]);
    assert_eq!(all, make(&["generate", "-c", "20", "--seed", "42"]));
    assert_ne!(all, make(&["generate", "-c", "20", "--seed", "43"]));
    assert_eq!(all.lines().count(), 20);

    let ten = make(&["generate", "-c", "10", "--seed", "42"]);
    assert!(all.starts_with(&ten), "an event does not depend on how many are made");
}

#[test]
fn each_format_holds_the_same_events() {
    let folder = Folder::new();
    let make = |args: &[&str]| folder.run(args).expect(0).stdout;
    let lines: Vec<serde_json::Value> = make(&["generate", "-c", "3"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for format in ["json", "pretty"] {
        let text = make(&["generate", "-c", "3", "--format", format]);
        assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap(), lines);
        let one = make(&["generate", "--format", format]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&one).unwrap(), lines[0]);
        let none = make(&["generate", "-c", "0", "--format", format]);
        assert_eq!(
            serde_json::from_str::<Vec<serde_json::Value>>(&none).unwrap(),
            [] as [serde_json::Value; 0]
        );
    }
    assert_eq!(make(&["generate", "-c", "0"]), "");
}

#[test]
fn an_archetype_is_chosen_by_name() {
    let folder = Folder::new();
    let output = folder.run(&["generate", "--archetype", "unanswered-outbound"]).expect(0);
    assert_eq!(output.json_lines()[0]["payload"]["endReason"], "user_did_not_answer");
    let output = folder.run(&["generate", "--archetype", "unanswered"]).expect(2);
    assert!(output.stderr.contains("did you mean `unanswered-outbound`?"), "{}", output.stderr);
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let folder = Folder::new();
    let mut child = folder
        .ringback()
        .args(["generate", "-c", "1000000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_mutation_leaves_the_events_of_a_mix_that_lack_its_place() {
    let folder = Folder::new();
    let made = folder.run(&["generate", "-c", "40", "--mutate", "messages-empty", "--coverage"]);
    let made = made.expect(0);
    assert!(made.stderr.contains(" of 40 events stay as they were: "), "{}", made.stderr);
    let chat =
        ["generate", "-c", "3", "--archetype", "unanswered-outbound", "--mutate", "messages-empty"];
    let refused = folder.run(&chat).expect(2);
    assert!(refused.stderr.starts_with("error: event 0: cannot apply "), "{}", refused.stderr);
}

#[test]
fn a_mix_is_learnt_from_what_was_captured() {
    let folder = Folder::new();
    let listener = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db"]);
    let send = ["send", &listener.url, "-c", "20", "--archetype", "web-chat", "--print", "none"];
    folder.run(&send).expect(0);
    listener.end().expect(0);
    folder.run(&["export", "a.db", "--exact", "--output", "a.jsonl"]).expect(0);
    let learnt = folder.run(&["generate", "--like", "a.jsonl", "-c", "5"]).expect(0);
    assert!(learnt.json_lines().iter().all(|event| event["payload"]["conversationType"] == "chat"));
    folder.write("b.jsonl", "{\"eventId\": 1}\n");
    let refused = folder.run(&["generate", "--like", "b.jsonl"]).expect(2);
    assert!(
        refused.stderr.contains("cannot learn from `b.jsonl`: event 1: "),
        "{}",
        refused.stderr
    );
}
