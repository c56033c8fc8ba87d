//! Signatures judged by the platforms' own libraries, and theirs judged here.
//!
//! CI installs them into `target/peers`: from PyPI standardwebhooks, stripe, elevenlabs and slack_sdk,
//! from npm standardwebhooks, @octokit/webhooks-methods and retell-sdk.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Folder, finish, has_peer, root};

const SHARED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
/// What receivers stumble over: other scripts, a separator that is no line end in JSON, escapes.
const BODY: &str =
    "{\"eventId\":\"evt_1\",\"text\":\"नमस्ते 😀 é \u{2028} <\\/\\u00e9\", \"n\": 1.0}";

/// A library, the preset that it judges, and what to sign and verify with.
struct Judge {
    name: &'static str,
    preset: &'static str,
    secret: &'static str,
    public: &'static str,
    /// Faults that the library does not look for.
    blind_to: &'static [&'static str],
    signs: bool,
}

const FAULTS: [&str; 15] = [
    "missing",
    "missing-timestamp",
    "missing-id",
    "empty",
    "malformed",
    "huge",
    "truncated",
    "flipped-bit",
    "wrong-secret",
    "body-altered",
    "id-altered",
    "stale",
    "future",
    "second-of-several",
    "none-of-several",
];

/// Has a script judge some cases.
fn ask(script: &mut Command, cases: &[Value]) -> Vec<Value> {
    let output = finish(script, json!(cases).to_string().as_bytes()).expect(0);
    serde_json::from_str(&output.stdout).unwrap()
}

/// Signs with the program; nothing where a fault has no meaning in the scheme.
fn sign(folder: &Folder, judge: &Judge, more: &[&str]) -> Option<Value> {
    let args = ["sign", "--json", "--sign", judge.preset, "--secret", judge.secret];
    let output = folder.run_with(&[&args[..], more].concat(), BODY.as_bytes());
    if output.code == Some(2) && output.stderr.contains("has no meaning here") {
        return None;
    }
    let headers = output.expect(0).json_lines()[0]["headers"].as_array().unwrap().clone();
    let pair = |line: Value| (line[0].as_str().unwrap().to_owned(), line[1].clone());
    Some(headers.into_iter().map(pair).collect::<serde_json::Map<_, _>>().into())
}

fn judge(script: fn() -> Command, judges: &[Judge]) {
    let folder = Folder::new();
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for judge in judges {
        let Judge { name, public, .. } = judge;
        let mut add = |headers, is_valid, fault: &str| {
            cases.push(json!({ "do": "verify", "library": name, "secret": public, "body": BODY, "headers": headers }));
            expected.push((is_valid, format!("{name}, {fault}")));
        };
        add(sign(&folder, judge, &[]).unwrap(), true, "no fault");
        for fault in FAULTS.into_iter().filter(|fault| !judge.blind_to.contains(fault)) {
            if let Some(headers) = sign(&folder, judge, &["--sign-fault", fault]) {
                add(headers, fault == "second-of-several", fault);
            }
        }
    }
    let answers = ask(&mut script(), &cases);
    assert_eq!(answers.len(), expected.len());
    for (answer, (is_valid, what)) in answers.iter().zip(expected) {
        assert_eq!(answer == "valid", is_valid, "{what}: {answer}");
    }

    // And the other way round: what they sign is verified here.
    let signing: Vec<_> = judges.iter().filter(|judge| judge.signs).collect();
    let now = folder.run_with(&["sign", "--json", "--secret", SHARED], BODY.as_bytes()).expect(0);
    let now_s = now.json_lines()[0]["timestampMs"].as_i64().unwrap() / 1000;
    let case = |judge: &&Judge| json!({ "do": "sign", "library": judge.name, "secret": judge.secret, "body": BODY, "id": "evt_1", "timestamp": now_s });
    let answers = ask(&mut script(), &signing.iter().map(case).collect::<Vec<_>>());
    for (judge, headers) in signing.iter().zip(answers) {
        let lines = headers.as_object().unwrap().iter();
        let lines: Vec<_> =
            lines.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())).collect();
        let mut args = vec!["verify", "--sign", judge.preset, "--secret", judge.secret];
        args.extend(lines.iter().flat_map(|line| ["-H", line]));
        let output = folder.run_with(&args, BODY.as_bytes());
        assert_eq!(output.code, Some(0), "{}: {output:?}", judge.name);
        let output = folder.run_with(&args, b"{\"eventId\":\"evt_1\"}");
        assert_eq!(output.code, Some(1), "{}: {output:?}", judge.name);
    }
}

#[test]
fn libraries_from_pypi_agree() {
    let script = || {
        let mut python = Command::new("python3");
        python.arg(root().join("tests/it/peers/judge.py"));
        python
            .env("PYTHONPATH", root().join("target/peers/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        python
    };
    let path = root().join("target/peers/python");
    let import = format!(
        "import sys; sys.path.insert(0, {path:?}); import standardwebhooks, stripe, elevenlabs, slack_sdk"
    );
    if !has_peer("python3", &["-c", &import]) {
        return;
    }
    let judge_of = |name, preset, secret| Judge {
        name,
        preset,
        secret,
        public: secret,
        blind_to: &[],
        signs: true,
    };
    judge(
        script,
        &[
            judge_of("standardwebhooks", "standard-webhooks", SHARED),
            Judge { blind_to: &["future"], ..judge_of("stripe", "stripe", "whsec_test_secret") },
            Judge {
                blind_to: &["future"],
                signs: false,
                ..judge_of("elevenlabs", "elevenlabs", "wsec_test_secret")
            },
            judge_of("slack", "slack", "8f742231b10e8888abcd99yyyzzz85a5"),
        ],
    );
}

#[test]
fn libraries_from_npm_agree() {
    let script = || {
        // Modules are looked for beside a script, and these are elsewhere: so it is a text, and its place
        // is the folder it runs in.
        let text = std::fs::read_to_string(root().join("tests/it/peers/judge.cjs")).unwrap();
        let mut node = Command::new("node");
        node.args(["-e", &text]).current_dir(root().join("target/peers/node"));
        node
    };
    let modules = root().join("target/peers/node/node_modules");
    let require = format!(
        "for (const m of ['standardwebhooks', 'retell-sdk', '@octokit/webhooks-methods/package.json']) require({modules:?} + '/' + m)"
    );
    if !has_peer("node", &["-e", &require]) {
        return;
    }
    let judge_of = |name, preset, secret| Judge {
        name,
        preset,
        secret,
        public: secret,
        blind_to: &[],
        signs: true,
    };
    judge(
        script,
        &[
            judge_of("standardwebhooks", "standard-webhooks", SHARED),
            judge_of("octokit", "github", "It's a Secret to Everybody"),
            judge_of("retell", "retell", "key_test"),
            Judge {
                secret: PRIVATE,
                public: PUBLIC,
                signs: false,
                blind_to: &["stale", "future", "second-of-several", "huge"],
                ..judge_of("ed25519", "standard-webhooks", "")
            },
        ],
    );
}
