//! The manifest: what a pack is, and the hash of each of its files.

use kukaku_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::archive::{MANIFEST, MANIFEST_NOTE, NAMES};
use crate::error::PackError;
use crate::instant::instant_text;
use crate::seal::Seal;

/// The format's name; another version has another.
pub const FORMAT: &str = "kukaku-pack/1";

/// In which bytes the CSV files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8 with a byte order mark, as spreadsheets want it.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Shift_JIS; characters that it lacks as `U+XXXX`.
    #[serde(rename = "shift_jis")]
    ShiftJis,
}

/// What a pack is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The site's name: that of its key.
    pub origin: String,
    /// The client.
    pub client: String,
    /// First instant of the period, microseconds, by the time of recording.
    pub from_us: i64,
    /// The first instant after it.
    pub to_us: i64,
    /// Entries of the signed tree.
    pub tree_size: u64,
    /// Its root.
    pub root: Hash,
    /// In which bytes the CSV files are written.
    pub csv: Encoding,
}

/// A file as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileLine {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What holds for every pack of this format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Algorithms {
    hash: String,
    tree: String,
    commitment: String,
    signature: String,
}

impl Algorithms {
    fn ours() -> Self {
        Self {
            hash: "SHA-256".to_owned(),
            tree: "RFC 6962".to_owned(),
            commitment: "SHA-256(salt || length || \"payload\" || length || body)".to_owned(),
            signature: "Ed25519, C2SP signed-note".to_owned(),
        }
    }
}

/// `manifest.json`. What each field means is told in `schema/README.md`, "Evidence packs".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub(crate) format: String,
    /// The site.
    pub origin: String,
    /// The client.
    pub client: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// First instant of the period, microseconds since 1970, by the time of recording.
    pub from_us: i64,
    /// The first instant after it.
    pub to_us: i64,
    /// Entries of the signed tree.
    pub tree_size: u64,
    pub(crate) root: String,
    /// First journal number of the range.
    pub first: u64,
    /// Journal numbers in the range.
    pub count: u64,
    /// The client's last entry before the period; none where its first one lies in it.
    pub fence_before: Option<u64>,
    /// The client's first entry after the period; none where there was none yet.
    pub fence_after: Option<u64>,
    /// Entries with their body.
    pub opened: u64,
    /// Entries of which the hash alone is given.
    pub masked: u64,
    /// Numbers of the entries whose value was erased: first and last of each run.
    pub erased: Vec<(u64, u64)>,
    /// Numbers of the client's entries that were recorded after the period, though their source
    /// names a time within it: first and last of each run.
    pub late: Vec<(u64, u64)>,
    pub(crate) scope: String,
    pub(crate) csv: Encoding,
    pub(crate) algorithms: Algorithms,
    pub(crate) files: Vec<FileLine>,
}

/// What is opened and what is not, in words that stay with the pack.
const SCOPE: &str = "opened: every entry of the client between the fences (the fences themselves without their body), \
    and the readings, passages and manual entries of operators who work for the client. masked: all other entries of \
    the site, its registers, and of other clients. The numbers within the client (client_seq) run from fence to fence \
    without a hole: none of the client's own entries is left out. That none of the site's is left out is not proven.";

/// What the entries show, counted while they are written or read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub first: u64,
    pub count: u64,
    pub fence_before: Option<u64>,
    pub fence_after: Option<u64>,
    pub opened: u64,
    pub masked: u64,
    pub erased: Vec<(u64, u64)>,
}

/// Adds a number to runs of numbers.
pub(crate) fn add_to_runs(runs: &mut Vec<(u64, u64)>, number: u64) {
    match runs.last_mut() {
        Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
        _ => runs.push((number, number)),
    }
}

/// Whether a file is named in the manifest: all but the manifest and its signature.
pub(crate) fn is_named(name: &str) -> bool {
    name != MANIFEST && name != MANIFEST_NOTE
}

impl Manifest {
    pub(crate) fn new(order: &Order, counted: &Counted, late: &[(u64, u64)], files: &[(&'static str, Seal)]) -> Self {
        let file = |(name, seal): &(&'static str, Seal)| FileLine {
            name: (*name).to_owned(),
            bytes: seal.bytes,
            sha256: seal.sha256.to_string(),
        };
        Self {
            format: FORMAT.to_owned(),
            origin: order.origin.clone(),
            client: order.client.clone(),
            from: instant_text(order.from_us),
            to: instant_text(order.to_us),
            from_us: order.from_us,
            to_us: order.to_us,
            tree_size: order.tree_size,
            root: order.root.to_string(),
            first: counted.first,
            count: counted.count,
            fence_before: counted.fence_before,
            fence_after: counted.fence_after,
            opened: counted.opened,
            masked: counted.masked,
            erased: counted.erased.clone(),
            late: late.to_vec(),
            scope: SCOPE.to_owned(),
            csv: order.csv,
            algorithms: Algorithms::ours(),
            files: files.iter().map(file).collect(),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts and numbers always serialise");
        text.push('\n');
        text
    }

    /// Reads it; every spelling but the one that is written is refused.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        let form = |what: String| PackError::form(MANIFEST, what);
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| form(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(form(format!("format {:?}, this program reads {FORMAT}", manifest.format)));
        }
        if manifest.to_json().as_bytes() != bytes {
            return Err(form("not written as a pack writes it".to_owned()));
        }
        let times = [(&manifest.from, manifest.from_us), (&manifest.to, manifest.to_us)];
        let same = times.iter().all(|(text, us)| **text == instant_text(*us));
        if !same || manifest.algorithms != Algorithms::ours() || manifest.scope != SCOPE {
            return Err(form("its times, scope or algorithms are not those of this format".to_owned()));
        }
        if manifest.from_us > manifest.to_us {
            return Err(form("the period ends before it begins".to_owned()));
        }
        let named = manifest.files.iter().map(|file| file.name.as_str());
        if !named.eq(NAMES.into_iter().filter(|name| is_named(name))) {
            return Err(form("it names other files than those of a pack".to_owned()));
        }
        Ok(manifest)
    }
}

/// The text that the site signs under a manifest: `sha256` is that of `manifest.json`.
#[must_use]
pub fn manifest_text(origin: &str, sha256: Hash) -> String {
    format!("{FORMAT}\n{origin}\n{sha256}\n")
}
