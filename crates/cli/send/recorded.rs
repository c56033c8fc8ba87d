//! A request that was recorded, ready to be sent again.

use bytes::Bytes;
use ringback_exchange::{Headers, Part};
use ringback_sender::{Delivery, Method};
use sha2::{Digest as _, Sha256};
use url::{Position, Url};

/// A request that was recorded, with what is asked to be changed of it. Its header lines can be sent.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// Its number in the recording.
    pub(crate) number: u64,
    /// Its method; nothing where the command line says which, or only the event was recorded.
    pub(crate) method: Option<Method>,
    /// Its header lines; nothing where only the event was recorded.
    pub(crate) headers: Headers,
    /// Whether these are all its header lines, and none is to be added that nobody asked for.
    pub(crate) is_whole: bool,
    /// Its body.
    pub(crate) body: Bytes,
    /// The id in the body, when it is an event.
    pub(crate) event_id: Option<String>,
    /// Which event it is.
    pub(crate) part: Part,
    /// Which of the targets it goes to.
    pub(crate) target: usize,
    /// Where on that target, when it has a place of its own.
    pub(crate) url: Option<Url>,
}

impl Recorded {
    /// Gives a delivery the method and the place of the request.
    pub(crate) fn shape(&self, delivery: Delivery) -> Delivery {
        let delivery = if self.is_whole { delivery.without_defaults() } else { delivery };
        let delivery = match &self.method {
            Some(method) => delivery.with_method(method.clone()),
            None => delivery,
        };
        match &self.url {
            Some(url) => delivery.with_path_and_query(&url[Position::BeforePath..]),
            None => delivery,
        }
    }

    /// Says what some requests are, so that others are told from them.
    pub(crate) fn digest(all: &[Self]) -> String {
        let mut digest = Sha256::new();
        for Self { number, method, headers, body, url, .. } in all {
            let lines = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_text()));
            let lines: Vec<_> = lines.collect();
            let head = format!("{number} {method:?} {url:?} {lines:?} {}", body.len());
            digest.update(head);
            digest.update(body);
        }
        let digest = digest.finalize();
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{} recorded, sha256 {digest}", all.len())
    }
}
