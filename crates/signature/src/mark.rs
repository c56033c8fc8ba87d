//! What a signature is made with and how it is written.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// How a signature is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-1: 20 bytes. Old, and still what some platforms send.
    HmacSha1,
    /// HMAC with SHA-256: 32 bytes.
    HmacSha256,
    /// HMAC with SHA-512: 64 bytes.
    HmacSha512,
    /// Ed25519 (RFC 8032): 64 bytes; the receiver has only the public key.
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HmacSha1, Self::HmacSha256, Self::HmacSha512, Self::Ed25519];

    /// Returns the name that templates use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Returns how many bytes a signature has.
    pub const fn n_bytes(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
            Self::HmacSha512 | Self::Ed25519 => 64,
        }
    }
}

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Two hexadecimal digits a byte, written in lower case, read in either.
    Hex,
    /// Base64 with `+`, `/` and padding (RFC 4648 section 4).
    Base64,
    /// Base64 with `-` and `_`, without padding (RFC 4648 section 5).
    Base64Url,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hex, Self::Base64, Self::Base64Url];

    /// Returns the name that templates use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
        }
    }

    /// Writes bytes as text.
    pub fn encode(self, bytes: &[u8]) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        match self {
            Self::Hex => bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect(),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// Reads text; `None` when it has not this form.
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match self {
            Self::Hex if text.len().is_multiple_of(2) => text
                .chunks_exact(2)
                .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
                .collect(),
            Self::Hex => None,
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }
}

/// The place of a signature in a header: which one, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// How it is written.
    pub encoding: Encoding,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}:{}}}", self.algorithm.as_str(), self.encoding.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hex_is_read_in_either_case_and_only_in_pairs() {
        assert_eq!(Encoding::Hex.decode(b"00fF"), Some(vec![0, 255]));
        for wrong in [&b"0"[..], b"0g", b"+1", b" 1", "é".as_bytes()] {
            assert_eq!(Encoding::Hex.decode(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn each_encoding_reads_what_it_wrote(bytes: Vec<u8>) {
            for encoding in Encoding::ALL {
                let text = encoding.encode(&bytes);
                prop_assert_eq!(encoding.decode(text.as_bytes()), Some(bytes.clone()));
            }
        }
    }
}
