//! Snapshot files: read, compare, write as pending, accept, reject.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::diff::diff;

/// What is noted at the head of a snapshot file. Nothing that changes from run to run belongs here.
#[derive(Debug, Clone)]
pub struct About {
    /// What the snapshot shows.
    pub description: String,
    /// The scenario file, as the user names it, when it is of one.
    pub input_file: Option<String>,
    /// The seed of its events, when they are ours.
    pub seed: Option<u64>,
}

/// How a text compares with the accepted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It is the accepted text.
    Same,
    /// Nothing was accepted yet.
    New,
    /// Something else was accepted.
    Changed {
        /// The lines that differ.
        diff: String,
    },
}

/// A snapshot file that cannot be read, written or trusted.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no snapshot.
    #[error("`{}` is no snapshot file: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Compares a text with the accepted one at `path`.
///
/// # Errors
///
/// When there is a file that cannot be read, or one with merge conflicts: those are not "new".
pub fn compare(path: &Path, text: &str) -> Result<Comparison, SnapshotError> {
    let refused = |source| SnapshotError::Io { action: "read", path: path.to_owned(), source };
    if !path.try_exists().map_err(refused)? {
        return Ok(Comparison::New);
    }
    let accepted = normalize(&read(path)?);
    let text = normalize(text);
    if accepted == text {
        return Ok(Comparison::Same);
    }
    Ok(Comparison::Changed { diff: diff(&accepted, &text) })
}

/// Returns where the pending text for the snapshot at `path` lies: beside it, as `.snap.new`.
pub fn pending_path(path: &Path) -> PathBuf {
    path.with_extension("snap.new")
}

/// Writes a text as pending beside the snapshot at `path`, and returns where.
///
/// # Errors
///
/// When the file cannot be written; then it is as it was before.
pub fn write_pending(path: &Path, text: &str, about: &About) -> Result<PathBuf, SnapshotError> {
    let pending = pending_path(path);
    // JSON is YAML, and quoting keeps a `---` in a description from ending the header.
    let mut info = json!({ "tool": "ringback" });
    if let Some(seed) = about.seed {
        info["seed"] = seed.into();
    }
    let mut content =
        format!("---\ndescription: {}\ninfo: {info}\n", Value::from(about.description.as_str()));
    if let Some(file) = &about.input_file {
        content += &format!("input_file: {}\n", Value::from(file.as_str()));
    }
    content += &format!("---\n{}\n", normalize(text));
    write(&pending, content.as_bytes())?;
    Ok(pending)
}

/// Removes a pending text that has become the accepted one again.
///
/// # Errors
///
/// When there is one that cannot be removed.
pub fn settle(path: &Path) -> Result<(), SnapshotError> {
    let pending = pending_path(path);
    match fs::remove_file(&pending) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SnapshotError::Io { action: "remove", path: pending, source })
        }
        _ => Ok(()),
    }
}

/// Lists the pending files of ringback at or below a folder, in order. Those of somebody else's tests
/// are not ours to settle; hidden folders and links are passed over.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn pending_below(folder: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let refused = |source| SnapshotError::Io { action: "list", path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let kind = entry.file_type().map_err(refused)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(pending_below(&entry.path())?);
        } else if kind.is_file() && name.ends_with(".snap.new") && is_ours(&entry.path()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Tells whether a pending file was written here, by what its header says.
fn is_ours(pending: &Path) -> bool {
    const HEAD_BYTES: u64 = 64 * 1024;
    let mut head = String::new();
    let read =
        fs::File::open(pending).and_then(|file| file.take(HEAD_BYTES).read_to_string(&mut head));
    read.is_ok()
        && head.lines().skip(1).take_while(|line| *line != "---").any(|line| line.starts_with(INFO))
}

/// How the line of the header begins that says who wrote the file.
const INFO: &str = "info: {\"tool\":\"ringback\"";

/// Accepts a pending file: its text becomes the snapshot. Returns the snapshot's path.
///
/// The file is written by insta itself, so it is the same byte for byte as after `cargo insta accept`.
///
/// # Errors
///
/// When the file is no snapshot, or the file system refuses; then the pending file stays.
pub fn accept(pending: &Path) -> Result<PathBuf, SnapshotError> {
    let path = pending.with_extension("");
    let snapshot = load(pending)?;
    snapshot.save(&path).map_err(|error| SnapshotError::Io {
        action: "write",
        path: path.clone(),
        source: io::Error::other(error.to_string()),
    })?;
    settle(&path)?;
    Ok(path)
}

/// Rejects a pending file: it is removed, and the snapshot stays as it is.
///
/// # Errors
///
/// When it cannot be removed.
pub fn reject(pending: &Path) -> Result<(), SnapshotError> {
    let refused = |source| SnapshotError::Io { action: "remove", path: pending.to_owned(), source };
    fs::remove_file(pending).map_err(refused)
}

fn read(path: &Path) -> Result<String, SnapshotError> {
    let text = load(path)?.as_text().map(ToString::to_string);
    text.ok_or_else(|| malformed(path, "it holds no text"))
}

/// Reads a file as insta does, after a look at what insta would trip over.
fn load(path: &Path) -> Result<insta::Snapshot, SnapshotError> {
    let raw = fs::read_to_string(path).map_err(|source| SnapshotError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    if raw.lines().any(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")) {
        return Err(malformed(path, "it has merge conflicts; resolve them first"));
    }
    let mut lines = raw.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return Err(malformed(path, "it does not begin with `---`"));
    }
    // A binary one names another file by its extension, and insta panics at one with a slash in it.
    let header: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
    if header.iter().any(|line| line.starts_with("snapshot_kind: binary")) {
        return Err(malformed(path, "it is a binary one"));
    }
    insta::Snapshot::from_file(path).map_err(|error| malformed(path, &error.to_string()))
}

fn malformed(path: &Path, reason: &str) -> SnapshotError {
    SnapshotError::Malformed { path: path.to_owned(), reason: reason.to_owned() }
}

/// Brings a text into the form that files hold: as insta does, so that both see the same.
fn normalize(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, content: &[u8]) -> Result<(), SnapshotError> {
    let refused = |source| SnapshotError::Io { action: "write", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(refused)?;
    }
    // Another run may be writing the same one.
    let unfinished = path.with_extension(format!("new.{}.tmp", std::process::id()));
    let mut file = fs::File::create(&unfinished).map_err(refused)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(refused)?;
    fs::rename(&unfinished, path).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "HTTP 200\n\n---\n{\"é\": \"---\"}";

    fn about() -> About {
        About {
            description: "a \"quoted\" one\n---\n".to_owned(),
            input_file: Some("scenarios/a.yaml".to_owned()),
            seed: Some(7),
        }
    }

    #[test]
    fn a_text_is_new_then_pending_then_accepted_and_then_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.snap");
        assert_eq!(compare(&path, TEXT).unwrap(), Comparison::New);

        let pending = write_pending(&path, TEXT, &about()).unwrap();
        assert_eq!(pending_below(folder.path()).unwrap(), std::slice::from_ref(&pending));
        assert_eq!(accept(&pending).unwrap(), path);
        assert!(!pending.exists());
        fs::write(folder.path().join("theirs.snap.new"), "---\nsource: a.rs\n---\n").unwrap();
        assert_eq!(pending_below(folder.path()).unwrap(), [] as [PathBuf; 0], "not ours to settle");
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        ---
        description: "a \"quoted\" one\n---\n"
        info:
          tool: ringback
          seed: 7
        input_file: scenarios/a.yaml
        ---
        HTTP 200

        ---
        {"é": "---"}
        "#);
        assert_eq!(compare(&path, &format!("{TEXT}\r\n\n")).unwrap(), Comparison::Same);
        let Comparison::Changed { diff } = compare(&path, "HTTP 500").unwrap() else { panic!() };
        insta::assert_snapshot!(diff, @r#"
        @@ -1,4 +1 @@
        -HTTP 200
        -
        ----
        -{"é": "---"}
        +HTTP 500
        "#);
    }

    #[test]
    fn a_file_with_merge_conflicts_is_neither_new_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.snap");
        fs::write(&path, "---\n---\n<<<<<<< ours\nHTTP 200\n>>>>>>> theirs\n").unwrap();
        let error = compare(&path, TEXT).unwrap_err().to_string();
        assert!(error.ends_with("it has merge conflicts; resolve them first"), "{error}");
    }

    #[test]
    fn rejecting_leaves_the_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.snap");
        accept(&write_pending(&path, "one", &about()).unwrap()).unwrap();
        reject(&write_pending(&path, "two", &about()).unwrap()).unwrap();
        assert_eq!(compare(&path, "one").unwrap(), Comparison::Same);
        settle(&path).unwrap();
    }
}
