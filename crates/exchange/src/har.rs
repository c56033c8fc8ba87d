//! HTTP Archive 1.2: what browsers, proxies and other recorders exchange.
//!
//! Exchanges go out as one archive, piece by piece; archives of anybody come in as requests that can be
//! sent again. What HAR has no field for is in fields that begin with an underscore, as it permits:
//! with them an exchange's request comes back as it was, byte for byte, and readers that do not know
//! them have the best that HAR can say.
//!
//! It refuses what is no archive, and requests that cannot be told: without a method or an address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::exchange::Exchange;
use crate::headers::Headers;
use crate::message::{Reply, Request};

/// What an archive's address begins with when the request did not say where it went.
const NOWHERE: &str = "http://host.invalid";

/// Returns an archive of exchanges, in pieces that are to be written one after the other, so that no
/// more than one exchange is in memory.
///
/// `startedDateTime` is the time at which the request had arrived as a whole, and `time` what the reply
/// took. An exchange without a reply has the status 0, as browsers have it.
///
/// # Errors
///
/// Those of the exchanges, each in the place of its piece.
pub fn write<E>(
    version: &str,
    exchanges: impl IntoIterator<Item = Result<Exchange, E>>,
) -> impl Iterator<Item = Result<String, E>> {
    let creator = serde_json::json!({ "name": "ringback", "version": version });
    let begin = format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[");
    let mut is_first = true;
    let entries = exchanges.into_iter().map(move |exchange| {
        let separator = if is_first { "\n" } else { ",\n" };
        is_first = false;
        let entry = serde_json::to_string(&Entry::of(&exchange?)).unwrap_or_default();
        Ok(format!("{separator}{entry}"))
    });
    [Ok(begin)].into_iter().chain(entries).chain([Ok("\n]}}\n".to_owned())])
}

/// A request of an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct HarEntry {
    /// When it was sent, or had arrived.
    pub started: Timestamp,
    /// The address it was sent to.
    pub url: String,
    /// The request. Its target is as it was on the wire where the archive tells, and else the path and
    /// query of the address.
    pub request: Request,
    /// What was answered; none when nothing was.
    pub reply: Option<Reply>,
}

/// Why a text is no archive.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is not JSON, or not of the form that HAR 1.2 has.
    #[error("it is not an HTTP archive")]
    Form(#[source] serde_json::Error),
    /// An entry cannot be a request.
    #[error("entry {index} of the archive cannot be used: {why}")]
    Entry {
        /// Its place, from 1.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads an archive of whatever origin. Its entries stay in their order.
///
/// Pseudo headers of HTTP/2 (`:authority`) are left out: they are in the request line of HTTP/1.1.
///
/// # Errors
///
/// When it is no archive, or one of its entries cannot be a request.
pub fn read(archive: &[u8]) -> Result<Vec<HarEntry>, HarError> {
    // Written by editors of some systems; no JSON begins with it.
    let archive = archive.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(archive);
    let document: Document = serde_json::from_slice(archive).map_err(HarError::Form)?;
    let entries = document.log.entries.into_iter().enumerate();
    let read = |(index, entry): (usize, Entry)| {
        entry.read().map_err(|why| HarError::Entry { index: index + 1, why })
    };
    entries.map(read).collect()
}

#[derive(Debug, Deserialize)]
struct Document {
    log: Log,
}

#[derive(Debug, Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    #[serde(default)]
    time: f64,
    request: HarRequest,
    #[serde(default)]
    response: Option<HarResponse>,
    #[serde(default)]
    cache: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    timings: Timings,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    connection: Option<String>,
    /// The arrival number.
    #[serde(rename = "_number", skip_serializing_if = "Option::is_none", default)]
    number: Option<u64>,
    #[serde(rename = "_fault", skip_serializing_if = "Option::is_none", default)]
    fault: Option<String>,
    #[serde(rename = "_signature", skip_serializing_if = "Option::is_none", default)]
    signature: Option<String>,
    #[serde(rename = "_notes", skip_serializing_if = "Vec::is_empty", default)]
    notes: Vec<String>,
    #[serde(rename = "_forwardedTo", skip_serializing_if = "Option::is_none", default)]
    forwarded_to: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Timings {
    send: f64,
    wait: f64,
    receive: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    cookies: Vec<serde_json::Value>,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    query_string: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    post_data: Option<PostData>,
    #[serde(default)]
    headers_size: i64,
    #[serde(default)]
    body_size: i64,
    /// The target as it was on the wire, where the address does not tell.
    #[serde(rename = "_target", skip_serializing_if = "Option::is_none", default)]
    target: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse {
    status: i64,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    cookies: Vec<serde_json::Value>,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    content: Body,
    #[serde(rename = "redirectURL", default)]
    redirect_url: String,
    #[serde(default)]
    headers_size: i64,
    #[serde(default)]
    body_size: i64,
}

/// A name and its value: a header line, a part of a query or of a form.
#[derive(Debug, Serialize, Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
    /// The value, where it is no UTF-8.
    #[serde(rename = "_base64", skip_serializing_if = "Option::is_none", default)]
    base64: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
    /// `base64` where the bytes are no UTF-8. HAR has this for replies only; some write it without the
    /// underscore.
    #[serde(
        rename = "_encoding",
        alias = "encoding",
        skip_serializing_if = "Option::is_none",
        default
    )]
    encoding: Option<String>,
    #[serde(skip_serializing, default)]
    params: Vec<Pair>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    size: i64,
    #[serde(default)]
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    encoding: Option<String>,
}

impl Entry {
    fn of(exchange: &Exchange) -> Self {
        let Exchange { version, request, reply, wire, .. } = exchange;
        let wait = exchange.duration_ms.unwrap_or_default();
        let forwarded = exchange.forwarded.as_ref();
        Self {
            started_date_time: format!("{:.6}", exchange.received_at),
            time: wait,
            request: HarRequest::of(request, version, wire.as_ref().map(|wire| wire.head.0.len())),
            response: Some(HarResponse::of(reply.as_ref(), version)),
            cache: serde_json::Map::new(),
            timings: Timings { send: 0.0, wait, receive: 0.0 },
            connection: wire.as_ref().map(|wire| wire.connection.to_string()),
            number: Some(exchange.number),
            fault: exchange.fault.clone(),
            signature: exchange.signature.clone(),
            notes: wire.as_ref().map(|wire| wire.notes.clone()).unwrap_or_default(),
            forwarded_to: forwarded.map(|forwarded| forwarded.url.clone()),
        }
    }

    fn read(self) -> Result<HarEntry, String> {
        let Self { started_date_time, request, response, .. } = self;
        let started = started_date_time
            .parse()
            .map_err(|error| format!("`startedDateTime` is `{started_date_time}`: {error}"))?;
        let url = request.url.clone();
        let reply = response.map(HarResponse::read).transpose()?.flatten();
        Ok(HarEntry { started, url, request: request.read()?, reply })
    }
}

impl HarRequest {
    fn of(request: &Request, version: &str, head: Option<usize>) -> Self {
        let Request { method, target, headers, body } = request;
        let (text, encoding) = text(body);
        let mime_type = headers.get("content-type").unwrap_or_default().to_owned();
        let url = address(request);
        Self {
            method: method.clone(),
            query_string: query(&url),
            target: (target_of(&url) != target.as_str()).then(|| target.clone()),
            url,
            http_version: version.to_owned(),
            cookies: Vec::new(),
            headers: pairs(headers),
            post_data: (!body.0.is_empty()).then(|| PostData {
                mime_type,
                text,
                encoding,
                params: Vec::new(),
            }),
            headers_size: head.map_or(-1, size),
            body_size: size(body.0.len()),
        }
    }

    fn read(self) -> Result<Request, String> {
        let Self { method, url, headers, post_data, target, .. } = self;
        if method.is_empty() {
            return Err("its method is empty".to_owned());
        }
        if url.is_empty() {
            return Err("its address is empty".to_owned());
        }
        let target = target.unwrap_or_else(|| target_of(&url).to_owned());
        let body = post_data.map(PostData::read).transpose()?.unwrap_or_default();
        Ok(Request { method, target, headers: lines(headers)?, body })
    }
}

impl PostData {
    fn read(self) -> Result<Content, String> {
        let Self { text, encoding, params, .. } = self;
        if text.is_empty() && !params.is_empty() {
            // A form of which only the parts were kept.
            let parts = params.iter().map(|Pair { name, value, .. }| {
                format!("{}={}", form_encoded(name), form_encoded(value))
            });
            return Ok(parts.collect::<Vec<_>>().join("&").into());
        }
        decoded(text, encoding.as_deref())
    }
}

impl HarResponse {
    fn of(reply: Option<&Reply>, version: &str) -> Self {
        let Some(Reply { status, headers, body }) = reply else {
            return Self {
                status: 0,
                status_text: String::new(),
                http_version: String::new(),
                cookies: Vec::new(),
                headers: Vec::new(),
                content: Body { mime_type: "x-unknown".to_owned(), ..Body::default() },
                redirect_url: String::new(),
                headers_size: -1,
                body_size: -1,
            };
        };
        let (text, encoding) = text(body);
        Self {
            status: i64::from(*status),
            status_text: String::new(),
            http_version: version.to_owned(),
            cookies: Vec::new(),
            headers: pairs(headers),
            content: Body {
                size: size(body.0.len()),
                mime_type: headers.get("content-type").unwrap_or_default().to_owned(),
                text: Some(text),
                encoding,
            },
            redirect_url: headers.get("location").unwrap_or_default().to_owned(),
            headers_size: -1,
            body_size: size(body.0.len()),
        }
    }

    /// Reads a reply; a status that none has stands for no reply at all.
    fn read(self) -> Result<Option<Reply>, String> {
        let Self { status, headers, content: Body { text, encoding, .. }, .. } = self;
        let Some(status) = u16::try_from(status).ok().filter(|status| *status >= 100) else {
            return Ok(None);
        };
        let body = decoded(text.unwrap_or_default(), encoding.as_deref())?;
        Ok(Some(Reply { status, headers: lines(headers)?, body }))
    }
}

/// Returns the address that a request was sent to, as far as it tells.
fn address(request: &Request) -> String {
    let target = &request.target;
    if target.starts_with("http://") || target.starts_with("https://") {
        return target.clone();
    }
    let path = if target.starts_with('/') { target.as_str() } else { "/" };
    match request.headers.get("host").filter(|host| !host.is_empty() && !host.contains('/')) {
        Some(host) => format!("http://{host}{path}"),
        None => format!("{NOWHERE}{path}"),
    }
}

/// Returns path and query of an address.
fn target_of(url: &str) -> &str {
    let url = url.split('#').next().unwrap_or_default();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).map_or("/", |begin| &rest[begin..])
}

fn query(url: &str) -> Vec<Pair> {
    let Some((_, query)) = target_of(url).split_once('?') else { return Vec::new() };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Pair { name: name.to_owned(), value: value.to_owned(), base64: None }
    };
    parts.map(pair).collect()
}

fn pairs(headers: &Headers) -> Vec<Pair> {
    let pair = |(name, value): (&str, &Content)| {
        let base64 = std::str::from_utf8(&value.0).is_err().then(|| BASE64.encode(&value.0));
        Pair { name: name.to_owned(), value: value.to_text().into_owned(), base64 }
    };
    headers.iter().map(pair).collect()
}

fn lines(pairs: Vec<Pair>) -> Result<Headers, String> {
    let mut headers = Headers::default();
    for Pair { name, value, base64 } in pairs {
        match base64 {
            _ if name.starts_with(':') => {}
            None => headers.push(name, value),
            Some(text) => {
                let bytes = BASE64.decode(text).map_err(|error| format!("`{name}`: {error}"))?;
                headers.push(name, bytes);
            }
        }
    }
    Ok(headers)
}

/// Returns bytes as text, and how they are encoded in it when they are no text.
fn text(content: &Content) -> (String, Option<String>) {
    match std::str::from_utf8(&content.0) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(&content.0), Some("base64".to_owned())),
    }
}

fn decoded(text: String, encoding: Option<&str>) -> Result<Content, String> {
    match encoding {
        None | Some("") => Ok(text.into()),
        Some("base64") => BASE64
            .decode(text)
            .map(Content::from)
            .map_err(|error| format!("its body is no base64: {error}")),
        Some(other) => Err(format!("its body is encoded as `{other}`, and only base64 is known")),
    }
}

/// Encodes a part of a form (WHATWG URL, application/x-www-form-urlencoded).
fn form_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::exchange::Wire;

    fn exchange(target: &str, headers: Headers, body: Vec<u8>) -> Exchange {
        Exchange {
            number: 7,
            received_at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            peer: "127.0.0.1:40000".to_owned(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: target.to_owned(),
                headers,
                body: body.into(),
            },
            reply: Some(Reply {
                status: 201,
                headers: Headers::from_iter([("content-type", "text/plain")]),
                body: "ok".into(),
            }),
            duration_ms: Some(1.5),
            forwarded: None,
            fault: None,
            wire: Some(Wire { connection: 3, head: "x".into(), ..Wire::default() }),
            signature: Some("valid".to_owned()),
        }
    }

    fn archive(exchanges: &[Exchange]) -> String {
        let exchanges = exchanges.iter().cloned().map(Ok::<_, Infallible>);
        write("0.1.0", exchanges).map(Result::unwrap).collect()
    }

    #[test]
    fn an_exchange_is_an_entry() {
        let headers = Headers::from_iter([("host", "h:1"), ("Content-Type", "application/json")]);
        let mut silent = exchange("*", Headers::default(), Vec::new());
        silent.reply = None;
        silent.duration_ms = None;
        let text = archive(&[exchange("/a?b=1&c", headers, b"{}".to_vec()), silent]);
        insta::assert_snapshot!(text, @r#"
        {"log":{"version":"1.2","creator":{"name":"ringback","version":"0.1.0"},"entries":[
        {"startedDateTime":"2026-01-02T03:04:05.000006Z","time":1.5,"request":{"method":"POST","url":"http://h:1/a?b=1&c","httpVersion":"HTTP/1.1","cookies":[],"headers":[{"name":"host","value":"h:1"},{"name":"Content-Type","value":"application/json"}],"queryString":[{"name":"b","value":"1"},{"name":"c","value":""}],"postData":{"mimeType":"application/json","text":"{}"},"headersSize":1,"bodySize":2},"response":{"status":201,"statusText":"","httpVersion":"HTTP/1.1","cookies":[],"headers":[{"name":"content-type","value":"text/plain"}],"content":{"size":2,"mimeType":"text/plain","text":"ok"},"redirectURL":"","headersSize":-1,"bodySize":2},"cache":{},"timings":{"send":0.0,"wait":1.5,"receive":0.0},"connection":"3","_number":7,"_signature":"valid"},
        {"startedDateTime":"2026-01-02T03:04:05.000006Z","time":0.0,"request":{"method":"POST","url":"http://host.invalid/","httpVersion":"HTTP/1.1","cookies":[],"headers":[],"queryString":[],"headersSize":1,"bodySize":0,"_target":"*"},"response":{"status":0,"statusText":"","httpVersion":"","cookies":[],"headers":[],"content":{"size":0,"mimeType":"x-unknown"},"redirectURL":"","headersSize":-1,"bodySize":-1},"cache":{},"timings":{"send":0.0,"wait":0.0,"receive":0.0},"connection":"3","_number":7,"_signature":"valid"}
        ]}}
        "#);
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read[0].url, "http://h:1/a?b=1&c");
        assert_eq!(
            (read[1].url.as_str(), read[1].request.target.as_str()),
            ("http://host.invalid/", "*")
        );
        assert_eq!(read[1].reply, None);
        assert_eq!(archive(&[]).lines().count(), 2);
    }

    #[test]
    fn archives_of_others_are_read() {
        let text = r##"{"log":{"version":"1.2","creator":{"name":"b"},"pages":[],"entries":[
            {"startedDateTime":"2026-01-02T03:04:05.678+01:00","request":{"method":"POST",
             "url":"https://h/p?q=1#x","headers":[{"name":":authority","value":"h"},{"name":"A","value":"b"}],
             "postData":{"mimeType":"application/x-www-form-urlencoded",
                         "params":[{"name":"a b","value":"c&d"},{"name":"e"}]}},
             "response":{"status":0}},
            {"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"http://h"},
             "response":{"status":200,"content":{"size":1,"mimeType":"x","text":"AP8=","encoding":"base64"}}}
        ]}}"##;
        let read = read(format!("\u{feff}{text}").as_bytes()).unwrap();
        assert_eq!(read[0].started.to_string(), "2026-01-02T02:04:05.678Z");
        assert_eq!(read[0].request.target, "/p?q=1");
        assert_eq!(read[0].request.headers, Headers::from_iter([("A", "b")]));
        assert_eq!(read[0].request.body.to_text(), "a+b=c%26d&e=");
        assert_eq!(read[0].reply, None);
        assert_eq!(read[1].request.target, "/");
        assert_eq!(read[1].reply.as_ref().unwrap().body, Content::from(vec![0, 0xFF]));
    }

    #[test]
    fn what_is_no_archive_is_told() {
        let why = |text: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}{}", source.map(|source| format!(": {source}")).unwrap_or_default())
        };
        assert!(why("{").starts_with("it is not an HTTP archive: EOF"), "{}", why("{"));
        assert!(why("{\"log\":{}}").contains("missing field `entries`"));
        let entry = |request: &str| {
            why(&format!(
                r#"{{"log":{{"entries":[{{"startedDateTime":"2026-01-02T03:04:05Z","request":{request}}}]}}}}"#
            ))
        };
        let begin = "entry 1 of the archive cannot be used: ";
        assert_eq!(
            entry(r#"{"method":"","url":"http://h"}"#),
            format!("{begin}its method is empty")
        );
        assert_eq!(entry(r#"{"method":"A","url":""}"#), format!("{begin}its address is empty"));
        let body = r#"{"method":"A","url":"http://h","postData":{"text":"!","encoding":"base64"}}"#;
        assert!(entry(body).starts_with(&format!("{begin}its body is no base64: ")));
        let body = r#"{"method":"A","url":"http://h","postData":{"text":"!","encoding":"rot13"}}"#;
        assert!(entry(body).ends_with("encoded as `rot13`, and only base64 is known"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            target in "(/|http://h/|\\*|[^\\pC]{1,10})[^\\pC]{0,20}",
            headers in proptest::collection::vec(("[a-zA-Z-]{1,9}", any::<Vec<u8>>()), 0..5),
            body: Vec<u8>,
            reply: Option<Vec<u8>>,
        ) {
            let mut exchange = exchange(&target, Headers::from_iter(headers), body);
            exchange.reply = reply.map(|body| {
                Reply { status: 200, headers: Headers::default(), body: body.into() }
            });
            let read = read(archive(std::slice::from_ref(&exchange)).as_bytes()).unwrap().remove(0);
            prop_assert_eq!(read.started, exchange.received_at);
            prop_assert_eq!(read.request, exchange.request);
            prop_assert_eq!(read.reply, exchange.reply);
        }

        #[test]
        fn nothing_makes_it_panic(text: String, bytes: Vec<u8>) {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
        }
    }
}
