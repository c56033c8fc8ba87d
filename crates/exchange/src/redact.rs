//! Exchanges that can be handed on: without secrets and without personal data.
//!
//! An exchange comes in; one of the same shape goes out, in which each value that is nobody's business
//! is a mark, `[redacted sha256:ab12…]`. Equal values have equal marks, so that comparing two exports
//! still shows what has changed; four digits are too few to find a phone number by trying them all.
//! Everything else stays as it is, byte for byte: keys, their order, spaces, numbers.
//!
//! What is redacted: values of secret header lines (trailers and the raw head too), [`PERSONAL`] values
//! in bodies of JSON and of forms, and values of queries with such a name or one that says that it is a
//! secret. A body that should be JSON and is not, or that is compressed, cannot be searched, and is a
//! mark as a whole. Other text is not searched.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::content::Content;
use crate::exchange::Exchange;
use crate::headers::{Headers, is_secret};

/// Where personal data is in bodies: names of keys, or two of them where one alone says too little. A
/// value is redacted when the keys on the way to it end so, or pass by it; items of lists have no key.
pub const PERSONAL: [&str; 20] = [
    "customer/name",
    "customer/identifier",
    "customer/metadata",
    "customerName",
    "firstName",
    "lastName",
    "fullName",
    "email",
    "phone",
    "phoneNumber",
    "toPhoneNumber",
    "fromPhoneNumber",
    "transferDestination",
    "dynamicVariables",
    "recordingUrl",
    "transcript",
    "transcripts/messages",
    "summary",
    "postCallNotes",
    "postCallMetadata",
];

/// Names of query and form values that are secrets, besides those that would be secret header names.
const SECRET: [&str; 6] = ["token", "key", "secret", "password", "signature", "sig"];

/// Nothing that is an event is nested deeper. What is could make searching slow, and is a mark.
const DEPTH: usize = 64;

impl Exchange {
    /// Returns the exchange without secrets and personal data, in the same shape.
    #[must_use]
    pub fn anonymous(self) -> Self {
        let mut exchange = self.redacted();
        let was_refused = exchange.request.method.is_empty();
        if let Some(wire) = &mut exchange.wire {
            // What was no request cannot be searched: where its head ends is what was wrong with it.
            wire.head = if was_refused { whole(&wire.head) } else { head(&wire.head) };
            wire.trailers = wire.trailers.redacted();
        }
        let request = &mut exchange.request;
        request.body = body(&request.body, &request.headers);
        request.target = redact_target(&request.target).into_owned();
        if let Some(reply) = &mut exchange.reply {
            reply.body = body(&reply.body, &reply.headers);
        }
        if let Some(forwarded) = &mut exchange.forwarded {
            forwarded.url = redact_target(&forwarded.url).into_owned();
        }
        exchange
    }
}

/// Redacts a body by what it is.
fn body(body: &Content, headers: &Headers) -> Content {
    let is = |name: &str, what: &str| {
        headers.get(name).is_some_and(|value| value.to_ascii_lowercase().starts_with(what))
    };
    let is_packed =
        headers.get("content-encoding").is_some() && !is("content-encoding", "identity");
    if is_packed && !body.0.is_empty() {
        return format!("{} ({} bytes, compressed)", mark(&body.0), body.0.len()).into();
    }
    let Ok(text) = std::str::from_utf8(&body.0) else { return whole(body) };
    // Some write a byte order mark before their JSON.
    let (bom, text) = match text.strip_prefix('\u{feff}') {
        Some(text) => ("\u{feff}", text),
        None => ("", text),
    };
    match text.trim_start().as_bytes().first() {
        // Whatever it says that it is: curl calls all it sends a form.
        Some(b'{' | b'[') => match json(text) {
            Some(redacted) => format!("{bom}{redacted}").into(),
            None => format!("{} ({} bytes of broken JSON)", mark(&body.0), body.0.len()).into(),
        },
        _ if is("content-type", "application/x-www-form-urlencoded") => form(text).into(),
        _ => body.clone(),
    }
}

/// Returns a mark for what cannot be searched, whatever is in it.
fn whole(content: &Content) -> Content {
    if content.0.is_empty() {
        return content.clone();
    }
    format!("{} ({} bytes)", mark(&content.0), content.0.len()).into()
}

/// Redacts a raw head: the target in its first line, and the values of secret header lines.
fn head(head: &Content) -> Content {
    let mut redacted = Vec::with_capacity(head.0.len());
    let mut was_secret = false;
    for (index, line) in head.0.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (text, end) = line.split_at(line.trim_ascii_end().len());
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or_default();
        let name = std::str::from_utf8(&text[..colon]).unwrap_or_default().trim();
        // A line that begins with white space goes on with the one before (obs-fold, RFC 9112 section 5.2).
        let is_more = text.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        was_secret = if is_more { was_secret } else { is_secret(name) };
        match std::str::from_utf8(text) {
            _ if is_more && was_secret => redacted.extend_from_slice(b" [redacted]"),
            Ok(text) if index == 0 => {
                let words = text.split(' ').map(redact_target);
                redacted.extend(words.collect::<Vec<_>>().join(" ").into_bytes());
            }
            _ if index > 0 && is_secret(name) => {
                redacted.extend_from_slice(&text[..colon]);
                redacted.extend_from_slice(b": [redacted]");
            }
            _ => redacted.extend_from_slice(text),
        }
        redacted.extend_from_slice(end);
    }
    redacted.into()
}

/// Returns a target or an address with what is secret or personal in its query replaced by marks.
pub fn redact_target(target: &str) -> Cow<'_, str> {
    match target.split_once('?') {
        Some((path, query)) => Cow::Owned(format!("{path}?{}", form(query))),
        None => Cow::Borrowed(target),
    }
}

/// Redacts values of a query or a form. The mark has no character that would have to be encoded.
fn form(text: &str) -> String {
    let part = |part: &str| {
        let Some((name, value)) = part.split_once('=') else { return part.to_owned() };
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        // `customer[email]` is an email.
        let last = decoded.trim_end_matches(']').rsplit(['[', '.']).next().unwrap_or_default();
        let mut names = SECRET.iter().chain(&PERSONAL);
        let is_private = is_secret(last) || names.any(|known| last.eq_ignore_ascii_case(known));
        if is_private && !value.is_empty() {
            return format!("{name}=redacted-sha256-{}", digits(value.as_bytes()));
        }
        part.to_owned()
    };
    let parts = text.split('&').map(|some| some.split(';').map(part).collect::<Vec<_>>().join(";"));
    parts.collect::<Vec<_>>().join("&")
}

/// Redacts personal values of a JSON text; none when it is no JSON.
fn json(text: &str) -> Option<String> {
    let root: &RawValue = serde_json::from_str(text).ok()?;
    let mut search = Search { text, keys: Vec::new(), found: Vec::new() };
    search.look(root, false)?;
    let mut redacted = String::with_capacity(text.len());
    let mut end = 0;
    for range in search.found {
        redacted.push_str(&text[end..range.start]);
        redacted.push_str(&format!("\"{}\"", mark(text[range.clone()].as_bytes())));
        end = range.end;
    }
    redacted.push_str(&text[end..]);
    Some(redacted)
}

/// A walk over a JSON text.
struct Search<'a> {
    text: &'a str,
    /// The keys on the way to where it is.
    keys: Vec<Cow<'a, str>>,
    /// The values that are to be redacted, in order.
    found: Vec<Range<usize>>,
}

impl<'a> Search<'a> {
    /// Looks at a value; returns none where it cannot go on.
    fn look(&mut self, value: &'a RawValue, is_personal: bool) -> Option<()> {
        let text = value.get();
        match text.as_bytes().first()? {
            b'{' => {
                let Pairs(pairs) = serde_json::from_str(text).ok()?;
                for (key, value) in pairs {
                    if self.keys.len() >= DEPTH {
                        return None;
                    }
                    self.keys.push(key);
                    self.look(value, is_personal || self.is_at_personal())?;
                    self.keys.pop();
                }
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                // A list in a list has no key, but its depth counts.
                if self.keys.len() >= DEPTH {
                    return None;
                }
                let is_nested = text[1..].trim_start().starts_with('[');
                if is_nested {
                    self.keys.push(Cow::Borrowed(""));
                }
                for item in items {
                    self.look(item, is_personal)?;
                }
                if is_nested {
                    self.keys.pop();
                }
            }
            // Nothing is nobody's secret, and whether it is `""` or `null` is part of the shape.
            b'n' | b't' | b'f' => {}
            _ if is_personal && text != "\"\"" => {
                let begin = text.as_ptr() as usize - self.text.as_ptr() as usize;
                self.found.push(begin..begin + text.len());
            }
            _ => {}
        }
        Some(())
    }

    /// Tells whether the keys end as personal data does.
    fn is_at_personal(&self) -> bool {
        PERSONAL.iter().any(|known| {
            let mut keys = self.keys.iter().rev().filter(|key| !key.is_empty());
            known.rsplit('/').all(|part| keys.next().is_some_and(|key| key == part))
        })
    }
}

/// The keys and values of an object, duplicates included.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    pairs.push((Cow::Owned(key), map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Returns what stands for a value.
fn mark(value: &[u8]) -> String {
    format!("[redacted sha256:{}…]", digits(value))
}

fn digits(value: &[u8]) -> String {
    Sha256::digest(value).iter().take(2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::{Forwarded, Wire};
    use crate::message::{Reply, Request};

    fn exchange(target: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
        Exchange {
            number: 1,
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: String::new(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: target.to_owned(),
                headers: headers.iter().copied().collect(),
                body: body.into(),
            },
            reply: None,
            duration_ms: None,
            forwarded: None,
            fault: None,
            wire: None,
            signature: None,
            injected: None,
        }
    }

    fn shown(headers: &[(&str, &str)], body: &str) -> String {
        exchange("/", headers, body).anonymous().request.body.to_text().into_owned()
    }

    #[test]
    fn personal_values_become_marks_and_nothing_else_moves() {
        let body = r#"{ "eventId":"e", "payload" : {"customer":{"name":"Zoë", "email":"", "metadata":{"a":[1.0,true,null,"x"]},
 "phoneNumber":"+15550100", "priority":5e0}, "agent":{"name":"Bot"}, "toPhoneNumber": "+15550100",
 "transcript":null,"transcripts":[{"id":"t","messages":"[{}]"},{"messages":"[]"}], "messages":"public"}}"#;
        insta::assert_snapshot!(shown(&[], body), @r#"
        { "eventId":"e", "payload" : {"customer":{"name":"[redacted sha256:f871…]", "email":"", "metadata":{"a":["[redacted sha256:d0ff…]",true,null,"[redacted sha256:ba2d…]"]},
         "phoneNumber":"[redacted sha256:35b1…]", "priority":5e0}, "agent":{"name":"Bot"}, "toPhoneNumber": "[redacted sha256:35b1…]",
         "transcript":null,"transcripts":[{"id":"t","messages":"[redacted sha256:5276…]"},{"messages":"[redacted sha256:b328…]"}], "messages":"public"}}
        "#);
        // `curl -d` says that it is a form.
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(shown(&form, r#"{"email":"a&b"}"#), shown(&[], r#"{"email":"a&b"}"#));
        // A key that comes twice is redacted twice.
        assert_eq!(shown(&[], r#"{"email":"a","email":"b"}"#).matches("redacted").count(), 2);
    }

    #[test]
    fn what_cannot_be_searched_is_a_mark_as_a_whole() {
        insta::assert_snapshot!(shown(&[], r#"{"email":"a@b.example"#), @"[redacted sha256:d105…] (21 bytes of broken JSON)");
        insta::assert_snapshot!(shown(&[("Content-Encoding", "gzip")], "zip"), @"[redacted sha256:4a70…] (3 bytes, compressed)");
        let deep = format!("{}1{}", "[".repeat(90), "]".repeat(90));
        assert!(shown(&[], &deep).ends_with("broken JSON)"));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(90), "}".repeat(90));
        assert!(shown(&[], &deep).ends_with("broken JSON)"));
        assert_eq!(shown(&[], "plain text"), "plain text");
        assert_eq!(shown(&[("content-encoding", "gzip")], ""), "");
    }

    #[test]
    fn secrets_are_in_no_query_form_or_head() {
        let mut exchange = exchange(
            "/h?token=s3cret&a=1&phone=%2B1555&empty=",
            &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            "email=x%40y.example&b=2&token=",
        );
        let head = "POST /h?token=s3cret HTTP/1.1\r\nHost: x\r\nX-Api-Key : s3cret\r\nAuthorization:s3cret\n\r\n";
        exchange.wire = Some(Wire {
            connection: 1,
            head: head.into(),
            trailers: Headers::from_iter([("x-token", "s3cret")]),
            notes: Vec::new(),
        });
        exchange.forwarded = Some(Forwarded {
            url: "http://u/h?token=s3cret".to_owned(),
            duration_ms: 1.0,
            error: None,
        });
        exchange.reply = Some(Reply {
            status: 200,
            headers: Headers::from_iter([("set-cookie", "s3cret")]),
            body: r#"{"phone":"s3cret"}"#.into(),
        });
        let exchange = exchange.anonymous();
        assert!(!format!("{exchange:?}").contains("s3cret"), "{exchange:?}");
        insta::assert_snapshot!(exchange.request.target, @"/h?token=redacted-sha256-1ec1&a=1&phone=redacted-sha256-4255&empty=");
        insta::assert_snapshot!(exchange.request.body.to_text(), @"email=redacted-sha256-e05e&b=2&token=");
        let head = exchange.wire.unwrap().head.to_text().into_owned();
        insta::assert_snapshot!(head.escape_debug(), @r"POST /h?token=redacted-sha256-1ec1 HTTP/1.1\r\nHost: x\r\nX-Api-Key : [redacted]\r\nAuthorization: [redacted]\n\r\n");
    }

    proptest! {
        /// A value that was put under a personal key is not to be found, and the rest is what it was.
        #[test]
        fn the_shape_stays(secret in "[a-z]{12}", before in "[ \\n]{0,3}", number: f64, keys in proptest::collection::vec("[a-d]{1,2}", 0..5)) {
            let mut value = serde_json::json!({ "email": secret, "n": number });
            for key in keys {
                value = serde_json::json!({ key: [value, null, 1.5] });
            }
            let text = format!("{before}{value}");
            let redacted = json(&text).unwrap();
            prop_assert!(!redacted.contains(&secret));
            let back = redacted.replace(&mark(format!("\"{secret}\"").as_bytes()), &secret);
            prop_assert_eq!(back, text);
        }

        #[test]
        fn nothing_makes_it_panic(text: String, header: String) {
            let exchange = exchange(&text, &[("content-type", &header)], &text);
            let _ = exchange.anonymous();
        }
    }
}
