//! Header lines on their way from text to the wire: what HTTP permits is taken as it is, what it does
//! not permit is refused by name.

use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use ringback_exchange::Headers;

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

/// Checks header lines and brings them into the form in which they are sent. Their order is kept,
/// except that lines of one name come together, where the first of them stood.
pub(crate) fn to_map(lines: &Headers) -> Result<HeaderMap, HeaderError> {
    let too_many = || HeaderError::TooMany { count: lines.0.len() };
    let mut map = HeaderMap::try_with_capacity(lines.0.len()).map_err(|_| too_many())?;
    for (name, value) in lines.iter() {
        let named = || name.to_owned();
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| HeaderError::Name { name: named() })?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&key) {
            return Err(HeaderError::Framing { name: named() });
        }
        let value = HeaderValue::from_maybe_shared(value.0.clone())
            .map_err(|_| HeaderError::Value { name: named() })?;
        map.try_append(key, value).map_err(|_| too_many())?;
    }
    Ok(map)
}

/// Lays `nearer` over `farther`: a name that is in both has the lines of `nearer` alone.
pub(crate) fn overlay(farther: &HeaderMap, nearer: &HeaderMap) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(farther.keys_len() + nearer.keys_len());
    let kept = farther.iter().filter(|(name, _)| !nearer.contains_key(*name));
    for (name, value) in kept.chain(nearer) {
        // Each of the two fits into a map; lines that both together could not hold are left out here
        // and missing in the record of the request as well.
        let _ = map.try_append(name, value.clone());
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

    fn map(lines: &[(&str, &str)]) -> Result<HeaderMap, HeaderError> {
        to_map(&lines.iter().copied().collect())
    }

    fn lines(map: &HeaderMap) -> Vec<String> {
        from_map(map).iter().map(|(name, value)| format!("{name}: {}", value.to_text())).collect()
    }

    #[test]
    fn order_and_duplicates_are_kept() {
        let map = map(&[("X-B", "1"), ("x-a", ""), ("x-b", "2"), ("x-c", "é\t,")]).unwrap();
        assert_eq!(lines(&map), ["x-b: 1", "x-b: 2", "x-a: ", "x-c: é\t,"]);
    }

    #[test]
    fn what_http_does_not_permit_is_refused_by_name() {
        let error = |name, value| map(&[(name, value)]).unwrap_err().to_string();
        insta::assert_snapshot!(error("x y", "1"), @"`x y` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only");
        insta::assert_snapshot!(error("", "1"), @"`` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only");
        insta::assert_snapshot!(error("X-Token", "s3cret\r\nx: y"), @"the value of the header `X-Token` has a control character in it: take it out");
        insta::assert_snapshot!(error("Content-Length", "5"), @"the header `Content-Length` frames the body, which the sender does itself: leave it out");
        insta::assert_snapshot!(error("transfer-encoding", "chunked"), @"the header `transfer-encoding` frames the body, which the sender does itself: leave it out");
        let many = Headers::from_iter((0..40_000).map(|n| (format!("x-{n}"), "")));
        assert_eq!(to_map(&many).unwrap_err(), HeaderError::TooMany { count: 40_000 });
    }

    #[test]
    fn the_nearer_lines_replace_those_of_their_name() {
        let farther = map(&[("a", "1"), ("b", "1"), ("a", "2")]).unwrap();
        let nearer = map(&[("B", "3"), ("c", "4"), ("b", "5")]).unwrap();
        assert_eq!(lines(&overlay(&farther, &nearer)), ["a: 1", "a: 2", "b: 3", "b: 5", "c: 4"]);
    }
}
