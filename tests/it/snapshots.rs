//! Snapshots and insta agree on their files.

use crate::harness::{Folder, root};

#[test]
fn insta_reads_what_ringback_writes() {
    let folder = Folder::new();
    folder.write(
        "scenarios/a.yaml",
        "version: 1\nname: \"a: '---'\"\nsteps: [{ id: a, fire: inbound }]\n",
    );
    folder.run(&["check"]).expect(4);
    let pending = insta::Snapshot::from_file(&folder.path("snapshots/a.snap.new")).unwrap();
    assert_eq!(pending.metadata().description(), Some("a: '---'"));
    folder.run(&["accept"]).expect(0);
    let accepted = insta::Snapshot::from_file(&folder.path("snapshots/a.snap")).unwrap();
    assert_eq!(accepted.as_text().unwrap().to_string(), pending.as_text().unwrap().to_string());
}

#[test]
fn accepting_what_is_not_pending_is_an_error() {
    let folder = Folder::new();
    folder.write("notes.txt", "");
    let output = folder.run(&["accept", "notes.txt"]).expect(2);
    insta::assert_snapshot!(output.stderr, @"
    error: `notes.txt` is no pending snapshot
    hint: name a `.snap.new` file or a folder; `ringback pending` lists them
    ");
    folder.write("a.snap.new", "no header");
    for (text, why) in [
        ("no header", "does not begin with `---`"),
        ("---\nsnapshot_kind: binary\nextension: a/b\n---\n", "is a binary one"),
        ("---\n---\n<<<<<<< ours\n", "merge conflicts"),
    ] {
        folder.write("a.snap.new", text);
        let output = folder.run(&["accept", "a.snap.new"]).expect(2);
        assert!(output.stderr.contains(why), "{}", output.stderr);
        assert!(folder.path("a.snap.new").exists() && !folder.path("a.snap").exists());
    }
}

#[test]
fn every_scenario_has_its_snapshot_and_every_snapshot_its_scenario() {
    let list = |folder: &str, kind: &str| {
        let mut found = Vec::new();
        let mut open = vec![root().join(folder)];
        while let Some(path) = open.pop() {
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    assert_eq!(path.extension().unwrap(), kind, "{}", path.display());
                    let inside = path.strip_prefix(root().join(folder)).unwrap();
                    found.push(inside.with_extension(""));
                }
            }
        }
        found.sort();
        found
    };
    assert_eq!(list("scenarios", "yaml"), list("snapshots", "snap"));
}
