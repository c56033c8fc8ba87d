//! What a corpus exercises, and what it does not.
//!
//! The bytes of events come in, counts go out: for each key of the contract how often it holds a value,
//! the empty value, `null`, or is missing; which of the listed values of each enum occur and how many
//! that are not listed; which archetypes; which mutations. What is not JSON is counted as such.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ringback_event::{
    ChargeType, ConversationStatus, ConversationType, EndReason, Event, MessageType,
    ParticipantRole, RecordingStatus, TelephonyType, TransferStatus, schema,
};
use serde_json::{Map, Value};

use crate::archetype::Archetype;
use crate::like::classify;
use crate::mutation::mutations;

/// What a corpus exercises.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    events: u64,
    /// Bodies that are not JSON.
    unreadable: u64,
    /// By pattern of a pointer, in which `*` stands for any element.
    keys: BTreeMap<String, States>,
    /// Objects of each pattern; what they lack is missing.
    objects: BTreeMap<String, u64>,
    values: BTreeMap<(&'static str, String), u64>,
    archetypes: BTreeMap<Archetype, u64>,
    mutations: BTreeMap<String, u64>,
}

/// How often a key holds what.
#[derive(Debug, Clone, Copy, Default)]
struct States {
    value: u64,
    empty: u64,
    null: u64,
}

/// The enums, by the pattern of their pointer, and the values that the contract lists.
const ENUMS: [(&str, &[&str]); 10] = [
    ("/payload/conversationStatus", ConversationStatus::KNOWN),
    ("/payload/telephonyType", TelephonyType::KNOWN),
    ("/payload/endReason", EndReason::KNOWN),
    ("/payload/recordingStatus", RecordingStatus::KNOWN),
    ("/payload/conversationType", ConversationType::KNOWN),
    ("/payload/transfers/*/transferStatus", TransferStatus::KNOWN),
    ("/payload/agents/*/participantRole", ParticipantRole::KNOWN),
    ("/payload/conversationCost/items/*/chargeType", ChargeType::KNOWN),
    ("/payload/transcripts/*/messages/*/messageType", MessageType::KNOWN),
    ("/eventType", &ringback_event::EventType::KNOWN),
];

impl Coverage {
    /// Counts one event, mutated or not.
    pub fn add(&mut self, event: &[u8]) {
        self.events += 1;
        let Ok(value) = serde_json::from_slice::<Value>(event) else {
            self.unreadable += 1;
            return;
        };
        self.walk(&value, &mut String::new());
        if let Ok(event) = serde_json::from_value::<Event>(value) {
            *self.archetypes.entry(classify(&event)).or_default() += 1;
        }
    }

    /// Counts a mutation that was applied.
    pub fn add_mutation(&mut self, name: &str) {
        *self.mutations.entry(name.to_owned()).or_default() += 1;
    }

    fn walk(&mut self, value: &Value, at: &mut String) {
        match value {
            Value::Object(keys) => {
                *self.objects.entry(at.clone()).or_default() += 1;
                for (key, value) in keys {
                    let length = at.len();
                    at.push('/');
                    at.push_str(key);
                    self.count(value, at);
                    self.walk(value, at);
                    at.truncate(length);
                }
            }
            Value::Array(items) => {
                let length = at.len();
                at.push_str("/*");
                for item in items {
                    self.walk(item, at);
                }
                at.truncate(length);
            }
            // JSON in a string, where the contract says so.
            Value::String(text) if at.ends_with("/messages") => {
                if let Ok(inner) = serde_json::from_str::<Value>(text) {
                    self.walk(&inner, at);
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, value: &Value, at: &str) {
        let states = self.keys.entry(at.to_owned()).or_default();
        match value {
            Value::Null => states.null += 1,
            Value::String(text) if text.is_empty() => states.empty += 1,
            Value::Array(items) if items.is_empty() => states.empty += 1,
            Value::Object(keys) if keys.is_empty() => states.empty += 1,
            _ => states.value += 1,
        }
        if let Some((pattern, _)) = ENUMS.iter().find(|(pattern, _)| *pattern == at)
            && let Value::String(text) = value
        {
            *self.values.entry((pattern, text.clone())).or_default() += 1;
        }
    }

    /// Lists what the contract and the catalogue have and the corpus does not, one thing a line.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for key in known_keys() {
            if self.keys.get(&key).is_none_or(|states| states.value == 0) {
                missing.push(format!("no value at {key}"));
            }
        }
        for (pattern, known) in ENUMS {
            for value in known {
                if !self.values.contains_key(&(pattern, (*value).to_owned())) {
                    missing.push(format!("no {value} at {pattern}"));
                }
            }
        }
        for archetype in Archetype::ALL {
            if !self.archetypes.contains_key(archetype) {
                missing.push(format!("no call that looks like {archetype}"));
            }
        }
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events {}, not JSON {}", self.events, self.unreadable)?;
        writeln!(f, "\nkeys: value, empty, null, missing")?;
        for (key, States { value, empty, null }) in &self.keys {
            let parent = key.rsplit_once('/').map_or("", |(parent, _)| parent);
            let objects = self.objects.get(parent).copied().unwrap_or_default();
            let absent = objects.saturating_sub(value + empty + null);
            writeln!(f, "  {key:52} {value:8} {empty:8} {null:8} {absent:8}")?;
        }
        writeln!(f, "\nvalues")?;
        for ((pattern, value), count) in &self.values {
            let known = ENUMS.iter().find(|(known, _)| known == pattern).map_or(&[][..], |it| it.1);
            let note = if known.contains(&value.as_str()) { "" } else { "  not listed" };
            writeln!(f, "  {pattern:46} {value:32} {count:8}{note}")?;
        }
        writeln!(f, "\narchetypes, as far as an event shows its own")?;
        for (archetype, count) in &self.archetypes {
            writeln!(f, "  {archetype:24} {count:8}")?;
        }
        let all = mutations().len();
        let named = mutations().iter().filter(|it| self.mutations.contains_key(&it.name)).count();
        writeln!(f, "\nmutations: {named} of the catalogue's {all}")?;
        for (name, count) in &self.mutations {
            writeln!(f, "  {name:32} {count:8}")?;
        }
        let missing = self.missing();
        writeln!(f, "\nnot exercised: {}", missing.len())?;
        for line in missing {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// Returns the keys that the contract names, as patterns, read off its JSON Schema.
fn known_keys() -> BTreeSet<String> {
    let root = schema::event();
    let none = Map::new();
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let mut keys = BTreeSet::new();
    collect(root, definitions, &mut String::new(), &mut keys);
    keys
}

fn collect(
    schema: &Value,
    definitions: &Map<String, Value>,
    at: &mut String,
    out: &mut BTreeSet<String>,
) {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|target| definitions.get(target.trim_start_matches("#/$defs/")));
    let options = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for schema in options.chain(target) {
        collect(schema, definitions, at, out);
    }
    let length = at.len();
    for (key, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        at.push('/');
        at.push_str(key);
        out.insert(at.clone());
        collect(schema, definitions, at, out);
        at.truncate(length);
    }
    if let Some(items) = schema.get("items") {
        at.push_str("/*");
        collect(items, definitions, at, out);
        at.truncate(length);
    }
    // The messages, which are text in a string.
    if let Some(content) = schema.get("contentSchema") {
        collect(content, definitions, at, out);
    }
}
