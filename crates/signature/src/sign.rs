//! Signing: a body in, header lines out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ringback_exchange::Headers;

use crate::mac::code;
use crate::secret::Secret;

/// The header with the id of the message, the same for each try of it.
pub const ID: &str = "webhook-id";
/// The header with the time of the try, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// Signs a body, and returns the three header lines that go with it.
///
/// `timestamp` is in seconds since 1970-01-01T00:00:00Z. The id is taken as it is: with a character
/// in it that a header value may not have, the lines cannot be sent.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Headers {
    let timestamp = timestamp.to_string();
    let code = code(secret, id.as_bytes(), timestamp.as_bytes(), body);
    let signature = format!("v1,{}", BASE64.encode(code));
    Headers::from_iter([(ID, id), (TIMESTAMP, &timestamp), (SIGNATURE, &signature)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn the_known_answer_comes_out() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let headers = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_text())).collect();
        assert_eq!(
            lines,
            [
                "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp: 1614265330",
                "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ]
        );
    }
}
