//! Which snapshot a response belongs to, and what of it is shown: read from `[snapshots]` in a
//! configuration file.
//!
//! A name in a rule becomes a file name, so it can hold nothing that would lead out of the folder. What
//! arrives over the network never does: of an event, only names that are known here are used.

use std::fmt;
use std::marker::PhantomData;

use regex::Regex;
use ringback_exchange::Request;
use ringback_recorder::PathPattern;
use ringback_snapshot::Redactions;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json_path::JsonPath;

/// The longest name of a rule, in characters.
const NAME_CHARS_MAX: usize = 100;

/// What `[snapshots]` says. All of it may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotRules {
    /// Names of headers that are shown; `content-type` where nothing is said.
    headers: Option<Vec<String>>,
    /// `JSONPath = label`: parts of JSON bodies that change from run to run.
    redact: ByPath<String>,
    /// Patterns that are replaced in the whole text, after all else.
    filter: Vec<Filter>,
    /// What is kept apart from the other responses, in order: the first rule that fits counts.
    rule: Vec<SnapshotRule>,
}

/// A pattern and what replaces it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    regex: Text<Regex>,
    with: String,
}

/// Gives the responses to some requests a snapshot of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotRule {
    /// The snapshot's name below the folder, without `.snap`.
    name: SafeName,
    method: Option<String>,
    path: Option<Text<PathPattern>>,
    /// `JSONPath = value`: the request's body has such a value at each of them.
    #[serde(default)]
    json: ByPath<Value>,
}

impl SnapshotRules {
    /// Returns the name of the first rule that fits a request.
    pub(super) fn name_for(&self, request: &Request, body: Option<&Value>) -> Option<&str> {
        let rule = self.rule.iter().find(|rule| rule.fits(request, body))?;
        Some(&rule.name.0)
    }

    /// Returns what is replaced in each text, but for the ids of the event.
    pub(super) fn redactions(&self) -> Redactions {
        let headers = self.headers.as_deref();
        Redactions {
            headers: headers.map_or_else(
                || vec!["content-type".to_owned()],
                |names| names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            ),
            paths: self.redact.0.clone(),
            labels: Vec::new(),
            filters: self
                .filter
                .iter()
                .map(|filter| (filter.regex.0.clone(), filter.with.clone()))
                .collect(),
        }
    }
}

impl SnapshotRule {
    fn fits(&self, request: &Request, body: Option<&Value>) -> bool {
        let has = |(path, value): &(JsonPath, Value)| {
            body.is_some_and(|body| path.query(body).iter().any(|found| *found == value))
        };
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && self.path.as_ref().is_none_or(|path| path.0.matches(request.path()))
            && self.json.0.iter().all(has)
    }
}

/// Values by JSONPath, in the order of the file.
#[derive(Debug, Clone)]
struct ByPath<T>(Vec<(JsonPath, T)>);

impl<T> Default for ByPath<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByPath<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Paths<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Paths<T> {
            type Value = ByPath<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of JSONPaths")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByPath<T>, A::Error> {
                let mut all = Vec::new();
                while let Some((path, value)) = map.next_entry::<Text<JsonPath>, T>()? {
                    all.push((path.0, value));
                }
                Ok(ByPath(all))
            }
        }
        deserializer.deserialize_map(Paths(PhantomData))
    }
}

/// What was parsed from a text.
#[derive(Debug, Clone)]
struct Text<T>(T);

impl<'de, T: std::str::FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(parsed) => Ok(Self(parsed)),
            Err(error) => Err(D::Error::custom(format!("`{text}`: {error}"))),
        }
    }
}

/// A name that can be a path below a folder on every system: parts of letters, digits, `.`, `_` and
/// `-`, divided by `/`.
#[derive(Debug, Clone)]
struct SafeName(String);

impl SafeName {
    fn is_safe(name: &str) -> bool {
        let is_safe_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
                && !part.ends_with('.')
                && !part.contains("..")
                && !is_device(part)
        };
        name.len() <= NAME_CHARS_MAX && name.split('/').all(is_safe_part)
    }
}

/// Windows opens these names as devices in every folder, whatever follows the first dot.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name)
            .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

impl<'de> Deserialize<'de> for SafeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if Self::is_safe(&name) {
            return Ok(Self(name));
        }
        Err(D::Error::custom(format!(
            "`{name}` cannot name a snapshot: use letters, digits, `.`, `_`, `-` and `/`, each part beginning \
             with a letter or digit, {NAME_CHARS_MAX} characters at most"
        )))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringback_exchange::Headers;
    use serde_json::json;

    use super::*;

    fn rules(text: &str) -> Result<SnapshotRules, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    fn post(target: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: Headers::default(),
            body: "".into(),
        }
    }

    #[test]
    fn the_first_rule_that_fits_names_the_snapshot() {
        let rules = rules(
            r#"
            [[rule]]
            name = "vip/gold"
            path = "/hooks/{tenant}"
            json = { "$.payload.customer.tier" = "gold" }
            [[rule]]
            name = "hooks"
            method = "post"
            path = "/hooks/*"
            "#,
        )
        .unwrap();
        let gold = json!({ "payload": { "customer": { "tier": "gold" } } });
        assert_eq!(rules.name_for(&post("/hooks/a?x=1"), Some(&gold)), Some("vip/gold"));
        assert_eq!(rules.name_for(&post("/hooks/a"), Some(&json!({}))), Some("hooks"));
        assert_eq!(rules.name_for(&post("/hooks/a"), None), Some("hooks"));
        assert_eq!(rules.name_for(&post("/other"), Some(&gold)), None);
        let get = Request { method: "GET".to_owned(), ..post("/hooks/a") };
        assert_eq!(rules.name_for(&get, None), None);
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_place() {
        insta::assert_snapshot!(rules("redact = { \"$[\" = \"x\" }").unwrap_err(), @r#"
        TOML parse error at line 1, column 12
          |
        1 | redact = { "$[" = "x" }
          |            ^^^^
        `$[`: at position 1, parser error
        "#);
        insta::assert_snapshot!(rules("[[filter]]\nregex = \"(\"\nwith = \"\"").unwrap_err(), @r#"
        TOML parse error at line 2, column 9
          |
        2 | regex = "("
          |         ^^^
        `(`: regex parse error:
            (
            ^
        error: unclosed group
        "#);
        insta::assert_snapshot!(rules("[[rule]]\nname = \"../a\"").unwrap_err(), @r#"
        TOML parse error at line 2, column 8
          |
        2 | name = "../a"
          |        ^^^^^^
        `../a` cannot name a snapshot: use letters, digits, `.`, `_`, `-` and `/`, each part beginning with a letter or digit, 100 characters at most
        "#);
        insta::assert_snapshot!(rules("[[rule]]\nname = \"a\"\npaht = \"/\"").unwrap_err(), @r#"
        TOML parse error at line 3, column 1
          |
        3 | paht = "/"
          | ^^^^
        unknown field `paht`, expected one of `name`, `method`, `path`, `json`
        "#);
    }

    proptest! {
        #[test]
        fn a_safe_name_stays_below_its_folder(name in "[a-zA-Z0-9./_\\\\:%~ -]{0,20}") {
            if SafeName::is_safe(&name) {
                let path = std::path::Path::new(&name);
                prop_assert!(path.is_relative());
                let is_normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(path.components().all(is_normal));
                prop_assert!(!name.contains(['\\', ':', '%']));
            }
        }
    }

    #[test]
    fn names_of_devices_and_hidden_files_are_refused() {
        for name in
            ["nul", "COM1.txt", "a/aux", ".hidden", "a/.b", "", "a//b", "/a", "a/", "a..b", "a."]
        {
            assert!(!SafeName::is_safe(name), "{name}");
        }
        for name in ["a", "vip/gold-2.x", "common", "com10", "nulls"] {
            assert!(SafeName::is_safe(name), "{name}");
        }
    }
}
