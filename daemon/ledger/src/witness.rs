//! What a witness answers to `add-checkpoint` (C2SP `tlog-witness`), as a pure rule.
//!
//! Invariant: of two heads that are accepted one after the other, the later contains the earlier.
//! The caller keeps the accepted head durably, under one lock with the call, before it answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::checkpoint::{Checkpoint, Head, KeyTerm};
use crate::error::{NoteError, ProofError};
use crate::hash::{Hash, empty_root};
use crate::note::SignedNote;
use crate::proof::verify_consistency;

/// Most lines of a consistency proof: no tree up to 2^63 leaves needs more.
pub const PROOF_LINES_MAX: usize = 63;

/// The body of a request: `old SIZE`, the proof's hashes in base64, a blank line, the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size from which the proof leads.
    pub old: u64,
    /// The consistency proof.
    pub proof: Vec<Hash>,
    /// The checkpoint as it was signed; a claim until it is verified.
    pub note: SignedNote,
}

impl AddCheckpoint {
    /// Reads a body without trusting it.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`] for every spelling but the canonical one.
    pub fn parse(body: &[u8]) -> Result<Self, WitnessRefusal> {
        let bad = WitnessRefusal::Malformed;
        let end = body.windows(2).position(|pair| pair == b"\n\n").ok_or(bad("no blank line after the proof"))?;
        let (old, proof) = Self::parse_proof(&body[..=end])?;
        let note = SignedNote::parse(&body[end + 2..]).map_err(|_| bad("what follows the proof is no signed note"))?;
        Ok(Self { old, proof, note })
    }

    /// Reads what stands before the blank line: the old size and the proof. Each line ends with
    /// a newline.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`].
    pub fn parse_proof(text: &[u8]) -> Result<(u64, Vec<Hash>), WitnessRefusal> {
        let bad = WitnessRefusal::Malformed;
        let text = std::str::from_utf8(text).map_err(|_| bad("not UTF-8"))?;
        let mut lines = text.strip_suffix('\n').ok_or(bad("the last line isn't ended"))?.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(bad("no line `old SIZE`"))?;
        let plain = old.bytes().all(|b| b.is_ascii_digit()) && (old == "0" || !old.starts_with('0'));
        let old = old.parse().ok().filter(|_| plain).ok_or(bad("the old size is not a plain decimal number"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(bad("more than 63 proof lines"));
            }
            let bytes = STANDARD.decode(line).map_err(|_| bad("a proof line is not canonical base64"))?;
            proof.push(Hash::from_slice(&bytes).ok_or(bad("a proof line is not a hash of 32 bytes"))?);
        }
        Ok((old, proof))
    }

    /// The body as it is sent.
    #[must_use]
    pub fn to_text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| STANDARD.encode(hash.as_bytes()) + "\n").collect();
        format!("old {}\n{proof}\n{}", self.old, self.note.to_text())
    }

    /// The checkpoint that is claimed; proves nothing.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`]: also for an empty tree and for extension lines, which no
    /// site signs.
    pub fn claimed(&self) -> Result<Checkpoint, WitnessRefusal> {
        Checkpoint::parse_body(self.note.text())
            .map_err(|_| WitnessRefusal::Malformed("the note is no checkpoint of a site"))
    }
}

/// Why a witness doesn't cosign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WitnessRefusal {
    /// The request isn't in the form of the protocol.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// No key is known for this origin.
    #[error("unknown origin")]
    UnknownOrigin,
    /// No trusted key in force has signed, or one has signed wrongly.
    #[error("not signed by a trusted key: {0}")]
    NotSigned(NoteError),
    /// The proof doesn't start where the witness stands.
    #[error("the last cosigned checkpoint has {remembered} leaves")]
    OtherSize {
        /// Where it stands; 0 if it never cosigned for this origin.
        remembered: u64,
    },
    /// The log has signed another root for the size at which the witness stands: a fork.
    #[error("another root was cosigned for {size} leaves: the log has forked")]
    OtherRoot {
        /// The size of both.
        size: u64,
    },
    /// The proof doesn't lead from the remembered head to the new one.
    #[error("the consistency proof does not verify: {0}")]
    NotConsistent(ProofError),
}

impl WitnessRefusal {
    /// The status code of the protocol.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownOrigin => 404,
            Self::OtherSize { .. } | Self::OtherRoot { .. } => 409,
            Self::NotConsistent(_) => 422,
        }
    }
}

/// First step: whose checkpoint it is. `terms` are the trusted keys of the claimed origin.
///
/// # Errors
/// [`WitnessRefusal::Malformed`], [`WitnessRefusal::UnknownOrigin`], [`WitnessRefusal::NotSigned`].
pub fn open_signed(request: &AddCheckpoint, terms: &[KeyTerm]) -> Result<Checkpoint, WitnessRefusal> {
    let claimed = request.claimed()?;
    if !terms.iter().any(|term| term.key.name() == claimed.origin) {
        return Err(WitnessRefusal::UnknownOrigin);
    }
    Checkpoint::open(request.note.to_text().as_bytes(), terms).map_err(WitnessRefusal::NotSigned)?;
    Ok(claimed)
}

/// Second step: whether the signed head `new` may be cosigned by a witness whose last cosigned
/// head of that origin is `remembered`.
///
/// # Errors
/// [`WitnessRefusal::Malformed`] for an old size above the new, [`WitnessRefusal::OtherSize`],
/// [`WitnessRefusal::OtherRoot`], [`WitnessRefusal::NotConsistent`].
pub fn accept(request: &AddCheckpoint, new: Head, remembered: Option<Head>) -> Result<(), WitnessRefusal> {
    if request.old > new.size {
        return Err(WitnessRefusal::Malformed("the old size is above the checkpoint's"));
    }
    let last = remembered.unwrap_or(Head { size: 0, root: empty_root() });
    if request.old != last.size {
        return Err(WitnessRefusal::OtherSize { remembered: last.size });
    }
    if new.size == last.size && new.root != last.root {
        return Err(WitnessRefusal::OtherRoot { size: new.size });
    }
    verify_consistency(last.size, last.root, new.size, new.root, &request.proof).map_err(WitnessRefusal::NotConsistent)
}

#[cfg(test)]
mod tests;
