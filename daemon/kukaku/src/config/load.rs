//! From the file's text to a checked configuration, or an error that says where.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::{Config, check, paths};

/// Largest configuration that is read, in bytes: a thousand times a real one.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}{}: {message}", .key.as_ref().map_or_else(String::new, |key| format!(", `{key}`")))]
pub struct ConfigError {
    /// The file's name.
    pub file: String,
    /// The line, from 1; 0: the file as a whole.
    pub line: usize,
    /// The key with its tables, `web.tls.key`, where one is meant.
    pub key: Option<String>,
    /// What is wrong and what was expected.
    pub message: String,
}

/// A configuration with what it was read from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says; paths are absolute or from the current folder.
    pub config: Config,
    /// The text, for the hash in the journal's start leaf.
    pub text: String,
    /// The file.
    pub file: PathBuf,
}

/// Reads and checks a file. Opens none of the files that it names.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn load(file: &Path) -> Result<Loaded, ConfigError> {
    let name = file.display().to_string();
    let whole = |message: String| ConfigError { file: name.clone(), line: 0, key: None, message };
    let length = std::fs::metadata(file).map_err(|e| whole(format!("can't be read: {e}")))?.len();
    if length > FILE_MAX_BYTES {
        return Err(whole(format!("is larger than {FILE_MAX_BYTES} bytes, so it is no configuration")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| whole(format!("can't be read: {e}")))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let config = parse(&text, &name, folder)?;
    Ok(Loaded { config, text, file: file.to_owned() })
}

/// Reads and checks a text. `folder` is where its paths start.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigError> {
    let place = Place { text, file };
    let mut config: Config = toml::from_str(text).map_err(|error| place.of_toml(&error))?;
    check(&config).map_err(|fault| place.of_key(&fault.key, fault.message))?;
    paths::start_at(&mut config, folder);
    Ok(config)
}

/// What makes an error of a place in the text.
struct Place<'a> {
    text: &'a str,
    file: &'a str,
}

impl Place<'_> {
    fn line_at(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1
    }

    /// An error of the parser: it knows the bytes, and the key is read from the text there.
    fn of_toml(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        ConfigError {
            file: self.file.to_owned(),
            line: self.line_at(at),
            key: self.key_at(at),
            message: error.message().replace('\n', " "),
        }
    }

    /// An error of a check: it knows the key (`web.listen`, `serial.0.device`), and the line is
    /// looked up. A key that isn't written stands at its table.
    fn of_key(&self, key: &str, message: String) -> ConfigError {
        let line = DeTable::parse(self.text).map_or(0, |table| {
            let mut at = 0;
            let mut here: Option<&DeTable<'_>> = Some(table.get_ref());
            let mut list: Option<&toml::de::DeArray<'_>> = None;
            for step in key.split('.') {
                let found = match (here, list) {
                    (Some(table), _) => table.iter().find(|(name, _)| name.get_ref() == step).map(|(name, value)| {
                        // A table's key span is its newest header; a value's is the key itself.
                        (name.span().start, value)
                    }),
                    (None, Some(list)) => step
                        .parse::<usize>()
                        .ok()
                        .and_then(|index| list.get(index))
                        .map(|value| (value.span().start, value)),
                    (None, None) => None,
                };
                let Some((start, value)) = found else { break };
                at = start;
                (here, list) = match value.get_ref() {
                    DeValue::Table(table) => (Some(table), None),
                    DeValue::Array(array) => (None, Some(array)),
                    _ => (None, None),
                };
            }
            self.line_at(at)
        });
        ConfigError { file: self.file.to_owned(), line, key: Some(key.to_owned()), message }
    }

    /// The key whose line holds a byte, with the table it stands in.
    fn key_at(&self, byte: usize) -> Option<String> {
        let line_start = self.text[..self.text.floor_char_boundary(byte)].rfind('\n').map_or(0, |n| n + 1);
        let line = self.text[line_start..].lines().next().unwrap_or("").trim();
        let header = |line: &str| -> Option<String> {
            let inner = line.strip_prefix('[')?.trim_start_matches('[');
            Some(inner[..inner.find(']')?].trim().to_owned())
        };
        if let Some(table) = header(line) {
            return Some(table);
        }
        let (key, _) = line.split_once('=')?;
        let key = key.trim().trim_matches('"');
        let table = self.text[..line_start].lines().rev().find_map(|l| header(l.trim()));
        Some(table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
    }
}
