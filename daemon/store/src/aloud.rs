//! The journal's head on paper, and by telephone.

use kukaku_ledger::{Answer, Checkpoint, Nonce, Paper, SignedNote};
use rusqlite::Connection;

use crate::checkpoint::{StoredCheckpoint, head_at, newest_checkpoint};
use crate::error::StoreError;

const ACT: &str = "read a checkpoint";

fn origin(checkpoint: &StoredCheckpoint) -> Result<Checkpoint, StoreError> {
    let corrupt = |e: kukaku_ledger::NoteError| StoreError::corrupt(ACT, e.to_string());
    let note = SignedNote::parse(checkpoint.note.as_bytes()).map_err(corrupt)?;
    Checkpoint::parse_body(note.text()).map_err(corrupt)
}

/// The newest checkpoint as lines for paper, and its signed note; none before the first.
///
/// # Errors
/// What the disk says.
pub fn paper(conn: &Connection) -> Result<Option<(String, String)>, StoreError> {
    let Some(newest) = newest_checkpoint(conn)? else { return Ok(None) };
    let paper = Paper { checkpoint: origin(&newest)?, date: newest.signed_at.to_rfc3339_utc() };
    Ok(Some((paper.to_text(), newest.note)))
}

/// The answer to a nonce that a city said, of the journal as it was with `size` entries; else as
/// it was signed last. Returns the size too. The inner error is a sentence: the nonce was
/// misheard, or the journal was never that large or signed.
///
/// # Errors
/// What the disk says.
pub fn answer(conn: &Connection, nonce: &str, size: Option<u64>) -> Result<Result<(u64, String), String>, StoreError> {
    let nonce = match Nonce::parse(nonce) {
        Ok(nonce) => nonce,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let Some(newest) = newest_checkpoint(conn)? else { return Ok(Err("nothing is signed yet".to_owned())) };
    let size = size.unwrap_or(newest.head.size);
    let Some(head) = head_at(conn, size)?.filter(|head| head.size <= newest.head.size) else {
        return Ok(Err(format!("at most {} entries are signed", newest.head.size)));
    };
    let checkpoint = Checkpoint { head, ..origin(&newest)? };
    Ok(Ok((size, Answer::new(nonce, &checkpoint).to_text())))
}
