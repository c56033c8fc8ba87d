//! A line of a dialogue: text with slots, such as `Is this {name}?`.
//!
//! A slot that is not known is refused when the line is read, so that filling one cannot fail.

use crate::escape::is_plain;
use crate::texts::{Text, Texts};

/// A line, ready to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pieces: Vec<Piece>,
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(usize),
}

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
        let mut pieces = Vec::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) =
                after.split_once('}').ok_or_else(|| LineError::Open { line: owned() })?;
            let number = slots.0.iter().position(|known| *known == slot).ok_or_else(|| {
                LineError::Slot { line: owned(), slot: slot.to_owned(), known: slots.0.join(", ") }
            })?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Slot(number));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let of_text = |piece: &Piece| match piece {
            Piece::Text(text) => text.chars().count(),
            Piece::Slot(_) => 0,
        };
        let characters = pieces.iter().map(of_text).sum();
        Ok(Self { pieces, characters, is_plain: is_plain(line.as_bytes()) })
    }

    /// Tells whether the line has one of some slots.
    pub(crate) fn speaks_of(&self, mut slots: impl FnMut(usize) -> bool) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Slot(number) if slots(*number)))
    }

    /// Tells whether the line, once it is filled with values that do, stands in a JSON string as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Counts the characters of the line once it is filled with these values.
    pub(crate) fn characters(&self, slots: &[Text]) -> usize {
        let of_slot = |piece: &Piece| match piece {
            Piece::Text(_) => 0,
            Piece::Slot(number) => slots.get(*number).map_or(0, |text| text.characters),
        };
        self.characters + self.pieces.iter().map(of_slot).sum::<usize>()
    }

    /// Puts the pieces of the line one after the other, its slots filled; after a hand-over the agent is
    /// the colleague.
    pub(crate) fn fill(&self, values: Values<'_>, is_handed_over: bool, mut put: impl FnMut(&str)) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => put(text),
                Piece::Slot(number) => {
                    let number = match *number {
                        AGENT if is_handed_over => COLLEAGUE,
                        number => number,
                    };
                    put(values.slots.get(number).map_or("", |text| values.texts.get(*text)));
                }
            }
        }
    }
}

/// Fills the slots of a short form, such as `{month} {day}`, in one pass.
pub(crate) fn fill(form: &str, out: &mut String, mut put: impl FnMut(&str, &mut String)) {
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        put(slot, out);
        rest = after;
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
        line.fill(Values { texts: &texts, slots: &slots }, false, |piece| out.push_str(piece));
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
