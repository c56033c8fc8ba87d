//! The events of a plan: one try in, a signed body out.

use std::cell::RefCell;

use ringback_exchange::Part;
use ringback_generator::{Generation, Generator, Recipe, analysis, event};
use ringback_sender::{Delivery, Prepared, Try, Turn};
use ringback_signature::{Message, Signer};
use url::Url;

use crate::clock;
use crate::context::ContextArgs;
use crate::signer::SignClock;

/// Room for most events.
const EVENT_BYTES: usize = 16 << 10;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// What the events are made from.
    pub(crate) recipe: Recipe,
    /// Makes them; it keeps its buffers.
    pub(crate) generator: RefCell<Generator>,
    /// The form of the second event of a call.
    pub(crate) generation: Generation,
    /// Whether what is delivered again gets another id.
    pub(crate) has_fresh_ids: bool,
    /// What it is signed with.
    pub(crate) signer: Option<&'a Signer>,
    /// By which clock.
    pub(crate) sign_clock: SignClock,
    /// What each attempt says about itself.
    pub(crate) context: &'a ContextArgs,
    /// Where events go: those of calls that have completed, and where there is a second one, the others.
    pub(crate) urls: &'a [Url],
}

impl Load<'_> {
    /// Makes what is sent with one try; nothing where there is no such event.
    pub(crate) fn prepare(&self, attempt: &Try) -> Option<Prepared> {
        let (body, id) = self.event(&attempt.turn, attempt.number)?;
        let turn = &attempt.turn;
        let target = match turn.part {
            Part::Completed => 0,
            Part::Analysis => self.urls.len() - 1,
        };
        let mut headers = self.context.headers(self.recipe.seed, turn.delivery, attempt.number);
        if let Some(signer) = self.signer {
            let timestamp_ms = match self.sign_clock {
                SignClock::Plan => attempt.signed_at.as_millisecond(),
                SignClock::Real => clock::now_ms(),
            };
            let url = self.urls[target].as_str();
            let message = Message { id: &id, timestamp_ms, url, body: &body };
            headers.0.extend(signer.headers(&message).0);
        }
        let delivery = Delivery::new(turn.delivery, body);
        let delivery = delivery.with_headers(&headers).unwrap_or_else(|error| {
            unreachable!("a signature is made of what header lines may hold: {error}")
        });
        Some(Prepared { delivery, event_id: Some(id), target })
    }

    /// Makes the body of one try, and its id.
    pub(crate) fn event(&self, turn: &Turn, number: u32) -> Option<(Vec<u8>, String)> {
        let body = match turn.part {
            Part::Completed => {
                let mut body = Vec::with_capacity(EVENT_BYTES);
                self.generator.borrow_mut().write(turn.event, &mut body);
                body
            }
            Part::Analysis => {
                let analysis = analysis(&self.recipe, turn.event, self.generation)?;
                serde_json::to_vec(&analysis.event)
                    .unwrap_or_else(|error| unreachable!("an event is JSON: {error}"))
            }
        };
        let id = event_id(&body).unwrap_or_default().to_owned();
        let is_again = turn.copy > 1 || number > 1;
        if !(self.has_fresh_ids && is_again) {
            return Some((body, id));
        }
        let fresh = self.fresh_id(turn, number);
        Some((with_id(&body, &id, &fresh), fresh))
    }

    /// Draws another id, of the same style: that of the same story under an identity of its own.
    fn fresh_id(&self, turn: &Turn, number: u32) -> String {
        /// A large odd number, so that identities that differ by little are far from each other.
        const APART: u64 = 0x9E37_79B9_7F4A_7C15;
        let part = u64::from(turn.part == Part::Analysis);
        let which = turn.delivery.wrapping_mul(1 << 8).wrapping_add(u64::from(number) * 2 + part);
        let identity = (self.recipe.identity ^ APART).wrapping_add(which.wrapping_mul(APART));
        event(&Recipe { identity, ..self.recipe.clone() }, turn.event).event_id
    }
}

const KEY: &[u8] = b"\"eventId\":\"";

/// Finds the id in an event of our own, where it is the first key and has nothing to be escaped.
fn event_id(body: &[u8]) -> Option<&str> {
    let begin = body.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let length = body[begin..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&body[begin..begin + length]).ok()
}

/// Replaces the id, and nothing else.
fn with_id(body: &[u8], id: &str, fresh: &str) -> Vec<u8> {
    let mut changed = Vec::with_capacity(body.len() + fresh.len());
    let begin = body.windows(KEY.len()).position(|window| window == KEY);
    let begin = begin.map_or(body.len(), |begin| begin + KEY.len());
    changed.extend_from_slice(&body[..begin]);
    changed.extend_from_slice(fresh.as_bytes());
    changed.extend_from_slice(&body[(begin + id.len()).min(body.len())..]);
    changed
}

#[cfg(test)]
mod tests {
    use ringback_exchange::Because;
    use serde_json::Value;

    use super::*;

    fn turn(part: Part, copy: u32) -> Turn {
        let because = Because::Planned;
        Turn { delivery: 3, event: 1, part, copy, because, at: None, together: 1 }
    }

    fn load<'a>(context: &'a ContextArgs, has_fresh_ids: bool) -> Load<'a> {
        Load {
            recipe: Recipe::new(7),
            generator: RefCell::new(Generator::new(&Recipe::new(7))),
            generation: Generation::New,
            has_fresh_ids,
            signer: None,
            sign_clock: SignClock::Plan,
            context,
            urls: &[],
        }
    }

    #[test]
    fn what_is_delivered_again_is_the_same_but_for_its_id() {
        let context = ContextArgs::default();
        let stays = load(&context, false);
        let load = load(&context, true);
        for part in [Part::Completed, Part::Analysis] {
            let event = |copy, number| {
                let (body, id) = load.event(&turn(part, copy), number).unwrap();
                let value: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(value["eventId"], id);
                (value["payload"].clone(), id)
            };
            let (payload, id) = event(1, 1);
            let (retried, retried_id) = event(1, 2);
            let (copied, copied_id) = event(2, 1);
            assert_eq!((&retried, &copied), (&payload, &payload));
            assert!(id != retried_id && id != copied_id);
            assert_eq!(retried_id, event(1, 2).1, "the seed draws it");
            assert_eq!(stays.event(&turn(part, 2), 2).unwrap().1, id);
        }
    }
}
