//! JSONPaths that cannot keep a server busy.
//!
//! A text comes in; a path that is quick to parse and to follow goes out. The library follows a path as far as it
//! leads: `$..*..*` visits each value once for everything above it, and nested filters are parsed in a
//! time that doubles with each.

use serde_json_path::JsonPath;

/// The longest path, in bytes.
const BYTES_MAX: usize = 500;

/// How often a path may go down to any depth.
const DESCENTS_MAX: usize = 1;

/// How many filters a path may have.
const FILTERS_MAX: usize = 4;

/// The largest body in which anything is looked for, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// Reads a path.
///
/// # Errors
///
/// When it is none, or one that could take very long.
pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
    let too_many = |what: &str, most: usize| Err(format!("it has more than {most} {what}"));
    if text.len() > BYTES_MAX {
        return too_many("bytes", BYTES_MAX);
    }
    if text.matches("..").count() > DESCENTS_MAX {
        return too_many("descents (`..`)", DESCENTS_MAX);
    }
    if text.matches('?').count() > FILTERS_MAX {
        return too_many("filters (`?`)", FILTERS_MAX);
    }
    JsonPath::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_take_very_long_is_refused() {
        assert!(parse("$.payload.transcripts[?@.id == 'a']..text").is_ok());
        for (long, why) in [
            ("$..*..*".to_owned(), "it has more than 1 descents (`..`)"),
            (format!("${}", "[?@".repeat(40)), "it has more than 4 filters (`?`)"),
            (format!("${}", ".a".repeat(400)), "it has more than 500 bytes"),
        ] {
            assert_eq!(parse(&long).unwrap_err(), why);
        }
        assert!(parse("$[").unwrap_err().contains("parser error"));
    }
}
