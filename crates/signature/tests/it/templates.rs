//! The text of templates: what it says, and what is refused.

use ringback_signature::{PRESETS, Template};

use crate::support::preset;

#[test]
fn each_preset_prints_as_a_template_that_is_the_same() {
    for preset in PRESETS {
        let template = preset.template();
        assert_eq!(template.to_string().parse(), Ok(template), "{}", preset.name);
    }
    insta::assert_snapshot!(preset("standard-webhooks"), @"content={id}.{timestamp}.{body}; key=whsec_{base64}; tolerance=300s; webhook-id: {id}; webhook-timestamp: {timestamp}; webhook-signature: [ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]");
    insta::assert_snapshot!(preset("retell"), @"content={body}{timestamp_ms}; key={text}; tolerance=300s; x-retell-signature: v={timestamp_ms},d={hmac-sha256:hex}");
}

#[test]
fn what_nobody_could_verify_is_refused() {
    let error = |text: &str| text.parse::<Template>().unwrap_err().to_string();
    insta::assert_snapshot!(error("x-sig: {hmac-sha256:hex}"), @"there is no `content=…`, which says what is signed, such as `content={timestamp}.{body}`");
    insta::assert_snapshot!(error("content={body}; x-sig"), @"`x-sig` is neither `content=…`, `key=…`, `tolerance=…` nor a header line, `Name: value`");
    insta::assert_snapshot!(error("content={body}; content={id}; x-sig: {hmac-sha256:hex}"), @"`content=` is there twice");
    insta::assert_snapshot!(error("content={body}; x-sig: {signature}"), @"`{signature}` is not known in `x-sig: {signature}`: use `{id}`, `{timestamp}`, `{timestamp_ms}`, or an algorithm (hmac-sha1, hmac-sha256, hmac-sha512, ed25519) and an encoding (hex, base64, base64url) as in `{hmac-sha256:hex}`; a brace that is text is written twice");
    insta::assert_snapshot!(error("content={boddy}; x-sig: {hmac-sha256:hex}"), @"`{boddy}` is not known in `content={boddy}`: use `{id}`, `{timestamp}`, `{timestamp_ms}`, `{body}` or `{url}`; a brace that is text is written twice");
    insta::assert_snapshot!(error("content={body; x-sig: {hmac-sha256:hex}"), @"a brace stands alone in `content={body`: write it twice if it is text");
    insta::assert_snapshot!(error("content={body}; x sig: {hmac-sha256:hex}"), @"`x sig` is no header name");
    insta::assert_snapshot!(error("content={body}; key={rot13}; x-sig: {hmac-sha256:hex}"), @"`key={rot13}` is none of `key={text}`, `key={base64}`, `key={hex}`, each with or without a prefix");
    insta::assert_snapshot!(error("content={body}; tolerance=5m; x-sig: {hmac-sha256:hex}"), @"`tolerance=5m` is not a whole number of seconds, such as `tolerance=300s`");
    insta::assert_snapshot!(error("content=v1; x-sig: {hmac-sha256:hex}"), @"the content has none of `{body}`, `{id}` and `{url}`: every message would have the same signature");
    insta::assert_snapshot!(error("content={body}; x-a: 1"), @"no header line holds a signature, such as `x-signature: {hmac-sha256:hex}`");
    insta::assert_snapshot!(error("content={timestamp}.{body}; x-sig: {hmac-sha256:hex}"), @"the timestamp is signed and in no header line, so no receiver could know it");
    insta::assert_snapshot!(error("content={timestamp_ms}.{body}; x-sig: t={timestamp},v={hmac-sha256:hex}"), @"it has both `{timestamp}` and `{timestamp_ms}`: a receiver reads one of them from a header");
    insta::assert_snapshot!(error("content={body}; x-sig: {id}{hmac-sha256:hex}"), @"two placeholders of a header line stand side by side: put a text between them, so that a receiver can tell them apart");
    insta::assert_snapshot!(error("content={body}; x-sig: {hmac-sha1:hex}.{hmac-sha256:hex}"), @"a header line holds several signatures outside of a list: give each a line of its own, or put a list in brackets");
    insta::assert_snapshot!(error("content={body}; x-sig: t[,v={hmac-sha256:hex}"), @"the list in `x-sig: t[,v={hmac-sha256:hex}` is not of the form `…[,v1={hmac-sha256:hex}]`: brackets at the end, each beginning with the same separator (no letter and no digit) and holding one signature");
    insta::assert_snapshot!(error("content={body}; x-sig: [v={hmac-sha256:hex}]"), @"the list in `x-sig: [v={hmac-sha256:hex}]` is not of the form `…[,v1={hmac-sha256:hex}]`: brackets at the end, each beginning with the same separator (no letter and no digit) and holding one signature");
    insta::assert_snapshot!(error("content={body}; x-sig: [,a,{hmac-sha256:hex}]"), @"the list in `x-sig: [,a,{hmac-sha256:hex}]` is not of the form `…[,v1={hmac-sha256:hex}]`: brackets at the end, each beginning with the same separator (no letter and no digit) and holding one signature");
    insta::assert_snapshot!(error("content={id}.{body}; x-id: {id}; X-ID: {hmac-sha256:hex}"), @"two header lines have the same name: put both into one line");
    insta::assert_snapshot!(error("content={id}.{body}; x-id: {id}; x-sig: {id}.{hmac-sha256:hex}"), @"the id or the timestamp is in two header lines, which could contradict each other");
}

#[test]
fn a_brace_and_a_semicolon_can_be_text() {
    // Paddle separates by a semicolon without a space.
    let paddle: Template =
        "content={timestamp}:{body}; paddle-signature: ts={timestamp}[;h1={hmac-sha256:hex}]"
            .parse()
            .unwrap();
    let signed = crate::support::signer(&paddle, &["k"]).headers(&crate::support::message(b"{}"));
    assert!(signed.get("paddle-signature").unwrap().starts_with("ts=1614265330;h1="));
    let braces: Template = "content={{{body}}}; x-sig: {{{hmac-sha256:hex}}}".parse().unwrap();
    let signed = crate::support::signer(&braces, &["k"]).headers(&crate::support::message(b"x"));
    assert!(signed.get("x-sig").unwrap().starts_with('{'));
    let plain: Template = "content={body}; x-sig: {hmac-sha256:hex}".parse().unwrap();
    let same = crate::support::signer(&plain, &["k"]).headers(&crate::support::message(b"{x}"));
    assert_eq!(signed.get("x-sig").unwrap().trim_matches(['{', '}']), same.get("x-sig").unwrap());
}
