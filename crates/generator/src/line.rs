//! A line of a dialogue: text with slots, such as `Is this {name}?`.
//!
//! A slot that is not known is refused when the line is read, so that filling one cannot fail.

use std::ops::Range;

use crate::escape::is_plain;
use crate::texts::{Text, Texts};

/// A line, ready to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The text outside the slots, and then what makes a short copy quick ([`PADDING`]).
    text: Box<str>,
    /// The slots in order, each with where in the text it is.
    slots: Box<[(usize, usize)]>,
    /// Characters of the text outside the slots.
    characters: usize,
    /// Whether the text outside the slots stands in a JSON string as it is.
    is_plain: bool,
}

/// What fills the slots of the lines of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) texts: &'a Texts,
    /// By the number of the slot.
    pub(crate) slots: &'a [Text],
}

impl Values<'_> {
    /// Tells whether every value stands in a JSON string as it is.
    pub(crate) fn are_plain(&self) -> bool {
        self.slots.iter().all(|text| text.is_plain)
    }
}

/// A piece of a line that is filled: a part of a text that has, more often than not, [`PADDING`] after it.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'a> {
    text: &'a str,
    part: Range<usize>,
}

impl Piece<'_> {
    pub(crate) fn as_str(&self) -> &str {
        self.text.get(self.part.clone()).unwrap_or_default()
    }

    /// Appends the piece. A short one is copied with as many bytes as the longest short one, which takes
    /// a few moves and no call, and cut off again.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        let bytes = &self.text.as_bytes()[self.part.start..];
        match bytes.first_chunk::<{ PADDING.len() }>() {
            Some(chunk) if self.part.len() <= chunk.len() => {
                out.extend_from_slice(chunk);
                out.truncate(out.len() - (chunk.len() - self.part.len()));
            }
            _ => out.extend_from_slice(&bytes[..self.part.len()]),
        }
    }
}

/// What stands after a text so that a short piece at its end is copied as quickly as one before it.
pub(crate) const PADDING: &str = "                                                                ";

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("`{line}` has no `}}` after `{{`")]
    Open { line: String },
    #[error("`{line}` uses the slot `{slot}`, which is not known; known are {known}")]
    Slot { line: String, slot: String, known: String },
    #[error("`{line}` has a line feed, or is empty; a line is one line of the transcript")]
    Form { line: String },
}

/// The slots of every line, before those of the domain.
const SHARED: [&str; 6] = ["customer", "name", "agent", "colleague", "company", "reference"];

/// The number of the customer's full name.
pub(crate) const NAME: usize = 1;
const AGENT: usize = 2;
const COLLEAGUE: usize = 3;
/// The number of the first pattern of the domain, whatever it is called there.
pub(crate) const REFERENCE: usize = 5;

/// The number of the first slot that belongs to the domain.
pub(crate) const FIRST_OF_DOMAIN: usize = SHARED.len();

/// The names that a line may use, by the number under which they are filled.
pub(crate) struct Slots<'a>(Vec<&'a str>);

impl<'a> Slots<'a> {
    pub(crate) fn shared() -> Self {
        Self(SHARED.to_vec())
    }

    /// Adds the variables of a domain.
    pub(crate) fn with(variables: impl Iterator<Item = &'a str>) -> Self {
        Self(SHARED.into_iter().chain(variables).collect())
    }
}

impl Line {
    pub(crate) fn read(line: &str, slots: &Slots<'_>) -> Result<Self, LineError> {
        let owned = || line.to_owned();
        if line.is_empty() || line.contains(['\n', '\r']) {
            return Err(LineError::Form { line: owned() });
        }
        let mut text = String::with_capacity(line.len() + PADDING.len());
        let mut places = Vec::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) =
                after.split_once('}').ok_or_else(|| LineError::Open { line: owned() })?;
            let number = slots.0.iter().position(|known| *known == slot).ok_or_else(|| {
                LineError::Slot { line: owned(), slot: slot.to_owned(), known: slots.0.join(", ") }
            })?;
            text.push_str(before);
            places.push((text.len(), number));
            rest = after;
        }
        text.push_str(rest);
        let (characters, is_plain) = (text.chars().count(), is_plain(text.as_bytes()));
        text.push_str(PADDING);
        Ok(Self { text: text.into(), slots: places.into(), characters, is_plain })
    }

    /// Tells whether the line has one of some slots.
    pub(crate) fn speaks_of(&self, mut slots: impl FnMut(usize) -> bool) -> bool {
        self.slots.iter().any(|(_, number)| slots(*number))
    }

    /// Tells whether the line, once it is filled with values that do, stands in a JSON string as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Counts the characters of the line once it is filled with these values.
    pub(crate) fn characters(&self, slots: &[Text]) -> usize {
        let of_slot = |(_, number): &(_, usize)| slots.get(*number).map_or(0, |it| it.characters);
        self.characters + self.slots.iter().map(of_slot).sum::<usize>()
    }

    /// Puts the pieces of the line one after the other, its slots filled; after a hand-over the agent is
    /// the colleague.
    pub(crate) fn fill(
        &self,
        values: Values<'_>,
        is_handed_over: bool,
        mut put: impl FnMut(Piece<'_>),
    ) {
        let mut from = 0;
        for (at, number) in &self.slots {
            put(Piece { text: &self.text, part: from..*at });
            from = *at;
            let number = match *number {
                AGENT if is_handed_over => COLLEAGUE,
                number => number,
            };
            if let Some(value) = values.slots.get(number) {
                put(Piece { text: values.texts.all(), part: value.range() });
            }
        }
        put(Piece { text: &self.text, part: from..self.text.len() - PADDING.len() });
    }
}

/// Fills the slots of a short form, such as `{month} {day}`, in one pass.
pub(crate) fn fill(form: &str, out: &mut String, mut put: impl FnMut(&str, &mut String)) {
    // A form is shorter than what a search in a text is quick for.
    let find = |text: &str, brace| text.bytes().position(|byte| byte == brace);
    let mut rest = form;
    while let Some(open) = find(rest, b'{') {
        let slot = &rest[open + 1..];
        let close = find(slot, b'}').unwrap_or(slot.len());
        out.push_str(&rest[..open]);
        put(&slot[..close], out);
        rest = slot.get(close + 1..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_filled_by_the_numbers_of_its_slots() {
        let line =
            Line::read("{item} for {customer}.", &Slots::with(["item"].into_iter())).unwrap();
        let mut texts = Texts::default();
        let slots = ["Zoë", "", "", "", "", "", "A lamp"].map(|value| texts.put(value));
        let mut out = String::new();
        line.fill(Values { texts: &texts, slots: &slots }, false, |piece| {
            out.push_str(piece.as_str());
        });
        assert_eq!(out, "A lamp for Zoë.");
        assert_eq!(line.characters(&slots), 15);
    }

    #[test]
    fn a_slot_that_is_not_known_is_refused_with_those_that_are() {
        let error = Line::read("Is it {colour}?", &Slots::shared()).unwrap_err();
        insta::assert_snapshot!(error, @"`Is it {colour}?` uses the slot `colour`, which is not known; known are customer, name, agent, colleague, company, reference");
        insta::assert_snapshot!(Line::read("Is it {colour?", &Slots::shared()).unwrap_err(), @"`Is it {colour?` has no `}` after `{`");
    }
}
