//! The text of a template to the template, or what is wrong with it.

use std::str::FromStr;

use crate::mark::{Algorithm, Encoding, Mark};
use crate::template::{Entry, KeyForm, Line, Piece, TOLERANCE_S, Template, Unit};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A part is neither an option nor a header line.
    #[error(
        "`{part}` is neither `content=…`, `key=…`, `tolerance=…` nor a header line, `Name: value`"
    )]
    Part {
        /// The part.
        part: String,
    },
    /// An option came twice.
    #[error("`{option}=` is there twice")]
    Twice {
        /// Which.
        option: &'static str,
    },
    /// A placeholder that is not known, or not there.
    #[error(
        "`{{{name}}}` is not known in `{part}`: use {known}; a brace that is text is written twice"
    )]
    Placeholder {
        /// What stands between the braces.
        name: String,
        /// Where.
        part: String,
        /// What could stand there.
        known: &'static str,
    },
    /// A brace that nothing closes, or that closes nothing.
    #[error("a brace stands alone in `{part}`: write it twice if it is text")]
    Brace {
        /// Where.
        part: String,
    },
    /// A list that cannot be read.
    #[error(
        "the list in `{line}` is not of the form `…[,v1={{hmac-sha256:hex}}]`: brackets at the end, each beginning with the same separator (no letter and no digit) and holding one signature"
    )]
    List {
        /// The line.
        line: String,
    },
    /// The key is not one placeholder after a prefix.
    #[error(
        "`key={text}` is none of `key={{text}}`, `key={{base64}}`, `key={{hex}}`, each with or without a prefix"
    )]
    Key {
        /// What came.
        text: String,
    },
    /// The tolerance is no whole number of seconds.
    #[error("`tolerance={text}` is not a whole number of seconds, such as `tolerance=300s`")]
    Tolerance {
        /// What came.
        text: String,
    },
    /// A header name that cannot be sent.
    #[error("`{name}` is no header name")]
    Name {
        /// What came.
        name: String,
    },
    /// What nobody could sign or verify.
    #[error("{0}")]
    Useless(&'static str),
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (mut content, mut key, mut tolerance) = (None, None, None);
        let mut lines = Vec::new();
        for part in text.split("; ").map(str::trim).filter(|part| !part.is_empty()) {
            let option = part.split_once('=').filter(|(name, _)| !name.contains(':'));
            match (option, part.split_once(':')) {
                (Some(("content", value)), _) => once(&mut content, "content", value)?,
                (Some(("key", value)), _) => once(&mut key, "key", value)?,
                (Some(("tolerance", value)), _) => once(&mut tolerance, "tolerance", value)?,
                (None, Some((name, value))) => lines.push(line(name.trim(), value.trim(), part)?),
                _ => return Err(TemplateError::Part { part: part.to_owned() }),
            }
        }
        let content = content.ok_or(TemplateError::Useless(
            "there is no `content=…`, which says what is signed, such as `content={timestamp}.{body}`",
        ))?;
        let content = pieces(content, &format!("content={content}"), true)?;
        let key = key_form(key.unwrap_or("{text}"))?;
        let tolerance_s = tolerance.map_or(Ok(TOLERANCE_S), seconds)?;
        let mut template = Self { content, key, tolerance_s, lines, unit: None };
        template.unit = check(&template)?;
        Ok(template)
    }
}

fn once<'a>(
    place: &mut Option<&'a str>,
    option: &'static str,
    value: &'a str,
) -> Result<(), TemplateError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TemplateError::Twice { option }),
    }
}

fn seconds(text: &str) -> Result<u64, TemplateError> {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    number.ok_or_else(|| TemplateError::Tolerance { text: text.to_owned() })
}

fn key_form(text: &str) -> Result<KeyForm, TemplateError> {
    let wrong = || TemplateError::Key { text: text.to_owned() };
    let (prefix, form) = text.split_once('{').ok_or_else(wrong)?;
    let encoding = match form.strip_suffix('}').ok_or_else(wrong)? {
        "text" => None,
        "base64" => Some(Encoding::Base64),
        "hex" => Some(Encoding::Hex),
        _ => return Err(wrong()),
    };
    Ok(KeyForm { prefix: prefix.to_owned(), encoding })
}

/// Reads a pattern, whose placeholders are in braces.
fn pieces(text: &str, part: &str, is_content: bool) -> Result<Vec<Piece>, TemplateError> {
    let alone = || TemplateError::Brace { part: part.to_owned() };
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        let (name, after) = rest.split_once('}').filter(|_| brace == "{").ok_or_else(alone)?;
        rest = after;
        if !plain.is_empty() {
            found.push(Piece::Text(std::mem::take(&mut plain)));
        }
        found.push(placeholder(name, part, is_content)?);
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        found.push(Piece::Text(plain));
    }
    Ok(found)
}

fn placeholder(name: &str, part: &str, is_content: bool) -> Result<Piece, TemplateError> {
    let piece = match name {
        "id" => Some(Piece::Id),
        "timestamp" => Some(Piece::Timestamp(Unit::Seconds)),
        "timestamp_ms" => Some(Piece::Timestamp(Unit::Milliseconds)),
        "body" if is_content => Some(Piece::Body),
        "url" if is_content => Some(Piece::Url),
        _ if !is_content => mark(name).map(Piece::Signature),
        _ => None,
    };
    let known = if is_content {
        "`{id}`, `{timestamp}`, `{timestamp_ms}`, `{body}` or `{url}`"
    } else {
        "`{id}`, `{timestamp}`, `{timestamp_ms}`, or an algorithm (hmac-sha1, hmac-sha256, hmac-sha512, ed25519) and an encoding (hex, base64, base64url) as in `{hmac-sha256:hex}`"
    };
    let unknown =
        || TemplateError::Placeholder { name: name.to_owned(), part: part.to_owned(), known };
    piece.ok_or_else(unknown)
}

fn mark(name: &str) -> Option<Mark> {
    let (algorithm, encoding) = name.split_once(':')?;
    let algorithm = Algorithm::ALL.into_iter().find(|it| it.as_str() == algorithm)?;
    let encoding = Encoding::ALL.into_iter().find(|it| it.as_str() == encoding)?;
    Some(Mark { algorithm, encoding })
}

/// Reads a header line, of which a list may be the end.
fn line(name: &str, value: &str, part: &str) -> Result<Line, TemplateError> {
    // RFC 9110 section 5.6.2: what a name may be made of.
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(TemplateError::Name { name: name.to_owned() });
    }
    if value.chars().any(char::is_control) {
        return Err(TemplateError::Part { part: part.to_owned() });
    }
    let wrong = || TemplateError::List { line: part.to_owned() };
    let (lead, mut groups) = match value.split_once('[') {
        None => (value, None),
        Some((lead, rest)) => (lead, Some(rest.strip_suffix(']').ok_or_else(wrong)?)),
    };
    let mut line = Line { name: name.to_owned(), separator: None, entries: Vec::new() };
    if let Some(groups) = groups.take() {
        let separator = groups
            .chars()
            .next()
            .filter(|c| c.is_ascii() && !c.is_alphanumeric() && !"{}[]".contains(*c));
        let separator = separator.ok_or_else(wrong)?;
        for entry in lead.split(separator).filter(|entry| !entry.is_empty()) {
            let pieces = pieces(entry, part, false)?;
            line.entries.push(Entry { pieces, repeats: false });
        }
        for group in groups.split("][") {
            let text = group.strip_prefix(separator).ok_or_else(wrong)?;
            let pieces = pieces(text, part, false)?;
            let in_group = |piece: &Piece| matches!(piece, Piece::Signature(_) | Piece::Text(_));
            // A separator inside of an entry would cut it in two when it is read.
            if text.contains(separator) || text.contains(['[', ']']) || !pieces.iter().all(in_group)
            {
                return Err(wrong());
            }
            line.entries.push(Entry { pieces, repeats: true });
        }
        line.separator = Some(separator);
        let marks =
            |repeats| line.entries.iter().filter(move |it| it.repeats == repeats).map(Entry::mark);
        if marks(false).any(|mark| mark.is_some()) || marks(true).any(|mark| mark.is_none()) {
            return Err(wrong());
        }
    } else {
        line.entries.push(Entry { pieces: pieces(value, part, false)?, repeats: false });
    }
    Ok(line)
}

/// Refuses what nobody could verify, and returns the unit of the timestamp.
fn check(template: &Template) -> Result<Option<Unit>, TemplateError> {
    let useless = |why| Err(TemplateError::Useless(why));
    let is_changing = |piece: &Piece| matches!(piece, Piece::Id | Piece::Body | Piece::Url);
    if !template.content.iter().any(is_changing) {
        return useless(
            "the content has none of `{body}`, `{id}` and `{url}`: every message would have the same signature",
        );
    }
    for entry in template.lines.iter().flat_map(|line| &line.entries) {
        let is_open = |piece: &Piece| !matches!(piece, Piece::Text(_));
        if entry.pieces.windows(2).any(|two| two.iter().all(is_open)) {
            return useless(
                "two placeholders of a header line stand side by side: put a text between them, so that a receiver can tell them apart",
            );
        }
        let n_marks = entry.pieces.iter().filter(|it| matches!(it, Piece::Signature(_))).count();
        if n_marks > 1 {
            return useless(
                "a header line holds several signatures outside of a list: give each a line of its own, or put a list in brackets",
            );
        }
    }
    if template.algorithms().is_empty() {
        return useless(
            "no header line holds a signature, such as `x-signature: {hmac-sha256:hex}`",
        );
    }
    for (place, line) in template.lines.iter().enumerate() {
        let is_same = |other: &Line| other.name.eq_ignore_ascii_case(&line.name);
        if template.lines[..place].iter().any(is_same) {
            return useless("two header lines have the same name: put both into one line");
        }
    }
    let count =
        |wanted: fn(&Piece) -> bool| template.pieces_of_lines().filter(|it| wanted(it)).count();
    let is_timestamp = |piece: &Piece| matches!(piece, Piece::Timestamp(_));
    if count(is_timestamp) > 1 || count(|piece| *piece == Piece::Id) > 1 {
        return useless(
            "the id or the timestamp is in two header lines, which could contradict each other",
        );
    }
    let all = template.content.iter().chain(template.pieces_of_lines());
    let mut units = all.filter_map(|piece| match piece {
        Piece::Timestamp(unit) => Some(*unit),
        _ => None,
    });
    let unit = units.next();
    if units.any(|other| Some(other) != unit) {
        return useless(
            "it has both `{timestamp}` and `{timestamp_ms}`: a receiver reads one of them from a header",
        );
    }
    if unit.is_some() && count(is_timestamp) == 0 {
        return useless(
            "the timestamp is signed and in no header line, so no receiver could know it",
        );
    }
    Ok(unit)
}
