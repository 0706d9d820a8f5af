//! A client leaves, by the word of two users.

use kukaku_store::{entry_proof, read_only};

use super::by_two::{by_two, names};
use super::server::Desk;
use super::{Credentials, Reply};
use crate::certificate::Certificate;
use crate::clock;
use crate::failure::Failure;
use crate::start::writer::act_failure;
use crate::writer::OffboardRequest;

/// Erases everything of the client, signs the journal, and answers with the certificate.
pub(super) async fn offboard(
    desk: &Desk,
    client: String,
    reason: String,
    written_by: Credentials,
    confirmed_by: Credentials,
) -> Result<Reply, Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Written("say why, for example 契約終了".to_owned()));
    }
    let (written, confirmed) = names(&written_by, &confirmed_by)?;
    by_two(desk, clock::now(), written_by, confirmed_by, |_| Ok(())).await?;
    let by = vec![written.to_string(), confirmed.to_string()];
    let request = OffboardRequest { client, by, reason };
    let (entry, _) = desk.writer.offboard(request).await.map_err(act_failure)?;
    desk.writer.checkpoint().await.map_err(act_failure)?;
    let store = desk.store.clone();
    let proven = tokio::task::spawn_blocking(move || entry_proof(&read_only(&store)?, entry)).await;
    let proven = proven.map_err(|e| Failure::Failed(e.to_string()))?.map_err(|e| Failure::Store(e.to_string()))?;
    let proven = proven.ok_or_else(|| Failure::Store(format!("entry {entry} is not yet covered by a checkpoint")))?;
    let certificate = Box::new(Certificate::new(&proven).map_err(Failure::Store)?);
    Ok(Reply::Offboarded { certificate })
}
