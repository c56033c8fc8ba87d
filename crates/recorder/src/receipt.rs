//! Whether a request is signed by who should have signed it, judged as it is received.

use jiff::Timestamp;
use ringback_exchange::{Reply, Request};
use ringback_signature::{Secret, SignatureError, verify};

use crate::message;

/// How signatures are judged. The verdict is kept with the request, `valid` or what is wrong.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The secrets of which one must match.
    pub secrets: Vec<Secret>,
    /// How many seconds the timestamp may be away from the time of the arrival.
    pub tolerance_s: u64,
    /// Whether a request whose signature is not valid is answered 401, and neither routed nor forwarded.
    pub rejects: bool,
}

/// The verdict on a signature that is right.
const VALID: &str = "valid";

impl Receipt {
    /// Judges a request that arrived `now`. The one place that knows the scheme.
    pub(crate) fn judge(&self, request: &Request, now: Timestamp) -> String {
        let Self { secrets, tolerance_s, .. } = self;
        match verify(secrets, &request.headers, &request.body.0, now.as_second(), *tolerance_s) {
            Ok(_) => VALID.to_owned(),
            // The values of signature headers are not shown, so a verdict does not repeat them either.
            Err(SignatureError::MalformedSignature { .. }) => {
                "none of the signatures has a form that is known here".to_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    /// Returns the reply to a request with this verdict, when it is to get no other.
    pub(crate) fn rejection(&self, verdict: &str) -> Option<Reply> {
        let why = format!("the signature is not valid: {verdict}");
        (self.rejects && verdict != VALID)
            .then(|| message::problem(hyper::StatusCode::UNAUTHORIZED, &why))
    }
}
