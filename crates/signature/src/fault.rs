//! Signatures that are wrong in one way, to see what a receiver makes of them.

use ringback_exchange::Headers;

use crate::mark::Mark;
use crate::secret::Secret;
use crate::sign::Message;
use crate::template::{Line, Piece, Template, Unit};

/// How much older, or newer, than is permitted a message says to be, in seconds.
const BEYOND_S: i64 = 3600;

/// How long a signature of the fault [`Fault::Huge`] is, in bytes: more than most servers take as a
/// header, and less than what a client refuses to send.
const HUGE_BYTES: usize = 16 * 1024;

/// One way in which a signature is wrong, or looks so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// There is no signature.
    Missing,
    /// There is no timestamp.
    MissingTimestamp,
    /// There is no id.
    MissingId,
    /// The header of the signature is there and empty.
    Empty,
    /// The signature is words.
    Malformed,
    /// The header of the signature holds bytes that are neither ASCII nor UTF-8.
    NotAscii,
    /// The signature has 16 KiB.
    Huge,
    /// The second half of the signature is missing.
    Truncated,
    /// One bit of the signature is flipped.
    FlippedBit,
    /// Signed with another secret.
    WrongSecret,
    /// The body was altered after it was signed.
    BodyAltered,
    /// The id was altered after it was signed.
    IdAltered,
    /// Signed an hour before what is permitted.
    Stale,
    /// Signed an hour after what is permitted.
    Future,
    /// The timestamp is in another unit, and signed so.
    OtherUnit,
    /// Two signatures, of which the second is right, as while secrets rotate.
    SecondOfSeveral,
    /// Two signatures, none of which is right.
    NoneOfSeveral,
}

/// What a sound receiver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// It takes the event as any other.
    Accepted,
    /// It answers that it does not, and does nothing else.
    Refused,
}

impl Expected {
    /// Tells whether a status is what a sound receiver answers: any 2xx to what it accepts, and one that
    /// speaks of a bad or unauthorised request to what it refuses.
    pub const fn is_met_by(self, status: u16) -> bool {
        match self {
            Self::Accepted => matches!(status, 200..=299),
            Self::Refused => matches!(status, 400 | 401 | 403 | 413 | 422 | 431),
        }
    }

    /// Says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepts it, with 2xx",
            Self::Refused => "refuses it, with 400, 401 or 403, and does nothing else",
        }
    }
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Missing,
        Self::MissingTimestamp,
        Self::MissingId,
        Self::Empty,
        Self::Malformed,
        Self::NotAscii,
        Self::Huge,
        Self::Truncated,
        Self::FlippedBit,
        Self::WrongSecret,
        Self::BodyAltered,
        Self::IdAltered,
        Self::Stale,
        Self::Future,
        Self::OtherUnit,
        Self::SecondOfSeveral,
        Self::NoneOfSeveral,
    ];

    /// Returns the name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::MissingTimestamp => "missing-timestamp",
            Self::MissingId => "missing-id",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::NotAscii => "not-ascii",
            Self::Huge => "huge",
            Self::Truncated => "truncated",
            Self::FlippedBit => "flipped-bit",
            Self::WrongSecret => "wrong-secret",
            Self::BodyAltered => "body-altered",
            Self::IdAltered => "id-altered",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::OtherUnit => "other-unit",
            Self::SecondOfSeveral => "second-of-several",
            Self::NoneOfSeveral => "none-of-several",
        }
    }

    /// Says what is wrong.
    pub const fn statement(self) -> &'static str {
        match self {
            Self::Missing => "there is no signature",
            Self::MissingTimestamp => "there is no timestamp",
            Self::MissingId => "there is no id",
            Self::Empty => "the header of the signature is empty",
            Self::Malformed => "the signature is words",
            Self::NotAscii => "the header of the signature holds bytes that are no text",
            Self::Huge => "the signature has 16 KiB",
            Self::Truncated => "the second half of the signature is missing",
            Self::FlippedBit => "one bit of the signature is flipped",
            Self::WrongSecret => "it is signed with another secret",
            Self::BodyAltered => "the body was altered after it was signed",
            Self::IdAltered => "the id was altered after it was signed",
            Self::Stale => "it was signed an hour before what is permitted",
            Self::Future => "it was signed an hour after what is permitted",
            Self::OtherUnit => "the timestamp is in another unit, and signed so",
            Self::SecondOfSeveral => "there are two signatures, and the second is right",
            Self::NoneOfSeveral => "there are two signatures, and none is right",
        }
    }

    /// Returns what a sound receiver does.
    pub const fn expected(self) -> Expected {
        match self {
            Self::SecondOfSeveral => Expected::Accepted,
            _ => Expected::Refused,
        }
    }

    /// Says why it has no meaning with a template; nothing when it has one.
    pub fn is_senseless_with(self, template: &Template) -> Option<&'static str> {
        let is_time = |piece: &Piece| matches!(piece, Piece::Timestamp(_));
        let signs = |wanted: fn(&Piece) -> bool| template.content.iter().any(wanted);
        let (has_meaning, why) = match self {
            Self::MissingTimestamp => (
                without(template, is_time).is_some(),
                "no timestamp can be left out of this scheme",
            ),
            Self::MissingId => (
                without(template, |it| *it == Piece::Id).is_some(),
                "no id can be left out of this scheme",
            ),
            Self::BodyAltered => {
                (template.covers_body(), "this scheme does not sign the body, so nobody can notice")
            }
            Self::IdAltered => (
                signs(|it| *it == Piece::Id) && template.has_id_header(),
                "this scheme has no header with an id that is signed",
            ),
            Self::Stale | Self::Future | Self::OtherUnit => {
                (template.has_timestamp(), "this scheme has no timestamp")
            }
            Self::SecondOfSeveral | Self::NoneOfSeveral => {
                (template.has_list(), "this scheme has one signature and no list of them")
            }
            _ => (true, ""),
        };
        (!has_meaning).then_some(why)
    }

    /// Signs a message in this way. A fault that has no meaning with the template changes nothing.
    pub(crate) fn sign(
        self,
        template: &Template,
        secrets: &[Secret],
        message: &Message<'_>,
    ) -> Headers {
        let right = || template.sign(secrets, message);
        let beyond_ms = i64::try_from(template.tolerance_s).unwrap_or(i64::MAX / 1000);
        let beyond_ms = beyond_ms.saturating_add(BEYOND_S).saturating_mul(1000);
        let at = |timestamp_ms| template.sign(secrets, &Message { timestamp_ms, ..*message });
        let signatures =
            |write: &dyn Fn(Mark, Vec<u8>) -> String| template.sign_with(secrets, message, write);
        let instead = |value: &[u8]| replace(template, right(), |_| Some(value.to_vec()));
        match self {
            Self::Missing => replace(template, right(), |_| None),
            Self::MissingTimestamp => without(template, |it| matches!(it, Piece::Timestamp(_)))
                .map_or_else(right, |template| template.sign(secrets, message)),
            Self::MissingId => without(template, |it| *it == Piece::Id)
                .map_or_else(right, |template| template.sign(secrets, message)),
            Self::Empty => instead(b""),
            Self::NotAscii => instead(b"v1,\xFF\xFEsignature"),
            Self::Malformed => signatures(&|_, _| "not a signature".to_owned()),
            Self::Huge => signatures(&|_, _| "A".repeat(HUGE_BYTES)),
            Self::Truncated => signatures(&|mark, bytes| {
                let mut text = mark.encoding.encode(&bytes);
                text.truncate(text.len() / 2);
                text
            }),
            Self::FlippedBit => signatures(&|mark, mut bytes| {
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 1;
                }
                mark.encoding.encode(&bytes)
            }),
            Self::WrongSecret => {
                template.sign(&secrets.iter().map(Secret::other).collect::<Vec<_>>(), message)
            }
            Self::BodyAltered => {
                template.sign(secrets, &Message { body: &altered(message.body), ..*message })
            }
            Self::IdAltered => {
                let id = format!("{}x", message.id);
                let other = template.sign(secrets, &Message { id: &id, ..*message });
                replace(template, right(), |line| {
                    other.get(&line.name).map(|value| value.as_bytes().to_vec())
                })
            }
            Self::Stale => at(message.timestamp_ms.saturating_sub(beyond_ms)),
            Self::Future => at(message.timestamp_ms.saturating_add(beyond_ms)),
            Self::OtherUnit => at(match template.unit {
                Some(Unit::Milliseconds) => message.timestamp_ms / 1000,
                _ => message.timestamp_ms.saturating_mul(1000),
            }),
            Self::SecondOfSeveral => {
                template.sign(&[&wrong(secrets, 1), secrets].concat(), message)
            }
            Self::NoneOfSeveral => template.sign(&wrong(secrets, 2), message),
        }
    }
}

/// Returns some secrets that nobody has.
fn wrong(secrets: &[Secret], n: usize) -> Vec<Secret> {
    let first = secrets.first().map(Secret::other);
    std::iter::successors(first, |secret| Some(secret.other())).take(n).collect()
}

/// Returns a body that differs in one bit.
fn altered(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    match body.len() / 2 {
        0 => body.push(b' '),
        middle => body[middle] ^= 1,
    }
    body
}

/// Puts another value into the lines that hold signatures, or takes them out.
fn replace(
    template: &Template,
    headers: Headers,
    value: impl Fn(&Line) -> Option<Vec<u8>>,
) -> Headers {
    let mut replaced = Headers::default();
    for header in headers.0 {
        let line = template.lines.iter().find(|line| line.name == header.0);
        match line.filter(|line| line.has_signature()) {
            None => replaced.0.push(header),
            Some(line) => {
                if let Some(value) = value(line) {
                    replaced.push(header.0, value);
                }
            }
        }
    }
    replaced
}

/// Returns the template without a placeholder of its header lines; nothing when it has none that can be
/// left out, because the signature is all that would remain of the line, or nothing would change.
fn without(template: &Template, unwanted: fn(&Piece) -> bool) -> Option<Template> {
    let mut changed = template.clone();
    for line in &mut changed.lines {
        line.entries.retain(|entry| entry.mark().is_some() || !entry.pieces.iter().any(unwanted));
    }
    changed.lines.retain(|line| !line.entries.is_empty());
    (changed.lines != template.lines).then_some(changed)
}
