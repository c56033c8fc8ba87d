//! `ringback sign`, `ringback verify` and signatures of `ringback send`.

use std::io::Write as _;

use crate::harness::{Folder, PATIENCE, raw_receiver, receiver};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"test": 2432232314}"#;
const AT: [&str; 4] =
    ["--id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "--timestamp", "2021-02-25T15:02:10Z"];

#[test]
fn the_known_answer_is_signed_and_verified() {
    let folder = Folder::new();
    folder.write("body.json", BODY);
    folder.write("secret", format!("{SECRET}\n"));
    let args = ["sign", "body.json", "--secret", "file:secret"];
    let lines = folder.run(&[&args[..], &AT].concat()).expect(0).stdout;
    insta::assert_snapshot!(lines, @"
    webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek
    webhook-timestamp: 1614265330
    webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
    ");

    folder.write("lines", lines);
    let verify = |more: &[&str], code| {
        let args = ["verify", "--secret", SECRET, "--headers", "lines"];
        folder.run_with(&[&args[..], more].concat(), BODY.as_bytes()).expect(code).stdout
    };
    insta::assert_snapshot!(verify(&["--now", "1614265335"], 0), @"valid, id msg_p5jXN8AQM9LWM0D4loKWxJek, signed at 2021-02-25T15:02:10Z");
    insta::assert_snapshot!(verify(&["--allow-stale", "--json"], 0), @r#"{"valid":true,"id":"msg_p5jXN8AQM9LWM0D4loKWxJek","timestampMs":1614265330000,"secret":1}"#);
    insta::assert_snapshot!(verify(&["--now", "1614265731"], 1), @"invalid: the timestamp is 101 s older than is permitted: a replay, a retry under its first timestamp, or clocks that disagree; the signature itself is right");
    insta::assert_snapshot!(verify(&["--now", "1614265731", "--tolerance", "10m"], 0), @"valid, id msg_p5jXN8AQM9LWM0D4loKWxJek, signed at 2021-02-25T15:02:10Z");
    assert!(verify(&[], 1).contains("older than is permitted"));
    folder.write("body.json", format!("{BODY}\n"));
    insta::assert_snapshot!(verify(&["body.json", "--allow-stale", "--json"], 1), @r#"{"valid":false,"diagnosis":"white-space-added","detail":"the signature is right for this body without the white space at its end: verify the raw bytes, before anything reads them"}"#);
}

#[test]
fn any_scheme_signs_and_several_secrets_rotate() {
    let folder = Folder::new();
    let sign = |args: &[&str]| {
        folder.run_with(&[&["sign"], args, &AT].concat(), BODY.as_bytes()).expect(0).stdout
    };
    let stripe = sign(&["--sign", "stripe", "--secret", "old", "--secret", "new"]);
    insta::assert_snapshot!(stripe, @"stripe-signature: t=1614265330,v1=3f3b655bf3f243d281b5523c13e9190e90ada7e4e3b82f0294cf1f8f98e79544,v1=38a20b3407e34a7dc14d633d89798651c9aa36307670c6039e805f89cfe153e4");
    let own = "content={timestamp_ms}:{body}; x-sig: {timestamp_ms}.{hmac-sha512:base64url}";
    insta::assert_snapshot!(sign(&["--sign", own, "--secret", "k"]), @"x-sig: 1614265330000._eDjAiW7CYpa4lo558DvIg7ZT04qP1ZyMcuJFUOaRowYWxE8430A1qfL7lgZD_YoLKG99j4HV92r4gRSD5uFqw");
    insta::assert_snapshot!(sign(&["--sign", "twilio", "--secret", "k", "--url", "https://a.example/b", "--json"]), @r#"{"id":"msg_p5jXN8AQM9LWM0D4loKWxJek","timestampMs":1614265330000,"headers":[["x-twilio-signature","jdATd6FxuEzJayjSzvlBJxhycvU="]]}"#);

    let line = stripe.trim_end();
    let args = [
        "verify",
        "--sign",
        "stripe",
        "--allow-stale",
        "--secret",
        "other",
        "--secret",
        "new",
        "-H",
        line,
    ];
    insta::assert_snapshot!(folder.run_with(&args, BODY.as_bytes()).expect(0).stdout, @"valid, by secret 2 of 2, signed at 2021-02-25T15:02:10Z");
}

#[test]
fn the_presets_are_listed_with_their_templates() {
    let listed = Folder::new().run(&["sign", "--list"]).expect(0).stdout;
    for name in [
        "standard-webhooks",
        "github",
        "stripe",
        "shopify",
        "elevenlabs",
        "retell",
        "hume",
        "bland",
        "synthflow",
    ] {
        let line = listed.lines().skip_while(|line| !line.starts_with(&format!("{name} "))).nth(1);
        assert!(line.unwrap().trim().starts_with("content="), "{name}: {listed}");
    }
}

#[test]
fn a_new_secret_can_be_used_at_once() {
    let folder = Folder::new();
    let shared = folder.run(&["sign", "--print-secret"]).expect(0).stdout;
    assert_ne!(shared, folder.run(&["sign", "--print-secret"]).expect(0).stdout);
    let pair = folder.run(&["sign", "--print-secret", "ed25519"]).expect(0).stdout;
    let (private, public) = pair.trim_end().split_once('\n').unwrap();
    assert!(private.starts_with("whsk_") && public.starts_with("whpk_"), "{pair}");
    let sign = ["sign", "--id", "1", "--secret", private, "--secret", shared.trim_end()];
    folder.write("lines", folder.run_with(&sign, b"{}").expect(0).stdout);
    for secret in [private, public, shared.trim_end()] {
        let args = ["verify", "--headers", "lines", "--secret", secret];
        assert!(
            folder.run_with(&args, b"{}").expect(0).stdout.starts_with("valid, id 1, signed at ")
        );
    }
    let error = folder.run_with(&["sign", "--id", "1", "--secret", public], b"{}").expect(2).stderr;
    insta::assert_snapshot!(error, @"error: cannot sign: a public key cannot sign: use the private one, `whsk_…`");
}

#[test]
fn what_cannot_be_signed_or_verified_is_said_with_what_to_do() {
    let folder = Folder::new();
    let said = |args: &[&str]| folder.run_with(args, b"{}").expect(2).stderr.trim_end().to_owned();
    insta::assert_snapshot!(said(&["sign"]), @"
    error: there is no secret to sign with
    hint: give one with `--secret env:NAME` or `--secret file:PATH`, or make one with `--print-secret`
    ");
    insta::assert_snapshot!(said(&["sign", "--secret", SECRET]), @"
    error: the scheme signs an id, and the body has no `eventId`
    hint: give one with `--id`
    ");
    insta::assert_snapshot!(said(&["sign", "--sign", "twilio", "--secret", "k"]), @"
    error: the scheme signs the URL
    hint: give it with `--url`
    ");
    insta::assert_snapshot!(said(&["sign", "--sign", "github", "--secret", "k", "--sign-fault", "stale"]), @"error: cannot sign: `stale` has no meaning here: this scheme has no timestamp");
    insta::assert_snapshot!(said(&["sign", "--id", "a\nb", "--secret", SECRET]), @"error: the id has control characters, which no header may have");
    insta::assert_snapshot!(said(&["verify", "-H", "a: b"]), @"
    error: there is no secret to verify with
    hint: give one with `--secret env:NAME` or `--secret file:PATH`
    ");
    insta::assert_snapshot!(said(&["verify", "--secret", SECRET]), @"
    error: there are no header lines to verify, and the input holds no exchanges
    hint: give the lines that came with the body by `-H 'Name: value'` or `--headers FILE`, or exchanges as `ringback export --exact` prints them
    ");
    insta::assert_snapshot!(said(&["send", "localhost", "--sign", "github"]), @"
    error: `--sign` needs a secret to sign with
    hint: give one with `--secret env:NAME` or `--secret file:PATH`
    ");
    insta::assert_snapshot!(said(&["send", "localhost", "--sign-fault", "stale"]), @"
    error: `--sign-fault` needs a secret to sign with
    hint: give one with `--secret env:NAME` or `--secret file:PATH`
    ");
    insta::assert_snapshot!(said(&["sign", "--sign", "githup", "--secret", "k"]).lines().next().unwrap(), @"error: invalid value 'githup' for '--sign <PRESET|TEMPLATE>': there is no such preset (did you mean `github`?); there are standard-webhooks, svix, github, stripe, shopify, elevenlabs, retell, hume, bland, synthflow, telnyx, slack, twilio");
    insta::assert_snapshot!(said(&["sign", "--sign", "content={bdy}; x: {hmac-sha1:hex}", "--secret", "k"]).lines().next().unwrap(), @"error: invalid value 'content={bdy}; x: {hmac-sha1:hex}' for '--sign <PRESET|TEMPLATE>': `{bdy}` is not known in `content={bdy}`: use `{id}`, `{timestamp}`, `{timestamp_ms}`, `{body}` or `{url}`; a brace that is text is written twice");
}

#[test]
fn what_was_recorded_is_verified_by_the_time_at_which_it_arrived() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "calls.db"]);
    let send = |more: &[&str]| {
        let args = ["send", &server.url, "--secret", SECRET];
        folder.run(&[&args[..], more].concat()).expect(0)
    };
    send(&["-c", "2"]);
    server.end();
    let exported = folder.run(&["export", "--store", "calls.db", "--exact"]).expect(0).stdout;
    folder.write("calls.jsonl", &exported);
    let args = ["verify", "calls.jsonl", "--secret", SECRET];
    let output = folder.run(&args).expect(0);
    let verdicts: Vec<_> =
        output.stdout.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(verdicts, ["#1 valid", "#2 valid"]);

    // Another body under the same signature, and a signature that was redacted.
    folder.write(
        "calls.jsonl",
        exported.replacen(r#"\"durationSeconds\""#, r#"\"durationSecondz\""#, 1).replacen(
            "conversation.completed",
            "conversation.completee",
            1,
        ),
    );
    let output = folder.run(&[&args[..], &["--json"]].concat()).expect(1);
    let lines = output.json_lines();
    assert_eq!((&lines[0]["diagnosis"], &lines[1]["valid"]), (&"no-match".into(), &true.into()));
    folder.write("calls.jsonl", folder.run(&["export", "--store", "calls.db"]).expect(0).stdout);
    insta::assert_snapshot!(folder.run(&args).expect(2).stderr, @"
    error: `webhook-signature` of exchange 1 was redacted, so there is nothing to verify
    hint: export it with `ringback export --exact`
    ");
}

#[test]
fn a_curl_line_sends_what_verifies() {
    if !crate::harness::has_peer("curl", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let server = folder.start(&["sample", "--addr", "127.0.0.1:0", "--secret", SECRET]);
    let event = folder.run(&["generate", "--seed", "1"]).expect(0).stdout;
    let args = ["sign", "--secret", SECRET, "--curl", &server.url];
    let line = folder.run_with(&args, event.trim_end().as_bytes()).expect(0).stdout;
    let mut shell = std::process::Command::new("sh");
    let output = crate::harness::finish(shell.arg("-c").arg(line), b"").expect(0);
    assert!(output.stdout.contains("HTTP/1.1 200 OK"), "{}", output.stdout);
}

#[test]
fn every_fault_is_judged_by_what_a_sound_receiver_does() {
    let folder = Folder::new();
    let sample = folder.start(&["sample", "--addr", "127.0.0.1:0", "--secret", SECRET]);
    let careless = receiver("200 OK", "fine").to_string();
    let help = folder.run(&["send", "--help"]).expect(0).stdout;
    let names = help.split("to see whether it is noticed:").nth(1).unwrap();
    let names: Vec<_> =
        names.lines().skip(2).map_while(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.len(), 17, "{names:?}");
    for name in names {
        let send = |url: &str, code| {
            let args = ["send", url, "--secret", SECRET, "--sign-fault", name];
            folder.run(&args).expect(code)
        };
        let output = send(&sample.url, 0);
        assert!(output.stderr.contains("signed wrong on purpose: "), "{}", output.stderr);
        send(&careless, if name == "second-of-several" { 0 } else { 1 });
    }
}

#[test]
fn send_signs_as_the_scheme_says() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let mut command = folder.ringback();
    command.env("RINGBACK_SECRET", "k").env("RINGBACK_SIGN", "retell");
    crate::harness::finish(command.args(["send", &addr.to_string()]), b"").expect(0);
    let request = String::from_utf8(requests.recv_timeout(PATIENCE).unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let line = head.lines().find(|line| line.starts_with("x-retell-signature: v=")).unwrap();
    let args = ["verify", "--sign", "retell", "--secret", "k", "-H", line];
    folder.run_with(&args, body.as_bytes()).expect(0);
}

#[test]
fn the_templates_of_the_guide_sign_and_verify() {
    let guide =
        std::fs::read_to_string(crate::harness::root().join("docs/guides/signatures.md")).unwrap();
    let templates: Vec<&str> = guide.lines().filter(|line| line.starts_with("content=")).collect();
    assert!(templates.len() > 4, "{guide}");
    let folder = Folder::new();
    for template in templates {
        let scheme = ["--sign", template, "--secret", "k", "--url", "https://a.example/b"];
        let signed = folder.run_with(&[&["sign"], &scheme[..]].concat(), BODY.as_bytes()).expect(0);
        folder.write("lines", signed.stdout);
        let verify = [&["verify", "--headers", "lines"], &scheme[..]].concat();
        folder.run_with(&verify, BODY.as_bytes()).expect(0);
        folder.run_with(&verify, b"{}").expect(1);
    }
}
