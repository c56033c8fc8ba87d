//! `ringback check`: scenarios, snapshots and exit codes.

use std::io::Write as _;
use std::net::TcpListener;

use crate::harness::{Folder, exchange, finish, fixed, nobody, read_request, receiver, root};

const ACCEPTED: &str = "\
version: 1
name: accepted
steps:
  - { id: event, fire: answered-outbound }
";

#[test]
fn a_snapshot_is_new_then_accepted_then_the_same_and_changed_when_the_answer_is() {
    let folder = Folder::new();
    folder.write("scenarios/a/b.yaml", ACCEPTED);
    let output = folder.run(&["check"]).expect(4);
    assert!(output.stdout.contains("snapshot snapshots/a/b.snap is new"), "{}", output.stdout);
    assert_eq!(folder.run(&["pending"]).expect(4).stdout, "snapshots/a/b.snap.new\n");
    let output = folder.run(&["accept"]).expect(0);
    assert_eq!(output.stdout, "accepted snapshots/a/b.snap\n");
    folder.run(&["check"]).expect(0);
    folder.run(&["pending"]).expect(0);
    insta::assert_snapshot!(folder.read("snapshots/a/b.snap"), @r#"
    ---
    description: accepted
    info:
      tool: ringback
      seed: 1
    input_file: scenarios/a/b.yaml
    ---
    ## event: fire answered-outbound

    HTTP 200
    content-type: application/json

    {
      "status": "accepted"
    }
    "#);

    let other = receiver("200 OK", "{\"other\": 1.0}").to_string();
    let output = folder.run(&["check", "--target", &other]).expect(4);
    assert!(output.stdout.contains("+  \"other\": 1.0"), "{}", output.stdout);
    assert_eq!(
        folder.run(&["reject", "snapshots"]).expect(0).stdout,
        "rejected snapshots/a/b.snap.new\n"
    );
    folder.run(&["check"]).expect(0);
}

#[test]
fn a_pending_snapshot_goes_when_the_accepted_one_holds_again() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    folder.run(&["check"]).expect(4);
    folder.run(&["accept"]).expect(0);
    let other = receiver("201 Created", "").to_string();
    folder.run(&["check", "--target", &other]).expect(4);
    assert!(folder.path("snapshots/a.snap.new").exists());
    folder.run(&["check"]).expect(0);
    assert!(!folder.path("snapshots/a.snap.new").exists());
}

#[test]
fn in_ci_no_snapshot_is_written() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    for (name, value, is_ci) in
        [("CI", "true", true), ("TF_BUILD", "True", true), ("CI", "false", false)]
    {
        let mut command = folder.ringback();
        let output = finish(command.arg("check").env(name, value), b"").expect(4);
        assert_eq!(folder.path("snapshots/a.snap.new").exists(), !is_ci, "{name}={value}");
        assert_eq!(output.stdout.contains("not written: this is CI"), is_ci, "{}", output.stdout);
    }
}

#[test]
fn what_does_not_hold_is_told_with_place_expectation_and_a_way_to_see_it_again() {
    let folder = Folder::new();
    let text = "\
version: 1
name: strict
steps:
  - id: event
    fire: answered-outbound
    expect:
      status: 202
      headers: { x-request-id: { matches: '^[0-9]+$' } }
      body: { $.status: queued, $.at: { absent: false } }
";
    folder.write("scenarios/a.yaml", text);
    let output = folder.run(&["check"]).expect(1);
    let until_curl = output.stdout.split("reproduce: curl").next().unwrap();
    let steady = until_curl.split(" in ").next().unwrap().to_owned()
        + until_curl.split_once(" ms\n").map_or("", |(_, rest)| rest);
    insta::assert_snapshot!(steady, @r#"
    checking 1 scenario against the sample receiver
    scenarios/a.yaml:4: step `event` failed: HTTP 200  status: expected 202, found 200: {"status":"accepted"}
      header x-request-id: expected a text that matches ^[0-9]+$, found nothing
      body $.status: expected "queued", found "accepted"
      body $.at: expected a value, found nothing
    "#);
    assert!(
        output.stdout.contains("reproduce: curl -sS -i -g -X POST http://127.0.0.1:"),
        "{}",
        output.stdout
    );
    assert!(!folder.path("snapshots").exists(), "a failed scenario has no snapshot");
}

#[test]
fn a_broken_receiver_is_found_out() {
    let folder = Folder::new();
    // Acknowledges everything and does nothing: the note is never written.
    let lazy = receiver("200 OK", "{\"status\": \"accepted\"}").to_string();
    let scenario = root().join("scenarios/calls/unanswered.yaml");
    let args = ["check", scenario.to_str().unwrap(), "--target", &lazy, "--downstream", "crm=0"];
    let output = folder.run(&args).expect(1);
    assert!(output.stdout.contains("step `note` failed: 0 calls to crm"), "{}", output.stdout);
    assert!(output.stderr.contains("--identity "), "{}", output.stderr);
}

#[test]
fn the_surroundings_are_told_apart_from_the_receiver() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    let output = folder.run(&["check", "--target", &nobody().to_string()]).expect(3);
    assert!(output.stdout.contains("cannot be reached: refused"), "{}", output.stdout);
    let output = folder.run(&["check", "--target", "http://10.0.0.1/"]).expect(3);
    assert!(output.stdout.contains("--allow-host 10.0.0.1"), "{}", output.stdout);

    let with_crm = "\
version: 1
name: crm
downstream: { crm: { routes: [{ path: /x, reply: { status: 200 } }] } }
steps: [{ id: event, fire: inbound }]
";
    folder.write("scenarios/a.yaml", with_crm);
    let lazy = receiver("200 OK", "").to_string();
    let output = folder.run(&["check", "--target", &lazy]).expect(3);
    assert!(output.stdout.contains("--downstream crm=127.0.0.1:PORT"), "{}", output.stdout);
}

#[test]
fn a_file_that_cannot_be_used_is_shown_with_all_its_problems_and_the_others_still_run() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    folder.write("scenarios/b.yaml", "version: 1\nnmae: b\nsteps: []\n");
    let output = folder.run(&["check"]).expect(2);
    insta::assert_snapshot!(output.stdout.split("invalid").nth(1).unwrap().split("pending").next().unwrap(), @"
    scenarios/b.yaml
     error: a scenario has no `name`
      --> scenarios/b.yaml:1:1
       |
     1 | version: 1
       | ^

     error: a scenario has no key `nmae`
      --> scenarios/b.yaml:2:1
       |
     2 | nmae: b
       | ^^^^
       |
     help: did you mean `name`?

     error: a scenario has at least one step
      --> scenarios/b.yaml:3:8
       |
     3 | steps: []
       |        ^
    ");
    assert!(output.stdout.contains("pending scenarios/a.yaml"), "{}", output.stdout);

    let said = |args: &[&str]| folder.run(args).expect(2).stderr;
    insta::assert_snapshot!(said(&["check", "none"]), @"error: cannot find the scenarios: cannot read `none`: No such file or directory (os error 2)");
    std::fs::create_dir(folder.path("empty")).unwrap();
    insta::assert_snapshot!(said(&["check", "empty"]), @"error: cannot find the scenarios: `empty` holds no scenario: no file below it ends in .yaml, .yml or .json");
}

#[test]
fn events_can_be_followed_as_json() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    let lines = folder.run(&["check", "--json"]).expect(4).json_lines();
    let kinds: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run-started", "step-finished", "scenario-finished", "run-finished"]);
    assert_eq!(lines[2]["snapshot"]["is"], "new");
    assert_eq!(lines[3]["pending"], 1);
}

#[test]
fn every_shipped_scenario_passes_against_the_sample_receiver() {
    let folder = Folder::new();
    let scenarios = root().join("scenarios");
    // As in CI, so that a run that fails writes nothing into the project.
    let mut command = folder.ringback();
    let output = finish(command.arg("check").arg(scenarios).env("CI", "true"), b"");
    assert_eq!(output.code, Some(0), "{}", output.stdout);
}

#[test]
fn a_call_that_comes_late_is_not_held_against_the_next_scenario() {
    let folder = Folder::new();
    let text = "\
version: 1
name: nobody is called
downstream: { crm: { routes: [{ path: /notes, reply: { status: 201 } }] } }
steps:
  - { id: event, fire: inbound }
  - { id: nobody, calls: { downstream: crm, count: 0 } }
";
    folder.write("scenarios/a.yaml", text.replace("count: 0", "count: { max: 1 }"));
    folder.write("scenarios/b.yaml", text);
    let crm = fixed(2);

    // Writes its note for an event only when the next one comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut last = String::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = String::from_utf8(read_request(&mut stream)).unwrap();
            let event = request.split("\r\n\r\n").nth(1).unwrap();
            let event: serde_json::Value = serde_json::from_str(event).unwrap();
            if !last.is_empty() {
                let head =
                    format!("POST /notes HTTP/1.1\r\nhost: x\r\ncontent-length: {}", last.len());
                exchange(crm, format!("{head}\r\n\r\n{last}").as_bytes());
            }
            last = event["payload"]["id"].to_string();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
        }
    });
    let downstream = format!("crm={crm}");
    let args = ["check", "--target", &url, "--downstream", &downstream, "--json"];
    let output = folder.run(&args).expect(4);
    let last = output.json_lines().pop().unwrap();
    assert_eq!((&last["failed"], &last["pending"]), (&0.into(), &2.into()), "{}", output.stdout);
}

#[test]
fn a_password_in_the_target_is_refused_before_anything_is_printed() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    let output = folder.run(&["check", "--target", "http://user:s3cret@127.0.0.1:1/"]).expect(2);
    assert!(!format!("{output:?}").contains("s3cret"), "{output:?}");
}

#[test]
fn a_reader_that_has_gone_does_not_make_a_failure_green() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    let refusing = receiver("500 Internal Server Error", "").to_string();
    let mut child = folder
        .ringback()
        .args(["check", "--target", &refusing])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn what_the_command_line_names_must_be_there() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", ACCEPTED);
    let output = folder.run(&["check", "--downstream", "crn=4010"]).expect(2);
    assert!(output.stdout.contains("no scenario has a downstream `crn`"), "{}", output.stdout);
    let output = folder.run(&["check", "--exclude", "scenarios/b.yaml"]).expect(2);
    assert!(output.stderr.contains("leaves nothing out"), "{}", output.stderr);
    folder.run(&["check", "--exclude", "scenarios/a.yaml"]).expect(2);
    folder.write("scenarios/b/c.yaml", "version: 1\nbroken\n");
    folder.run(&["check", "--exclude", "scenarios/b"]).expect(4);
}

#[test]
fn what_a_step_asks_for_and_cannot_have_is_a_problem_of_the_file() {
    let folder = Folder::new();
    let text = ACCEPTED.replace(
        "fire: answered-outbound",
        "fire: { archetype: inbound, unset: [$.payload.nope] }",
    );
    folder.write("scenarios/a.yaml", text);
    let output = folder.run(&["check"]).expect(2);
    assert!(
        output.stdout.contains("step `event` (line 4): `$.payload.nope` leads to nothing")
            || output
                .stdout
                .contains("step `event` (line 4): `$['payload']['nope']` leads to nothing"),
        "{}",
        output.stdout
    );
}
