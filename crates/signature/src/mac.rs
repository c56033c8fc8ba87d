//! The authentication code that a signature carries.

use hmac::Mac as _;

use crate::secret::Secret;

/// HMAC-SHA256 over `id.timestamp.body`.
///
/// The id and the timestamp are taken as bytes because a verifier has to authenticate what came, not
/// what it made of it: `007` and `7` are one number and two messages.
pub(crate) fn code(secret: &Secret, id: &[u8], timestamp: &[u8], body: &[u8]) -> [u8; 32] {
    let mut mac = secret.hmac();
    for part in [id, b".", timestamp, b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
