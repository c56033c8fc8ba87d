//! Header lines.

use serde::{Deserialize, Serialize};

use crate::content::Content;

/// One header line. In JSON a pair, `["content-type", "application/json"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header(pub String, pub Content);

/// Header lines in the order in which they came, duplicates included.
///
/// A map would lose both, and receivers differ in what they make of a header that comes twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    /// Returns the first value of a header whose name is `name` whatever its case (RFC 9110 section
    /// 5.1), if it is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next().and_then(|content| std::str::from_utf8(&content.0).ok())
    }

    /// Returns every value of a header, in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Content> {
        self.0.iter().filter(move |line| line.0.eq_ignore_ascii_case(name)).map(|line| &line.1)
    }

    /// Appends a line.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Content>) {
        self.0.push(Header(name.into(), value.into()));
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the lines in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Content)> {
        self.0.iter().map(|line| (line.0.as_str(), &line.1))
    }
}

/// Tells whether the values of a header are secrets, or as good as one for somebody who sees them.
pub fn is_secret(name: &str) -> bool {
    const NAMES: [&str; 4] = ["cookie", "set-cookie", "x-auth", "auth"];
    const ENDS: [&str; 4] = ["-token", "-secret", "-password", "access-key"];
    // `x-hub-signature-256`, `http_synthflow_signature`, `x-shopify-hmac-sha256`, `apikey`, `x-api-key`.
    const PARTS: [&str; 5] = ["signature", "hmac", "authorization", "api-key", "apikey"];
    let name = name.to_ascii_lowercase().replace('_', "-");
    NAMES.contains(&name.as_str())
        || ENDS.iter().any(|end| name.ends_with(end))
        || PARTS.iter().any(|part| name.contains(part))
}

impl Headers {
    /// Returns the lines with the values of secret headers replaced, for whatever is shown to people.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let redact = |Header(name, value): &Header| {
            let value = if is_secret(name) { "[redacted]".into() } else { value.clone() };
            Header(name.clone(), value)
        };
        Self(self.0.iter().map(redact).collect())
    }
}

impl<N: Into<String>, V: Into<Content>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        Self(lines.into_iter().map(|(name, value)| Header(name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown_and_all_else_is() {
        let headers = Headers::from_iter([
            ("Authorization", "Bearer x"),
            ("X-Hub-Signature-256", "y"),
            ("X-Shopify-Hmac-Sha256", "y"),
            ("A", "z"),
        ]);
        let shown: Vec<_> =
            headers.redacted().0.into_iter().map(|line| line.1.to_text().into_owned()).collect();
        assert_eq!(shown, ["[redacted]", "[redacted]", "[redacted]", "z"]);
    }
}
