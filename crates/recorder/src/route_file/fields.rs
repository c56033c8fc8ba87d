//! The shapes of a file of routes, as serde fills them: unknown keys and wrong kinds end here.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json_path::JsonPath;
use serde_saphyr::Spanned;

use crate::delay::Delay;
use crate::fault::Fault;
use crate::pattern::PathPattern;
use crate::reply_line;
use crate::script::{Replies, ScriptedReply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFields {
    pub(super) seed: Option<u64>,
    pub(super) reset_on_accept: Option<u64>,
    pub(super) event_id: Option<Vec<PlaceFields>>,
    #[serde(default)]
    pub(super) routes: Vec<Spanned<RouteFields>>,
    pub(super) otherwise: Option<Spanned<ReplyFields>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum PlaceFields {
    Header(String),
    Body(Parsed<JsonPath>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteFields {
    pub(super) method: Option<String>,
    pub(super) path: Option<Parsed<PathPattern>>,
    #[serde(default)]
    pub(super) headers: Pairs,
    #[serde(default)]
    pub(super) query: Pairs,
    #[serde(default)]
    pub(super) body: Pairs,
    #[serde(default)]
    pub(super) by: ByField,
    #[serde(default)]
    pub(super) cycle: bool,
    pub(super) reply: Spanned<ReplyFields>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum ByField {
    #[default]
    Arrival,
    Attempt,
    Event,
}

/// One reply, several, or a line of them.
#[derive(Default)]
pub(super) struct ReplyFields {
    pub(super) list: Vec<Entry>,
    pub(super) cycle: bool,
}

pub(super) enum Entry {
    Ready(ScriptedReply),
    Fields(Box<OneReply>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneReply {
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: Pairs,
    pub(super) json: Option<Value>,
    pub(super) text: Option<String>,
    pub(super) template: Option<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
    pub(super) delay: Option<Parsed<Delay>>,
    pub(super) times: Option<u32>,
    pub(super) chance: Option<Parsed<Percent>>,
    pub(super) fault: Option<Parsed<FaultText>>,
}

const fn ok() -> u16 {
    200
}

/// A text that means something else.
pub(super) struct Parsed<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

pub(super) struct Percent(pub(super) f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
        number
            .map(|percent| Self(percent / 100.0))
            .ok_or_else(|| format!("`{text}` is no chance: write it as `5%`"))
    }
}

pub(super) struct FaultText(pub(super) Fault);

impl FromStr for FaultText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        reply_line::parse_fault(text).map(Self).map_err(|error| error.what)
    }
}

/// The entries of a map, in order.
#[derive(Default)]
pub(super) struct Pairs(pub(super) Vec<(String, Spanned<Value>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for ReplyFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = ReplyFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reply, a list of replies, or replies in one line")
            }
            fn visit_i64<E: serde::de::Error>(self, status: i64) -> Result<ReplyFields, E> {
                self.visit_str(&status.to_string())
            }
            fn visit_u64<E: serde::de::Error>(self, status: u64) -> Result<ReplyFields, E> {
                self.visit_str(&status.to_string())
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ReplyFields, E> {
                let Replies { list, cycle, .. } = text.parse().map_err(E::custom)?;
                Ok(ReplyFields { list: list.into_iter().map(Entry::Ready).collect(), cycle })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReplyFields, A::Error> {
                let one = OneReply::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ReplyFields { list: vec![Entry::Fields(Box::new(one))], cycle: false })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ReplyFields, A::Error> {
                let mut all = ReplyFields::default();
                while let Some(ReplyFields { list, cycle }) = items.next_element()? {
                    if cycle || all.cycle {
                        return Err(A::Error::custom(
                            "in a list, write `cycle: true` beside `reply`",
                        ));
                    }
                    all.list.extend(list);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}
