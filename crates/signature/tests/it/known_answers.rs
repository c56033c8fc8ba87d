//! What the platforms print in their own documentation and libraries.

use ringback_signature::Message;

use crate::support::{
    BODY, ID, NOW_S, PRIVATE, PUBLIC, SECRET, lines, message, preset, signer, verify,
};

#[test]
fn standard_webhooks_with_a_shared_secret() {
    let template = preset("standard-webhooks");
    let signed = signer(&template, &[SECRET]).headers(&message(BODY));
    assert_eq!(
        lines(&signed),
        [
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp: 1614265330",
            "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ]
    );
    let second = Message {
        id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        timestamp_ms: 1_649_367_553_000,
        url: "",
        body: br#"{"email":"test@example.com","username":"test_user"}"#,
    };
    let signed = signer(&template, &["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]).headers(&second);
    assert_eq!(
        signed.get("webhook-signature"),
        Some("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=")
    );
}

#[test]
fn standard_webhooks_with_an_ed25519_key() {
    let template = preset("standard-webhooks");
    let signed = signer(&template, &[PRIVATE]).headers(&message(BODY));
    assert_eq!(
        signed.get("webhook-signature"),
        Some(
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        )
    );
    for key in [PRIVATE, PUBLIC] {
        assert_eq!(verify(&template, &[key], &signed, BODY).unwrap().id.as_deref(), Some(ID));
    }
}

#[test]
fn several_secrets_share_one_header_where_the_scheme_has_a_list() {
    let header = |name: &str, of: &str, texts: &[&str]| {
        let signed = signer(&preset(name), texts).headers(&message(BODY));
        signed.get_all(of).map(|value| value.to_text().into_owned()).collect::<Vec<_>>()
    };
    let v1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let both = header("standard-webhooks", "webhook-signature", &[SECRET, PRIVATE]);
    assert_eq!(both.len(), 1);
    assert!(both[0].starts_with(&format!("{v1} v1a,hnO3")), "{both:?}");
    let stripe = header("stripe", "stripe-signature", &["one", "two"]);
    assert_eq!(stripe[0].matches(",v1=").count(), 2, "{stripe:?}");
    assert_eq!(header("github", "x-hub-signature-256", &["one", "two"]).len(), 2);
}

#[test]
fn github() {
    let signer = signer(&preset("github"), &["It's a Secret to Everybody"]);
    assert_eq!(
        lines(&signer.headers(&message(b"Hello, World!"))),
        [
            "x-hub-signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        ]
    );
}

#[test]
fn slack() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let message = Message { timestamp_ms: 1_531_420_618_000, ..message(body.as_bytes()) };
    let signer = signer(&preset("slack"), &["8f742231b10e8888abcd99yyyzzz85a5"]);
    assert_eq!(
        lines(&signer.headers(&message)),
        [
            "x-slack-request-timestamp: 1531420618",
            "x-slack-signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ]
    );
}

#[test]
fn twilio() {
    // For a form, the parameters stand behind the URL; the example in the documentation has one.
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212";
    let signer = signer(&preset("twilio"), &["12345"]);
    assert_eq!(
        lines(&signer.headers(&Message { url, ..message(b"") })),
        ["x-twilio-signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="]
    );
}

#[test]
fn the_forms_of_the_others() {
    let form = |name: &str| {
        let template = preset(name);
        let key = crate::support::secret_for(&template);
        let signed = signer(&template, &[key]).headers(&message(b"{}"));
        let is_code = |c: char| c.is_ascii_hexdigit();
        lines(&signed)
            .into_iter()
            .map(|line| match line.rfind(|c| !is_code(c)) {
                Some(at) if line.len() - at > 64 => format!("{}<hex>", &line[..=at]),
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(NOW_S, 1_614_265_330);
    insta::assert_snapshot!(form("stripe"), @"stripe-signature: t=1614265330,v1=<hex>");
    insta::assert_snapshot!(form("shopify"), @"x-shopify-hmac-sha256: bLvN8sgBbKhbUFQ7GejhIe8WE3lnvfo85mCXKSK6+us=");
    insta::assert_snapshot!(form("elevenlabs"), @"elevenlabs-signature: t=1614265330,v0=<hex>");
    insta::assert_snapshot!(form("retell"), @"x-retell-signature: v=1614265330000,d=<hex>");
    insta::assert_snapshot!(form("hume"), @"
    x-hume-ai-webhook-timestamp: 1614265330
    x-hume-ai-webhook-signature: <hex>
    ");
    insta::assert_snapshot!(form("bland"), @"x-webhook-signature: <hex>");
    insta::assert_snapshot!(form("synthflow"), @"http_synthflow_signature: <hex>");
    insta::assert_snapshot!(form("telnyx"), @"
    telnyx-timestamp: 1614265330
    telnyx-signature-ed25519: d6eQzbMYgErUBFDkdqsDdB8jQD++kcDI1X8ygsOTP96YyFxRzq1VTk8vAVkzCSFPC5MrzHoPLM/iWPkmYglhDQ==
    ");
}
