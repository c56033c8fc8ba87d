//! The same JSON, written as other programs would.

use std::fmt;

use serde_json::Value;

/// A way to write JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    layout: Layout,
    /// Keys in alphabetical order.
    sorted: bool,
    /// Characters beyond ASCII as `\u`.
    ascii: bool,
    /// What is escaped without need.
    extra: Extra,
    /// `1.0` as `1`.
    whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Compact,
    Spaced,
    Indented(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extra {
    Nothing,
    Slash,
    Html,
}

/// Returns the ways in which programs commonly write a JSON document, with what it is then; none when it
/// is no JSON.
pub(crate) fn styles(body: &[u8]) -> impl Iterator<Item = (Style, Vec<u8>)> {
    let value = serde_json::from_slice::<Value>(body).ok();
    value.into_iter().flat_map(|value| {
        let mut sorted = value.clone();
        sorted.sort_all_objects();
        all().map(move |style| {
            let mut text = String::new();
            style.write(if style.sorted { &sorted } else { &value }, 0, &mut text);
            (style, text.into_bytes())
        })
    })
}

/// All ways, the most usual first.
fn all() -> impl Iterator<Item = Style> {
    const LAYOUTS: [Layout; 5] = [
        Layout::Compact,
        Layout::Spaced,
        Layout::Indented("  "),
        Layout::Indented("    "),
        Layout::Indented("\t"),
    ];
    let mut found = Vec::new();
    for extra in [Extra::Nothing, Extra::Slash, Extra::Html] {
        for whole in [false, true] {
            for sorted in [false, true] {
                for ascii in [false, true] {
                    found.extend(LAYOUTS.map(|layout| Style {
                        layout,
                        sorted,
                        ascii,
                        extra,
                        whole,
                    }));
                }
            }
        }
    }
    found.into_iter()
}

impl Style {
    fn write(self, value: &Value, depth: usize, out: &mut String) {
        match value {
            Value::String(text) => self.string(text, out),
            Value::Number(number) => {
                let text = number.to_string();
                let whole = text.strip_suffix(".0").filter(|_| self.whole);
                out.push_str(whole.unwrap_or(&text));
            }
            Value::Array(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    self.next(place, depth + 1, out);
                    self.write(item, depth + 1, out);
                }
                self.end(items.is_empty(), depth, out);
                out.push(']');
            }
            Value::Object(entries) => {
                out.push('{');
                for (place, (key, item)) in entries.iter().enumerate() {
                    self.next(place, depth + 1, out);
                    self.string(key, out);
                    out.push_str(if self.layout == Layout::Compact { ":" } else { ": " });
                    self.write(item, depth + 1, out);
                }
                self.end(entries.is_empty(), depth, out);
                out.push('}');
            }
            Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        }
    }

    fn next(self, place: usize, depth: usize, out: &mut String) {
        if place > 0 {
            out.push_str(if self.layout == Layout::Spaced { ", " } else { "," });
        }
        self.line(depth, out);
    }

    fn end(self, is_empty: bool, depth: usize, out: &mut String) {
        if !is_empty {
            self.line(depth, out);
        }
    }

    fn line(self, depth: usize, out: &mut String) {
        if let Layout::Indented(indent) = self.layout {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn string(self, text: &str, out: &mut String) {
        let quoted = Value::from(text).to_string();
        for c in quoted.chars() {
            match c {
                '/' if self.extra == Extra::Slash => out.push_str("\\/"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if self.extra == Extra::Html => {
                    escape(c, out);
                }
                c if self.ascii && !c.is_ascii() => escape(c, out),
                c => out.push(c),
            }
        }
    }
}

fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.layout {
            Layout::Compact => "without white space",
            Layout::Spaced => "on one line with a space after each comma and colon",
            Layout::Indented("\t") => "on many lines, indented by tabs",
            Layout::Indented("    ") => "on many lines, indented by 4",
            Layout::Indented(_) => "on many lines, indented by 2",
        })?;
        let ways = [
            (self.sorted, "keys sorted"),
            (self.ascii, "characters beyond ASCII as \\u"),
            (self.extra == Extra::Slash, "slashes escaped"),
            (self.extra == Extra::Html, "characters of HTML as \\u"),
            (self.whole, "1.0 as 1"),
        ];
        for (_, way) in ways.iter().filter(|(is_so, _)| *is_so) {
            write!(f, ", {way}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, style: &str) -> String {
        let found = styles(body.as_bytes()).find(|(it, _)| it.to_string() == style);
        String::from_utf8(found.unwrap().1).unwrap()
    }

    #[test]
    fn each_style_is_what_a_known_writer_makes() {
        let body = r#"{"b":[1.0,"é/😀<"],"a":{},"c":[]}"#;
        assert_eq!(check(body, "without white space"), body);
        // Python's json.dumps, with and without sort_keys.
        assert_eq!(
            check(
                body,
                "on one line with a space after each comma and colon, characters beyond ASCII as \\u"
            ),
            r#"{"b": [1.0, "\u00e9/\ud83d\ude00<"], "a": {}, "c": []}"#
        );
        assert_eq!(
            check(
                body,
                "on one line with a space after each comma and colon, keys sorted, characters beyond ASCII as \\u"
            ),
            r#"{"a": {}, "b": [1.0, "\u00e9/\ud83d\ude00<"], "c": []}"#
        );
        // PHP's json_encode.
        assert_eq!(
            check(body, "without white space, characters beyond ASCII as \\u, slashes escaped"),
            r#"{"b":[1.0,"\u00e9\/\ud83d\ude00<"],"a":{},"c":[]}"#
        );
        // JSON.stringify, and with an indentation of 2.
        assert_eq!(check(body, "without white space, 1.0 as 1"), body.replace("1.0", "1"));
        assert_eq!(
            check(body, "on many lines, indented by 2, 1.0 as 1"),
            "{\n  \"b\": [\n    1,\n    \"é/😀<\"\n  ],\n  \"a\": {},\n  \"c\": []\n}"
        );
        // Go's json.Marshal of a map.
        assert_eq!(
            check(body, "without white space, keys sorted, characters of HTML as \\u"),
            r#"{"a":{},"b":[1.0,"é/😀\u003c"],"c":[]}"#
        );
    }

    #[test]
    fn what_is_no_json_has_no_other_form() {
        assert_eq!(styles(b"{").count(), 0);
        assert!(styles(b"1").all(|(_, text)| text == b"1"));
    }
}
