//! A request and a reply.

use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::headers::Headers;

/// One HTTP request, body included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent: usually path and query.
    pub target: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Content,
}

impl Request {
    /// Returns the path of the target, without the query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }
}

/// One HTTP reply, body included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Content,
}

impl Reply {
    /// Tells whether the status is one of success (200 to 299).
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Tells whether the status puts the blame on the request (400 to 499).
    pub const fn is_refusal(&self) -> bool {
        matches!(self.status, 400..=499)
    }

    /// Tells whether the status is a redirect (300 to 399).
    pub const fn is_redirect(&self) -> bool {
        matches!(self.status, 300..=399)
    }
}
