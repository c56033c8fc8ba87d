//! The rules of the house, as tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;

/// Which crates each may name: those of lower layers, and no sibling (docs/ARCHITECTURE.md, layers).
const LAYERS: [(&str, u8); 11] = [
    ("event", 0),
    ("exchange", 0),
    ("signature", 1),
    ("generator", 2),
    ("sender", 2),
    ("recorder", 2),
    ("snapshot", 2),
    ("scenario", 2),
    ("report", 2),
    ("runner", 3),
    ("sample", 3),
];

#[test]
fn each_crate_knows_only_the_layers_below() {
    let layers = BTreeMap::from(LAYERS);
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "cli" {
            continue;
        }
        let layer = layers.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no layer"));
        let manifest = read(&root().join("crates").join(&name).join("Cargo.toml"));
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for other in dependencies.lines().filter_map(|line| line.strip_prefix("ringback-")) {
            let other = other.split(['.', ' ']).next().unwrap();
            // The runner starts the sample receiver: the one pair of neighbours.
            let is_sample = name == "runner" && other == "sample";
            assert!(layers[other] < *layer || is_sample, "{name} must not name {other}");
        }
    }
}

#[test]
fn layer_zero_is_pure() {
    for name in ["event", "exchange", "signature", "generator"] {
        let manifest = read(&root().join("crates").join(name).join("Cargo.toml"));
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for heavy in ["tokio", "hyper", "reqwest", "warp", "rusqlite"] {
            assert!(!dependencies.contains(heavy), "{name} must not depend on {heavy}");
        }
    }
}

#[test]
fn the_lock_file_holds_nothing_that_was_ruled_out() {
    let lock = read(&root().join("Cargo.lock"));
    for ruled_out in ["openssl", "openssl-sys", "aws-lc-rs", "aws-lc-sys", "native-tls"] {
        assert!(!lock.contains(&format!("name = \"{ruled_out}\"\n")), "{ruled_out}");
    }
    for manifest in manifests() {
        let text = read(&manifest);
        let uses = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for line in uses {
            assert!(!line.contains("arbitrary_precision"), "{}: {line}", manifest.display());
        }
    }
}

#[test]
fn numbers_keep_their_meaning_in_this_build() {
    // With serde_json's `arbitrary_precision` switched on by any crate, this would not be so.
    let value: serde_json::Value = serde_json::from_str("1e2").unwrap();
    assert_eq!(value.to_string(), "100.0");
}

#[test]
fn the_changelog_knows_this_version() {
    let changelog = read(&root().join("CHANGELOG.md"));
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(
        newest.starts_with("Unreleased") || newest.starts_with(env!("CARGO_PKG_VERSION")),
        "{newest}"
    );
}

#[test]
fn the_architecture_fits_its_page_and_names_every_crate() {
    let text = read(&root().join("docs/ARCHITECTURE.md"));
    assert!(text.lines().count() <= 250, "docs/ARCHITECTURE.md is to stay short");
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("crates/{name}")), "{name} is missing");
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    documents.extend(below(&root().join("docs"), "md"));
    for document in documents {
        let text = read(&document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {target} leads nowhere", document.display());
        }
    }
}

#[test]
fn every_rule_of_the_contract_is_explained() {
    let text = read(&root().join("docs/CONTRACT.md"));
    for rule in ringback_event::Rule::ALL {
        let row = format!("| `{}` | {} | {} |", rule.id(), rule.strength(), rule.statement());
        assert!(text.contains(&row), "docs/CONTRACT.md has no row:\n{row}");
    }
}

fn manifests() -> Vec<PathBuf> {
    let mut found = vec![root().join("Cargo.toml")];
    found.extend(below(&root().join("crates"), "toml"));
    found
}

fn below(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn snapshots_say_nothing_of_the_machine_they_were_made_on() {
    for snapshot in below(&root().join("snapshots"), "snap") {
        let inside =
            snapshot.strip_prefix(root().join("snapshots")).unwrap().with_extension("yaml");
        let input_file = format!("input_file: scenarios/{}", inside.display());
        let text = read(&snapshot);
        assert!(text.lines().any(|line| line == input_file), "{}: {text}", snapshot.display());
    }
}
