//! Signatures of webhooks, by the Standard Webhooks scheme: a body is signed, or the signature that
//! came with one is verified.
//!
//! Bytes and a time come in; header lines or a typed diagnosis go out. The crate does no IO and reads
//! no clock: both the time of signing and the time of verifying are arguments. What is signed is the
//! body as it is, byte for byte; nothing here parses it.
//!
//! No secret, and nothing from which one could be had, is ever part of an error or of a debug print.
//!
//! ```
//! use ringback_signature::{Secret, TOLERANCE_S, sign, verify};
//!
//! let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
//! let headers = sign(&secret, "msg_1", 1_700_000_000, b"{}");
//! let verified = verify(&[secret], &headers, b"{}", 1_700_000_007, TOLERANCE_S)?;
//! assert_eq!(verified.id, "msg_1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod mac;
mod secret;
mod sign;
mod verify;

pub use secret::{Secret, SecretError};
pub use sign::{ID, SIGNATURE, TIMESTAMP, sign};
pub use verify::{SignatureError, TOLERANCE_S, Verified, verify};
