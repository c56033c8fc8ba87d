//! What a corpus exercises, and what it does not.
//!
//! The bytes of events come in, counts go out: for each key of the contract how often it holds a value,
//! the empty value, `null`, or is missing; which of the listed values of each enum occur and how many
//! that are not listed; which archetypes, locales and domains; which mutations. What is not JSON is
//! counted as such.

mod known;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use ringback_event::{
    ChargeType, ConversationStatus, ConversationType, EndReason, Event, MessageType,
    ParticipantRole, RecordingStatus, TelephonyType, TransferStatus,
};
use serde_json::{Value, json};

use self::tree::{States, Tree};
use crate::archetype::Archetype;
use crate::cast::Kind;
use crate::like::{classify, locale_of};
use crate::mutation::mutations;

/// What a corpus exercises.
#[derive(Debug, Clone)]
pub struct Coverage {
    events: u64,
    /// Bodies that are not JSON.
    unreadable: u64,
    tree: Tree,
    archetypes: BTreeMap<Archetype, u64>,
    locales: BTreeMap<&'static str, u64>,
    domains: BTreeMap<&'static str, u64>,
    mutations: BTreeMap<String, u64>,
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

impl Default for Coverage {
    fn default() -> Self {
        Self {
            events: 0,
            unreadable: 0,
            tree: Tree::new(ENUMS.map(|(pattern, _)| pattern).to_vec()),
            archetypes: BTreeMap::new(),
            locales: BTreeMap::new(),
            domains: BTreeMap::new(),
            mutations: BTreeMap::new(),
        }
    }
}

/// What a corpus lacks: one sort of thing, and those of the sort that it never shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Such as `never null`.
    pub what: &'static str,
    /// Pointers or names; an enum's value stands behind its pointer.
    pub these: Vec<String>,
}

impl Coverage {
    /// Counts one event, mutated or not, of which nothing else is known: its archetype and its locale
    /// are counted as far as it shows them.
    pub fn add(&mut self, event: &[u8]) {
        self.add_bytes(event);
        if let Ok(event) = serde_json::from_slice::<Event>(event) {
            *self.archetypes.entry(classify(&event)).or_default() += 1;
            if let Some(locale) = locale_of(&event) {
                *self.locales.entry(locale).or_default() += 1;
            }
        }
    }

    /// Counts one event of a call that the generator made: what kind of call it is, is known.
    pub fn add_made(&mut self, event: &[u8], kind: &Kind) {
        self.add_bytes(event);
        *self.archetypes.entry(kind.archetype).or_default() += 1;
        if let Some(locale) = kind.locale {
            *self.locales.entry(locale).or_default() += 1;
        }
        if let Some(domain) = kind.domain {
            *self.domains.entry(domain).or_default() += 1;
        }
    }

    fn add_bytes(&mut self, event: &[u8]) {
        self.events += 1;
        if self.tree.add(event).is_err() {
            self.unreadable += 1;
        }
    }

    /// Counts a mutation that was applied.
    pub fn add_mutation(&mut self, name: &str) {
        match self.mutations.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.mutations.insert(name.to_owned(), 1);
            }
        }
    }

    /// Lists what the contract, the data files and the catalogue have and the corpus does not.
    pub fn missing(&self) -> Vec<Missing> {
        let seen: HashMap<String, (States, u64)> = self
            .tree
            .keys()
            .into_iter()
            .map(|(at, states, missing)| (at, (states, missing)))
            .collect();
        let keys = known::keys();
        let lacking = |is_wanted: &dyn Fn(&known::Key) -> bool,
                       has: &dyn Fn(&(States, u64)) -> bool| {
            let lacks = |key: &&known::Key| is_wanted(key) && !seen.get(&key.at).is_some_and(has);
            keys.iter().filter(lacks).map(|key| key.at.clone()).collect()
        };
        let absent_parent = |at: &str| {
            // A key of an object that never stood there is not missing from it.
            at.rsplit_once('/').is_some_and(|(parent, _)| {
                !parent.is_empty() && !parent.ends_with('*') && !seen.contains_key(parent)
            })
        };
        let values = ENUMS.iter().enumerate().flat_map(|(at, (pattern, known))| {
            let seen = &self.tree.values[at];
            let is_missing = |value: &&&str| !seen.iter().any(|(other, _)| other == **value);
            known.iter().filter(is_missing).map(move |value| format!("{pattern} {value}"))
        });
        let names = |known: Vec<&'static str>, seen: &BTreeMap<&'static str, u64>| {
            known
                .into_iter()
                .filter(|name| !seen.contains_key(name))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let archetypes = Archetype::ALL.iter().filter(|it| !self.archetypes.contains_key(it));
        let unused = mutations().iter().filter(|it| !self.mutations.contains_key(&it.name));
        let all = [
            ("never with a value", lacking(&|_| true, &|(states, _)| states.value > 0)),
            ("never null", lacking(&|key| key.may_be_null, &|(states, _)| states.null > 0)),
            (
                "never missing",
                lacking(&|key| key.may_be_missing && !absent_parent(&key.at), &|(_, n)| *n > 0),
            ),
            ("values", values.collect()),
            ("archetypes", archetypes.map(ToString::to_string).collect()),
            ("locales", names(crate::locales().collect(), &self.locales)),
            ("domains", names(crate::domains().collect(), &self.domains)),
            ("mutations", unused.map(|it| it.name.clone()).collect()),
        ];
        all.into_iter()
            .filter(|(_, these)| !these.is_empty())
            .map(|(what, these)| Missing { what, these })
            .collect()
    }

    /// Returns all of it as JSON: an object with `events`, `notJson`, `keys`, `values`, `archetypes`,
    /// `locales`, `domains`, `mutations` and `notExercised`.
    pub fn to_json(&self) -> Value {
        let keys = self.tree.keys().into_iter().map(|(at, states, missing)| {
            let States { value, empty, null: nulls } = states;
            (at, json!({ "value": value, "empty": empty, "null": nulls, "missing": missing }))
        });
        let values = ENUMS.iter().zip(&self.tree.values).map(|((pattern, _), seen)| {
            let seen = sorted(seen).into_iter().map(|(value, n)| (value.to_owned(), json!(n)));
            ((*pattern).to_owned(), Value::Object(seen.collect()))
        });
        let archetypes =
            self.archetypes.iter().map(|(archetype, n)| (archetype.to_string(), json!(n)));
        let missing = self
            .missing()
            .into_iter()
            .map(|Missing { what, these }| (what.to_owned(), json!(these)));
        json!({
            "events": self.events,
            "notJson": self.unreadable,
            "keys": Value::Object(keys.collect()),
            "values": Value::Object(values.collect()),
            "archetypes": Value::Object(archetypes.collect()),
            "locales": self.locales,
            "domains": self.domains,
            "mutations": self.mutations,
            "notExercised": Value::Object(missing.collect()),
        })
    }
}

/// Returns the values of an enum in the order of their names.
fn sorted(seen: &[(String, u64)]) -> Vec<(&str, u64)> {
    let mut sorted: Vec<_> = seen.iter().map(|(value, n)| (value.as_str(), *n)).collect();
    sorted.sort_unstable();
    sorted
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events {}, not JSON {}", self.events, self.unreadable)?;
        writeln!(f, "\nkeys: value, empty, null, missing")?;
        for (key, States { value, empty, null }, missing) in self.tree.keys() {
            writeln!(f, "  {key:52} {value:8} {empty:8} {null:8} {missing:8}")?;
        }
        writeln!(f, "\nvalues")?;
        for ((pattern, known), seen) in ENUMS.iter().zip(&self.tree.values) {
            for (value, count) in sorted(seen) {
                let note = if known.contains(&value) { "" } else { "  not listed" };
                writeln!(f, "  {pattern:46} {value:32} {count:8}{note}")?;
            }
        }
        writeln!(f, "\narchetypes")?;
        for (archetype, count) in &self.archetypes {
            writeln!(f, "  {archetype:24} {count:8}")?;
        }
        for (what, counts) in [("locales", &self.locales), ("domains", &self.domains)] {
            writeln!(f, "\n{what}")?;
            for (name, count) in counts {
                writeln!(f, "  {name:24} {count:8}")?;
            }
        }
        let all = mutations().len();
        let named = mutations().iter().filter(|it| self.mutations.contains_key(&it.name)).count();
        writeln!(f, "\nmutations: {named} of the catalogue's {all}")?;
        for (name, count) in &self.mutations {
            writeln!(f, "  {name:32} {count:8}")?;
        }
        let missing = self.missing();
        let total: usize = missing.iter().map(|it| it.these.len()).sum();
        writeln!(f, "\nnot exercised: {total}")?;
        for Missing { what, these } in missing {
            writeln!(f, "  {what}: {}", these.len())?;
            for this in these {
                writeln!(f, "    {this}")?;
            }
        }
        Ok(())
    }
}
