//! The shipped scenarios against a receiver in another language.

use std::process::Command;

use crate::harness::{Folder, Server, finish, fixed, has_peer, root};

/// The secret of the Standard Webhooks specification, which the shipped scenario signs with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

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

    let receiver = start(SECRET);
    let output = check(&receiver, "signed/forged.yaml");
    assert_eq!(output.code, Some(4), "{}", output.stdout);
    // Without the signature that it asks for, a good event is refused too; with it all is as before.
    check(&receiver, "accepted-once.yaml").expect(1);
    let mut signed = folder.ringback();
    signed.args(["check", "--target", &receiver.url, "--secret", "env:WEBHOOK_SECRET"]);
    signed.args(["--snapshots", "snapshots", "--downstream", &format!("crm={crm}")]);
    signed.arg(root().join("scenarios/accepted-once.yaml"));
    let output = finish(signed.env("WEBHOOK_SECRET", SECRET), b"");
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert!(!output.stdout.contains(SECRET), "{}", output.stdout);
}
