//! Where scenarios lie, and where their snapshots do.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A scenario file and the snapshot that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// The scenario file.
    pub scenario: PathBuf,
    /// Its snapshot, there or not.
    pub snapshot: PathBuf,
    /// What the scenario is called wherever that must not depend on how its path was typed: the path
    /// from the mirrored folder on, with forward slashes, such as `scenarios/a/b.yaml`.
    pub name: String,
}

/// Scenario files that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is nothing at the path, or it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder holds no scenario.
    #[error("`{}` holds no scenario: no file below it ends in .yaml, .yml or .json", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// Two scenarios would share a snapshot.
    #[error("`{}` and `{}` would share the snapshot `{}`", one.display(), other.display(), snapshot.display())]
    Shared {
        /// One of them.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// What they would share.
        snapshot: PathBuf,
    },
}

/// The folder whose tree is mirrored.
const SCENARIOS: &str = "scenarios";
/// The folder that mirrors it.
const SNAPSHOTS: &str = "snapshots";

/// Finds the scenarios at paths, folders with all below them, in order.
///
/// `scenarios/a/b.yaml` has its snapshot at `snapshots/a/b.snap`, beside the nearest folder named
/// `scenarios`; where there is none, in `snapshots` inside the folder that was named, or beside the
/// file. `snapshots_in` takes the place of that `snapshots` folder.
///
/// # Errors
///
/// When a path cannot be read, a folder holds no scenario, or two scenarios would share a snapshot.
pub fn find(paths: &[PathBuf], snapshots_in: Option<&Path>) -> Result<Vec<Shelved>, FindError> {
    let mut found: Vec<Shelved> = Vec::new();
    let mut owners: HashMap<PathBuf, PathBuf> = HashMap::new();
    for path in paths {
        let refused = |source| FindError::Read { path: path.clone(), source };
        let is_folder = fs::metadata(path).map_err(refused)?.is_dir();
        let files = if is_folder { below(path)? } else { vec![path.clone()] };
        if files.is_empty() {
            return Err(FindError::Nothing { path: path.clone() });
        }
        let folder = if is_folder { path } else { path.parent().unwrap_or(Path::new("")) };
        for scenario in files {
            let (snapshot, name) = place(&scenario, folder, snapshots_in);
            if let Some(one) = owners.insert(snapshot.clone(), scenario.clone())
                && one != scenario
            {
                return Err(FindError::Shared { one, other: scenario, snapshot });
            }
            let shelved = Shelved { scenario, snapshot, name };
            if !found.contains(&shelved) {
                found.push(shelved);
            }
        }
    }
    Ok(found)
}

/// Returns where the snapshot of a scenario lies, and the scenario's name.
fn place(scenario: &Path, folder: &Path, snapshots_in: Option<&Path>) -> (PathBuf, String) {
    let is_mirrored = |path: &&Path| path.file_name().is_some_and(|name| name == SCENARIOS);
    // From the root down, so that it is the same folder wherever the command is typed; but a path that
    // was typed relative is shown relative.
    let absolute = std::path::absolute(scenario).unwrap_or_else(|_| scenario.to_owned());
    let mirrored = scenario.ancestors().find(is_mirrored).map(Path::to_owned);
    let mirrored = mirrored.or_else(|| absolute.ancestors().find(is_mirrored).map(Path::to_owned));
    let (base, default) = match mirrored {
        Some(base) => (base.clone(), base.with_file_name(SNAPSHOTS)),
        None => (folder.to_owned(), folder.join(SNAPSHOTS)),
    };
    let inside = scenario.strip_prefix(&base).or_else(|_| absolute.strip_prefix(&base));
    let inside = inside.unwrap_or(scenario);
    let snapshot = snapshots_in.unwrap_or(&default).join(inside).with_extension("snap");
    let base = base.file_name().map_or(Path::new(""), Path::new);
    let name = base.join(inside).to_string_lossy().replace('\\', "/");
    (snapshot, name)
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, FindError> {
    let refused = |source| FindError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        // Not through links, which may lead in circles.
        let is_folder = entry.file_type().map_err(refused)?.is_dir();
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let is_scenario =
            path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json");
        // A schema lies beside the scenarios so that editors find it.
        if is_folder && name != SNAPSHOTS {
            found.extend(below(&path)?);
        } else if !is_folder && is_scenario && !name.ends_with(".schema.json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scenario: &str, folder: &str, snapshots_in: Option<&str>) -> String {
        let snapshots_in = snapshots_in.map(Path::new);
        let (path, name) = place(Path::new(scenario), Path::new(folder), snapshots_in);
        format!("{name} → {}", path.display())
    }

    #[test]
    fn snapshots_mirror_scenarios() {
        assert_eq!(
            check("scenarios/a/b.yaml", "scenarios", None),
            "scenarios/a/b.yaml → snapshots/a/b.snap"
        );
        assert_eq!(
            check("x/scenarios/a/b.yaml", "x/scenarios/a", None),
            "scenarios/a/b.yaml → x/snapshots/a/b.snap"
        );
        assert_eq!(check("my/a/b.yaml", "my", None), "my/a/b.yaml → my/snapshots/a/b.snap");
        assert_eq!(check("b.yaml", "", None), "b.yaml → snapshots/b.snap");
        assert_eq!(
            check("scenarios/a/b.yaml", "scenarios", Some("out")),
            "scenarios/a/b.yaml → out/a/b.snap"
        );
    }

    #[test]
    fn two_scenarios_cannot_share_a_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "").unwrap();
        fs::write(folder.path().join("a.yml"), "").unwrap();
        let error = find(&[folder.path().to_owned()], None).unwrap_err();
        assert!(error.to_string().contains("would share the snapshot"), "{error}");
    }
}
