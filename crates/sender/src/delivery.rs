//! One event on its way to one target.

use bytes::Bytes;
use ringback_exchange::Headers;

use crate::headers::{HeaderError, check};

/// A body and what is said about it. What it holds can be sent: header lines are checked on their way
/// in.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The place in the plan, from 0. It decides, together with the seed, which fault the delivery has.
    pub index: u64,
    /// The body, sent byte for byte.
    pub body: Bytes,
    pub(crate) headers: Headers,
}

impl Delivery {
    /// Makes a delivery with no header lines but those of its target.
    pub fn new(index: u64, body: impl Into<Bytes>) -> Self {
        Self { index, body: body.into(), headers: Headers::default() }
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
}
