//! A first look at the text of an event, which most events need no more than.
//!
//! The full check ([`crate::document`], [`crate::shape`]) builds a JSON value and can say what is wrong
//! and where. Most events have nothing wrong: this walk goes over the text once, builds nothing, and
//! answers yes only when it is certain that the full check would find nothing. Whatever is rare (an
//! escaped key, many unknown keys, deep nesting) is not certain. A property test holds the two together.

use std::borrow::Cow;

use serde_json::Value;

use crate::document::loses_digits;
use crate::shape::{self, Shape};

/// Tells whether a text is one JSON text that raises no doubt and has the shape of an event. No means
/// that it is not certain.
pub(crate) fn holds(text: &str) -> bool {
    text_holds(text, shape::event())
}

fn text_holds(text: &str, shape: &Shape) -> bool {
    let mut glance = Glance { text, at: 0, depth: 0 };
    glance.value(Some(shape)).is_some() && glance.next_byte() == 0 && glance.at == text.len()
}

/// Deeper than any event, and less deep than the full check allows.
const DEPTH_MAX: usize = 64;

/// More unknown keys than these in one object are left to the full check, which does not compare each
/// with each.
const UNKNOWN_MAX: usize = 32;

/// A walk over JSON text, up to where it stands.
struct Glance<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Each method takes a part of the text; `None` when it is not certain that the part holds. A part
/// without a shape may be anything.
impl<'a> Glance<'a> {
    fn value(&mut self, shape: Option<&Shape>) -> Option<()> {
        let first = self.next_byte();
        let is_of = |kind| shape.is_none_or(|shape| shape.allows_kind(kind)).then_some(());
        match first {
            b'{' => {
                is_of("object")?;
                self.nested(|it| it.object(shape))
            }
            b'[' => {
                is_of("array")?;
                self.nested(|it| it.array(shape))
            }
            b'"' => {
                is_of("string")?;
                let text = self.string()?;
                shape.map_or(Some(()), |shape| string(text, shape))
            }
            b'-' | b'0'..=b'9' => self.number(shape),
            b'n' => self.literal("null").and_then(|()| is_of("null")),
            b't' => self.literal("true").and_then(|()| is_of("boolean")),
            b'f' => self.literal("false").and_then(|()| is_of("boolean")),
            _ => None,
        }
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        let is_there = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        self.at += literal.len();
        is_there.then_some(())
    }

    /// Takes a byte that must come next, white space aside.
    fn mark(&mut self, mark: u8) -> Option<()> {
        let is_there = self.next_byte() == mark;
        self.at += 1;
        is_there.then_some(())
    }

    /// Takes the comma before a further part, or the end of the parts; tells whether there is one more.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let next = self.next_byte();
        self.at += 1;
        (next == b',' || next == end).then_some(next == b',')
    }

    fn nested(&mut self, part: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.at += 1;
        part(self)?;
        self.depth -= 1;
        Some(())
    }

    fn object(&mut self, shape: Option<&Shape>) -> Option<()> {
        let mut known = 0_u128;
        let mut unknown: [&str; UNKNOWN_MAX] = [""; UNKNOWN_MAX];
        let mut count = 0;
        let mut next = 0;
        let mut goes_on = self.next_byte() != b'}' || self.goes_on(b'}')?;
        while goes_on {
            if self.next_byte() != b'"' {
                return None;
            }
            let key = self.string()?;
            if key.contains('\\') {
                return None;
            }
            self.mark(b':')?;
            match shape.and_then(|shape| shape.property(key, next)) {
                Some((index, property)) => {
                    let bit = 1_u128.checked_shl(u32::try_from(index).ok()?)?;
                    if known & bit != 0 {
                        return None;
                    }
                    known |= bit;
                    next = index + 1;
                    self.value(Some(property))?;
                }
                None => {
                    if unknown[..count].contains(&key) {
                        return None;
                    }
                    *unknown.get_mut(count)? = key;
                    count += 1;
                    self.value(None)?;
                }
            }
            goes_on = self.goes_on(b'}')?;
        }
        let is_there = |index| {
            u32::try_from(index).ok().and_then(|index| known.checked_shr(index)).unwrap_or(0) & 1
                == 1
        };
        shape.is_none_or(|shape| shape.required().all(is_there)).then_some(())
    }

    fn array(&mut self, shape: Option<&Shape>) -> Option<()> {
        let items = shape.and_then(Shape::items);
        let mut goes_on = self.next_byte() != b']' || self.goes_on(b']')?;
        while goes_on {
            self.value(items)?;
            goes_on = self.goes_on(b']')?;
        }
        Some(())
    }

    /// Takes a string and returns what stands between its quotes, escapes as they are written.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        loop {
            let rest = bytes.get(end..)?;
            end += until_special(rest)?;
            match (bytes[end], bytes.get(end + 1)?) {
                (b'"', _) => break,
                (b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => end += 2,
                (b'\\', b'u') => {
                    let digits = bytes.get(end + 2..end + 6)?;
                    // From U+D800 on it is half of a surrogate pair, which may stand alone.
                    let is_half = matches!(
                        digits,
                        [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
                    );
                    if is_half || !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    end += 6;
                }
                _ => return None,
            }
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    fn number(&mut self, shape: Option<&Shape>) -> Option<()> {
        let rest = &self.text[self.at..];
        let is_part = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let written = &rest[..end];
        self.at += end;
        let number = serde_json::from_str::<serde_json::Number>(written).ok()?;
        if loses_digits(written) {
            return None;
        }
        let value = Value::Number(number);
        shape.is_none_or(|shape| shape.allows(&value) && shape.is_in_range(&value)).then_some(())
    }

    /// Returns the next byte that is no white space without taking it; 0 at the end.
    fn next_byte(&mut self) -> u8 {
        let rest = &self.text.as_bytes()[self.at..];
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let blank = rest.iter().take_while(is_blank).count();
        self.at += blank;
        rest.get(blank).copied().unwrap_or(0)
    }
}

/// Returns where the first byte is that ends a run of plain characters.
fn until_special(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 16;
    let is_special = |byte: &u8| (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20);
    // Without a way out of the inner loop the compiler looks at a whole chunk at once.
    let is_plain =
        |chunk: &&[u8]| !chunk.iter().fold(false, |found, byte| found | is_special(byte));
    let skipped = bytes.chunks_exact(CHUNK).take_while(is_plain).count() * CHUNK;
    bytes[skipped..].iter().position(is_special).map(|at| skipped + at)
}

/// Looks at what stands between the quotes of a string.
fn string(written: &str, shape: &Shape) -> Option<()> {
    let is_escaped = shape.reads_text() && written.contains('\\');
    let text: Cow<'_, str> = if is_escaped { unescape(written)?.into() } else { written.into() };
    let inner_holds = |inner: &Shape| text.is_empty() || text_holds(&text, inner);
    (shape.is_text(&text) && shape.content().is_none_or(inner_holds)).then_some(())
}

/// Returns what a string means; `None` for what is rare in a text that holds JSON.
fn unescape(written: &str) -> Option<String> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = until_special(rest.as_bytes()) {
        text.push_str(&rest[..at]);
        text.push(match rest.as_bytes().get(at + 1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return None,
        });
        rest = &rest[at + 2..];
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{EXAMPLE, document};

    /// What the full check says about a text.
    fn holds_in_full(text: &str) -> bool {
        let (value, findings) = document::read(text.as_bytes());
        findings.is_empty() && value.is_some_and(|value| shape::check(&value).is_empty())
    }

    #[test]
    fn the_documented_example_holds_at_a_glance() {
        assert!(holds(std::str::from_utf8(EXAMPLE).unwrap()));
    }

    #[test]
    fn what_is_rare_is_not_certain() {
        let example = std::str::from_utf8(EXAMPLE).unwrap();
        for (from, to) in [
            ("\"payload\": {", "\"payload\": {\"x\": \"\\ud800\","),
            ("\"payload\": {", "\"payload\": {\"x\": 1e400,"),
            ("\"payload\": {", "\"payload\": {\"x\": 9007199254740993,"),
            ("\"payload\": {", "\"payload\": {\"x\": 1, \"x\": 1,"),
            ("\"payload\": {", "\"payload\": {\"id\": \"a\","),
            ("\"payload\": {", "\"payload\": {\"\\u0069d\": \"a\","),
            ("\"eventId\":", "\"eventID\":"),
            ("conversation.completed", "conversation.done"),
            ("[{\\\"messageType", "[{\\\"x\\\":1,\\\"x\\\":2,\\\"messageType"),
        ] {
            let changed = example.replacen(from, to, 1);
            assert_ne!(changed, example, "{from}");
            assert!(!holds(&changed), "{to}");
        }
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(!holds(&example.replacen(
            "\"payload\": {",
            &format!("\"payload\": {{\"x\":{deep},"),
            1
        )));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// A few bytes of the example are replaced by others that JSON is made of.
        #[test]
        fn what_holds_at_a_glance_holds_in_full(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..24_usize), 0..3),
        ) {
            const PARTS: [&str; 24] = [
                "", "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "1", "-", "e9", ".5", "0", " ",
                "\\\"", "\\u0000", "\\ud83d", "\"a\":1,", "\"id\":\"x\",", "true", "99999999999999999", "T",
            ];
            let mut text = String::from_utf8(EXAMPLE.to_vec()).unwrap();
            for (place, part) in changes {
                let at = place.index(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(at..=at, PARTS[part]);
                }
            }
            if holds(&text) {
                prop_assert!(holds_in_full(&text), "{text}");
            }
        }
    }
}
