//! Where in a JSON text a value stands: text and JSON Pointer in, byte ranges out.
//!
//! A mutation replaces some bytes of an event and leaves all others as they were, which a parse and a
//! print would not: a duplicate key, a lone surrogate or `1e400` do not survive one.

use std::ops::Range;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The value's bytes.
    pub(super) value: Range<usize>,
    /// From the key's opening quote to the end of the value; in an array, and at the root, the value.
    pub(super) entry: Range<usize>,
    /// The name of the key, as it is written between its quotes; `None` in an array and at the root.
    pub(super) key: Option<String>,
}

/// Why there is no such value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// The text is not one JSON text.
    NotJson(String),
    /// The value at the first pointer has no such child.
    NoChild { of: String, key: String },
    /// The pointer does not begin with `/`.
    NotAPointer,
}

/// Finds the value at a JSON Pointer (RFC 6901).
pub(super) fn locate(text: &str, pointer: &str) -> Result<Place, Missing> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(Missing::NotJson(error.to_string()));
    }
    if depth(text) > DEPTH_MAX {
        return Err(Missing::NotJson(format!("nested more than {DEPTH_MAX} deep")));
    }
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.space();
    let mut place = scanner.whole(text);
    let Some(path) = pointer.strip_prefix('/') else {
        return if pointer.is_empty() { Ok(place) } else { Err(Missing::NotAPointer) };
    };
    let mut of = String::new();
    for token in path.split('/') {
        let key = token.replace("~1", "/").replace("~0", "~");
        place = child(text, &place, &key)
            .ok_or_else(|| Missing::NoChild { of: of.clone(), key: key.clone() })?;
        of.push('/');
        of.push_str(token);
    }
    Ok(place)
}

/// Beyond this nothing is looked for: what is found is also walked through, a call for each level.
const DEPTH_MAX: usize = 512;

/// Returns how deep the objects and arrays of a text are nested.
fn depth(text: &str) -> usize {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some(byte) = scanner.byte() {
        match byte {
            b'"' => {
                scanner.string();
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        scanner.at += 1;
    }
    deepest
}

fn child(text: &str, parent: &Place, key: &str) -> Option<Place> {
    children(text, parent).enumerate().find_map(|(index, child)| {
        let is_it = match &child.key {
            Some(written) => decoded(written) == key,
            None => index.to_string() == key,
        };
        is_it.then_some(child)
    })
}

/// Returns the members of an object or the elements of an array; a scalar has none.
pub(super) fn children(text: &str, parent: &Place) -> impl Iterator<Item = Place> {
    let mut scanner = Scanner { text: text.as_bytes(), at: parent.value.start };
    let is_object = scanner.byte() == Some(b'{');
    let has_children = is_object || scanner.byte() == Some(b'[');
    scanner.at += 1;
    std::iter::from_fn(move || {
        if !has_children {
            return None;
        }
        scanner.space();
        if scanner.byte() == Some(b',') {
            scanner.at += 1;
            scanner.space();
        }
        if matches!(scanner.byte(), None | Some(b'}' | b']')) {
            return None;
        }
        let from = scanner.at;
        let key = is_object.then(|| {
            scanner.value();
            let written = text.get(from + 1..scanner.at - 1).unwrap_or_default().to_owned();
            scanner.space();
            scanner.at += 1; // the colon
            scanner.space();
            written
        });
        let value = scanner.value();
        Some(Place { entry: from..value.end, value, key })
    })
}

/// Reads what stands between the quotes of a JSON string.
pub(super) fn decoded(written: &str) -> String {
    serde_json::from_str(&format!("\"{written}\"")).unwrap_or_default()
}

/// Walks over a text that is known to be JSON.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn whole(&mut self, text: &str) -> Place {
        let value = self.at..text.trim_end().len();
        Place { entry: value.clone(), value, key: None }
    }

    /// Walks over one value and returns where it stands.
    fn value(&mut self) -> Range<usize> {
        let from = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => break,
                byte if depth == 0 && byte.is_ascii_whitespace() => break,
                _ => self.at += 1,
            }
            if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
                break;
            }
        }
        from..self.at
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_value_is_found_whatever_the_white_space() {
        let text = r#" { "a" : [ 1 , { "b/c" : "x\"}" } ] , "a~" : null } "#;
        let at = |pointer: &str| text[locate(text, pointer).unwrap().value].to_owned();
        assert_eq!(at("/a/0"), "1");
        assert_eq!(at("/a/1/b~1c"), r#""x\"}""#);
        assert_eq!(at("/a~0"), "null");
        assert_eq!(at(""), text.trim());
        let missing = Missing::NoChild { of: "/a".to_owned(), key: "2".to_owned() };
        assert_eq!(locate(text, "/a/2"), Err(missing));
        assert_eq!(locate(text, "a"), Err(Missing::NotAPointer));
        assert!(matches!(locate("{", "/a"), Err(Missing::NotJson(_))));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((".{0,4}", inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
        out.push(at.to_owned());
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointers(item, &format!("{at}/{index}"), out);
                }
            }
            Value::Object(keys) => {
                for (key, value) in keys {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    pointers(value, &format!("{at}/{key}"), out);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn every_value_of_any_document_is_found(document in json(), is_pretty: bool) {
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&document).unwrap(),
                false => document.to_string(),
            };
            let mut all = Vec::new();
            pointers(&document, "", &mut all);
            for pointer in all {
                let place = locate(&text, &pointer).unwrap();
                let found: Value = serde_json::from_str(&text[place.value]).unwrap();
                prop_assert_eq!(Some(&found), document.pointer(&pointer), "{}", pointer);
            }
        }
    }
}
