//! The one form in which the objects of an event are declared.

/// Keys that the contract does not name, in the order they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// Declares an open JSON object: `must` keys are required, `may` keys are a [`Field`](crate::Field),
/// and every other key is kept in `extra`.
///
/// Writing it out by hand repeats two serde attributes on each of some hundred keys, where one that is
/// forgotten turns an absent key into `null` and nobody notices.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        record!(@key [$(#[$meta])* $name] [] $($body)*);
    };
    (@key $head:tt [$($done:tt)*] $(#[$meta:meta])* must $key:ident: $type:ty, $($rest:tt)*) => {
        record!(@key $head [$($done)* $(#[$meta])* pub $key: $type,] $($rest)*);
    };
    (@key $head:tt [$($done:tt)*] $(#[$meta:meta])* may $key:ident: $type:ty, $($rest:tt)*) => {
        record!(@key $head [
            $($done)*
            $(#[$meta])*
            #[serde(default, skip_serializing_if = "crate::Field::is_absent")]
            pub $key: crate::Field<$type>,
        ] $($rest)*);
    };
    (@key [$(#[$meta:meta])* $name:ident] [$($done:tt)*]) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($done)*
            /// Keys that the contract does not name, kept as they came.
            #[serde(flatten)]
            #[schemars(skip)]
            pub extra: crate::Extra,
        }
    };
}
pub(crate) use record;
