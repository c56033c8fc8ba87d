//! Which requests a route is for: method, path, header lines, query, parts of a JSON body.
//!
//! A request comes in; what differs goes out, in words, or what the path's parameters stand for. Nothing
//! is decoded but the query: its names and values are compared as forms mean them.

use std::fmt;

use ringback_exchange::Request;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::pattern::PathPattern;

/// What must hold for a request. Without any part it is every request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    /// The method, whatever its case.
    pub method: Option<String>,
    /// The pattern of the path.
    pub path: Option<PathPattern>,
    /// Header lines by name: one of the lines of that name must fit.
    pub headers: Vec<(String, Expected<String>)>,
    /// Parameters of the query by name: one of those of that name must fit.
    pub query: Vec<(String, Expected<String>)>,
    /// Parts of a JSON body. One that is no JSON has no parts.
    pub body: Vec<(JsonPath, Expected<Value>)>,
}

/// What something must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected<T> {
    /// Exactly this.
    Equal(T),
    /// Something, whatever it is.
    Present,
    /// Not there.
    Absent,
}

/// A request on its way through the routes.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    /// The body as JSON, when it is JSON and somebody asks for it.
    pub(crate) json: Option<&'a Value>,
    /// The names and values of the query.
    pub(crate) query: &'a [(String, String)],
}

impl Condition {
    /// Tells whether the body is looked at.
    pub(crate) fn needs_json(&self) -> bool {
        !self.body.is_empty()
    }

    /// Says what first differs, in the order from the rough to the fine; nothing when the request fits.
    pub(crate) fn difference(&self, asked: &Asked<'_>) -> Option<String> {
        let Asked { request, json, query } = asked;
        if self.path.as_ref().is_some_and(|path| !path.matches(request.path())) {
            return Some("another path".to_owned());
        }
        if let Some(method) = &self.method
            && !method.eq_ignore_ascii_case(&request.method)
        {
            return Some(format!("the method is {}", request.method));
        }
        for (name, expected) in &self.headers {
            let found = request.headers.get_all(name).map(|value| value.to_text().into_owned());
            if let Some(why) = expected.difference_of_texts(found) {
                return Some(format!("header `{name}` {why}"));
            }
        }
        for (name, expected) in &self.query {
            let found = query.iter().filter(|(found, _)| found == name).map(|(_, it)| it.clone());
            if let Some(why) = expected.difference_of_texts(found) {
                return Some(format!("query `{name}` {why}"));
            }
        }
        for (path, expected) in &self.body {
            let found = json.map(|json| path.query(json).all()).unwrap_or_default();
            let why = match (expected, found.as_slice()) {
                (Expected::Absent, []) | (Expected::Present, [_, ..]) => continue,
                (Expected::Equal(value), [found]) if *found == value => continue,
                // A path that leads to several values is judged as the list of them.
                (Expected::Equal(Value::Array(values)), many)
                    if many.len() > 1 && many.iter().copied().eq(values) =>
                {
                    continue;
                }
                (Expected::Absent, _) => "is there",
                (_, []) => "is not there",
                _ => "is another",
            };
            return Some(format!("body `{path}` {why}"));
        }
        None
    }
}

impl Expected<String> {
    fn difference_of_texts(&self, found: impl Iterator<Item = String>) -> Option<&'static str> {
        let mut found = found.peekable();
        let is_there = found.peek().is_some();
        match self {
            Self::Absent if is_there => Some("is there"),
            Self::Present | Self::Equal(_) if !is_there => Some("is not there"),
            Self::Equal(value) if !found.any(|it| it == *value) => Some("is another"),
            _ => None,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method.as_deref().unwrap_or("*"))?;
        match &self.path {
            Some(path) => write!(f, " {path}")?,
            None => f.write_str(" *")?,
        }
        let more = self.headers.len() + self.query.len() + self.body.len();
        if more > 0 { write!(f, " (and {more} more)") } else { Ok(()) }
    }
}
