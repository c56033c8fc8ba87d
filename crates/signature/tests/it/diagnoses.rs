//! What happens to signatures on their way, and what is said of it.

use ringback_exchange::Headers;
use ringback_signature::{Age, Change, Diagnosis, Message, Received, Template};

use crate::support::{
    BODY, ID, NOW_S, OTHER, PRIVATE, PUBLIC, SECRET, URL, message, preset, secrets, signer, verify,
    with,
};

fn signed() -> Headers {
    signer(&preset("standard-webhooks"), &[SECRET]).headers(&message(BODY))
}

fn judge(headers: &Headers) -> String {
    match verify(&preset("standard-webhooks"), &[SECRET], headers, BODY) {
        Ok(_) => "valid".to_owned(),
        Err(diagnosis) => diagnosis.to_string(),
    }
}

#[test]
fn names_are_taken_in_any_case_and_unknown_signatures_are_passed_over() {
    let right = signed().get("webhook-signature").unwrap().to_owned();
    let headers = Headers::from_iter([
        ("Webhook-Id", ID),
        ("WEBHOOK-TIMESTAMP", "1614265330"),
        ("webhook-Signature", &format!("v1a,AAAA v1,junk  {right} v2,x")),
    ]);
    assert_eq!(judge(&headers), "valid");
    let mut on_two_lines = with(&headers, "webhook-signature", Some("v1,AAAA"));
    on_two_lines.push("webhook-signature", right);
    assert_eq!(judge(&on_two_lines), "valid");
}

#[test]
fn headers_that_are_missing_repeated_or_malformed() {
    let without = |name: &str| judge(&with(&signed(), name, None));
    insta::assert_snapshot!(without("webhook-id"), @"the header `webhook-id` is missing");
    insta::assert_snapshot!(without("webhook-timestamp"), @"the header `webhook-timestamp` is missing");
    insta::assert_snapshot!(without("webhook-signature"), @"the header `webhook-signature` is missing");
    let twice = |name: &str| {
        let mut headers = signed();
        let value = headers.get(name).unwrap().to_owned();
        headers.push(name, value);
        judge(&headers)
    };
    insta::assert_snapshot!(twice("webhook-id"), @"the header `webhook-id` came 2 times, and only once can be right");
    insta::assert_snapshot!(twice("webhook-timestamp"), @"the header `webhook-timestamp` came 2 times, and only once can be right");
    let as_value = |name: &str, value: &str| judge(&with(&signed(), name, Some(value)));
    insta::assert_snapshot!(as_value("webhook-id", ""), @"`webhook-id` is empty or not UTF-8");
    insta::assert_snapshot!(as_value("webhook-timestamp", "2021-02-25T15:02:10Z"), @"the timestamp in `webhook-timestamp` is `2021-02-25T15:02:10Z`, which is not a whole number of seconds since 1970");
    for text in ["", "+1614265330", "1614265330.0", " 1614265330", "99999999999999999999"] {
        assert!(
            as_value("webhook-timestamp", text).contains("not a whole number of seconds"),
            "{text}"
        );
    }
    insta::assert_snapshot!(as_value("webhook-signature", "v1,AAAA"), @"`webhook-signature` is `v1,AAAA`, with nothing of the form `[ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]` in it");
    for text in ["", "v1", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "sha256=00"] {
        assert!(as_value("webhook-signature", text).contains("with nothing of the form"), "{text}");
    }
    let words = with(&signed(), "webhook-signature", Some("s3cret"));
    let found = verify(&preset("standard-webhooks"), &[SECRET], &words, BODY).unwrap_err();
    insta::assert_snapshot!(found.redacted(), @"`webhook-signature` is `[redacted]`, with nothing of the form `[ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]` in it");
    let stripe = preset("stripe");
    let headers = Headers::from_iter([("stripe-signature", "t=1,t=2,v1=00")]);
    insta::assert_snapshot!(verify(&stripe, &["k"], &headers, BODY).unwrap_err(), @"the header `stripe-signature` holds 2 timestamps, and only one can be right");
    let headers = Headers::from_iter([("stripe-signature", "v1=00")]);
    insta::assert_snapshot!(verify(&stripe, &["k"], &headers, BODY).unwrap_err(), @"`stripe-signature` is `v1=00`, with nothing of the form `t={timestamp}[,v1={hmac-sha256:hex}]` in it");
}

#[test]
fn headers_of_another_platform() {
    let github = signer(&preset("github"), &["k"]).headers(&message(BODY));
    insta::assert_snapshot!(judge(&github), @"the header `webhook-id` is missing, and `x-hub-signature-256` is there: that is how github signs, so verify with `--sign github`");
    let svix = signer(&preset("svix"), &[SECRET]).headers(&message(BODY));
    insta::assert_snapshot!(judge(&svix), @"the header `webhook-id` is missing, and `svix-signature` is there: that is how svix signs, so verify with `--sign svix`");
}

#[test]
fn the_age_is_judged_to_the_second() {
    let scheme = preset("standard-webhooks");
    let headers = signed();
    let received = Received { headers: &headers, body: BODY, id: None, url: "" };
    let at = |now_ms, tolerance_s| {
        let age = Age::Within { now_ms, tolerance_s };
        scheme.verify(&secrets(&scheme, &[SECRET]), &received, age).map(|_| ())
    };
    assert_eq!(at((NOW_S + 300) * 1000 + 999, 300), Ok(()));
    assert_eq!(at((NOW_S - 300) * 1000, 300), Ok(()));
    let otherwise_right = true;
    assert_eq!(at((NOW_S + 301) * 1000, 300), Err(Diagnosis::TooOld { by_s: 1, otherwise_right }));
    assert_eq!(
        at((NOW_S - 300) * 1000 - 1, 300),
        Err(Diagnosis::TooFarInTheFuture { by_s: 1, otherwise_right })
    );
    assert!(scheme.verify(&secrets(&scheme, &[SECRET]), &received, Age::Any).is_ok());
    // Neither end of the number line overflows.
    for value in [i64::MIN, i64::MAX] {
        let headers = with(&headers, "webhook-timestamp", Some(&value.to_string()));
        let received = Received { headers: &headers, ..received };
        for (now_ms, tolerance_s) in [(NOW_S * 1000, 300), (i64::MIN, u64::MAX), (i64::MAX, 0)] {
            let age = Age::Within { now_ms, tolerance_s };
            assert!(scheme.verify(&secrets(&scheme, &[SECRET]), &received, age).is_err());
        }
    }
}

#[test]
fn old_and_wrong_is_told_from_old_alone() {
    let at = |key| {
        let old = Message { timestamp_ms: (NOW_S - 4000) * 1000, ..message(BODY) };
        let headers = signer(&preset("standard-webhooks"), &[key]).headers(&old);
        judge(&headers)
    };
    insta::assert_snapshot!(at(SECRET), @"the timestamp is 3700 s older than is permitted: a replay, a retry under its first timestamp, or clocks that disagree; the signature itself is right");
    insta::assert_snapshot!(at(OTHER), @"the timestamp is 3700 s older than is permitted: a replay, a retry under its first timestamp, or clocks that disagree; the signature does not match either");
}

#[test]
fn seconds_and_milliseconds_are_told_apart() {
    let as_milliseconds: Template = preset("standard-webhooks")
        .to_string()
        .replace("{timestamp}", "{timestamp_ms}")
        .parse()
        .unwrap();
    let headers = signer(&as_milliseconds, &[SECRET]).headers(&message(BODY));
    insta::assert_snapshot!(judge(&headers), @"the timestamp in `webhook-timestamp` is `1614265330000`, which is a time in milliseconds where this scheme has seconds");
    let as_seconds: Template =
        preset("retell").to_string().replace("{timestamp_ms}", "{timestamp}").parse().unwrap();
    let headers = signer(&as_seconds, &["k"]).headers(&message(BODY));
    insta::assert_snapshot!(verify(&preset("retell"), &["k"], &headers, BODY).unwrap_err(), @"the timestamp in `x-retell-signature` is `1614265330`, which is a time in seconds where this scheme has milliseconds");
}

#[test]
fn keys_that_do_not_match() {
    let scheme = preset("standard-webhooks");
    let verdict = |keys: &[&str], headers: &Headers| {
        verify(&scheme, keys, headers, BODY).map(|it| it.secret).map_err(|it| it.to_string())
    };
    assert_eq!(verdict(&[OTHER, SECRET], &signed()), Ok(1));
    insta::assert_snapshot!(verdict(&[OTHER], &signed()).unwrap_err(), @"none of the signatures (1) matches any of the secrets (1): a wrong secret, or what was signed was changed since in a way that is not known here");
    insta::assert_snapshot!(verdict(&[], &signed()).unwrap_err(), @"none of the signatures (1) matches any of the secrets (0): a wrong secret, or what was signed was changed since in a way that is not known here");
    insta::assert_snapshot!(verdict(&[PUBLIC], &signed()).unwrap_err(), @"no matching key: the message is signed with hmac-sha256, and none of the secrets (1) is for that");
    let asymmetric = signer(&scheme, &[PRIVATE]).headers(&message(BODY));
    assert_eq!(verdict(&[PUBLIC], &asymmetric), Ok(0));
    insta::assert_snapshot!(verdict(&[SECRET], &asymmetric).unwrap_err(), @"no matching key: the message is signed with ed25519, and none of the secrets (1) is for that");
}

/// Signs one body and verifies another.
fn after(signed: &[u8], received: &[u8]) -> String {
    for name in ["standard-webhooks", "github", "retell"] {
        let scheme = preset(name);
        let headers = signer(&scheme, &[SECRET]).headers(&message(signed));
        let found = verify(&scheme, &[SECRET], &headers, received).unwrap_err();
        if name == "retell" {
            return found.to_string();
        }
        assert!(matches!(found, Diagnosis::BodyChanged(_)), "{name}: {found:?}");
        // With another secret, nothing can be said of the body.
        let wrong = verify(&scheme, &[OTHER], &headers, received).unwrap_err();
        assert!(matches!(wrong, Diagnosis::NoMatch { .. }), "{name}: {wrong:?}");
    }
    unreachable!("the last scheme returns")
}

#[test]
fn bodies_that_were_changed_by_some_bytes() {
    insta::assert_snapshot!(after(b"{}", b"{}\r\n"), @"the signature is right for this body without the 2 bytes of white space at its end: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{}\n", b"{}\n \n"), @"the signature is right for this body without the 2 bytes of white space at its end: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{}\n", b"{}"), @"the signature is right for this body with a line end after it: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{}\r\n", b"{}"), @"the signature is right for this body with a line end after it: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{}", b"\xEF\xBB\xBF{}"), @"the signature is right for this body without its byte order mark: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"\xEF\xBB\xBF{}", b"{}"), @"the signature is right for this body after a byte order mark: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{\r\n}", b"{\n}"), @"the signature is right for this body with its line ends as LF or CR LF: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(b"{\n}", b"{\r\n}"), @"the signature is right for this body with its line ends as LF or CR LF: verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after("\"é\"".as_bytes(), "\"Ã©\"".as_bytes()), @"the signature is right for this body before it was read as Latin-1 and written as UTF-8: verify the raw bytes, before anything reads them");
}

#[test]
fn bodies_that_were_parsed_and_written_again() {
    let signed = r#"{"b":1.0,"a":"é/<"}"#.as_bytes();
    insta::assert_snapshot!(after(signed, "{\n  \"b\": 1.0,\n  \"a\": \"é/<\"\n}".as_bytes()), @"the signature is right for the same JSON written without white space: the body was parsed and written again; verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(signed, br#"{"b": 1.0, "a": "\u00e9\/<"}"#), @"the signature is right for the same JSON written without white space: the body was parsed and written again; verify the raw bytes, before anything reads them");
    // Signed over what Python writes, and verified over what came.
    insta::assert_snapshot!(after(br#"{"b": 1.0, "a": "\u00e9/<"}"#, signed), @r"the signature is right for the same JSON written on one line with a space after each comma and colon, characters beyond ASCII as \u: the body was parsed and written again; verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(br#"{"a":"\u00e9/<","b":1.0}"#, signed), @r"the signature is right for the same JSON written without white space, keys sorted, characters beyond ASCII as \u: the body was parsed and written again; verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(br#"{"b":1.0,"a":"\u00e9\/<"}"#, signed), @r"the signature is right for the same JSON written without white space, characters beyond ASCII as \u, slashes escaped: the body was parsed and written again; verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after(r#"{"a":"é/\u003c","b":1}"#.as_bytes(), signed), @r"the signature is right for the same JSON written without white space, keys sorted, characters of HTML as \u, 1.0 as 1: the body was parsed and written again; verify the raw bytes, before anything reads them");
    insta::assert_snapshot!(after("{\n\t\"b\": 1.0,\n\t\"a\": \"é/<\"\n}".as_bytes(), signed), @"the signature is right for the same JSON written on many lines, indented by tabs: the body was parsed and written again; verify the raw bytes, before anything reads them");
}

/// Signs by one template and verifies by another.
fn by(signed: &str, verified: &str, key: &str) -> String {
    let headers = signer(&signed.parse().unwrap(), &[key]).headers(&message(BODY));
    let scheme: Template = verified.parse().unwrap();
    verify(&scheme, &[key], &headers, BODY).unwrap_err().to_string()
}

#[test]
fn schemes_that_were_misread() {
    let scheme = "content={timestamp}.{body}; x-time: {timestamp}; x-sig: {hmac-sha256:hex}";
    let with = |from: &str, to: &str| by(&scheme.replace(from, to), scheme, SECRET);
    insta::assert_snapshot!(with("{timestamp}.{body}", "{body}"), @"the signature is right for `{body}` where this scheme signs `{timestamp}.{body}`");
    insta::assert_snapshot!(with("{timestamp}.{body}", "{body}{timestamp}"), @"the signature is right for `{body}{timestamp}` where this scheme signs `{timestamp}.{body}`");
    insta::assert_snapshot!(with("{timestamp}.{body}", "{id}"), @"the signature is right for `{id}` where this scheme signs `{timestamp}.{body}`: the body is not protected");
    insta::assert_snapshot!(with("{timestamp}.{body}", "{id}.{timestamp}.{body}"), @"the signature is right for `{id}.{timestamp}.{body}` where this scheme signs `{timestamp}.{body}`");
    insta::assert_snapshot!(with("sha256:hex", "sha256:base64"), @"the signature is right and written in base64 where this scheme has hex");
    insta::assert_snapshot!(with("sha256:hex", "sha1:hex"), @"the signature is right by hmac-sha1 where this scheme has hmac-sha256");
    insta::assert_snapshot!(with("sha256:hex", "sha512:hex"), @"the signature is right by hmac-sha512 where this scheme has hmac-sha256");
    insta::assert_snapshot!(by("content={body}; x-sig: {hmac-sha256:hex}", "content={body}; x-sig: {hmac-sha256:base64}", SECRET), @"the signature is right and written in hex where this scheme has base64");
    insta::assert_snapshot!(by("content={body}; x-sig: {hmac-sha256:base64url}", "content={body}; x-sig: {hmac-sha256:base64}", SECRET), @"the signature is right and written in base64url where this scheme has base64");
}

#[test]
fn secrets_that_were_misread() {
    let text = "content={body}; key={text}; x-sig: {hmac-sha256:hex}";
    let decoded = text.replace("{text}", "whsec_{base64}");
    insta::assert_snapshot!(by(&decoded, text, SECRET), @"the signature is right with the key `whsec_{base64}` where this scheme takes `{text}`: the secret was read in another way by the sender");
    insta::assert_snapshot!(by(text, &decoded, SECRET), @"the signature is right with the key `{text}` where this scheme takes `whsec_{base64}`: the secret was read in another way by the sender");
    insta::assert_snapshot!(by(&text.replace("{text}", "whsec_{text}"), &decoded, SECRET), @"the signature is right with the key `whsec_{text}` where this scheme takes `whsec_{base64}`: the secret was read in another way by the sender");
    insta::assert_snapshot!(by(&text.replace("{text}", "{hex}"), text, "00ff00ff"), @"the signature is right with the key `{hex}` where this scheme takes `{text}`: the secret was read in another way by the sender");
}

#[test]
fn a_signature_that_was_cut() {
    let whole = signed().get("webhook-signature").unwrap().to_owned();
    insta::assert_snapshot!(judge(&with(&signed(), "webhook-signature", Some(&whole[..25]))), @"the signature is the begin of the right one: 22 characters of 44");
    assert!(
        judge(&with(&signed(), "webhook-signature", Some(&whole[..6])))
            .contains("nothing of the form")
    );
}

#[test]
fn more_signatures_than_anybody_needs_are_refused() {
    let right = signed().get("webhook-signature").unwrap().to_owned();
    let many = |n: usize| "v1,AAAA ".repeat(n) + &right;
    assert_eq!(judge(&with(&signed(), "webhook-signature", Some(&many(31)))), "valid");
    insta::assert_snapshot!(judge(&with(&signed(), "webhook-signature", Some(&many(32)))), @"`webhook-signature` holds more than 32 signatures");
    // Nor does a diagnosis repeat all that came.
    let long = "x".repeat(100_000);
    assert!(judge(&with(&signed(), "webhook-signature", Some(&long))).len() < 500);
}

#[test]
fn an_id_that_is_signed_must_be_known() {
    let scheme = preset("synthflow");
    let headers = signer(&scheme, &["k"]).headers(&message(BODY));
    let received = Received { headers: &headers, body: BODY, id: None, url: URL };
    let verdict = scheme.verify(&secrets(&scheme, &["k"]), &received, Age::Any);
    assert_eq!(verdict, Err(Diagnosis::UnknownId));
    // It covers nothing but the id.
    assert!(verify(&scheme, &["k"], &headers, b"something else").is_ok());
}

#[test]
fn a_body_too_long_to_be_tried_is_still_judged() {
    let long = vec![b' '; ringback_signature::DIAGNOSED_BYTES_MAX + 1];
    let scheme = preset("github");
    let headers = signer(&scheme, &["k"]).headers(&message(b""));
    let found = verify(&scheme, &["k"], &headers, &long).unwrap_err();
    assert!(matches!(found, Diagnosis::NoMatch { .. }), "{found:?}");
    let found = verify(&scheme, &["k"], &headers, &long[1..]).unwrap_err();
    let bytes = long.len() - 1;
    assert_eq!(found, Diagnosis::BodyChanged(Change::WhiteSpaceAdded { bytes }));
}
