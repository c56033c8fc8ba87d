//! The secret that two sides share.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// What every secret in text form begins with.
const PREFIX: &str = "whsec_";

/// The key of an HMAC, parsed from `whsec_` and the key in base64.
///
/// Neither its debug print nor its display shows the key.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

/// A text that is no secret. It holds nothing of that text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("a secret begins with `whsec_`, this one does not")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error(
        "a secret is `whsec_` and standard base64 with its padding; what follows `whsec_` is not base64"
    )]
    Base64,
    /// Nothing follows the prefix. Anybody could sign with an empty key.
    #[error("the secret is empty: put a key in base64 after `whsec_`")]
    Empty,
}

impl Secret {
    /// Returns an HMAC that has the key and nothing else yet.
    pub(crate) fn hmac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        // The decoder's own error names a byte of the secret, so it is dropped.
        let key = BASE64.decode(encoded).map_err(|_| SecretError::Base64)?;
        if key.is_empty() {
            return Err(SecretError::Empty);
        }
        // An HMAC takes a key of any length, so this cannot fail: the key is put in here, where there is
        // an error to return, and not where something would have to stand in for a code.
        Hmac::new_from_slice(&key).map(Self).map_err(|_| SecretError::Empty)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_wrong_form_has_its_own_error() {
        let error = |text: &str| text.parse::<Secret>().unwrap_err();
        assert_eq!(error("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SecretError::Prefix);
        assert_eq!(error("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SecretError::Prefix);
        assert_eq!(error(""), SecretError::Prefix);
        assert_eq!(error("whsec_"), SecretError::Empty);
        assert_eq!(error("whsec_not base64"), SecretError::Base64);
        assert_eq!(error("whsec_YQ"), SecretError::Base64, "the padding is missing");
        assert_eq!(error("whsec_YQ==\n"), SecretError::Base64, "a line end is no part of a secret");
    }

    #[test]
    fn no_print_shows_the_key() {
        let secret: Secret = "whsec_c2VjcmV0IGtleQ==".parse().unwrap();
        assert_eq!(format!("{secret:?} {secret}"), "Secret(…) whsec_…");
    }

    proptest! {
        #[test]
        fn no_error_shows_the_text(text in "(whsec_)?[!-~]{8,40}") {
            if let Err(error) = text.parse::<Secret>() {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains(text.trim_start_matches(PREFIX)));
            }
        }
    }
}
