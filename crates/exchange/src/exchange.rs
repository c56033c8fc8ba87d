//! One request and its reply, seen from the recorder.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::content::Content;
use crate::headers::{Headers, is_secret};
use crate::message::{Reply, Request};

/// One request that arrived, what was answered, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The arrival number, from 1.
    pub number: u64,
    /// When the request had arrived as a whole, in UTC to the microsecond.
    #[serde(serialize_with = "print_time", deserialize_with = "parse_time")]
    pub received_at: Timestamp,
    /// The address it came from.
    pub peer: String,
    /// The HTTP version, as `HTTP/1.1`.
    pub version: String,
    /// What arrived.
    pub request: Request,
    /// What was answered; missing while, or because, no reply was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<Reply>,
    /// Milliseconds from the arrival to the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<f64>,
    /// Where the request was forwarded, when it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forwarded: Option<Forwarded>,
    /// Why the request is not whole, or was refused before it was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    /// How the request was on the wire, where the parsed form does not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wire: Option<Wire>,
    /// What the verification of the signature came to, when there was one: `valid`, or why not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<String>,
    /// The fault that was put into the reply on purpose, when there was one, as `reset` or
    /// `truncate(10) of 52 bytes`. The reply is then what was left of it, or none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub injected: Option<String>,
}

/// How a request was on the wire, where the parsed form does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    /// Which connection of the listener it came over, from 1.
    pub connection: u64,
    /// The head, byte for byte: request line and header lines, with their line ends.
    pub head: Content,
    /// Trailer lines of a chunked body.
    #[serde(skip_serializing_if = "Headers::is_empty", default)]
    pub trailers: Headers,
    /// What is odd about its framing, a sentence each, such as `both Content-Length and
    /// Transfer-Encoding`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

impl Exchange {
    /// Returns the exchange with the values of secret headers replaced.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.request.headers = self.request.headers.redacted();
        if let Some(reply) = &mut self.reply {
            reply.headers = reply.headers.redacted();
        }
        self.wire = self.wire.map(Wire::redacted);
        self
    }
}

impl Wire {
    /// Returns it with the values of secret headers replaced, each on its line.
    fn redacted(mut self) -> Self {
        let mut head = Vec::with_capacity(self.head.0.len());
        for line in self.head.0.split_inclusive(|byte| *byte == b'\n') {
            let colon = line.iter().position(|byte| *byte == b':');
            let name = colon.and_then(|colon| std::str::from_utf8(&line[..colon]).ok());
            match name {
                Some(name) if is_secret(name.trim()) => {
                    let end = line.trim_ascii_end().len();
                    head.extend_from_slice(name.as_bytes());
                    head.extend_from_slice(b": [redacted]");
                    head.extend_from_slice(&line[end..]);
                }
                _ => head.extend_from_slice(line),
            }
        }
        self.head = head.into();
        self.trailers = self.trailers.redacted();
        self
    }
}

/// The far side of an exchange that was forwarded. Its reply is the exchange's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forwarded {
    /// The address it was forwarded to.
    pub url: String,
    /// Milliseconds that the far side took.
    pub duration_ms: f64,
    /// Why there is no reply from there, when there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

pub(crate) fn print_time<S: Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

pub(crate) fn parse_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_one_line_of_json() {
        let exchange = Exchange {
            number: 7,
            received_at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            peer: "127.0.0.1:40000".to_owned(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: "/hooks?a=1".to_owned(),
                headers: Headers::from_iter([("x", "1"), ("x", "2")]),
                body: "{}".into(),
            },
            reply: Some(Reply { status: 200, headers: Headers::default(), body: "".into() }),
            duration_ms: Some(1.5),
            forwarded: None,
            fault: None,
            wire: None,
            signature: None,
            injected: None,
        };
        let line = serde_json::to_string(&exchange).unwrap();
        insta::assert_snapshot!(line, @r#"{"number":7,"receivedAt":"2026-01-02T03:04:05.000006Z","peer":"127.0.0.1:40000","version":"HTTP/1.1","request":{"method":"POST","target":"/hooks?a=1","headers":[["x","1"],["x","2"]],"body":"{}"},"reply":{"status":200,"headers":[],"body":""},"durationMs":1.5}"#);
        assert_eq!(serde_json::from_str::<Exchange>(&line).unwrap(), exchange);
        assert_eq!(exchange.request.path(), "/hooks");
    }

    #[test]
    fn secrets_are_not_in_the_head_either() {
        let head = "POST /a:b HTTP/1.1\r\nX: 1\r\nauthorization : t \r\nCookie:a=1\n\r\n";
        let trailers = Headers::from_iter([("X-Api-Key", "k")]);
        let wire = Wire { head: head.into(), trailers, ..Wire::default() }.redacted();
        let shown =
            "POST /a:b HTTP/1.1\r\nX: 1\r\nauthorization : [redacted] \r\nCookie: [redacted]\n\r\n";
        assert_eq!(wire.head.to_text(), shown);
        assert_eq!(wire.trailers.get("x-api-key"), Some("[redacted]"));
    }
}
