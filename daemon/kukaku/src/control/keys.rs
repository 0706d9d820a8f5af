//! The signing key is changed, keys are put into escrow: by the word of one user.

use super::by_two::one_signs_in;
use super::holds::check_reason;
use super::server::Desk;
use super::{Credentials, Reply};
use crate::failure::Failure;
use crate::start::writer::act_failure;
use crate::writer::{EscrowNote, RotateRequest};

/// Makes a new key and lets it sign from here on.
pub(super) async fn rotate(desk: &Desk, by: Credentials, reason: String) -> Result<Reply, Failure> {
    check_reason(&reason)?;
    let request = RotateRequest { by: by.user.clone(), reason };
    one_signs_in(desk, by).await?;
    let (entry, from_size, vkey) = desk.writer.rotate_key(request).await.map_err(act_failure)?;
    let lines = vec![
        format!("journal entry {entry}: 署名の鍵を替えました (the signing key was changed)"),
        format!("{vkey}"),
        format!(
            "市に新しい検証鍵を渡してください (hand the new key to your clients): kukaku-verify trust '{vkey}' --from-size {from_size}"
        ),
    ];
    Ok(Reply::Done { lines })
}

/// Says in the journal that the keys are put into escrow.
pub(super) async fn escrow(desk: &Desk, by: Credentials, note: EscrowNote) -> Result<Reply, Failure> {
    check_reason(&note.reason)?;
    let note = EscrowNote { by: by.user.clone(), ..note };
    one_signs_in(desk, by).await?;
    let entry = desk.writer.note_escrow(note).await.map_err(act_failure)?;
    Ok(Reply::Done {
        lines: vec![format!("journal entry {entry}: 鍵を預託しました (keys were put into escrow)")]
    })
}
