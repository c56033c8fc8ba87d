//! Bytes that are mostly text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A body or a header value, byte for byte.
///
/// In JSON it is a string when it is UTF-8 and `{"base64": "…"}` when it is not, so that a line stays
/// readable and no byte is lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Content(pub Bytes);

impl Content {
    /// Returns the bytes as text; those that are no UTF-8 are shown as U+FFFD.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_map([("base64", BASE64.encode(&self.0))]),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrBase64;
        impl<'de> Visitor<'de> for TextOrBase64 {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or {\"base64\": string}")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(text.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
                let text = match map.next_entry::<String, String>()? {
                    Some((key, text)) if key == "base64" => text,
                    _ => return Err(A::Error::missing_field("base64")),
                };
                let bytes = BASE64.decode(text).map_err(A::Error::custom)?;
                Ok(bytes.into())
            }
        }
        deserializer.deserialize_any(TextOrBase64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_a_string_and_other_bytes_are_base64() {
        let print = |bytes: &[u8]| serde_json::to_string(&Content::from(bytes.to_vec())).unwrap();
        assert_eq!(print("é\n".as_bytes()), r#""é\n""#);
        assert_eq!(print(&[0xFF, 0x00]), r#"{"base64":"/wA="}"#);
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(bytes: Vec<u8>) {
            let content = Content::from(bytes);
            let line = serde_json::to_string(&content).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Content>(&line).unwrap(), &content);
            let value = serde_json::to_value(&content).unwrap();
            prop_assert_eq!(serde_json::from_value::<Content>(value).unwrap(), content);
        }
    }
}
