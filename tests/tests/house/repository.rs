//! The files of the project, as the checks walk them.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the project.
pub struct TextFile {
    /// Its path below the project, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// The project's folder.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the project").to_owned()
}

/// What exists below the project under this path?
pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Reads one file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

/// Every text file whose name ends so, sorted by path; an empty ending means all.
pub fn files(ending: &str) -> Vec<TextFile> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.retain(|file| file.path.ends_with(ending));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends in {ending:?}: the check would check nothing");
    found
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<TextFile>) {
    for entry in fs::read_dir(folder).expect("a folder of the project can be read") {
        let entry = entry.expect("a folder of the project can be read");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        // Not part of the project: its history and what is built from it.
        if matches!(name.as_str(), ".git" | "target" | "__pycache__" | "proptest-regressions") {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            // Pictures and fonts are no text.
            found.push(TextFile { path, text });
        }
    }
}
