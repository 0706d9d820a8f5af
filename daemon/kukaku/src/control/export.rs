//! Taking out: what the owner of the store does for it. Reading and writing the pack is the
//! command's own work, beside the owner.

use kukaku_ledger::{Checkpoint, Hash, SignedNote};
use kukaku_store::{checkpoint_at, query, read_only};

use super::Reply;
use super::server::Desk;
use crate::failure::Failure;
use crate::start::writer::act_failure;
use crate::writer::ExportNote;

/// Longest reason and name in bytes: a sentence of an order, a person.
const TEXT_MAX_BYTES: usize = 2000;

/// Journals the export, then signs the tree with it in it.
pub(super) async fn note(desk: &Desk, note: ExportNote) -> Result<Reply, Failure> {
    check(desk, &note)?;
    let at = note.at;
    let entry = desk.writer.note_export(note).await.map_err(act_failure)?;
    let signed = desk.writer.checkpoint().await.map_err(act_failure)?;
    let size = match (at, signed) {
        (Some(size), _) => size,
        (None, Some(note)) => size_of(&note)?,
        (None, None) => return Err(Failure::Store("the journal is empty".to_owned())),
    };
    Ok(Reply::Exported { entry, size })
}

fn check(desk: &Desk, note: &ExportNote) -> Result<(), Failure> {
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    if note.reason.trim().is_empty() || note.by.trim().is_empty() {
        return Err(Failure::Written("say who takes records out and why: --by, --reason".to_owned()));
    }
    if note.reason.len() > TEXT_MAX_BYTES || note.by.len() > TEXT_MAX_BYTES {
        return Err(Failure::Written(format!("--by and --reason: at most {TEXT_MAX_BYTES} bytes each")));
    }
    let conn = read_only(&desk.store).map_err(store)?;
    if !note.raw {
        let registers = query::registers(&conn).map_err(store)?;
        let known = registers.is_some_and(|registers| registers.clients.iter().any(|e| e.row.id == note.client));
        if !known {
            return Err(Failure::Written(format!("client {:?} was never in the registers", note.client)));
        }
        if note.period.is_none_or(|(from, to)| from >= to) {
            return Err(Failure::Written("the period is empty: --from has to be before --to".to_owned()));
        }
    }
    match note.at {
        Some(size) if checkpoint_at(&conn, size).map_err(store)?.is_none() => {
            Err(Failure::Written(format!("--at {size}: no checkpoint of that size was signed; see `kukaku exports`")))
        }
        _ => Ok(()),
    }
}

fn size_of(note: &str) -> Result<u64, Failure> {
    let wrong = |e: kukaku_ledger::NoteError| Failure::Failed(format!("read the checkpoint just signed: {e}"));
    let note = SignedNote::parse(note.as_bytes()).map_err(wrong)?;
    Ok(Checkpoint::parse_body(note.text()).map_err(wrong)?.head.size)
}

/// Signs the manifest of a pack.
pub(super) async fn sign(desk: &Desk, sha256: &str) -> Result<Reply, Failure> {
    let sha256 = Hash::from_hex(sha256).ok_or_else(|| Failure::Failed("not a SHA-256 in hex".to_owned()))?;
    let note = desk.writer.sign_pack(sha256).await.map_err(act_failure)?;
    Ok(Reply::Signed { note })
}
