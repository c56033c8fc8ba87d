//! The parts of an archive as HAR 1.2 has them, and how they are made of ours and ours of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::HarEntry;
use crate::content::Content;
use crate::exchange::Exchange;
use crate::headers::Headers;
use crate::message::{Reply, Request};

/// What an archive's address begins with when the request did not say where it went.
const NOWHERE: &str = "http://host.invalid";

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) log: Log,
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
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
    pub(super) fn of(exchange: &Exchange) -> Self {
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

    pub(super) fn read(self) -> Result<HarEntry, String> {
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
