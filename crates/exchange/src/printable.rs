//! Captured text made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

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

fn is_unsafe(c: char) -> bool {
    let is_bidi = matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n' && c != '\t') || is_bidi
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_the_cursor_is_escaped() {
        assert_eq!(
            printable("a\x1b[2Jb\rc\u{9b}d\u{202e}e\0"),
            "a\\u{1b}[2Jb\\u{d}c\\u{9b}d\\u{202e}e\\u{0}"
        );
        assert!(matches!(printable("é\n\tनमस्ते"), Cow::Borrowed(_)));
    }
}
