//! Captured text made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

/// Escapes what could move a terminal's cursor, change its colours or turn the reading direction:
/// control characters except line feed and tab, and the bidirectional controls.
///
/// Captured text is somebody else's; shown raw, it could overwrite a verdict on the screen.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Writes a value as one line of JSON in which nothing but visible text stands raw: what [`printable`]
/// would escape is escaped as JSON does, so that the value stays the same and a terminal is safe.
///
/// # Errors
///
/// When the value cannot be written as JSON.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let line = serde_json::to_string(value)?;
    if !line.contains(is_unsafe) {
        return Ok(line);
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_unsafe(c) {
            // All of them are below U+10000, one unit of UTF-16. Outside of strings there is none.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    Ok(safe)
}

fn is_unsafe(c: char) -> bool {
    let is_bidi = matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n' && c != '\t') || is_bidi
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_safe_to_show_and_means_the_same() {
        let text = "a\u{9b}b\u{202e}c\x1bé";
        let line = json_line(&text).unwrap();
        assert_eq!(line, r#""a\u009bb\u202ec\u001bé""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn what_could_move_the_cursor_is_escaped() {
        assert_eq!(
            printable("a\x1b[2Jb\rc\u{9b}d\u{202e}e\0"),
            "a\\u{1b}[2Jb\\u{d}c\\u{9b}d\\u{202e}e\\u{0}"
        );
        assert!(matches!(printable("é\n\tनमस्ते"), Cow::Borrowed(_)));
    }
}
