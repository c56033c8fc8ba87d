//! The shipped scenarios against a receiver in another language.

use std::process::Command;

use crate::harness::{Folder, Server, fixed, has_peer, root};

#[test]
fn the_shipped_scenarios_hold_for_a_receiver_in_python_run_after_run() {
    if !has_peer("python3", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let crm = fixed(1);
    let start = |secret: &str| {
        let mut python = Command::new("python3");
        python.arg(root().join("tests/receivers/python_receiver.py"));
        python.env("CRM_URL", format!("http://{crm}")).env("WEBHOOK_SECRET", secret);
        Server::start(&mut python)
    };
    let check = |receiver: &Server, what: &str| {
        let scenarios = root().join("scenarios").join(what);
        let downstream = format!("crm={crm}");
        folder.run(&[
            "check",
            scenarios.to_str().unwrap(),
            "--target",
            &receiver.url,
            "--downstream",
            &downstream,
            "--snapshots",
            "snapshots",
        ])
    };

    let receiver = start("");
    for what in [
        "accepted-once.yaml",
        "calls",
        "duplicates",
        "failures/malformed.yaml",
        "failures/downstream-fails-twice.yaml",
    ] {
        let output = check(&receiver, what);
        assert_eq!(output.code, Some(4), "{}", output.stdout);
        folder.run(&["accept"]).expect(0);
        // The receiver runs on and remembers: the same scenario plays under fresh ids and still holds.
        let output = check(&receiver, what);
        assert_eq!(output.code, Some(0), "{}", output.stdout);
    }

    let receiver = start("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let output = check(&receiver, "signed/forged.yaml");
    assert_eq!(output.code, Some(4), "{}", output.stdout);
    // Without the signature that it asks for, a good event is refused too.
    check(&receiver, "accepted-once.yaml").expect(1);
}
