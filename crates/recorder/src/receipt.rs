//! Whether a request is signed by who should have signed it, judged as it is received.

use jiff::Timestamp;
use ringback_exchange::{Reply, Request};
use ringback_signature::{Age, Received, Secret, Template};

use crate::inspector::EventIds;
use crate::message;

/// How signatures are judged. The verdict is kept with the request, `valid` or what is wrong.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The scheme. One that signs the address is not judged here: a proxy may have changed it.
    pub template: Template,
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
    /// Judges a request that arrived `now`.
    pub(crate) fn judge(&self, request: &Request, now: Timestamp) -> String {
        let Self { template, secrets, tolerance_s, .. } = self;
        let body: &[u8] = &request.body.0;
        // Schemes that sign an id and do not send it mean that of the event.
        let id = EventIds::of(body).event_id;
        let received = Received { headers: &request.headers, body, id: id.as_deref(), url: "" };
        let age = Age::Within { now_ms: now.as_millisecond(), tolerance_s: *tolerance_s };
        match template.verify(secrets, &received, age) {
            Ok(_) => VALID.to_owned(),
            // The values of signature headers are not shown, so a verdict does not repeat them either.
            Err(diagnosis) => diagnosis.redacted().to_string(),
        }
    }

    /// Returns the reply to a request with this verdict, when it is to get no other.
    pub(crate) fn rejection(&self, verdict: &str) -> Option<Reply> {
        let why = format!("the signature is not valid: {verdict}");
        (self.rejects && verdict != VALID)
            .then(|| message::problem(hyper::StatusCode::UNAUTHORIZED, &why))
    }
}
