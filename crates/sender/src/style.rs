//! How a request is written, where HTTP leaves a choice.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};

/// How a request is written, where HTTP leaves a choice. The default is a POST with `Content-Length`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Style {
    /// The method.
    pub method: Method,
    /// Sends the body in chunks of this many bytes at most, with no `Content-Length`.
    pub chunked: Option<NonZeroUsize>,
    /// Sends `Expect: 100-continue`, and the body after 100 has come or this time has passed (RFC 9110
    /// section 10.1.1: a client must not wait for ever). Another answer comes in the body's place.
    pub expect_continue: Option<Duration>,
    /// Compresses the body and sends `Content-Encoding: gzip`.
    pub gzip: bool,
}

/// The method of a request: any token but `CONNECT`, which asks for a tunnel and not for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(reqwest::Method);

/// A text that is no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no method to send an event with: write it as `POST` or `PUT`")]
pub struct MethodError {
    /// What was given.
    pub text: String,
}

impl Default for Method {
    fn default() -> Self {
        Self(reqwest::Method::POST)
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        let method = reqwest::Method::from_bytes(text.as_bytes()).ok();
        let method = method.filter(|method| *method != reqwest::Method::CONNECT);
        method.map(Self).ok_or_else(|| MethodError { text: text.to_owned() })
    }
}

impl Method {
    pub(crate) fn as_http(&self) -> &reqwest::Method {
        &self.0
    }

    /// Returns the token, as `POST`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Compresses a body. The same bytes come of the same body: there is no time in them.
pub(crate) fn gzip(body: &[u8]) -> Bytes {
    let buffer = Vec::with_capacity(body.len() / 4 + 64);
    let mut encoder = GzBuilder::new().mtime(0).write(buffer, Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_any_token_but_that_of_a_tunnel() {
        for text in ["POST", "PUT", "patch", "HEAD", "PURGE-ALL"] {
            assert_eq!(text.parse::<Method>().unwrap().as_str(), text);
        }
        for text in ["", "CONNECT", "PO ST", "POST\r\n", "é"] {
            assert_eq!(text.parse::<Method>(), Err(MethodError { text: text.to_owned() }));
        }
    }
}
