//! Patterns for paths: `/customers/{id}/notes`, `/customers/*/notes`.
//!
//! A pattern comes in as text; whether a path fits comes out. Segments are compared as they were sent,
//! without decoding: `/a%2Fb` has one segment. It refuses what looks like a pattern and is none.

use std::fmt;
use std::str::FromStr;

use crate::error::ParsePatternError;

/// A pattern for the path of a request.
///
/// It begins with `/`. A segment `{name}` or `*` fits any one segment that is not empty; everything
/// else fits itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Itself(String),
    /// Any one that is not empty, with the name that it has in the pattern.
    Any(Option<String>),
}

impl PathPattern {
    /// Tells whether a path, without its query, fits.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut parts = rest.split('/');
        let fit = self.segments.iter().all(|segment| match (segment, parts.next()) {
            (Segment::Itself(text), Some(part)) => text == part,
            (Segment::Any(_), Some(part)) => !part.is_empty(),
            (_, None) => false,
        });
        fit && parts.next().is_none()
    }

    /// Returns what the names stand for in a path that fits, as it was sent.
    pub(crate) fn parameters<'a>(&'a self, path: &'a str) -> Vec<(&'a str, &'a str)> {
        let parts = path.strip_prefix('/').unwrap_or_default().split('/');
        let named = self.segments.iter().zip(parts).filter_map(|(segment, part)| match segment {
            Segment::Any(Some(name)) => Some((name.as_str(), part)),
            _ => None,
        });
        named.collect()
    }
}

impl FromStr for PathPattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why| Err(ParsePatternError { pattern: text.to_owned(), why });
        let Some(rest) = text.strip_prefix('/') else {
            return refuse("it does not begin with `/`");
        };
        if text.contains(['?', '#']) {
            return refuse("a pattern is for the path alone, without `?` and `#`");
        }
        let mut segments = Vec::new();
        for part in rest.split('/') {
            let named = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            segments.push(match (part, named) {
                ("*", _) => Segment::Any(None),
                (_, Some("")) => return refuse("`{}` has no name"),
                (_, Some(name)) if !name.contains(['{', '}', '*']) => {
                    let segment = Segment::Any(Some(name.to_owned()));
                    if segments.contains(&segment) {
                        return refuse("a name stands for one segment");
                    }
                    segment
                }
                _ if part.contains(['{', '}', '*']) => {
                    return refuse("`{name}` and `*` stand for a whole segment");
                }
                _ => Segment::Itself(part.to_owned()),
            });
        }
        Ok(Self { text: text.to_owned(), segments })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        let check = |pattern: &str, path: &str, fits: bool| {
            let parsed: PathPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(path), fits, "{pattern} and {path}");
            assert_eq!(parsed.to_string(), pattern);
        };
        check("/", "/", true);
        check("/", "/a", false);
        check("/customers/{id}/notes", "/customers/42/notes", true);
        check("/customers/*/notes", "/customers/a%2Fb/notes", true);
        check("/customers/{id}/notes", "/customers//notes", false);
        check("/customers/{id}/notes", "/customers/42/notes/", false);
        check("/customers/{id}/notes", "/customers/42", false);
        check("/customers/{id}/notes", "/customers/42/43/notes", false);
        check("/a", "a", false);
        check("/a", "*", false);
    }

    #[test]
    fn names_stand_for_what_is_in_their_place() {
        let pattern: PathPattern = "/customers/{id}/*/{note}".parse().unwrap();
        assert_eq!(
            pattern.parameters("/customers/4%202/notes/7"),
            [("id", "4%202"), ("note", "7")]
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        let why = |text: &str| text.parse::<PathPattern>().unwrap_err().why;
        assert_eq!(why("a"), "it does not begin with `/`");
        assert_eq!(why(""), "it does not begin with `/`");
        assert_eq!(why("/a?b"), "a pattern is for the path alone, without `?` and `#`");
        assert_eq!(why("/{}"), "`{}` has no name");
        assert_eq!(why("/{a}/{a}"), "a name stands for one segment");
        for text in ["/a{b}", "/{a}b", "/a*", "/**", "/{", "/{a{b}}", "/{*}"] {
            assert_eq!(why(text), "`{name}` and `*` stand for a whole segment", "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_path_without_marks_fits_itself(path in "(/[^/{}*?#]*)+") {
            prop_assert!(path.parse::<PathPattern>().unwrap().matches(&path));
        }
    }
}
