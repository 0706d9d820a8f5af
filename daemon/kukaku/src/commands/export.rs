//! `kukaku export`: a pack for a client, or the raw journal.

use std::io;
use std::path::{Path, PathBuf};

use kukaku_ledger::Hash;
use kukaku_pack::Encoding;
use kukaku_store::{checkpoint_at, cosigned_note, read_only};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::registers::own_name;
use super::verify::terms;
use crate::cli::ExportArgs;
use crate::clock;
use crate::control::{self, Reply, Request};
use crate::durable;
use crate::failure::Failure;
use crate::packs::{Taken, Unfinished, raw, read};
use crate::say::say;
use crate::site_dir::SiteDir;
use crate::writer::ExportNote;

/// What may differ between two packs of the same bytes, and therefore lies beside them.
#[derive(Serialize)]
struct Beside<'a> {
    format: &'static str,
    pack_sha256: String,
    taken_out_at: String,
    by: &'a str,
    reason: &'a str,
    /// The journal entry that says that it was taken out.
    entry: u64,
    tree_size: u64,
    /// The checkpoint with the cosignatures that are known by now.
    checkpoint: String,
    /// Public keys of the witnesses whose cosignatures these are.
    witnesses: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// `Written`: client, period or size are wrong. `Differs`: the journal was changed. `Store`.
pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let keys = terms(&dir)?;
    // Before anything is journaled: a place that can't be written is told at once.
    let out = Unfinished::begin(&args.out).map_err(|e| Failure::io("make", &args.out, &e))?;
    let note = ExportNote {
        client: args.client.clone().unwrap_or_default(),
        by: args.by.clone().unwrap_or_else(own_name),
        reason: args.reason.clone(),
        period: args.from.zip(args.to),
        at: args.at,
        raw: args.raw,
    };
    let (entry, size) = match ask(&dir, &Request::Export { note: note.clone() })? {
        Reply::Exported { entry, size } => (entry, size),
        other => return Err(unexpected(&other)),
    };
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(store)?;
    // One state of the store, however long it takes and whatever is appended meanwhile.
    conn.execute_batch("BEGIN DEFERRED").map_err(|e| Failure::Store(format!("begin to read: {e}")))?;
    let Some((from, to)) = note.period.filter(|_| !note.raw) else {
        return write_raw(&conn, size, out, &args.out, entry);
    };
    let csv = if args.shift_jis { Encoding::ShiftJis } else { Encoding::Utf8 };
    let folder = out.folder().to_owned();
    let taken = Taken { client: &note.client, from, to, size, csv, keys: &keys, folder: &folder };
    let (made, checkpoint) = read(&conn, &taken)?;
    drop(conn);
    let signature = match ask(&dir, &Request::SignPack { sha256: made.sha256.to_string() })? {
        Reply::Signed { note } => note,
        other => return Err(unexpected(&other)),
    };
    // What witnesses said while the pack was made: the newest state, not the pack's.
    let conn = read_only(&dir.store()).map_err(store)?;
    let (checkpoint, witnesses) = match checkpoint_at(&conn, size).map_err(store)? {
        Some(kept) => cosigned_note(&conn, &kept).map_err(store)?,
        None => (checkpoint, Vec::new()),
    };
    let counts = format!("{} opened, {} masked", made.manifest.opened, made.manifest.masked);
    let sha256 = write(out, |out| made.write(signature.as_bytes(), out).map_err(io::Error::other), &args.out)?;
    let beside = Beside {
        format: "kukaku-pack-beside/1",
        pack_sha256: sha256.to_string(),
        taken_out_at: clock::now().to_rfc3339_utc(),
        by: &note.by,
        reason: &note.reason,
        entry,
        tree_size: size,
        checkpoint,
        witnesses,
    };
    let json = serde_json::to_string_pretty(&beside).expect("texts and numbers always serialise") + "\n";
    let path = beside_of(&args.out);
    durable::write_file(&path, json.as_bytes(), durable::SECRET_MODE).map_err(|e| Failure::io("write", &path, &e))?;
    say(format!("journal entry {entry}: taken out by {}", crate::say::shown(&note.by)));
    say(format!("{}: {counts}, tree of {size} entries", args.out.display()));
    say(format!("sha256 {sha256}"));
    Ok(())
}

/// The name of the file beside a pack.
fn beside_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".beside.json");
    path.with_file_name(name)
}

fn ask(dir: &SiteDir, request: &Request) -> Result<Reply, Failure> {
    let mut conversation = control::open(dir)?;
    conversation.say(request)?;
    let reply = conversation.hear()?;
    conversation.close()?;
    Ok(reply)
}

fn unexpected(reply: &Reply) -> Failure {
    Failure::Failed(format!("the daemon answered {reply:?}"))
}

fn write_raw(
    conn: &kukaku_store::Connection,
    size: u64,
    out: Unfinished,
    path: &Path,
    entry: u64,
) -> Result<(), Failure> {
    let mut failed = None;
    let written = write(
        out,
        |out| {
            raw(conn, size, out).map_err(|failure| {
                failed = Some(failure);
                io::Error::other("the journal can't be read")
            })
        },
        path,
    );
    if let Some(failure) = failed {
        return Err(failure);
    }
    let sha256 = written?;
    say(format!("journal entry {entry}: {}: {size} entries", path.display()));
    say(format!("sha256 {sha256}"));
    Ok(())
}

/// Writes a file whole and returns its hash.
fn write(
    mut out: Unfinished,
    content: impl FnOnce(&mut Hashed<'_>) -> io::Result<()>,
    path: &Path,
) -> Result<Hash, Failure> {
    let failed = |e: io::Error| Failure::io("write", path, &e);
    let mut hashed = Hashed { out: &mut out.out, sha256: Sha256::new() };
    content(&mut hashed).map_err(failed)?;
    let sha256 = Hash(hashed.sha256.finalize().into());
    out.finish().map_err(failed)?;
    Ok(sha256)
}

/// Writes and hashes.
struct Hashed<'a> {
    out: &'a mut io::BufWriter<std::fs::File>,
    sha256: Sha256,
}

impl io::Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
