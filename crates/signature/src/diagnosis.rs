//! What is wrong with a signature, as far as it can be known.

use std::fmt;

use crate::mark::{Algorithm, Encoding};
use crate::template::Unit;

/// What is wrong with a signature. The text says what was found and, where it can be known, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Diagnosis {
    /// A header is not there.
    #[error("the header `{name}` is missing")]
    MissingHeader {
        /// Which.
        name: String,
    },
    /// The header is not there, and that of another scheme is.
    #[error(
        "the header `{name}` is missing, and `{found}` is there: that is how {preset} signs, so verify with `--sign {preset}`"
    )]
    OtherScheme {
        /// The header that is missing.
        name: String,
        /// The header that is there.
        found: String,
        /// The preset whose header it is.
        preset: &'static str,
    },
    /// A header that says one thing came more than once, so that two readers could take two values.
    #[error("the header `{name}` came {times} times, and only once can be right")]
    RepeatedHeader {
        /// Which.
        name: String,
        /// How often.
        times: usize,
    },
    /// One header has several timestamps, so that two readers could take two values.
    #[error("the header `{name}` holds {times} timestamps, and only one can be right")]
    RepeatedTimestamp {
        /// Which.
        name: String,
        /// How many.
        times: usize,
    },
    /// There are more signatures than anybody needs, and each costs whoever verifies.
    #[error("`{name}` holds more than {} signatures", crate::SIGNATURES_MAX)]
    TooManySignatures {
        /// Which.
        name: String,
    },
    /// The id is empty or no text.
    #[error("`{name}` is empty or not UTF-8")]
    MalformedId {
        /// The header.
        name: String,
    },
    /// The id is signed, in no header, and was not given.
    #[error("the id is signed and in no header: say which it is")]
    UnknownId,
    /// The timestamp is no whole number.
    #[error(
        "the timestamp in `{name}` is `{text}`, which is not a whole number of {unit} since 1970"
    )]
    MalformedTimestamp {
        /// The header.
        name: String,
        /// What came.
        text: String,
        /// What it should be.
        unit: Unit,
    },
    /// A header has not the form of this scheme.
    #[error("`{name}` is `{text}`, with nothing of the form `{form}` in it")]
    MalformedHeader {
        /// Which.
        name: String,
        /// What came.
        text: String,
        /// What should have come.
        form: String,
    },
    /// The timestamp makes sense in another unit only.
    #[error(
        "the timestamp in `{name}` is `{text}`, which is a time in {found} where this scheme has {expected}"
    )]
    OtherUnit {
        /// The header.
        name: String,
        /// What came.
        text: String,
        /// The unit in which it makes sense.
        found: Unit,
        /// The unit of the scheme.
        expected: Unit,
    },
    /// The message is older than is permitted, so it may be a replay.
    #[error(
        "the timestamp is {by_s} s older than is permitted: a replay, a retry under its first timestamp, or clocks that disagree{}", otherwise(*otherwise_right)
    )]
    TooOld {
        /// By how many seconds more than the tolerance.
        by_s: u64,
        /// Whether the signature is right apart from that.
        otherwise_right: bool,
    },
    /// The message comes from further in the future than is permitted.
    #[error(
        "the timestamp is {by_s} s further in the future than is permitted: clocks disagree{}", otherwise(*otherwise_right)
    )]
    TooFarInTheFuture {
        /// By how many seconds more than the tolerance.
        by_s: u64,
        /// Whether the signature is right apart from that.
        otherwise_right: bool,
    },
    /// No secret is of the kind that the signatures need.
    #[error(
        "no matching key: the message is signed with {}, and none of the secrets ({secrets}) is for that", algorithm.as_str()
    )]
    NoMatchingKey {
        /// What the message is signed with.
        algorithm: Algorithm,
        /// How many secrets there are.
        secrets: usize,
    },
    /// The body was changed after it was signed, in a way that can be named.
    #[error("the signature is right for {0}")]
    BodyChanged(Change),
    /// Something else was signed than this scheme says.
    #[error(
        "the signature is right for `{found}` where this scheme signs `{expected}`{}", if *covers_body { "" } else { ": the body is not protected" }
    )]
    OtherContent {
        /// What was signed, as templates write it.
        found: String,
        /// What the scheme signs.
        expected: String,
        /// Whether what was signed includes the body.
        covers_body: bool,
    },
    /// The key was made from the secret in another way.
    #[error(
        "the signature is right with the key `{found}` where this scheme takes `{expected}`: the secret was read in another way by the sender"
    )]
    OtherKey {
        /// How the sender read the secret, as templates write it.
        found: String,
        /// How the scheme reads it.
        expected: String,
    },
    /// The signature is right and written in another way.
    #[error("the signature is right and written in {} where this scheme has {}", found.as_str(), expected.as_str())]
    OtherEncoding {
        /// How it is written.
        found: Encoding,
        /// How the scheme writes it.
        expected: Encoding,
    },
    /// The signature is right by another algorithm.
    #[error("the signature is right by {} where this scheme has {}", found.as_str(), expected.as_str())]
    OtherAlgorithm {
        /// By which it is right.
        found: Algorithm,
        /// The scheme's.
        expected: Algorithm,
    },
    /// The begin of the right signature, and no more.
    #[error("the signature is the begin of the right one: {n_characters} characters of {whole}")]
    Truncated {
        /// How many characters came.
        n_characters: usize,
        /// How many the whole has.
        whole: usize,
    },
    /// Everything has its form, and no signature is right.
    #[error(
        "none of the signatures ({signatures}) matches any of the secrets ({secrets}): a wrong secret, or what was signed was changed since in a way that is not known here"
    )]
    NoMatch {
        /// How many signatures were tried.
        signatures: usize,
        /// With how many secrets.
        secrets: usize,
    },
}

impl Diagnosis {
    /// Returns it without what came in the header of the signature, for verdicts that are kept beside
    /// redacted headers.
    #[must_use]
    pub fn redacted(self) -> Self {
        match self {
            Self::MalformedHeader { name, form, .. } => {
                Self::MalformedHeader { name, text: "[redacted]".to_owned(), form }
            }
            other => other,
        }
    }

    /// Returns the name of the kind, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing-header",
            Self::OtherScheme { .. } => "other-scheme",
            Self::RepeatedHeader { .. } => "repeated-header",
            Self::RepeatedTimestamp { .. } => "repeated-timestamp",
            Self::TooManySignatures { .. } => "too-many-signatures",
            Self::MalformedId { .. } => "malformed-id",
            Self::UnknownId => "unknown-id",
            Self::MalformedTimestamp { .. } => "malformed-timestamp",
            Self::MalformedHeader { .. } => "malformed-header",
            Self::OtherUnit { .. } => "other-unit",
            Self::TooOld { .. } => "too-old",
            Self::TooFarInTheFuture { .. } => "too-far-in-the-future",
            Self::NoMatchingKey { .. } => "no-matching-key",
            Self::BodyChanged(change) => change.name(),
            Self::OtherContent { .. } => "other-content",
            Self::OtherKey { .. } => "other-key",
            Self::OtherEncoding { .. } => "other-encoding",
            Self::OtherAlgorithm { .. } => "other-algorithm",
            Self::Truncated { .. } => "truncated",
            Self::NoMatch { .. } => "no-match",
        }
    }
}

const fn otherwise(is_right: bool) -> &'static str {
    if is_right {
        "; the signature itself is right"
    } else {
        "; the signature does not match either"
    }
}

/// How a body was changed after it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// White space was put after it.
    WhiteSpaceAdded {
        /// How many bytes.
        bytes: usize,
    },
    /// A line end after it was lost.
    LineEndRemoved,
    /// A byte order mark was put before it.
    ByteOrderMarkAdded,
    /// The byte order mark before it was lost.
    ByteOrderMarkRemoved,
    /// CR LF became LF, or the other way round.
    LineEnds,
    /// It was read as Latin-1 and written as UTF-8.
    Mojibake,
    /// It was parsed and written again; this is how it was written when it was signed.
    Reencoded(String),
}

impl Change {
    /// Returns the name of the kind, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WhiteSpaceAdded { .. } => "white-space-added",
            Self::LineEndRemoved => "line-end-removed",
            Self::ByteOrderMarkAdded => "byte-order-mark-added",
            Self::ByteOrderMarkRemoved => "byte-order-mark-removed",
            Self::LineEnds => "line-ends",
            Self::Mojibake => "mojibake",
            Self::Reencoded(_) => "re-encoded",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RAW: &str = "verify the raw bytes, before anything reads them";
        match self {
            Self::WhiteSpaceAdded { bytes: 1 } => {
                write!(f, "this body without the white space at its end: {RAW}")
            }
            Self::WhiteSpaceAdded { bytes } => {
                write!(f, "this body without the {bytes} bytes of white space at its end: {RAW}")
            }
            Self::LineEndRemoved => write!(f, "this body with a line end after it: {RAW}"),
            Self::ByteOrderMarkAdded => write!(f, "this body without its byte order mark: {RAW}"),
            Self::ByteOrderMarkRemoved => write!(f, "this body after a byte order mark: {RAW}"),
            Self::LineEnds => write!(f, "this body with its line ends as LF or CR LF: {RAW}"),
            Self::Mojibake => {
                write!(f, "this body before it was read as Latin-1 and written as UTF-8: {RAW}")
            }
            Self::Reencoded(style) => {
                write!(
                    f,
                    "the same JSON written {style}: the body was parsed and written again; {RAW}"
                )
            }
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
        })
    }
}
