//! One event on its way to one target.

use bytes::Bytes;
use ringback_exchange::Headers;

use crate::headers::{HeaderError, check};
use crate::style::Method;

/// A body and what is said about it. What it holds can be sent: header lines are checked on their way
/// in.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The place in the plan, from 0. It decides, together with the seed, which fault the delivery has.
    pub index: u64,
    /// The body, sent byte for byte.
    pub body: Bytes,
    pub(crate) headers: Headers,
    /// In place of the method of the target's style.
    pub(crate) method: Option<Method>,
    /// In place of path and query of the target.
    pub(crate) path_and_query: Option<String>,
    /// Whether it goes without the lines that nobody asked for.
    pub(crate) is_bare: bool,
}

impl Delivery {
    /// Makes a delivery with no header lines but those of its target.
    pub fn new(index: u64, body: impl Into<Bytes>) -> Self {
        let (body, headers) = (body.into(), Headers::default());
        Self { index, body, headers, method: None, path_and_query: None, is_bare: false }
    }

    /// Sets the header lines of this delivery alone, such as its signature. They replace those of the
    /// target that have the same name.
    ///
    /// # Errors
    ///
    /// When one of them cannot be sent.
    pub fn with_headers(self, headers: &Headers) -> Result<Self, HeaderError> {
        check(headers)?;
        Ok(Self { headers: headers.clone(), ..self })
    }

    /// Sets the method of this delivery alone.
    #[must_use]
    pub fn with_method(self, method: Method) -> Self {
        Self { method: Some(method), ..self }
    }

    /// Sets where on its target this delivery goes: a path, which begins with `/`, and a query behind `?`.
    /// Host and port stay those that the guard has judged. What a URL may not hold is encoded.
    #[must_use]
    pub fn with_path_and_query(self, path_and_query: impl Into<String>) -> Self {
        Self { path_and_query: Some(path_and_query.into()), ..self }
    }

    /// Leaves out the lines that a request has when nobody says otherwise (`content-type`, `user-agent`,
    /// and what the engine can do without), for one that is to be as it once was.
    #[must_use]
    pub fn without_defaults(self) -> Self {
        Self { is_bare: true, ..self }
    }
}
