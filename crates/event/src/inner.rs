//! JSON that is held inside a JSON string.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string that holds JSON text of a `T`, such as `dynamicVariables` or `transcripts[].messages`.
///
/// The text is kept as it came and only decoded when asked: white space inside it differs between the
/// documented examples, so comparing or re-printing the text would be wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText<T> {
    text: String,
    holds: PhantomData<fn() -> T>,
}

/// A string whose text is not the JSON that it should hold.
#[derive(Debug, thiserror::Error)]
#[error("the text inside the string is not the JSON it should be")]
pub struct InnerError(#[from] pub serde_json::Error);

impl<T> JsonText<T> {
    /// Wraps a text without looking at it.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), holds: PhantomData }
    }

    /// Returns the text as it stands in the event.
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

impl<T: Serialize> JsonText<T> {
    /// Writes `value` as compact JSON text.
    ///
    /// # Errors
    ///
    /// When `value` cannot be written as JSON, such as a map whose keys are no strings.
    pub fn encode(value: &T) -> Result<Self, InnerError> {
        Ok(Self::from_text(serde_json::to_string(value)?))
    }
}

impl<T: DeserializeOwned> JsonText<T> {
    /// Reads the text.
    ///
    /// # Errors
    ///
    /// When the text is not JSON of a `T`; the empty string is not.
    pub fn decode(&self) -> Result<T, InnerError> {
        Ok(serde_json::from_str(&self.text)?)
    }
}

impl<T> fmt::Debug for JsonText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonText").field(&self.text).finish()
    }
}

impl<T> AsRef<str> for JsonText<T> {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl<T> Serialize for JsonText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, T> Deserialize<'de> for JsonText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_text(String::deserialize(deserializer)?))
    }
}

impl<T: JsonSchema> JsonSchema for JsonText<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("JsonTextOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": generator.subschema_for::<T>(),
        })
    }
}
