//! What a plan sends: one try in, a signed request out.

use std::cell::RefCell;

use bytes::Bytes;
use ringback_exchange::{Headers, Part};
use ringback_generator::{Effect, Generation, Generator, Mutation, Recipe, analysis, apply, event};
use ringback_sender::{Delivery, Prepared, Try, Turn};
use ringback_signature::{Message, Signer};
use serde_json::Value;
use url::Url;

use super::recorded::Recorded;
use crate::clock;
use crate::context::ContextArgs;
use crate::signer::SignClock;

/// Room for most events.
const EVENT_BYTES: usize = 16 << 10;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// Where the events come from.
    pub(crate) source: Source,
    /// What events are made from, or what draws the fresh ids of those that are not made.
    pub(crate) recipe: Recipe,
    /// Which events get another id.
    pub(crate) fresh_ids: FreshIds,
    /// What it is signed with.
    pub(crate) signer: Option<&'a Signer>,
    /// By which clock.
    pub(crate) sign_clock: SignClock,
    /// What each attempt says about itself.
    pub(crate) context: &'a ContextArgs,
    /// Where events go.
    pub(crate) urls: &'a [Url],
}

/// Where the events come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// They are made, by what keeps its buffers, and go to the first URL; those of the analysis, in this form,
    /// to the last.
    Made(Generation, Box<RefCell<Generator>>),
    /// They were recorded, at least one; after the last of them comes the first again.
    Recorded(Vec<Recorded>),
}

/// Which events get another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FreshIds {
    /// None.
    Never,
    /// Those that are delivered again.
    OnRedelivery,
    /// Each of them, at each delivery.
    Always,
}

impl Load<'_> {
    /// Makes what is sent with one try; nothing where there is no such event.
    pub(crate) fn prepare(&self, attempt: &Try) -> Option<Prepared> {
        let turn = &attempt.turn;
        let (body, id) = self.event(turn, attempt.number)?;
        let recorded = self.recorded(turn.event);
        let target = match recorded {
            Some(recorded) => recorded.target,
            None if turn.part == Part::Analysis => self.urls.len() - 1,
            None => 0,
        };
        let mut headers = recorded.map(|it| it.headers.clone()).unwrap_or_default();
        replace(
            &mut headers,
            self.context.headers(self.recipe.seed, turn.delivery, attempt.number),
        );
        if let Some(signer) = self.signer {
            let timestamp_ms = match self.sign_clock {
                SignClock::Plan => attempt.signed_at.as_millisecond(),
                SignClock::Real => clock::now_ms(),
            };
            let url =
                recorded.and_then(|it| it.url.as_ref()).unwrap_or(&self.urls[target]).as_str();
            let id = id.as_deref().unwrap_or_default();
            replace(&mut headers, signer.headers(&Message { id, timestamp_ms, url, body: &body }));
        }
        let delivery = Delivery::new(turn.delivery, body);
        let delivery = delivery.with_headers(&headers).unwrap_or_else(|error| {
            unreachable!("what was recorded was tried, and a signature can be sent: {error}")
        });
        let delivery = match recorded {
            Some(recorded) => recorded.shape(delivery),
            None => delivery,
        };
        Some(Prepared { delivery, event_id: id, target })
    }

    /// Makes the body of one try, and finds its id.
    pub(crate) fn event(&self, turn: &Turn, number: u32) -> Option<(Bytes, Option<String>)> {
        let is_fresh = match self.fresh_ids {
            FreshIds::Never => false,
            FreshIds::OnRedelivery => turn.copy > 1 || number > 1,
            FreshIds::Always => true,
        };
        if let Some(Recorded { body, event_id, .. }) = self.recorded(turn.event) {
            if !is_fresh || event_id.is_none() {
                return Some((body.clone(), event_id.clone()));
            }
            let fresh = self.fresh_id(turn, number);
            // What has an id at its top, as this has, can have another one there.
            let changed = with_fresh_id(body, &fresh).unwrap_or_else(|_| body.to_vec());
            return Some((changed.into(), Some(fresh)));
        }
        let (generation, generator) = match &self.source {
            Source::Made(generation, generator) => (*generation, generator),
            Source::Recorded(_) => return None,
        };
        let body = if turn.part == Part::Analysis {
            let analysis = analysis(&self.recipe, turn.event, generation)?;
            serde_json::to_vec(&analysis.event)
                .unwrap_or_else(|error| unreachable!("an event is JSON: {error}"))
        } else {
            let mut body = Vec::with_capacity(EVENT_BYTES);
            generator.borrow_mut().write(turn.event, &mut body);
            body
        };
        let id = event_id(&body).unwrap_or_default().to_owned();
        if !is_fresh {
            return Some((body.into(), Some(id)));
        }
        let fresh = self.fresh_id(turn, number);
        Some((with_id(&body, &id, &fresh).into(), Some(fresh)))
    }

    /// Returns what was recorded and is sent again as this event of the plan.
    pub(crate) fn recorded(&self, event: u64) -> Option<&Recorded> {
        match &self.source {
            Source::Made(..) => None,
            Source::Recorded(all) => {
                let index = event % (all.len() as u64).max(1);
                all.get(usize::try_from(index).ok()?)
            }
        }
    }

    /// Says what the events are, for a run that may have to go on: with others it is another run.
    pub(crate) fn fingerprint(&self) -> String {
        match &self.source {
            Source::Made(..) => {
                let first = event(&self.recipe, 0).event_id;
                format!("{first}, {} bytes", ringback_generator::bytes(&self.recipe, 0).len())
            }
            Source::Recorded(all) if self.fresh_ids == FreshIds::Never => Recorded::digest(all),
            Source::Recorded(all) => {
                format!("{}, fresh ids by {}", Recorded::digest(all), self.recipe.seed)
            }
        }
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

/// Puts lines in the place of those with their names.
fn replace(headers: &mut Headers, lines: Headers) {
    headers.0.retain(|line| lines.get_all(&line.0).next().is_none());
    headers.0.extend(lines.0);
}

/// Replaces the id at the top of an event of anybody, and nothing else.
fn with_fresh_id(event: &[u8], fresh: &str) -> Result<Vec<u8>, String> {
    let effect = Effect::Raw(Value::from(fresh).to_string());
    let mutation = Mutation::by_hand("--fresh-id", "/eventId", effect);
    apply(event, &mutation).map_err(|error| error.to_string())
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
    use super::*;
    use ringback_exchange::Because;

    fn turn(part: Part, copy: u32) -> Turn {
        let because = Because::Planned;
        Turn { delivery: 3, event: 1, part, copy, because, at: None, together: 1 }
    }

    fn load(context: &ContextArgs, fresh_ids: FreshIds) -> Load<'_> {
        Load {
            recipe: Recipe::new(7),
            source: Source::Made(
                Generation::New,
                Box::new(RefCell::new(Generator::new(&Recipe::new(7)))),
            ),
            fresh_ids,
            signer: None,
            sign_clock: SignClock::Plan,
            context,
            urls: &[],
        }
    }

    #[test]
    fn what_is_delivered_again_is_the_same_but_for_its_id() {
        let context = ContextArgs::default();
        let stays = load(&context, FreshIds::Never);
        let load = load(&context, FreshIds::OnRedelivery);
        for part in [Part::Completed, Part::Analysis] {
            let event = |copy, number| {
                let (body, id) = load.event(&turn(part, copy), number).unwrap();
                let value: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(value["eventId"], id.clone().unwrap());
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
