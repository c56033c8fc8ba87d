//! What holds for every template, secret and message.

use proptest::prelude::*;
use ringback_exchange::{Content, Headers};
use ringback_signature::{
    Age, Message, PRESETS, Received, Secret, Signer, Template, Verified, sign, verify,
};

use crate::support::{OTHER, PRIVATE, PUBLIC, SECRET, secret_for};

/// Templates as somebody could write them.
fn templates() -> impl Strategy<Value = String> {
    let text = "[a-zA-Z0-9._:|-]{0,4}";
    let content =
        (text, prop::sample::subsequence(vec!["{id}", "{timestamp}", "{url}"], 0..=3), text)
            .prop_map(|(begin, mut fields, between)| {
                fields.push("{body}");
                (begin + &fields.join(&between), fields.contains(&"{timestamp}"))
            });
    let algorithm =
        prop::sample::select(vec!["hmac-sha1", "hmac-sha256", "hmac-sha512", "ed25519"]);
    let encoding = prop::sample::select(vec!["hex", "base64", "base64url"]);
    let key = prop::sample::select(vec!["{text}", "whsec_{base64}", "whsec_{text}"]);
    (content, algorithm, encoding, key, any::<bool>(), prop::option::of("[ ,;|]"), "[a-z]{1,3}=")
        .prop_map(|((content, has_time), algorithm, encoding, key, in_ms, separator, label)| {
            let time = if in_ms { "{timestamp_ms}" } else { "{timestamp}" };
            let content = content.replace("{timestamp}", time);
            let mark = format!("{{{algorithm}:{encoding}}}");
            let time_line = if has_time { format!("; x-time: {time}") } else { String::new() };
            let value = match separator {
                Some(separator) => format!("0{label}[{separator}{label}{mark}]"),
                None => format!("{label}{mark}"),
            };
            format!("content={content}; key={key}{time_line}; x-id: {{id}}; x-signature: {value}")
        })
}

proptest! {
    #[test]
    fn what_any_template_signs_it_verifies(
        text in templates(), id in "[!-~]{1,40}", timestamp_ms in -4_000_000_000_000_i64..4_000_000_000_000,
        body: Vec<u8>, url in "https://[a-z]{1,9}/[!-~]{0,20}",
    ) {
        let template: Template = text.parse().unwrap();
        prop_assert_eq!(&template.to_string().parse::<Template>(), &Ok(template.clone()));
        let key = secret_for(&template);
        let other = if key == SECRET { OTHER } else { "whsk_b3RoZXIgc2VjcmV0IGZvciB0ZXN0cyEgMTIzNDU2Nzg=" };
        let secret = |text: &str| template.secret(text).unwrap();
        let signer = Signer::new(template.clone(), vec![secret(key)]).unwrap();
        let headers = signer.headers(&Message { id: &id, timestamp_ms, url: &url, body: &body });
        let received = Received { headers: &headers, body: &body, id: None, url: &url };
        let age = Age::Within { now_ms: timestamp_ms, tolerance_s: 0 };
        let verified = template.verify(&[secret(other), secret(key)], &received, age).unwrap();
        prop_assert_eq!(verified.secret, 1);
        prop_assert_eq!(verified.id, Some(id));
        prop_assert!(template.verify(&[secret(other)], &received, Age::Any).is_err());
        let longer = [&body[..], b"x"].concat();
        let received = Received { body: &longer, ..received };
        prop_assert!(template.verify(&[secret(key)], &received, Age::Any).is_err());
    }

    #[test]
    fn what_any_preset_signs_it_verifies_with_each_of_its_secrets(
        id in "[!-~]{1,40}", timestamp_ms in 0_i64..4_000_000_000_000, body: Vec<u8>,
    ) {
        for preset in PRESETS {
            let template = preset.template();
            let texts: &[&str] = if secret_for(&template) == SECRET { &[SECRET, OTHER] } else { &[PRIVATE] };
            let secrets: Vec<Secret> = texts.iter().map(|text| template.secret(text).unwrap()).collect();
            let message = Message { id: &id, timestamp_ms, url: "https://a/", body: &body };
            let headers = Signer::new(template.clone(), secrets.clone()).unwrap().headers(&message);
            let received = Received { headers: &headers, body: &body, id: Some(&id), url: "https://a/" };
            let age = Age::Within { now_ms: timestamp_ms, tolerance_s: template.tolerance_s() };
            for secret in secrets {
                prop_assert!(template.verify(&[secret], &received, age).is_ok(), "{}", preset.name);
            }
        }
    }

    #[test]
    fn one_flipped_bit_never_verifies(place in 0_usize..1000, bit in 0_u8..8, body: Vec<u8>) {
        let secret: Secret = SECRET.parse().unwrap();
        let mut headers = sign(&secret, "msg_1", 1_614_265_330, &body);
        let mut body = body;
        let n_bytes: usize = headers.0.iter().map(|line| line.1.0.len()).sum::<usize>() + body.len();
        let mut place = place % n_bytes;
        let mut flipped = false;
        for line in &mut headers.0 {
            let mut value = line.1.0.to_vec();
            if !flipped && place < value.len() {
                value[place] ^= 1 << bit;
                flipped = true;
            } else if !flipped {
                place -= value.len();
            }
            line.1 = Content::from(value);
        }
        if !flipped {
            body[place] ^= 1 << bit;
        }
        // Any age is permitted, so that it is the signature that has to notice.
        prop_assert!(verify(&[secret], &headers, &body, 1_614_265_330, u64::MAX).is_err());
    }

    #[test]
    fn nothing_that_comes_panics(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 4),
        json in "[{}\\[\\]\",:0-9a-z ]{0,20}", body: Vec<u8>, now_ms: i64, tolerance_s: u64,
        place in 0_usize..PRESETS.len(),
    ) {
        let template = PRESETS[place].template();
        let secret = template.secret(secret_for(&template)).unwrap();
        let names: Vec<String> =
            template.to_string().split("; ").filter_map(|part| Some(part.split_once(": ")?.0.to_owned())).collect();
        let headers: Headers = names.into_iter().zip(values).collect();
        for body in [&body[..], json.as_bytes()] {
            let received = Received { headers: &headers, body, id: Some("1"), url: "u" };
            for age in [Age::Any, Age::Within { now_ms, tolerance_s }] {
                prop_assert!(template.verify(std::slice::from_ref(&secret), &received, age).is_err());
            }
        }
    }

    #[test]
    fn no_text_panics_as_a_template(text in "(content=|key=|tolerance=|x-a: |; |\\[|\\]|\\{|\\}|\\{body\\}|\\{hmac-sha1:hex\\}|,|[a-z]){0,12}") {
        if let Ok(template) = text.parse::<Template>() {
            prop_assert_eq!(template.to_string().parse::<Template>(), Ok(template));
        }
    }
}

#[test]
fn the_short_form_is_standard_webhooks() {
    let secret: Secret = SECRET.parse().unwrap();
    let public = PRIVATE.parse::<Secret>().unwrap();
    assert_eq!(public.public().as_deref(), Some(PUBLIC));
    let headers = sign(&secret, "msg_1", 7, b"{}");
    let verified = Verified { id: Some("msg_1".to_owned()), timestamp_ms: Some(7000), secret: 1 };
    assert_eq!(verify(&[public, secret], &headers, b"{}", 7, 0), Ok(verified));
}
