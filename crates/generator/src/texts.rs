//! The texts of one call, one after the other in one buffer: none of them is allocated by itself.

use std::ops::Range;

use crate::escape::is_plain;

/// A buffer of texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    buffer: String,
}

/// A text of a buffer, and what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    from: usize,
    to: usize,
    /// Characters, which its length in speech follows from.
    pub(crate) characters: usize,
    /// Whether it stands in a JSON string as it is.
    pub(crate) is_plain: bool,
}

impl Text {
    /// The empty text, which every buffer has.
    pub(crate) const EMPTY: Self = Self { from: 0, to: 0, characters: 0, is_plain: true };

    /// Returns where it is.
    pub(crate) fn range(self) -> Range<usize> {
        self.from..self.to
    }
}

impl Texts {
    /// Forgets all texts and keeps the buffer.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Adds what is written.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut String)) -> Text {
        let from = self.buffer.len();
        write(&mut self.buffer);
        let text = &self.buffer[from..];
        let characters = text.chars().count();
        Text { from, to: self.buffer.len(), characters, is_plain: is_plain(text.as_bytes()) }
    }

    /// Adds a text.
    pub(crate) fn put(&mut self, text: &str) -> Text {
        self.add(|out| out.push_str(text))
    }

    /// Returns all texts, one after the other.
    pub(crate) fn all(&self) -> &str {
        &self.buffer
    }

    /// Returns a text of this buffer.
    pub(crate) fn get(&self, text: Text) -> &str {
        self.buffer.get(text.from..text.to).unwrap_or_default()
    }
}
