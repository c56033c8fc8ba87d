//! Header lines on their way from text to the wire: what HTTP permits is taken as it is, what it does
//! not permit is refused by name.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ringback_exchange::{Header, Headers};

/// A header line that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Its name is no token.
    #[error("`{name}` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only")]
    Name {
        /// The name.
        name: String,
    },
    /// Its value has a control character, such as a line end, that would end the line.
    #[error("the value of the header `{name}` has a control character in it: take it out")]
    Value {
        /// The name of the header. The value may be a secret, so it is not told.
        name: String,
    },
    /// It says how long the body is, which the sender says itself.
    #[error("the header `{name}` frames the body, which the sender does itself: leave it out")]
    Framing {
        /// The name of the header.
        name: String,
    },
    /// There are too many of them for one request.
    #[error("{count} header lines are more than a request can carry")]
    TooMany {
        /// How many.
        count: usize,
    },
}

/// The most lines that are given for one request. A map of the reqwest engine holds a few more.
const LINES_MAX: usize = 10_000;

/// Checks that header lines can be sent.
pub(crate) fn check(lines: &Headers) -> Result<(), HeaderError> {
    if lines.0.len() > LINES_MAX {
        return Err(HeaderError::TooMany { count: lines.0.len() });
    }
    for (name, value) in lines.iter() {
        let named = || name.to_owned();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(HeaderError::Name { name: named() });
        }
        if ["content-length", "transfer-encoding"].iter().any(|it| name.eq_ignore_ascii_case(it)) {
            return Err(HeaderError::Framing { name: named() });
        }
        if HeaderValue::from_maybe_shared(value.0.clone()).is_err() {
            return Err(HeaderError::Value { name: named() });
        }
    }
    Ok(())
}

/// Lays `nearer` over `farther`: a name that is in both has the lines of `nearer` alone.
pub(crate) fn overlay(farther: &Headers, nearer: &Headers) -> Headers {
    let has = |name: &str| nearer.0.iter().any(|line| line.0.eq_ignore_ascii_case(name));
    // Room for one line more, which frames the body.
    let mut lines = Vec::with_capacity(farther.0.len() + nearer.0.len() + 1);
    lines.extend(farther.0.iter().filter(|line| !has(&line.0)).cloned());
    lines.extend(nearer.0.iter().cloned());
    Headers(lines)
}

/// Brings lines that were checked into the form of the reqwest engine: names in lower case, and lines
/// of one name together, where the first of them stood.
pub(crate) fn to_map(lines: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(lines.0.len());
    for Header(name, value) in &lines.0 {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_maybe_shared(value.0.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            // What no map can hold is left out here, and missing in the record of the request as well.
            let _ = map.try_append(name, value);
        }
    }
    map
}

/// Reads back what a map holds, in the order in which it is written.
pub(crate) fn from_map(map: &HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| (name.as_str(), bytes::Bytes::copy_from_slice(value.as_bytes())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        lines.iter().copied().collect()
    }

    fn shown(headers: &Headers) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_text())).collect()
    }

    #[test]
    fn a_map_has_lines_of_one_name_together_in_lower_case() {
        let lines = headers(&[("X-B", "1"), ("x-a", ""), ("x-b", "2"), ("x-c", "é\t,")]);
        assert_eq!(check(&lines), Ok(()));
        assert_eq!(shown(&from_map(&to_map(&lines))), ["x-b: 1", "x-b: 2", "x-a: ", "x-c: é\t,"]);
    }

    #[test]
    fn what_http_does_not_permit_is_refused_by_name() {
        let error = |name, value| check(&headers(&[(name, value)])).unwrap_err().to_string();
        insta::assert_snapshot!(error("x y", "1"), @"`x y` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only");
        insta::assert_snapshot!(error("", "1"), @"`` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only");
        insta::assert_snapshot!(error("X-Token", "s3cret\r\nx: y"), @"the value of the header `X-Token` has a control character in it: take it out");
        insta::assert_snapshot!(error("Content-Length", "5"), @"the header `Content-Length` frames the body, which the sender does itself: leave it out");
        insta::assert_snapshot!(error("transfer-encoding", "chunked"), @"the header `transfer-encoding` frames the body, which the sender does itself: leave it out");
        let many = Headers::from_iter((0..40_000).map(|n| (format!("x-{n}"), "")));
        assert_eq!(check(&many).unwrap_err(), HeaderError::TooMany { count: 40_000 });
    }

    #[test]
    fn the_nearer_lines_replace_those_of_their_name_and_keep_their_own_form() {
        let farther = headers(&[("a", "1"), ("b", "1"), ("a", "2")]);
        let nearer = headers(&[("B", "3"), ("c", "4"), ("b", "5")]);
        assert_eq!(shown(&overlay(&farther, &nearer)), ["a: 1", "a: 2", "B: 3", "c: 4", "b: 5"]);
    }
}
