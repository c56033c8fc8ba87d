//! The README cannot lie: its `console` blocks are run, and must print what they show.
//!
//! Each block is one session of a real shell in a folder with copies of `scenarios/` and `snapshots/`.
//! A line that begins with `$ ` is typed; the lines behind it are what is printed, where `[..]` stands
//! for any text and a line `...` for any lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use snapbox::IntoData as _;

use crate::harness::{Folder, finish, has_peer, root};

#[test]
fn the_console_blocks_print_what_they_show() {
    let blocks = run_blocks("README.md");
    assert!(blocks >= 5, "the README shows at least the main tasks");
}

#[test]
fn the_console_blocks_of_the_guide_to_corpora_print_what_they_show() {
    assert!(run_blocks("docs/guides/make-a-corpus.md") >= 2);
}

#[test]
fn the_console_blocks_of_the_guide_to_the_inspector_print_what_they_show() {
    assert!(run_blocks("docs/guides/inspector.md") >= 1);
}

#[test]
fn the_console_blocks_of_the_guide_to_replays_print_what_they_show() {
    assert_eq!(run_blocks("docs/guides/replay.md"), 2);
}

/// Runs the console blocks of a page and returns how many there are.
fn run_blocks(page: &str) -> usize {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let blocks: Vec<&str> = text
        .split("```console\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    for block in &blocks {
        let needed =
            ["curl", "jq", "sqlite3", "zstd"].into_iter().filter(|peer| block.contains(peer));
        if !needed.into_iter().all(|peer| has_peer(peer, &["--version"])) {
            continue;
        }
        let folder = Folder::new();
        for name in ["scenarios", "snapshots"] {
            copy(&root().join(name), &folder.path(name));
        }
        let mut steps: Vec<(String, String)> = Vec::new();
        for line in block.lines() {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push((command.to_owned(), String::new())),
                (None, Some((_, shown))) => *shown += &format!("{line}\n"),
                (None, None) => panic!("a console block begins with `$ `:\n{block}"),
            }
        }
        let printed = type_in(&folder, steps.iter().map(|step| step.0.as_str()));
        assert_eq!(printed.len(), steps.len(), "the shell ended early:\n{block}\n{printed:?}");
        for ((command, shown), printed) in steps.iter().zip(printed) {
            let pattern = snapbox::Data::text(shown.clone());
            let context = format!("$ {command}");
            // A JSON text's backslashes are no path separators.
            snapbox::Assert::new()
                .normalize_paths(false)
                .try_eq(Some(&context), printed.into_data(), pattern)
                .unwrap_or_else(|error| panic!("{page}, `{command}`:\n{error}"));
        }
    }
    blocks.len()
}

/// Types commands into one shell and returns what each printed, both streams together.
fn type_in<'a>(folder: &Folder, commands: impl Iterator<Item = &'a str>) -> Vec<String> {
    const MARK: &str = "-- end of command --";
    let mut script = String::from("exec 2>&1\n");
    for command in commands {
        script += &format!("{command}\necho '{MARK}'\n");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_ringback")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(folder.path(""));
    bash.env_clear().env("PATH", format!("{}:{path}", program.display()));
    let output = finish(&mut bash, b"");
    let mut printed: Vec<String> =
        output.stdout.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    printed.pop();
    printed
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
