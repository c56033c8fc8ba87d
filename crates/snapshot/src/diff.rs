//! What changed between two texts, for people.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

/// Lists the lines that differ, with three lines around them: `-` was accepted, `+` is new.
pub fn diff(accepted: &str, new: &str) -> String {
    TextDiff::configure()
        .algorithm(Algorithm::Patience)
        // Two large texts with nothing in common are not worth minutes; the result is still right.
        .timeout(Duration::from_millis(500))
        .diff_lines(accepted, new)
        .unified_diff()
        .context_radius(3)
        .missing_newline_hint(false)
        .to_string()
        .trim_end()
        .to_owned()
}
