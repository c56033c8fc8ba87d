//! Between hyper's messages and ours.

use bytes::Bytes;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Response, StatusCode, Version, http};
use ringback_exchange::{Content, Headers, Reply};

/// Takes over the head of a reply, and the body that was collected apart.
pub(crate) fn reply(head: &http::response::Parts, body: Bytes) -> Reply {
    Reply { status: head.status.as_u16(), headers: headers(&head.headers), body: body.into() }
}

/// Names a version of HTTP as a request line does.
pub(crate) const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Takes over header lines.
pub(crate) fn headers(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes().to_vec())).collect()
}

/// Turns header lines into hyper's. Lines that HTTP cannot carry are left out: they cannot have come
/// from a wire, and a script is searched for them before it is played.
pub(crate) fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.0.len());
    for (name, value) in headers.iter() {
        if let Some((name, value)) = header(name, value) {
            map.append(name, value);
        }
    }
    map
}

/// Turns a header line into hyper's, if HTTP can carry it.
pub(crate) fn header(name: &str, value: &Content) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = HeaderValue::from_maybe_shared(value.0.clone()).ok()?;
    Some((name, value))
}

/// Turns a reply into hyper's, with another body when the bytes are to be held by something.
///
/// hyper frames the body by its length. A length that came from elsewhere is dropped, because the two
/// may differ (304 has the length of what it does not send); only to HEAD it says what GET would get.
pub(crate) fn response<B>(reply: &Reply, body: B, to_head: bool) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = header_map(&reply.headers);
    if !to_head {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// Makes a reply of our own that says what went wrong.
pub(crate) fn problem(status: StatusCode, error: &str) -> Reply {
    json(status, &serde_json::json!({ "error": error }))
}

/// Makes a reply of our own that asks to come again in a second.
pub(crate) fn try_again(error: &str) -> Reply {
    let mut reply = problem(StatusCode::SERVICE_UNAVAILABLE, error);
    reply.headers.push(RETRY_AFTER.as_str(), "1");
    reply
}

/// Makes a reply of our own.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Reply {
    Reply {
        status: status.as_u16(),
        headers: Headers::from_iter([(CONTENT_TYPE.as_str(), "application/json")]),
        body: format!("{body}\n").into(),
    }
}
