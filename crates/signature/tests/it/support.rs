//! A scheme, its secrets, and messages that they sign.

use ringback_exchange::Headers;
use ringback_signature::{
    Age, Diagnosis, Message, Preset, Received, Secret, Signer, TOLERANCE_S, Template, Verified,
};

/// 2021-02-25T15:02:10Z, the time of the examples of Standard Webhooks.
pub(crate) const NOW_S: i64 = 1_614_265_330;
pub(crate) const BODY: &[u8] = br#"{"test": 2432232314}"#;
pub(crate) const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
pub(crate) const URL: &str = "https://receiver.example/hooks?a=1";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OTHER: &str = "whsec_b3RoZXIgc2VjcmV0IGZvciB0ZXN0cyE=";
pub(crate) const PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
pub(crate) const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

pub(crate) fn preset(name: &str) -> Template {
    Preset::find(name).unwrap().template()
}

/// A secret of the kind that the scheme takes.
pub(crate) fn secret_for(template: &Template) -> &'static str {
    if template.secret(SECRET).is_ok() { SECRET } else { PRIVATE }
}

pub(crate) fn secrets(template: &Template, texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| template.secret(text).unwrap()).collect()
}

pub(crate) fn signer(template: &Template, texts: &[&str]) -> Signer {
    Signer::new(template.clone(), secrets(template, texts)).unwrap()
}

pub(crate) fn message(body: &[u8]) -> Message<'_> {
    Message { id: ID, timestamp_ms: NOW_S * 1000, url: URL, body }
}

pub(crate) fn verify(
    template: &Template,
    texts: &[&str],
    headers: &Headers,
    body: &[u8],
) -> Result<Verified, Diagnosis> {
    let age = Age::Within { now_ms: NOW_S * 1000, tolerance_s: TOLERANCE_S };
    let received = Received { headers, body, id: Some(ID), url: URL };
    template.verify(&secrets(template, texts), &received, age)
}

/// Replaces the value of a header, or takes it out.
pub(crate) fn with(headers: &Headers, name: &str, value: Option<&str>) -> Headers {
    let mut headers = headers.clone();
    headers.0.retain(|line| !line.0.eq_ignore_ascii_case(name));
    if let Some(value) = value {
        headers.push(name, value);
    }
    headers
}

pub(crate) fn lines(headers: &Headers) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_text())).collect()
}
