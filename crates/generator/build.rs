//! Lists the data files, so that a domain or a locale is added by adding files and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let data = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("data");
    println!("cargo::rerun-if-changed={}", data.display());

    let mut table = String::from("&[\n");
    for folder in ["locales", "domains", "profiles"] {
        for file in toml_files(&data.join(folder))? {
            let name = file.strip_prefix(&data).unwrap_or(&file).with_extension("");
            // The same name on every system.
            let name = name.components().map(|part| part.as_os_str().to_string_lossy());
            let name = name.collect::<Vec<_>>().join("/");
            let _ =
                writeln!(table, "    ({name:?}, include_str!({:?})),", file.display().to_string());
        }
    }
    table.push(']');
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("data_files.rs");
    fs::write(out, table)
}

/// Returns the `.toml` files below a folder in the order of their names, which is part of what a seed
/// means.
fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
