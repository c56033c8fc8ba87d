//! What commonly happens to a body, a secret or a header between signing and verifying, each tried on a
//! signature that does not match.

use std::borrow::Cow;

use subtle::ConstantTimeEq as _;

use crate::diagnosis::{Change, Diagnosis};
use crate::json;
use crate::mark::{Algorithm, Encoding};
use crate::read::Candidate;
use crate::secret::Secret;
use crate::template::{KeyForm, Piece, Unit, print};
use crate::verify::Case;

/// The longest body of which other forms are tried. Each of a hundred is a whole body to write and to
/// authenticate, and whoever sends a wrong signature must not cost a listener more than he spends.
pub const DIAGNOSED_BYTES_MAX: usize = 256 * 1024;

/// The shortest begin of a signature that is told from chance, in characters.
const TRUNCATED_MIN: usize = 8;

/// Names what happened, if it is one of the usual things.
pub(crate) fn name(case: &Case<'_>) -> Option<Diagnosis> {
    writing(case).or_else(|| body(case)).or_else(|| content_or_key(case))
}

/// Tells whether any signature is right, if what was signed were these parts.
fn holds(case: &Case<'_>, parts: &[&[u8]], secrets: &[Secret]) -> bool {
    let marks = case.reading.candidates.iter().map(|it| it.mark.algorithm);
    let algorithms: Vec<_> =
        Algorithm::ALL.into_iter().filter(|it| marks.clone().any(|mark| mark == *it)).collect();
    secrets.iter().any(|secret| {
        algorithms.iter().any(|it| secret.verifies(*it, parts, case.reading.given(*it, None)))
    })
}

/// Tries whether the signature is right and written, computed or cut in another way.
fn writing(case: &Case<'_>) -> Option<Diagnosis> {
    let parts = case.parts(&case.template.content, case.received.body);
    let verifies = |algorithm, bytes: &[u8]| {
        case.secrets.iter().any(|secret| secret.verifies(algorithm, &parts, [bytes]))
    };
    let try_one = |candidate: &Candidate<'_>| {
        let mark = candidate.mark;
        for encoding in Encoding::ALL.into_iter().filter(|it| *it != mark.encoding) {
            if let Some(bytes) = encoding.decode(candidate.text)
                && verifies(mark.algorithm, &bytes)
            {
                return Some(Diagnosis::OtherEncoding { found: encoding, expected: mark.encoding });
            }
        }
        let decoded = mark.encoding.decode(candidate.text);
        for algorithm in Algorithm::ALL.into_iter().filter(|it| *it != mark.algorithm) {
            if decoded.as_ref().is_some_and(|bytes| verifies(algorithm, bytes)) {
                return Some(Diagnosis::OtherAlgorithm {
                    found: algorithm,
                    expected: mark.algorithm,
                });
            }
        }
        case.secrets.iter().find_map(|secret| {
            let right = mark.encoding.encode(&secret.sign(mark.algorithm, &parts)?);
            let begin = right.as_bytes().get(..candidate.text.len())?;
            let is_begin: bool = begin.ct_eq(candidate.text).into();
            let is_cut = is_begin && (TRUNCATED_MIN..right.len()).contains(&begin.len());
            is_cut.then_some(Diagnosis::Truncated { n_characters: begin.len(), whole: right.len() })
        })
    };
    case.reading.candidates.iter().find_map(try_one)
}

/// Tries whether the body was another one.
fn body(case: &Case<'_>) -> Option<Diagnosis> {
    let body = case.received.body;
    if !case.template.covers_body() || body.len() > DIAGNOSED_BYTES_MAX {
        return None;
    }
    let is_it =
        |other: &[u8]| holds(case, &case.parts(&case.template.content, other), case.secrets);
    if let Some((change, _)) = simple_changes(body).into_iter().find(|(_, other)| is_it(other)) {
        return Some(Diagnosis::BodyChanged(change));
    }
    let style = json::styles(body).find(|(_, other)| *other != body && is_it(other));
    style.map(|(style, _)| Diagnosis::BodyChanged(Change::Reencoded(style.to_string())))
}

/// Returns what the body may have been, but for other ways to write the same JSON.
fn simple_changes(body: &[u8]) -> Vec<(Change, Cow<'_, [u8]>)> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let mut found = Vec::new();
    let trimmed = body.trim_ascii_end();
    for kept in trimmed.len()..body.len() {
        // Few of many: a body that ends in a screen of blanks is cut at once.
        if kept == trimmed.len() || body.len() - kept <= 2 {
            let bytes = body.len() - kept;
            found.push((Change::WhiteSpaceAdded { bytes }, Cow::from(&body[..kept])));
        }
    }
    for end in [&b"\n"[..], b"\r\n"] {
        found.push((Change::LineEndRemoved, Cow::from([body, end].concat())));
    }
    match body.strip_prefix(MARK) {
        Some(rest) => found.push((Change::ByteOrderMarkAdded, rest.into())),
        None => found.push((Change::ByteOrderMarkRemoved, [MARK, body].concat().into())),
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let lf = text.replace("\r\n", "\n");
        if text.contains('\n') {
            found.push((Change::LineEnds, lf.replace('\n', "\r\n").into_bytes().into()));
            found.push((Change::LineEnds, lf.into_bytes().into()));
        }
        if !text.is_ascii()
            && let Ok(bytes) = text.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>()
        {
            found.push((Change::Mojibake, bytes.into()));
        }
    }
    found
}

/// Tries whether other parts of the message were signed, or the key was made in another way.
fn content_or_key(case: &Case<'_>) -> Option<Diagnosis> {
    let time = Piece::Timestamp(case.template.unit.unwrap_or(Unit::Seconds));
    let text = |text: &str| Piece::Text(text.to_owned());
    let (id, body) = (Piece::Id, Piece::Body);
    let mut contents = vec![vec![body.clone()], vec![id.clone()], vec![id.clone(), body.clone()]];
    for separator in [".", "", ":", "|"] {
        let join = |pieces: &[&Piece]| {
            let mut joined = Vec::new();
            for piece in pieces {
                if !joined.is_empty() && !separator.is_empty() {
                    joined.push(text(separator));
                }
                joined.push((*piece).clone());
            }
            joined
        };
        contents.push(join(&[&time, &body]));
        contents.push(join(&[&body, &time]));
        contents.push(join(&[&id, &time]));
        contents.push(join(&[&id, &time, &body]));
        contents.push(join(&[&id, &body]));
    }
    // What did not come cannot have been told apart from nothing.
    let is_there = |piece: &Piece| match piece {
        Piece::Id => !case.id.is_empty(),
        Piece::Timestamp(_) => case.reading.timestamp.is_some(),
        _ => true,
    };
    for other in contents.iter().filter(|it| it.iter().all(is_there)) {
        if holds(case, &case.parts(other, case.received.body), case.secrets) {
            return Some(Diagnosis::OtherContent {
                found: print(other),
                expected: print(&case.template.content),
                covers_body: other.contains(&Piece::Body),
            });
        }
    }
    let parts = case.parts(&case.template.content, case.received.body);
    let mut forms = Vec::new();
    for encoding in [None, Some(Encoding::Base64), Some(Encoding::Hex)] {
        for prefix in ["", "whsec_", case.template.key.prefix.as_str()] {
            forms.push(KeyForm { prefix: prefix.to_owned(), encoding });
        }
    }
    let found = forms.into_iter().find(|form| {
        let read: Vec<Secret> = case.secrets.iter().filter_map(|it| it.read_as(form)).collect();
        holds(case, &parts, &read)
    });
    found.map(|form| Diagnosis::OtherKey {
        found: form.to_string(),
        expected: case.template.key.to_string(),
    })
}
