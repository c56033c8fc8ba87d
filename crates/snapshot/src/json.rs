//! JSON text laid out over lines, each number and string as it was written.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::JsonPath;

/// Lays a JSON text out with two spaces a level; `None` when the text is no JSON.
///
/// Numbers are not parsed and printed again, which would change `1.0` and thirty digits; a key that
/// comes twice is shown twice. What a path of `redact` leads to is replaced by its label.
pub(crate) fn layout(text: &str, redact: &[(JsonPath, String)]) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut labels = HashMap::new();
    for (path, label) in redact {
        for node in path.query_located(&value) {
            labels.insert(node.location().to_json_pointer(), label.as_str());
        }
    }
    let mut out = String::new();
    write(text.trim(), "", 0, &labels, &mut out).ok()?;
    Some(out)
}

fn write(
    raw: &str,
    pointer: &str,
    depth: usize,
    labels: &HashMap<String, &str>,
    out: &mut String,
) -> serde_json::Result<()> {
    if let Some(label) = labels.get(pointer) {
        out.push_str(&Value::from(*label).to_string());
        return Ok(());
    }
    let mut lines = Vec::new();
    let (open, close) = match raw.as_bytes().first() {
        Some(b'{') => {
            for (key, value) in serde_json::from_str::<Entries>(raw)?.0 {
                let mut line = format!("{}: ", Value::from(key.as_str()));
                let escaped = key.replace('~', "~0").replace('/', "~1");
                write(value.get(), &format!("{pointer}/{escaped}"), depth + 1, labels, &mut line)?;
                lines.push(line);
            }
            ('{', '}')
        }
        Some(b'[') => {
            for (index, value) in
                serde_json::from_str::<Vec<Box<RawValue>>>(raw)?.iter().enumerate()
            {
                let mut line = String::new();
                write(value.get(), &format!("{pointer}/{index}"), depth + 1, labels, &mut line)?;
                lines.push(line);
            }
            ('[', ']')
        }
        _ => {
            out.push_str(raw);
            return Ok(());
        }
    };
    out.push(open);
    let indent = "  ".repeat(depth);
    for (index, line) in lines.iter().enumerate() {
        let comma = if index + 1 < lines.len() { "," } else { "" };
        out.push_str(&format!("\n{indent}  {line}{comma}"));
    }
    if !lines.is_empty() {
        out.push_str(&format!("\n{indent}"));
    }
    out.push(close);
    Ok(())
}

/// The entries of an object in order, duplicates included.
struct Entries(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_duplicate_keys_stay_as_they_were_written() {
        let text = r#" {"a":1.0,"a":[123456789012345678901234567890,{}],"é\u0041":[]} "#;
        insta::assert_snapshot!(layout(text, &[]).unwrap(), @r#"
        {
          "a": 1.0,
          "a": [
            123456789012345678901234567890,
            {}
          ],
          "éA": []
        }
        "#);
        assert_eq!(layout("{", &[]), None);
        assert_eq!(layout("", &[]), None);
        assert_eq!(layout(&"[".repeat(100_000), &[]), None);
    }

    #[test]
    fn what_a_path_leads_to_is_replaced() {
        let path = JsonPath::parse("$..at").unwrap();
        let text = r#"{"at":1,"rows":[{"at":{"x":1}},{"b/c":{"at":null}}]}"#;
        let shown = layout(text, &[(path, "[time]".to_owned())]).unwrap();
        insta::assert_snapshot!(shown, @r#"
        {
          "at": "[time]",
          "rows": [
            {
              "at": "[time]"
            },
            {
              "b/c": {
                "at": "[time]"
              }
            }
          ]
        }
        "#);
    }

    proptest! {
        #[test]
        fn the_layout_means_the_same(text in r#"[\[\]{},:"a-c0-9\\. ]{0,20}"#) {
            if let Some(shown) = layout(&text, &[]) {
                let before: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), before);
                prop_assert_eq!(layout(&shown, &[]).unwrap(), shown, "a layout is its own layout");
            }
        }
    }
}
