//! Signatures of webhooks: a message is signed, or the signature that came with one is verified, by the
//! scheme of any platform.
//!
//! A scheme is a [`Template`]: what is signed, how a secret becomes a key, and in which header lines the
//! signature goes. [`PRESETS`] has those of known platforms. Bytes and a time come in; header lines or a
//! typed [`Diagnosis`] go out. The crate does no IO and reads no clock: both the time of signing and the
//! time of verifying are arguments. What is signed is the body as it is, byte for byte; it is parsed only
//! to find out what happened to one whose signature does not match.
//!
//! A [`Signer`] can also sign wrong in one of the ways of [`Fault`], to see what a receiver makes of it.
//!
//! No secret, and nothing from which one could be had, is ever part of an error or of a debug print.
//!
//! ```
//! use ringback_signature::{Secret, TOLERANCE_S, sign, verify};
//!
//! let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
//! let headers = sign(&secret, "msg_1", 1_700_000_000, b"{}");
//! let verified = verify(&[secret], &headers, b"{}", 1_700_000_007, TOLERANCE_S)?;
//! assert_eq!(verified.id.as_deref(), Some("msg_1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod diagnosis;
mod fault;
mod json;
mod mark;
mod parse;
mod preset;
mod read;
mod secret;
mod sign;
mod suspect;
mod template;
mod verify;

pub use diagnosis::{Change, Diagnosis};
pub use fault::{Expected, Fault};
pub use mark::{Algorithm, Encoding, Mark};
pub use parse::TemplateError;
pub use preset::{PRESETS, Preset};
pub use read::SIGNATURES_MAX;
pub use secret::{Secret, SecretError};
pub use sign::{Message, Signer, SignerError, sign};
pub use suspect::DIAGNOSED_BYTES_MAX;
pub use template::{TOLERANCE_S, Template, Unit};
pub use verify::{Age, Received, Verified, verify};
