//! Verifying: header lines and a body in, who signed or what is wrong out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ringback_exchange::Headers;
use subtle::ConstantTimeEq as _;

use crate::mac::code;
use crate::secret::Secret;
use crate::sign::{ID, SIGNATURE, TIMESTAMP};

/// The age that Standard Webhooks permits, in seconds, into the past and into the future alike.
pub const TOLERANCE_S: u64 = 300;

/// A signature that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The id of the message.
    pub id: String,
    /// When it says it was sent, in seconds since 1970.
    pub timestamp: i64,
    /// The place, from 0, of the secret that matched: while secrets rotate, several are valid.
    pub secret: usize,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is not there.
    #[error("the header `{name}` is missing")]
    MissingHeader {
        /// Which.
        name: &'static str,
    },
    /// A header that says one thing came more than once, so that two readers could take two values.
    #[error("the header `{name}` came {times} times, and only once can be right")]
    RepeatedHeader {
        /// Which.
        name: &'static str,
        /// How often.
        times: usize,
    },
    /// The id is empty or no text.
    #[error("`{ID}` is empty or not UTF-8")]
    MalformedId,
    /// The timestamp is no whole number of seconds.
    #[error("`{TIMESTAMP}` is `{text}`, which is not a whole number of seconds since 1970")]
    MalformedTimestamp {
        /// What came.
        text: String,
    },
    /// None of the signatures is one of the form that is known here.
    #[error("`{SIGNATURE}` is `{text}`, with no signature of the form `v1,<base64 of 32 bytes>`")]
    MalformedSignature {
        /// What came.
        text: String,
    },
    /// The message is older than is permitted, so it may be a replay.
    #[error("the timestamp is {by_s} s older than is permitted: a replay, or clocks that disagree")]
    TooOld {
        /// By how many seconds more than the tolerance.
        by_s: u64,
    },
    /// The message comes from further in the future than is permitted.
    #[error("the timestamp is {by_s} s further in the future than is permitted: clocks disagree")]
    TooFarInTheFuture {
        /// By how many seconds more than the tolerance.
        by_s: u64,
    },
    /// The body got white space at its end after it was signed.
    #[error(
        "the signature is for this body without the {bytes} bytes of white space at its end: pass on the bytes as they came"
    )]
    TrailingWhiteSpace {
        /// How many bytes of white space the body ends in.
        bytes: usize,
    },
    /// Everything has its form, and no signature is right.
    #[error(
        "none of the signatures ({signatures}) matches any of the secrets ({secrets}): a wrong secret, or the id, the timestamp or the body was changed after signing"
    )]
    NoMatch {
        /// How many signatures were tried.
        signatures: usize,
        /// With how many secrets.
        secrets: usize,
    },
}

/// Verifies what came with a body.
///
/// `now` and the timestamp are in seconds since 1970; they may differ by `tolerance_s` seconds, which
/// is [`TOLERANCE_S`] by the specification. Header names are taken in any case. One right signature of
/// several is enough, by any of the secrets; those of unknown versions are passed over. Codes are
/// compared in constant time.
///
/// # Errors
///
/// The first of: a header that is missing or came twice, one that has not its form, a timestamp that
/// is too far from `now`, no signature that matches.
pub fn verify(
    secrets: &[Secret],
    headers: &Headers,
    body: &[u8],
    now: i64,
    tolerance_s: u64,
) -> Result<Verified, SignatureError> {
    let id = text_of_id(only(headers, ID)?)?;
    let timestamp_bytes = only(headers, TIMESTAMP)?;
    let timestamp = parse_timestamp(timestamp_bytes)?;
    let signatures = parse_signatures(headers)?;
    check_age(timestamp, now, tolerance_s)?;

    let matching = |body: &[u8]| {
        secrets.iter().position(|secret| {
            let expected = code(secret, id.as_bytes(), timestamp_bytes, body);
            signatures.iter().any(|found| found.ct_eq(&expected).into())
        })
    };
    if let Some(secret) = matching(body) {
        return Ok(Verified { id: id.to_owned(), timestamp, secret });
    }
    let trimmed = body.trim_ascii_end();
    if trimmed.len() < body.len() && matching(trimmed).is_some() {
        return Err(SignatureError::TrailingWhiteSpace { bytes: body.len() - trimmed.len() });
    }
    Err(SignatureError::NoMatch { signatures: signatures.len(), secrets: secrets.len() })
}

/// Returns the value of a header that must come once.
fn only<'a>(headers: &'a Headers, name: &'static str) -> Result<&'a [u8], SignatureError> {
    let mut values = headers.get_all(name);
    let value = values.next().ok_or(SignatureError::MissingHeader { name })?;
    match values.count() {
        0 => Ok(&value.0),
        more => Err(SignatureError::RepeatedHeader { name, times: more + 1 }),
    }
}

fn text_of_id(bytes: &[u8]) -> Result<&str, SignatureError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(SignatureError::MalformedId),
    }
}

fn parse_timestamp(bytes: &[u8]) -> Result<i64, SignatureError> {
    let malformed =
        || SignatureError::MalformedTimestamp { text: String::from_utf8_lossy(bytes).into_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    // `+5` reads as a number too, and no sender writes it.
    if text.starts_with('+') {
        return Err(malformed());
    }
    text.parse().map_err(|_| malformed())
}

/// Reads every `v1` signature of every line of the header. Versions that are unknown here may be valid
/// elsewhere, so only a header without any known one is wrong.
fn parse_signatures(headers: &Headers) -> Result<Vec<[u8; 32]>, SignatureError> {
    let lines: Vec<_> = headers.get_all(SIGNATURE).map(|value| value.0.as_ref()).collect();
    if lines.is_empty() {
        return Err(SignatureError::MissingHeader { name: SIGNATURE });
    }
    let text = lines.join(&b' ');
    let found: Vec<[u8; 32]> = text
        .split(|&byte| byte == b' ')
        .filter_map(|entry| entry.strip_prefix(b"v1,"))
        .filter_map(|encoded| BASE64.decode(encoded).ok()?.try_into().ok())
        .collect();
    if found.is_empty() {
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(SignatureError::MalformedSignature { text });
    }
    Ok(found)
}

fn check_age(timestamp: i64, now: i64, tolerance_s: u64) -> Result<(), SignatureError> {
    let apart_s = now.abs_diff(timestamp);
    if apart_s <= tolerance_s {
        return Ok(());
    }
    let by_s = apart_s - tolerance_s;
    Err(if timestamp < now {
        SignatureError::TooOld { by_s }
    } else {
        SignatureError::TooFarInTheFuture { by_s }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringback_exchange::Content;

    use super::*;
    use crate::sign::sign;

    const NOW: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn secret() -> Secret {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap()
    }

    fn other() -> Secret {
        "whsec_b3RoZXIgc2VjcmV0IGZvciB0ZXN0cyE=".parse().unwrap()
    }

    fn signed() -> Headers {
        sign(&secret(), "msg_1", NOW, BODY)
    }

    fn with(name: &str, value: &str) -> Headers {
        let mut headers = signed();
        headers.0.retain(|line| line.0 != name);
        headers.push(name, value);
        headers
    }

    fn check(headers: &Headers) -> Result<Verified, SignatureError> {
        verify(&[secret()], headers, BODY, NOW, TOLERANCE_S)
    }

    fn error(headers: &Headers) -> String {
        check(headers).unwrap_err().to_string()
    }

    /// The example of the Standard Webhooks libraries, with names as they could come.
    #[test]
    fn the_known_answer_is_taken_whatever_the_case_of_the_names() {
        let headers = Headers::from_iter([
            ("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("WEBHOOK-TIMESTAMP", "1614265330"),
            ("webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ]);
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned();
        assert_eq!(check(&headers), Ok(Verified { id, timestamp: NOW, secret: 0 }));
    }

    #[test]
    fn any_of_several_signatures_and_any_of_several_secrets_is_enough() {
        let right = signed().get(SIGNATURE).unwrap().to_owned();
        let wrong = sign(&other(), "msg_1", NOW, BODY).get(SIGNATURE).unwrap().to_owned();
        let found = check(&with(SIGNATURE, &format!("v1a,AAAA {wrong}  v1,junk {right} v2,x")));
        assert!(found.is_ok());
        let mut on_two_lines = with(SIGNATURE, &wrong);
        on_two_lines.push(SIGNATURE, right);
        assert!(check(&on_two_lines).is_ok());

        let rotated = verify(&[other(), secret()], &signed(), BODY, NOW, TOLERANCE_S).unwrap();
        assert_eq!(rotated.secret, 1);
        assert_eq!(
            verify(&[other()], &signed(), BODY, NOW, TOLERANCE_S),
            Err(SignatureError::NoMatch { signatures: 1, secrets: 1 })
        );
        assert_eq!(
            verify(&[], &signed(), BODY, NOW, TOLERANCE_S),
            Err(SignatureError::NoMatch { signatures: 1, secrets: 0 })
        );
    }

    #[test]
    fn each_missing_header_is_named() {
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut headers = signed();
            headers.0.retain(|line| line.0 != name);
            assert_eq!(check(&headers), Err(SignatureError::MissingHeader { name }));
        }
    }

    #[test]
    fn what_says_one_thing_comes_once() {
        for name in [ID, TIMESTAMP] {
            let mut headers = signed();
            let value = headers.get(name).unwrap().to_owned();
            headers.push(name, value);
            assert_eq!(check(&headers), Err(SignatureError::RepeatedHeader { name, times: 2 }));
        }
    }

    #[test]
    fn each_malformed_header_is_told() {
        insta::assert_snapshot!(error(&with(ID, "")), @"`webhook-id` is empty or not UTF-8");
        insta::assert_snapshot!(error(&with(TIMESTAMP, "2021-02-25T15:02:10Z")), @"`webhook-timestamp` is `2021-02-25T15:02:10Z`, which is not a whole number of seconds since 1970");
        for text in ["", "+1614265330", "1614265330.0", " 1614265330", "99999999999999999999"] {
            let malformed = SignatureError::MalformedTimestamp { text: text.to_owned() };
            assert_eq!(check(&with(TIMESTAMP, text)), Err(malformed));
        }
        insta::assert_snapshot!(error(&with(SIGNATURE, "v1,AAAA")), @"`webhook-signature` is `v1,AAAA`, with no signature of the form `v1,<base64 of 32 bytes>`");
        for text in ["", "v1", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            let malformed = SignatureError::MalformedSignature { text: text.to_owned() };
            assert_eq!(check(&with(SIGNATURE, text)), Err(malformed));
        }
    }

    #[test]
    fn the_age_is_judged_to_the_second() {
        let at = |now| verify(&[secret()], &signed(), BODY, now, 300);
        assert!(at(NOW + 300).is_ok());
        assert!(at(NOW - 300).is_ok());
        assert_eq!(at(NOW + 301), Err(SignatureError::TooOld { by_s: 1 }));
        assert_eq!(at(NOW - 301), Err(SignatureError::TooFarInTheFuture { by_s: 1 }));
        // Neither end of the number line overflows.
        for timestamp in [i64::MIN, i64::MAX] {
            let headers = with(TIMESTAMP, &timestamp.to_string());
            assert!(check(&headers).is_err());
            assert!(verify(&[secret()], &headers, BODY, !timestamp, u64::MAX).is_err());
        }
    }

    #[test]
    fn white_space_after_the_body_is_told_apart_from_a_wrong_secret() {
        let longer = [BODY, b"\r\n"].concat();
        assert_eq!(
            verify(&[secret()], &signed(), &longer, NOW, TOLERANCE_S),
            Err(SignatureError::TrailingWhiteSpace { bytes: 2 })
        );
        assert_eq!(
            verify(&[other()], &signed(), &longer, NOW, TOLERANCE_S),
            Err(SignatureError::NoMatch { signatures: 1, secrets: 1 })
        );
        let signed_with_it = sign(&secret(), "msg_1", NOW, &longer);
        assert!(verify(&[secret()], &signed_with_it, &longer, NOW, TOLERANCE_S).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_signed_verifies(
            id in "[!-~]{1,40}", timestamp: i64, skew in -300_i64..=300, body: Vec<u8>,
        ) {
            let headers = sign(&secret(), &id, timestamp, &body);
            let now = timestamp.saturating_add(skew);
            let verified = verify(&[other(), secret()], &headers, &body, now, 300).unwrap();
            prop_assert_eq!(verified, Verified { id, timestamp, secret: 1 });
        }

        #[test]
        fn one_flipped_bit_never_verifies(place in 0_usize..1000, bit in 0_u8..8, body: Vec<u8>) {
            let mut headers = sign(&secret(), "msg_1", NOW, &body);
            let mut body = body;
            let n_bits: usize = headers.0.iter().map(|line| line.1.0.len()).sum::<usize>() + body.len();
            let mut place = place % n_bits;
            let mut flipped = false;
            for line in &mut headers.0 {
                let mut value = line.1.0.to_vec();
                if !flipped && place < value.len() {
                    value[place] ^= 1 << bit;
                    flipped = true;
                } else if !flipped {
                    place -= value.len();
                }
                line.1 = Content::from(value);
            }
            if !flipped {
                body[place] ^= 1 << bit;
            }
            // Any age is permitted, so that it is the signature that has to notice.
            prop_assert!(verify(&[secret()], &headers, &body, NOW, u64::MAX).is_err());
        }

        #[test]
        fn nothing_that_comes_panics(
            id: Vec<u8>, timestamp: Vec<u8>, signature: Vec<u8>, body: Vec<u8>, now: i64, tolerance: u64,
        ) {
            let headers = Headers::from_iter([(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)]);
            prop_assert!(verify(&[secret()], &headers, &body, now, tolerance).is_err());
        }
    }
}
