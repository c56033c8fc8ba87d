//! How often each key of a corpus holds what: the bytes of events in, counts by key out.
//!
//! Events are read as a stream of tokens and counted on the way; no document is built. Keys are nodes of
//! a tree whose branches are found again in the order in which they came last, so that an event like the
//! one before costs little more than reading it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How often a key holds what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct States {
    pub(super) value: u64,
    pub(super) empty: u64,
    pub(super) null: u64,
}

/// One key, or any element of one array.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// By name; `*` stands for any element.
    pub(super) children: Vec<(String, usize)>,
    pub(super) states: States,
    /// How many objects stood here; what they lack is missing.
    pub(super) objects: u64,
    /// Which of the enums this is, if one.
    pub(super) enumeration: Option<usize>,
    /// Whether the string that stands here holds JSON text.
    holds_json: bool,
}

/// The keys that have been seen.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The first is the event.
    pub(super) nodes: Vec<Node>,
    /// How often each value of each enum was seen.
    pub(super) values: Vec<Vec<(String, u64)>>,
    /// The pattern of each enum.
    patterns: Vec<&'static str>,
}

/// Beyond so many keys no more are told apart: a corpus with keys drawn at random would fill the memory.
const NODES_MAX: usize = 20_000;
/// Beyond so many values of one enum no more are told apart.
const VALUES_MAX: usize = 1_000;

impl Tree {
    /// Makes a tree in which the values at these patterns are told apart.
    pub(super) fn new(patterns: Vec<&'static str>) -> Self {
        let values = vec![Vec::new(); patterns.len()];
        Self { nodes: vec![Node::default()], values, patterns }
    }

    /// Counts one event. What stands before a syntax error is counted.
    pub(super) fn add(&mut self, event: &[u8]) -> Result<(), serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_slice(event);
        Seed { tree: self, node: 0, path: &mut String::new() }.deserialize(&mut parser)?;
        parser.end()
    }

    /// Finds the child of a node, or makes it; `hint` is where it is looked for first.
    fn child(&mut self, node: usize, name: &str, hint: usize, path: &str) -> (usize, usize) {
        let children = &self.nodes[node].children;
        let is_it = |(known, _): &(String, usize)| known == name;
        if let Some((at, (_, child))) =
            children.get(hint).filter(|child| is_it(child)).map(|child| (hint, child))
        {
            return (*child, at + 1);
        }
        if let Some(at) = children.iter().position(is_it) {
            return (children[at].1, at + 1);
        }
        if self.nodes.len() >= NODES_MAX {
            return (node, hint);
        }
        let at = format!("{path}/{name}");
        let child = self.nodes.len();
        self.nodes.push(Node {
            enumeration: self.patterns.iter().position(|pattern| *pattern == at),
            holds_json: at.ends_with("/messages"),
            ..Node::default()
        });
        self.nodes[node].children.push((name.to_owned(), child));
        (child, self.nodes[node].children.len())
    }

    fn count_value(&mut self, enumeration: usize, text: &str) {
        let values = &mut self.values[enumeration];
        if let Some((_, count)) = values.iter_mut().find(|(known, _)| known == text) {
            *count += 1;
        } else if values.len() < VALUES_MAX {
            values.push((text.to_owned(), 1));
        }
    }

    /// Returns every key: its pattern, what it held, and how often it was missing; the event's own first.
    pub(super) fn keys(&self) -> Vec<(String, States, u64)> {
        let mut keys = Vec::new();
        self.collect(0, "", &mut keys);
        keys
    }

    fn collect(&self, node: usize, at: &str, out: &mut Vec<(String, States, u64)>) {
        let objects = self.nodes[node].objects;
        for (name, child) in &self.nodes[node].children {
            let at = format!("{at}/{name}");
            if name != "*" {
                let states @ States { value, empty, null } = self.nodes[*child].states;
                let missing = objects.saturating_sub(value + empty + null);
                out.push((at.clone(), states, missing));
            }
            self.collect(*child, &at, out);
        }
    }
}

/// Reads one value and counts it at a node.
struct Seed<'a> {
    tree: &'a mut Tree,
    node: usize,
    /// The pattern of the node.
    path: &'a mut String,
}

impl Seed<'_> {
    fn states(&mut self) -> &mut States {
        &mut self.tree.nodes[self.node].states
    }

    fn value<E>(mut self) -> Result<(), E> {
        self.states().value += 1;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.value()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.value()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.value()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.value()
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.states().null += 1;
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            self.states().empty += 1;
            return Ok(());
        }
        self.states().value += 1;
        let Node { enumeration, holds_json, .. } = self.tree.nodes[self.node];
        if let Some(enumeration) = enumeration {
            self.tree.count_value(enumeration, text);
        }
        if holds_json {
            let Self { tree, node, path } = self;
            // The list in the string, not counted as a second value of the key.
            let before = tree.nodes[node].states;
            let mut parser = serde_json::Deserializer::from_str(text);
            let _ = Seed { tree, node, path }.deserialize(&mut parser);
            tree.nodes[node].states = before;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { tree, node, path } = self;
        let length = path.len();
        let (child, _) = tree.child(node, "*", 0, path);
        path.push_str("/*");
        let mut is_empty = true;
        while items.next_element_seed(Seed { tree, node: child, path })?.is_some() {
            is_empty = false;
        }
        path.truncate(length);
        let states = &mut tree.nodes[node].states;
        *if is_empty { &mut states.empty } else { &mut states.value } += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut keys: A) -> Result<(), A::Error> {
        let Self { tree, node, path } = self;
        tree.nodes[node].objects += 1;
        let length = path.len();
        let (mut is_empty, mut hint) = (true, 0);
        while let Some(key) = keys.next_key::<std::borrow::Cow<'_, str>>()? {
            is_empty = false;
            let child;
            (child, hint) = tree.child(node, &key, hint, path);
            path.push('/');
            path.push_str(&key);
            keys.next_value_seed(Seed { tree, node: child, path })?;
            path.truncate(length);
        }
        let states = &mut tree.nodes[node].states;
        *if is_empty { &mut states.empty } else { &mut states.value } += 1;
        Ok(())
    }
}
