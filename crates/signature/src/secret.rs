//! What two sides share, or what one signs with and the other knows the public half of.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::mark::{Algorithm, Encoding};
use crate::preset::Preset;
use crate::template::{KeyForm, Template};

/// What an ed25519 key to sign with begins with, by Standard Webhooks.
pub(crate) const PRIVATE_PREFIX: &str = "whsk_";
/// What an ed25519 key to verify with begins with, by Standard Webhooks.
pub(crate) const PUBLIC_PREFIX: &str = "whpk_";

/// Base64 whose padding may be missing, as the Python library of Standard Webhooks takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret as a template understands it.
///
/// Parsed on its own, it is one of Standard Webhooks: `whsec_` and the key of an HMAC in base64, or
/// `whsk_` and an ed25519 key in base64. [`Template::secret`] reads those of other schemes.
///
/// Neither its debug print nor its display shows the key, and its memory is overwritten at the end.
#[derive(Clone)]
pub struct Secret {
    /// The text, kept because a diagnosis tries what else it could have meant.
    text: Zeroizing<String>,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Mac(Box<MacKey>),
    Private(Box<SigningKey>),
    Public(Box<VerifyingKey>),
}

/// HMACs that have the key and nothing else yet. They are made where there is an error to return, and
/// not where something would have to stand in for a code.
#[derive(Clone)]
struct MacKey {
    sha1: Hmac<Sha1>,
    sha256: Hmac<Sha256>,
    sha512: Hmac<Sha512>,
}

/// A text that is no secret. It holds nothing of that text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin as it should.
    #[error("a secret begins with `{prefix}`, this one does not")]
    Prefix {
        /// What it begins with in this scheme.
        prefix: String,
    },
    /// What follows the prefix cannot be decoded.
    #[error(
        "a secret is `{form}`, with {encoding} in the braces' place; this one has something else there"
    )]
    Encoding {
        /// The form of a secret in this scheme.
        form: String,
        /// How its key is written.
        encoding: &'static str,
    },
    /// There is no key. Anybody could sign with an empty one.
    #[error("the secret is empty: put a key in")]
    Empty,
    /// It is no ed25519 key.
    #[error(
        "an ed25519 key is base64 of 32 bytes (`whsk_` and a seed, or `whpk_` and a public key) or of 64 (`whsk_`, seed and public key, which belong together); this one is not"
    )]
    Ed25519,
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        match Preset::find("standard-webhooks") {
            // A public key cannot sign, and whoever parses a secret alone may want to.
            Some(scheme) if !text.starts_with(PUBLIC_PREFIX) => scheme.template().secret(text),
            _ => Err(SecretError::Prefix { prefix: "whsec_".to_owned() }),
        }
    }
}

impl Template {
    /// Reads the text of a secret as this scheme does.
    ///
    /// In a scheme with ed25519 signatures, `whsk_` begins a key to sign with and `whpk_` one to verify
    /// with; without a prefix it is told by its length.
    ///
    /// # Errors
    ///
    /// When it is no secret of this scheme. The error holds nothing of the text.
    pub fn secret(&self, text: &str) -> Result<Secret, SecretError> {
        let algorithms = self.algorithms();
        let has_prefix = text.starts_with(PRIVATE_PREFIX) || text.starts_with(PUBLIC_PREFIX);
        let is_asymmetric = algorithms.contains(&Algorithm::Ed25519);
        if is_asymmetric && (has_prefix || algorithms.len() == 1) {
            return Secret::ed25519(text);
        }
        let key = key_bytes(text, &self.key)?;
        Secret::mac(text, &key)
    }
}

fn key_bytes(text: &str, form: &KeyForm) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let rest = text.strip_prefix(&form.prefix);
    let rest = rest.ok_or_else(|| SecretError::Prefix { prefix: form.prefix.clone() })?;
    // A decoder's own error names a byte of the secret, so it is dropped.
    let bytes = match form.encoding {
        None => Some(rest.as_bytes().to_vec()),
        Some(Encoding::Base64) => BASE64.decode(rest).ok(),
        Some(encoding) => encoding.decode(rest.as_bytes()),
    };
    let encoding = form.encoding.map_or("text", Encoding::as_str);
    bytes
        .map(Zeroizing::new)
        .ok_or_else(|| SecretError::Encoding { form: form.to_string(), encoding })
}

impl Secret {
    fn mac(text: &str, key: &[u8]) -> Result<Self, SecretError> {
        if key.is_empty() {
            return Err(SecretError::Empty);
        }
        // An HMAC takes a key of any length, so this cannot fail.
        let key = MacKey::new(key).map_err(|_| SecretError::Empty)?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), key: Key::Mac(Box::new(key)) })
    }

    fn ed25519(text: &str) -> Result<Self, SecretError> {
        let wrong = SecretError::Ed25519;
        let (is_private, rest) =
            match (text.strip_prefix(PRIVATE_PREFIX), text.strip_prefix(PUBLIC_PREFIX)) {
                (Some(rest), _) => (Some(true), rest),
                (None, Some(rest)) => (Some(false), rest),
                (None, None) => (None, text),
            };
        let bytes = Zeroizing::new(BASE64.decode(rest).map_err(|_| wrong.clone())?);
        let key = match (bytes.len(), is_private) {
            (0, _) => return Err(SecretError::Empty),
            (64, None | Some(true)) => {
                let pair = bytes.as_slice().try_into().map_err(|_| wrong.clone())?;
                Key::Private(Box::new(SigningKey::from_keypair_bytes(pair).map_err(|_| wrong)?))
            }
            (32, Some(true)) => {
                let seed = bytes.as_slice().try_into().map_err(|_| wrong)?;
                Key::Private(Box::new(SigningKey::from_bytes(seed)))
            }
            (32, None | Some(false)) => {
                let public = bytes.as_slice().try_into().map_err(|_| wrong.clone())?;
                Key::Public(Box::new(VerifyingKey::from_bytes(public).map_err(|_| wrong)?))
            }
            _ => return Err(wrong),
        };
        Ok(Self { text: Zeroizing::new(text.to_owned()), key })
    }

    /// Tells whether it can be signed with, and not only verified.
    pub const fn can_sign(&self) -> bool {
        !matches!(self.key, Key::Public(_))
    }

    /// Tells whether it is a key for this algorithm.
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(self.key, Key::Mac(_)) != matches!(algorithm, Algorithm::Ed25519)
    }

    /// Returns the public half of an ed25519 key, as `whpk_` and base64; nothing for an HMAC.
    pub fn public(&self) -> Option<String> {
        let key = match &self.key {
            Key::Mac(_) => return None,
            Key::Private(key) => key.verifying_key(),
            Key::Public(key) => **key,
        };
        Some(format!("{PUBLIC_PREFIX}{}", BASE64.encode(key.as_bytes())))
    }

    /// Reads the same text in another way; nothing when it cannot be read so.
    pub(crate) fn read_as(&self, form: &KeyForm) -> Option<Self> {
        let key = key_bytes(&self.text, form).ok()?;
        Self::mac(&self.text, &key).ok()
    }

    /// Returns another secret of the same kind, for whoever wants a signature to be wrong.
    pub(crate) fn other(&self) -> Self {
        let mut other = self.clone();
        let seed = self.sign(Algorithm::HmacSha256, &[b"another secret"]);
        let seed = seed.or_else(|| self.sign(Algorithm::Ed25519, &[b"another secret"]));
        let seed: Zeroizing<Vec<u8>> = Zeroizing::new(seed.unwrap_or_else(|| vec![7; 32]));
        match &mut other.key {
            Key::Mac(key) => {
                if let Ok(new) = MacKey::new(&seed) {
                    **key = new;
                }
            }
            Key::Private(key) => {
                if let Some(Ok(seed)) = seed.get(..32).map(TryInto::try_into) {
                    **key = SigningKey::from_bytes(seed);
                }
            }
            Key::Public(_) => {}
        }
        other
    }

    /// Signs parts as if they were one message; nothing when the key is not for this algorithm, or is
    /// the public half.
    pub(crate) fn sign(&self, algorithm: Algorithm, parts: &[&[u8]]) -> Option<Vec<u8>> {
        match (&self.key, algorithm) {
            (Key::Mac(key), Algorithm::HmacSha1) => Some(code(key.sha1.clone(), parts)),
            (Key::Mac(key), Algorithm::HmacSha256) => Some(code(key.sha256.clone(), parts)),
            (Key::Mac(key), Algorithm::HmacSha512) => Some(code(key.sha512.clone(), parts)),
            (Key::Private(key), Algorithm::Ed25519) => {
                Some(key.sign(&parts.concat()).to_bytes().to_vec())
            }
            _ => None,
        }
    }

    /// Tells whether one of some signatures of these parts is right. Codes are compared in constant time.
    pub(crate) fn verifies<'a>(
        &self,
        algorithm: Algorithm,
        parts: &[&[u8]],
        given: impl IntoIterator<Item = &'a [u8]>,
    ) -> bool {
        let public = match (&self.key, algorithm) {
            (Key::Public(key), Algorithm::Ed25519) => **key,
            (Key::Private(key), Algorithm::Ed25519) => key.verifying_key(),
            _ => {
                // Computed once, however many there are to compare it with.
                let Some(expected) = self.sign(algorithm, parts) else { return false };
                return given.into_iter().any(|given| expected.ct_eq(given).into());
            }
        };
        let message = parts.concat();
        // Strict: signatures that only lenient implementations take are refused.
        let is_right = |it: Signature| public.verify_strict(&message, &it).is_ok();
        given.into_iter().any(|given| Signature::from_slice(given).is_ok_and(is_right))
    }
}

impl MacKey {
    fn new(key: &[u8]) -> Result<Self, InvalidLength> {
        Ok(Self {
            sha1: Hmac::new_from_slice(key)?,
            sha256: Hmac::new_from_slice(key)?,
            sha512: Hmac::new_from_slice(key)?,
        })
    }
}

fn code(mut mac: impl hmac::Mac, parts: &[&[u8]]) -> Vec<u8> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

    #[test]
    fn each_wrong_form_has_its_own_error() {
        let error = |text: &str| text.parse::<Secret>().unwrap_err().to_string();
        insta::assert_snapshot!(error("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), @"a secret begins with `whsec_`, this one does not");
        insta::assert_snapshot!(error("whsec_not base64"), @"a secret is `whsec_{base64}`, with base64 in the braces' place; this one has something else there");
        insta::assert_snapshot!(error("whsec_"), @"the secret is empty: put a key in");
        insta::assert_snapshot!(error("whsk_YQ=="), @"an ed25519 key is base64 of 32 bytes (`whsk_` and a seed, or `whpk_` and a public key) or of 64 (`whsk_`, seed and public key, which belong together); this one is not");
        assert_eq!(error("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), error(""));
        assert_eq!(error("whsec_YQ==\n"), error("whsec_!"), "a line end is no part of a secret");
        assert_eq!(error(PUBLIC), error(""), "a public key alone cannot sign");
    }

    #[test]
    fn padding_may_be_missing() {
        let code = |text: &str| {
            text.parse::<Secret>().unwrap().sign(Algorithm::HmacSha256, &[b"x"]).unwrap()
        };
        assert_eq!(code("whsec_YQ"), code("whsec_YQ=="));
        assert_ne!(code("whsec_YQ"), code("whsec_Yg"));
    }

    #[test]
    fn an_ed25519_key_is_told_by_its_prefix_or_its_length() {
        let scheme = Preset::find("standard-webhooks").unwrap().template();
        let private = scheme.secret(PRIVATE).unwrap();
        let public = scheme.secret(PUBLIC).unwrap();
        assert!(private.can_sign() && !public.can_sign());
        assert_eq!(private.public().as_deref(), Some(PUBLIC));
        assert_eq!(public.public().as_deref(), Some(PUBLIC));

        let telnyx = Preset::find("telnyx").unwrap().template();
        assert!(!telnyx.secret(&PUBLIC[5..]).unwrap().can_sign());
        assert!(telnyx.secret(&PRIVATE[5..]).unwrap().can_sign());
        let seed = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
        assert_eq!(telnyx.secret(seed).unwrap().public().as_deref(), Some(PUBLIC));
        // Seed and public key that do not belong together: whoever signs with them gives the key away.
        let torn = format!("whsk_{}", "A".repeat(86) + "==");
        assert_eq!(telnyx.secret(&torn).unwrap_err(), SecretError::Ed25519);
        assert_eq!(telnyx.secret("whpk_AAAA").unwrap_err(), SecretError::Ed25519);
    }

    #[test]
    fn no_print_shows_the_key() {
        let secret: Secret = "whsec_c2VjcmV0IGtleQ==".parse().unwrap();
        assert_eq!(format!("{secret:?} {secret}"), "Secret(…) [redacted]");
        let private: Secret = PRIVATE.parse().unwrap();
        assert_eq!(format!("{private:?} {private}"), "Secret(…) [redacted]");
    }

    proptest! {
        #[test]
        fn no_error_shows_the_text(text in "(whsec_|whsk_)?[!-~]{8,40}") {
            for preset in crate::PRESETS {
                if let Err(error) = preset.template().secret(&text) {
                    let shown = format!("{error} {error:?}");
                    let key = text.trim_start_matches("whsec_").trim_start_matches("whsk_");
                    prop_assert!(!shown.contains(key));
                }
            }
        }
    }
}
