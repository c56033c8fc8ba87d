//! Enums that know the documented values and keep any other.

/// Declares an enum over strings with an arm for every string it does not know.
///
/// Closed enums are how receivers fail when a provider adds a value; a catch-all that forgets the
/// string is how they lose it afterwards. Here a value that is read is printed unchanged.
macro_rules! open_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$arm_meta:meta])* $arm:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$arm_meta])* $arm,)+
            /// A value that the contract does not list, as it came.
            Other(String),
        }

        impl $name {
            /// The values that are documented or shown in an example.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// Returns the string that stands in the event.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$arm => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$arm,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from(text.as_ref()))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                // `examples`, not `enum`: a value that is not listed is not an error.
                schemars::json_schema!({ "type": "string", "examples": [$($text),+] })
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::EndReason;

    #[test]
    fn an_unlisted_value_is_printed_as_it_was_read() {
        let reason: EndReason = serde_json::from_str(r#""voicemail_detected""#).unwrap();
        assert_eq!(reason, EndReason::Other("voicemail_detected".to_owned()));
        assert_eq!(serde_json::to_string(&reason).unwrap(), r#""voicemail_detected""#);
    }
}
