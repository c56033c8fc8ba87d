//! A key of an open JSON object: absent, `null`, or a value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// One key of an event: the key may be missing, hold `null`, or hold a value.
///
/// All three ways to say "nothing" occur in the documented examples (a missing key, `null`, and for
/// texts the empty string), so none of them may be turned into another on the way through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key holds `null`.
    Null,
    /// The key holds a value.
    Value(T),
}

impl<T> Field<T> {
    /// Returns the value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Tells whether the key is missing altogether.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Tells whether there is no value: the key is missing or holds `null`.
    pub const fn is_nothing(&self) -> bool {
        !matches!(self, Self::Value(_))
    }
}

impl<T> Field<Vec<T>> {
    /// Returns the rows of a list; a missing or `null` list has none.
    pub fn rows(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

impl<T: AsRef<str>> Field<T> {
    /// Returns the text, if there is one; the empty string counts as a text.
    pub fn text(&self) -> Option<&str> {
        self.value().map(AsRef::as_ref)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T> From<Option<T>> for Field<T> {
    /// `None` becomes `null`: that is how the documented examples write "nothing" for known keys.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // The record macro skips absent fields; a list element can only be `null`.
            Self::Absent | Self::Null => serializer.serialize_unit(),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(Option::deserialize(deserializer)?))
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        match schema.get("type").cloned() {
            // In place where that is possible: `minLength` and its like must stand beside `type`.
            Some(Value::String(kind)) => {
                schema.insert("type".to_owned(), json!([kind, "null"]));
                schema
            }
            _ if schema.as_bool() == Some(true) => schema,
            _ => json_schema!({ "anyOf": [schema, { "type": "null" }] }),
        }
    }
}
