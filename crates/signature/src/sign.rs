//! Signing: a message in, header lines out.

use ringback_exchange::Headers;

use crate::fault::Fault;
use crate::mark::Mark;
use crate::secret::Secret;
use crate::template::{Entry, Line, Piece, Template, Unit};

/// What is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The id, the same for each try. It is taken as it is: with a character in it that a header value
    /// may not have, the lines cannot be sent.
    pub id: &'a str,
    /// The time of this try, in milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp_ms: i64,
    /// The address it is sent to, for schemes that sign it.
    pub url: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Signs messages by one template with one or more secrets, rightly or wrong in one way.
#[derive(Debug, Clone)]
pub struct Signer {
    template: Template,
    secrets: Vec<Secret>,
    fault: Option<Fault>,
}

/// Why there can be no such signer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// There is no secret.
    #[error("there is no secret to sign with")]
    NoSecret,
    /// A secret can verify and not sign.
    #[error("a public key cannot sign: use the private one, `whsk_…`")]
    Public,
    /// A secret is a key for none of the scheme's algorithms.
    #[error("a secret is a key for none of the algorithms of this scheme")]
    Unfit,
    /// The fault cannot be had with this scheme.
    #[error("`{}` has no meaning here: {why}", fault.name())]
    Fault {
        /// Which.
        fault: Fault,
        /// Why not.
        why: &'static str,
    },
}

impl Signer {
    /// Makes a signer. With several secrets, as while they rotate, each signs.
    ///
    /// # Errors
    ///
    /// When there is no secret, or one that cannot sign.
    pub fn new(template: Template, secrets: Vec<Secret>) -> Result<Self, SignerError> {
        if secrets.is_empty() {
            return Err(SignerError::NoSecret);
        }
        if !secrets.iter().all(Secret::can_sign) {
            return Err(SignerError::Public);
        }
        let algorithms = template.algorithms();
        if !secrets.iter().all(|secret| algorithms.iter().any(|it| secret.fits(*it))) {
            return Err(SignerError::Unfit);
        }
        Ok(Self { template, secrets, fault: None })
    }

    /// Makes each signature wrong in one way.
    ///
    /// # Errors
    ///
    /// When that way has no meaning with this template.
    pub fn with_fault(self, fault: Fault) -> Result<Self, SignerError> {
        match fault.is_senseless_with(&self.template) {
            Some(why) => Err(SignerError::Fault { fault, why }),
            None => Ok(Self { fault: Some(fault), ..self }),
        }
    }

    /// Returns the template it signs by.
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// Returns the fault it signs with.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Returns the header lines that go with a message.
    pub fn headers(&self, message: &Message<'_>) -> Headers {
        match self.fault {
            None => self.template.sign(&self.secrets, message),
            Some(fault) => fault.sign(&self.template, &self.secrets, message),
        }
    }
}

impl Template {
    /// Writes the header lines of a message: one signature for each secret that can sign.
    pub(crate) fn sign(&self, secrets: &[Secret], message: &Message<'_>) -> Headers {
        self.sign_with(secrets, message, &|mark, bytes| mark.encoding.encode(&bytes))
    }

    /// Writes the header lines of a message, with each signature written by `write`.
    pub(crate) fn sign_with(
        &self,
        secrets: &[Secret],
        message: &Message<'_>,
        write: &dyn Fn(Mark, Vec<u8>) -> String,
    ) -> Headers {
        let timestamp = self.timestamp(message.timestamp_ms);
        let parts = parts(&self.content, message, timestamp.as_bytes());
        let signed = |mark: Mark, secret: &Secret| {
            secret.sign(mark.algorithm, &parts).map(|bytes| write(mark, bytes))
        };
        let mut headers = Headers::default();
        for line in &self.lines {
            for value in values(line, secrets, message.id, &timestamp, &signed) {
                headers.push(line.name.clone(), value);
            }
        }
        headers
    }

    /// Writes a time in the unit of the template.
    pub(crate) fn timestamp(&self, timestamp_ms: i64) -> String {
        match self.unit {
            Some(Unit::Milliseconds) => timestamp_ms.to_string(),
            _ => timestamp_ms.div_euclid(1000).to_string(),
        }
    }
}

/// Returns the values of a line: one with all signatures where it has a list, one for each secret where
/// it has not.
fn values(
    line: &Line,
    secrets: &[Secret],
    id: &str,
    timestamp: &str,
    signed: &impl Fn(Mark, &Secret) -> Option<String>,
) -> Vec<String> {
    let write = |entry: &Entry, secret: Option<&Secret>| {
        let mut text = String::new();
        for piece in &entry.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Id => text.push_str(id),
                Piece::Timestamp(_) => text.push_str(timestamp),
                Piece::Signature(mark) => text.push_str(&signed(*mark, secret?)?),
                Piece::Body | Piece::Url => {}
            }
        }
        Some(text)
    };
    let each = |entry: &Entry| match entry.mark() {
        Some(_) => secrets.iter().filter_map(|secret| write(entry, Some(secret))).collect(),
        None => write(entry, None).into_iter().collect::<Vec<_>>(),
    };
    let texts = line.entries.iter().flat_map(each);
    match line.separator {
        None => texts.collect(),
        Some(separator) => vec![texts.collect::<Vec<_>>().join(&separator.to_string())],
    }
}

/// Returns what is signed, in parts that need not be copied together.
///
/// The id and the timestamp are taken as bytes because a verifier has to authenticate what came, not
/// what it made of it: `007` and `7` are one number and two messages.
pub(crate) fn parts<'a>(
    content: &'a [Piece],
    message: &Message<'a>,
    timestamp: &'a [u8],
) -> Vec<&'a [u8]> {
    let part = |piece: &'a Piece| match piece {
        Piece::Text(text) => text.as_bytes(),
        Piece::Id => message.id.as_bytes(),
        Piece::Timestamp(_) => timestamp,
        Piece::Body => message.body,
        Piece::Url => message.url.as_bytes(),
        Piece::Signature(_) => b"",
    };
    content.iter().map(part).collect()
}

/// Signs a body by Standard Webhooks, and returns the three header lines that go with it.
///
/// `timestamp` is in seconds since 1970-01-01T00:00:00Z; those that do not fit into 64 bits as
/// milliseconds are taken as the last that does.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Headers {
    let timestamp_ms = timestamp.saturating_mul(1000);
    standard().sign(std::slice::from_ref(secret), &Message { id, timestamp_ms, url: "", body })
}

/// Returns the template of Standard Webhooks.
pub(crate) fn standard() -> &'static Template {
    static STANDARD: std::sync::LazyLock<Template> =
        std::sync::LazyLock::new(|| crate::PRESETS[0].template());
    &STANDARD
}
