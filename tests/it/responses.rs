//! `listen --snapshots`: standing before a receiver, its responses are held to what was accepted.

use std::process::Command;

use crate::harness::{Folder, Output, Server, finish, fixed, has_peer, root};

/// Starts a listener before a receiver, has events sent through it, and ends it.
fn rehearse(folder: &Folder, receiver: &Server, in_ci: bool, sends: &[&[&str]]) -> Output {
    let mut command = folder.ringback();
    command.args(["listen", "--addr", "127.0.0.1:0", "--quiet", "--snapshots", "snaps"]);
    command.args(["--forward-to", &receiver.url]);
    if in_ci {
        command.env("CI", "true");
    }
    let listener = Server::start(&mut command);
    for send in sends {
        let url = listener.url.clone();
        folder.run(&[&["send", &url, "--print", "none"], *send].concat());
    }
    listener.end()
}

#[test]
fn responses_are_new_then_accepted_then_changed() {
    let folder = Folder::new();
    let sample = folder.start(&["sample", "--addr", "127.0.0.1:0"]);
    let sends: &[&[&str]] = &[
        &["--seed", "1", "--archetype", "inbound"],
        &["--seed", "1", "--archetype", "inbound"],
        &["--seed", "2", "--mutate", "truncated"],
    ];
    let output = rehearse(&folder, &sample, false, &sends[..2]).expect(4);
    assert!(output.stdout.contains("pending #1 conversation.completed/inbound\n"), "{output:?}");
    assert!(output.stdout.contains("pending #2 conversation.completed/inbound.again\n"));
    assert!(output.stdout.contains("2 with a new or changed snapshot"));
    folder.run(&["accept", "snaps"]).expect(0);
    insta::assert_snapshot!(folder.read("snaps/conversation.completed/inbound.snap"), @r#"
    ---
    description: conversation.completed/inbound
    info:
      tool: ringback
    ---
    HTTP 200
    content-type: application/json

    {
      "status": "accepted"
    }
    "#);

    // The receiver remembers what it has seen, so a new one is needed for the same events.
    let fresh = folder.start(&["sample", "--addr", "127.0.0.1:0"]);
    let output = rehearse(&folder, &fresh, true, &sends[..2]).expect(0);
    assert!(output.stdout.ends_with("2 passed\n"), "{output:?}");

    // Another answer to a known kind of event, in CI: told, and nothing is written.
    let output = rehearse(&folder, &fresh, true, &[&["--seed", "1", "--archetype", "inbound"]]);
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.stdout.contains("has changed"), "{output:?}");
    assert!(
        output.stdout.contains("conversation.completed/inbound.again: no response belonged to it")
    );
    assert!(!folder.path("snaps/conversation.completed/inbound.snap.new").exists());
}

#[test]
fn a_receiver_that_is_down_is_no_change() {
    let folder = Folder::new();
    let sample = folder.start(&["sample", "--addr", "127.0.0.1:0"]);
    let url = sample.url.clone();
    sample.end();
    let mut command = folder.ringback();
    command.args(["listen", "--addr", "127.0.0.1:0", "--snapshots", "snaps", "--forward-to", &url]);
    let listener = Server::start(&mut command);
    folder.run(&["send", &listener.url, "--print", "none"]).expect(1);
    let output = listener.end().expect(3);
    assert!(output.stdout.contains("1 not carried out"), "{output:?}");
    assert!(!folder.path("snaps").exists());
}

#[test]
fn rules_are_read_from_a_file_and_mistakes_are_told() {
    let folder = Folder::new();
    let sample = folder.start(&["sample", "--addr", "127.0.0.1:0"]);
    folder.write("rules.toml", "[[rule]]\nname = \"all\"\npaht = \"/\"\n");
    let listen = [
        "listen",
        "--addr",
        "127.0.0.1:0",
        "--snapshots",
        "snaps",
        "--snapshot-rules",
        "rules.toml",
    ];
    let refused = folder.run(&[&listen[..], &["--forward-to", &sample.url]].concat()).expect(2);
    assert!(refused.stderr.starts_with("error: cannot use `rules.toml`: "), "{}", refused.stderr);
    assert!(refused.stderr.contains("line 3, column 1"), "{}", refused.stderr);
    folder.run(&["listen", "--snapshots", "snaps"]).expect(2);
}

#[test]
fn the_guides_ci_job_holds_and_then_fails() {
    if !has_peer("bash", &["--version"]) || !has_peer("curl", &["--version"]) {
        return;
    }
    let guide = std::fs::read_to_string(root().join("docs/guides/snapshot-a-receiver.md")).unwrap();
    let script = guide.split("```sh ci\n").nth(1).expect("the guide has a CI job");
    // On addresses of this machine that nothing else uses.
    let script = script.split("```").next().unwrap();
    let [listener, receiver] = [fixed(41), fixed(42)].map(|addr| addr.to_string());
    let script = script.replace("127.0.0.1:4040", &listener).replace("localhost:4040", &listener);
    let script = script.replace("localhost:3000", &receiver);
    let folder = Folder::new();
    folder.write("ci.sh", script);
    // What a user would have: a receiver of their own, and accepted snapshots in the repository.
    let start = format!("#!/bin/sh\nexec ringback sample --addr {receiver} 2>/dev/null\n");
    folder.write("start-receiver", start);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_ringback")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let run = |ci: &str| {
        let mut bash = Command::new("bash");
        bash.arg("ci.sh").current_dir(folder.path("")).env_clear();
        finish(bash.env("PATH", &path).env("CI", ci), b"")
    };
    finish(Command::new("chmod").arg("+x").arg(folder.path("start-receiver")), b"").expect(0);
    run("false").expect(4);
    folder.run(&["accept", "snapshots"]).expect(0);
    run("true").expect(0);
    let accepted = folder.path("snapshots/responses/conversation.completed/inbound.snap");
    let text = std::fs::read_to_string(&accepted).unwrap();
    std::fs::write(&accepted, text.replace("HTTP 200", "HTTP 202")).unwrap();
    let output = run("true").expect(4);
    assert!(output.stdout.contains("-HTTP 202\n"), "{output:?}");
}
