//! Signatures judged on receipt: the verdict is kept, whatever is answered.

use ringback_exchange::Headers;
use ringback_recorder::{Config, Receipt};
use ringback_signature::{PRESETS, Secret, TOLERANCE_S, sign};

use crate::support::{config, exchanges, record, reply, route, say, script, status};

/// The time of the clock in these tests.
const NOW: i64 = 1_767_323_045;

fn secret(text: &str) -> Secret {
    text.parse().unwrap()
}

fn receipt(rejects: bool) -> Receipt {
    let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Receipt {
        template: PRESETS[0].template(),
        secrets: vec![secret],
        tolerance_s: TOLERANCE_S,
        rejects,
    }
}

fn request(headers: &Headers, body: &str) -> String {
    let mut head = format!("POST /hooks HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers.iter() {
        head.push_str(&format!("{name}: {}\r\n", value.to_text()));
    }
    format!("{head}\r\n{body}")
}

#[tokio::test]
async fn the_verdict_is_kept_with_the_request() {
    let (listener, recording) = record(Config { receipt: Some(receipt(false)), ..config() }).await;
    let right = &receipt(false).secrets[0];
    let wrong = secret("whsec_b3RoZXIgc2VjcmV0IGZvciB0ZXN0cyE=");
    let mut malformed = sign(right, "msg_1", NOW, b"{}");
    malformed.0[2].1 = "v9,hush".into();
    let requests = [
        request(&sign(right, "msg_1", NOW, b"{}"), "{}"),
        request(&sign(right, "msg_1", NOW, b"{}"), "{ }"),
        request(&sign(&wrong, "msg_1", NOW, b"{}"), "{}"),
        request(&sign(right, "msg_1", NOW - 301, b"{}"), "{}"),
        request(&malformed, "{}"),
        request(&Headers::default(), "{}"),
        "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\ncut".to_owned(),
    ];
    for request in &requests {
        let is_cut = request.ends_with("cut");
        assert_eq!(status(&say(&listener, request).await), if is_cut { 400 } else { 200 });
    }
    let exchanges = exchanges(&recording, requests.len()).await;
    let verdicts: Vec<_> =
        exchanges.iter().map(|it| it.signature.as_deref().unwrap_or("not judged")).collect();
    insta::assert_snapshot!(verdicts.join("\n"), @"
    valid
    the signature is right for the same JSON written without white space: the body was parsed and written again; verify the raw bytes, before anything reads them
    none of the signatures (1) matches any of the secrets (1): a wrong secret, or what was signed was changed since in a way that is not known here
    the timestamp is 1 s older than is permitted: a replay, a retry under its first timestamp, or clocks that disagree; the signature itself is right
    `webhook-signature` is `[redacted]`, with nothing of the form `[ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]` in it
    the header `webhook-id` is missing
    not judged
    ");
}

#[tokio::test]
async fn without_a_valid_signature_it_can_be_401_and_is_kept_all_the_same() {
    let answer = script(vec![route("POST", "/hooks", vec![reply(201, ""), reply(202, "")])]);
    let config = Config { answer, receipt: Some(receipt(true)), ..config() };
    let (listener, recording) = record(config).await;
    let unsigned = say(&listener, request(&Headers::default(), "{}")).await;
    assert_eq!(status(&unsigned), 401);
    assert!(
        unsigned.ends_with(
            "{\"error\":\"the signature is not valid: the header `webhook-id` is missing\"}\n"
        ),
        "{unsigned}"
    );
    let signed = request(&sign(&receipt(true).secrets[0], "msg_1", NOW, b"{}"), "{}");
    assert_eq!(status(&say(&listener, signed).await), 201, "the unsigned one took no turn");
    let kept = exchanges(&recording, 2).await;
    assert_eq!(kept[0].signature.as_deref(), Some("the header `webhook-id` is missing"));
    assert_eq!(kept[0].reply.as_ref().unwrap().status, 401);
    assert_eq!(kept[1].signature.as_deref(), Some("valid"));
}
