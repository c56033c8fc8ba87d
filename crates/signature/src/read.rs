//! Header lines to what a template looks for in them.

use ringback_exchange::Headers;

use crate::diagnosis::Diagnosis;
use crate::mark::{Algorithm, Mark};
use crate::preset::PRESETS;
use crate::template::{Entry, Line, Piece, Template, Unit};

/// How many signatures of a message are looked at: while secrets rotate there are two or three, and each
/// costs whoever verifies.
pub const SIGNATURES_MAX: usize = 32;

/// How much of a malformed header a diagnosis repeats, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// What was found in the header lines of a message.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) timestamp: Option<Timestamp<'a>>,
    pub(crate) candidates: Vec<Candidate<'a>>,
}

impl Reading<'_> {
    /// Returns the signatures by one algorithm, of one line or of all.
    pub(crate) fn given(
        &self,
        algorithm: Algorithm,
        line: Option<usize>,
    ) -> impl Iterator<Item = &[u8]> {
        let is_meant = move |it: &&Candidate<'_>| {
            it.mark.algorithm == algorithm && line.is_none_or(|line| line == it.line)
        };
        self.candidates.iter().filter(is_meant).filter_map(|it| it.bytes.as_deref())
    }
}

/// A timestamp as it came and as it reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timestamp<'a> {
    pub(crate) header: &'a str,
    pub(crate) text: &'a [u8],
    pub(crate) value: i64,
}

/// A signature as it came.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// The place of its header line in the template.
    pub(crate) line: usize,
    pub(crate) mark: Mark,
    pub(crate) text: &'a [u8],
    /// What it reads as; nothing when it has not the form or the length.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Reads the header lines of a message.
///
/// Signatures of unknown kinds may be valid elsewhere and are passed over. What says one thing must come
/// once, so that no two readers could take two values.
pub(crate) fn read<'a>(
    template: &'a Template,
    headers: &'a Headers,
) -> Result<Reading<'a>, Diagnosis> {
    let mut reading = Reading::default();
    for (place, line) in template.lines.iter().enumerate() {
        let values: Vec<&[u8]> = headers.get_all(&line.name).map(|value| &*value.0).collect();
        if values.is_empty() {
            return Err(missing(template, line, headers));
        }
        if !line.has_signature() && values.len() > 1 {
            return Err(Diagnosis::RepeatedHeader { name: line.name.clone(), times: values.len() });
        }
        let n_candidates = reading.candidates.len();
        let mut n_times = 0;
        for item in values.iter().flat_map(|value| items(value, line.separator)) {
            let Some(found) = line.entries.iter().find_map(|entry| fit(entry, item)) else {
                continue;
            };
            for (piece, text) in found {
                match piece {
                    Piece::Id => reading.id = Some(id(line, text)?),
                    Piece::Timestamp(unit) => {
                        // The same time on each of two lines is one time.
                        n_times += usize::from(reading.timestamp.is_none_or(|it| it.text != text));
                        reading.timestamp = Some(timestamp(line, text, *unit)?);
                    }
                    Piece::Signature(mark) => {
                        let bytes = mark.encoding.decode(text);
                        let bytes = bytes.filter(|it| it.len() == mark.algorithm.n_bytes());
                        reading.candidates.push(Candidate {
                            line: place,
                            mark: *mark,
                            text,
                            bytes,
                        });
                    }
                    Piece::Text(_) | Piece::Body | Piece::Url => {}
                }
            }
        }
        if reading.candidates.len() > SIGNATURES_MAX {
            return Err(Diagnosis::TooManySignatures { name: line.name.clone() });
        }
        if n_times > 1 {
            return Err(Diagnosis::RepeatedTimestamp { name: line.name.clone(), times: n_times });
        }
        let has =
            |wanted: fn(&Piece) -> bool| line.entries.iter().flat_map(|it| &it.pieces).any(wanted);
        let lacks_id = has(|it| *it == Piece::Id) && reading.id.is_none();
        let lacks_time = has(|it| matches!(it, Piece::Timestamp(_))) && reading.timestamp.is_none();
        let lacks_signature = line.has_signature() && reading.candidates.len() == n_candidates;
        if lacks_id || lacks_time || lacks_signature {
            return Err(malformed(line, &values));
        }
    }
    Ok(reading)
}

/// Says which header is missing, and whose is there instead.
fn missing(template: &Template, line: &Line, headers: &Headers) -> Diagnosis {
    let is_there = |line: &Line| headers.get_all(&line.name).next().is_some();
    if !template.lines.iter().any(|line| line.has_signature() && is_there(line)) {
        let other = PRESETS.iter().find_map(|preset| {
            let other = preset.template();
            let is_whole = other.lines.iter().all(is_there);
            let header = other.lines.iter().find(|line| line.has_signature())?.name.clone();
            is_whole.then_some((preset.name, header))
        });
        if let Some((preset, found)) = other {
            return Diagnosis::OtherScheme { name: line.name.clone(), found, preset };
        }
    }
    Diagnosis::MissingHeader { name: line.name.clone() }
}

pub(crate) fn malformed(line: &Line, values: &[&[u8]]) -> Diagnosis {
    let form = line.to_string().split_once(": ").map(|(_, form)| form.to_owned());
    Diagnosis::MalformedHeader {
        name: line.name.clone(),
        text: shown(&values.join(&b", "[..])),
        form: form.unwrap_or_default(),
    }
}

/// Returns the begin of what came, to be repeated to people.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

fn items(value: &[u8], separator: Option<char>) -> Vec<&[u8]> {
    match separator.map(u8::try_from) {
        Some(Ok(separator)) => value
            .split(|&byte| byte == separator)
            .map(<[u8]>::trim_ascii)
            .filter(|it| !it.is_empty())
            .collect(),
        _ => vec![value],
    }
}

/// Finds what stands for each placeholder; nothing when the text has not this form.
fn fit<'p, 'a>(entry: &'p Entry, text: &'a [u8]) -> Option<Vec<(&'p Piece, &'a [u8])>> {
    let mut rest = text;
    let mut found = Vec::new();
    let mut pieces = entry.pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        if let Piece::Text(plain) = piece {
            rest = rest.strip_prefix(plain.as_bytes())?;
            continue;
        }
        // Placeholders never stand side by side: a text or the end comes next.
        let length = match pieces.peek() {
            Some(Piece::Text(next)) => {
                rest.windows(next.len()).position(|window| window == next.as_bytes())?
            }
            _ => rest.len(),
        };
        let (value, after) = rest.split_at(length);
        found.push((piece, value));
        rest = after;
    }
    rest.is_empty().then_some(found)
}

fn id<'a>(line: &Line, text: &'a [u8]) -> Result<&'a str, Diagnosis> {
    match std::str::from_utf8(text) {
        Ok(id) if !id.is_empty() => Ok(id),
        _ => Err(Diagnosis::MalformedId { name: line.name.clone() }),
    }
}

fn timestamp<'a>(line: &'a Line, text: &'a [u8], unit: Unit) -> Result<Timestamp<'a>, Diagnosis> {
    let value = std::str::from_utf8(text).ok().and_then(|text| {
        // `+5` reads as a number too, and no sender writes it.
        if text.starts_with('+') { None } else { text.parse().ok() }
    });
    let malformed =
        || Diagnosis::MalformedTimestamp { name: line.name.clone(), text: shown(text), unit };
    Ok(Timestamp { header: &line.name, text, value: value.ok_or_else(malformed)? })
}
