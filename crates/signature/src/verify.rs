//! Verifying: header lines and a body in, who signed or what is wrong out.

use ringback_exchange::Headers;

use crate::diagnosis::Diagnosis;
use crate::mark::Algorithm;
use crate::read::{Reading, Timestamp, malformed, read};
use crate::secret::Secret;
use crate::sign::{Message, parts, standard};
use crate::suspect;
use crate::template::{Piece, Template, Unit};

/// A signature that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The id of the message, where the scheme has one.
    pub id: Option<String>,
    /// When it says it was sent, in milliseconds since 1970, where the scheme says it. What would not
    /// fit into 64 bits is the last that does.
    pub timestamp_ms: Option<i64>,
    /// The place, from 0, of the secret that matched: while secrets rotate, several are valid.
    pub secret: usize,
}

/// What came, to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The header lines; names are taken in any case.
    pub headers: &'a Headers,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// The id, for schemes that sign it and have it in no header.
    pub id: Option<&'a str>,
    /// The address it was sent to, for schemes that sign it.
    pub url: &'a str,
}

/// How the age of a message is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Any age will do.
    Any,
    /// The timestamp may be this far from this time.
    Within {
        /// The time of the verifier, in milliseconds since 1970.
        now_ms: i64,
        /// How far, in seconds, into the past and into the future alike.
        tolerance_s: u64,
    },
}

/// Verifies what came with a body by Standard Webhooks.
///
/// `now` and the timestamp are in seconds since 1970; they may differ by `tolerance_s` seconds, which
/// is [`TOLERANCE_S`](crate::TOLERANCE_S) by the specification.
///
/// # Errors
///
/// Those of [`Template::verify`].
pub fn verify(
    secrets: &[Secret],
    headers: &Headers,
    body: &[u8],
    now: i64,
    tolerance_s: u64,
) -> Result<Verified, Diagnosis> {
    let age = Age::Within { now_ms: now.saturating_mul(1000), tolerance_s };
    standard().verify(secrets, &Received { headers, body, id: None, url: "" }, age)
}

impl Template {
    /// Verifies what came.
    ///
    /// One right signature of several is enough, by any of the secrets; those of unknown kinds are
    /// passed over. Where several header lines hold signatures, each must hold a right one. Codes are
    /// compared in constant time.
    ///
    /// # Errors
    ///
    /// The first of: a header that is missing or came twice, one that has not its form, a timestamp that
    /// is too far from the clock, no key of the right kind, no signature that matches. A signature that
    /// does not match is tried with what commonly happens to a body, a secret or a header, so that the
    /// diagnosis can name it.
    pub fn verify(
        &self,
        secrets: &[Secret],
        received: &Received<'_>,
        age: Age,
    ) -> Result<Verified, Diagnosis> {
        let reading = read(self, received.headers)?;
        let id = reading.id.or(received.id);
        if self.content.contains(&Piece::Id) && id.is_none() {
            return Err(Diagnosis::UnknownId);
        }
        let case = Case {
            template: self,
            secrets,
            reading: &reading,
            id: id.unwrap_or_default(),
            received,
        };
        let matched = case.matched();
        if let (Some(timestamp), Age::Within { now_ms, tolerance_s }) = (&reading.timestamp, age) {
            check_age(timestamp, self.unit, now_ms, tolerance_s, matched.is_some())?;
        }
        match matched {
            Some(secret) => Ok(Verified {
                id: id.map(str::to_owned),
                timestamp_ms: reading.timestamp.map(|it| in_ms(it.value, self.unit)),
                secret,
            }),
            None => Err(case.explain()),
        }
    }
}

/// What is verified, by what.
pub(crate) struct Case<'a> {
    pub(crate) template: &'a Template,
    pub(crate) secrets: &'a [Secret],
    pub(crate) reading: &'a Reading<'a>,
    pub(crate) id: &'a str,
    pub(crate) received: &'a Received<'a>,
}

impl<'a> Case<'a> {
    /// Returns what is signed, if the content and the body were these.
    pub(crate) fn parts(&self, content: &'a [Piece], body: &'a [u8]) -> Vec<&'a [u8]> {
        let message = Message { id: self.id, timestamp_ms: 0, url: self.received.url, body };
        parts(content, &message, self.reading.timestamp.map(|it| it.text).unwrap_or_default())
    }

    /// Returns the place of the first secret by which each signature line holds a right one.
    fn matched(&self) -> Option<usize> {
        let parts = self.parts(&self.template.content, self.received.body);
        let mut first = None;
        for (place, line) in self.template.lines.iter().enumerate() {
            if !line.has_signature() {
                continue;
            }
            let found = self.secrets.iter().position(|secret| {
                Algorithm::ALL.into_iter().filter(|it| secret.fits(*it)).any(|algorithm| {
                    secret.verifies(algorithm, &parts, self.reading.given(algorithm, Some(place)))
                })
            })?;
            first = first.or(Some(found));
        }
        first
    }

    /// Says why no signature is right.
    fn explain(&self) -> Diagnosis {
        let candidates = &self.reading.candidates;
        let is_readable = candidates.iter().any(|it| it.bytes.is_some());
        let fits = |secret: &Secret| candidates.iter().any(|it| secret.fits(it.mark.algorithm));
        if let Some(first) = candidates.first()
            && is_readable
            && !self.secrets.is_empty()
            && !self.secrets.iter().any(fits)
        {
            return Diagnosis::NoMatchingKey {
                algorithm: first.mark.algorithm,
                secrets: self.secrets.len(),
            };
        }
        if let Some(found) = suspect::name(self) {
            return found;
        }
        if !is_readable
            && let Some(line) = candidates.first().map(|it| &self.template.lines[it.line])
        {
            let values: Vec<&[u8]> =
                self.received.headers.get_all(&line.name).map(|value| &*value.0).collect();
            return malformed(line, &values);
        }
        Diagnosis::NoMatch { signatures: candidates.len(), secrets: self.secrets.len() }
    }
}

fn in_ms(value: i64, unit: Option<Unit>) -> i64 {
    match unit {
        Some(Unit::Milliseconds) => value,
        _ => value.saturating_mul(1000),
    }
}

/// Judges the age to the second: a sender that signs in whole seconds is not early by the rest of one.
fn check_age(
    timestamp: &Timestamp<'_>,
    unit: Option<Unit>,
    now_ms: i64,
    tolerance_s: u64,
    otherwise_right: bool,
) -> Result<(), Diagnosis> {
    let to_s = |value: i64, unit| match unit {
        Unit::Seconds => value,
        Unit::Milliseconds => value.div_euclid(1000),
    };
    let now_s = to_s(now_ms, Unit::Milliseconds);
    let expected = unit.unwrap_or(Unit::Seconds);
    let at_s = to_s(timestamp.value, expected);
    let apart_s = now_s.abs_diff(at_s);
    if apart_s <= tolerance_s {
        return Ok(());
    }
    // A time in the other unit is off by a factor of a thousand: decades as it stands, and days at most
    // when it is read right.
    const DAYS_S: u64 = 7 * 24 * 3600;
    let (found, read_right_s) = match expected {
        Unit::Seconds => (Unit::Milliseconds, timestamp.value.div_euclid(1000)),
        Unit::Milliseconds => (Unit::Seconds, timestamp.value),
    };
    if apart_s > 100 * DAYS_S && now_s.abs_diff(read_right_s) <= DAYS_S.max(tolerance_s) {
        return Err(Diagnosis::OtherUnit {
            name: timestamp.header.to_owned(),
            text: String::from_utf8_lossy(timestamp.text).into_owned(),
            found,
            expected,
        });
    }
    let by_s = apart_s - tolerance_s;
    Err(if at_s < now_s {
        Diagnosis::TooOld { by_s, otherwise_right }
    } else {
        Diagnosis::TooFarInTheFuture { by_s, otherwise_right }
    })
}
