//! A client leaves, by the word of two users.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kukaku_store::users::Users;
use kukaku_store::{entry_proof, query, read_only};

use super::by_two::{by_two, names};
use super::server::Desk;
use super::{Credentials, Reply};
use crate::certificate::Certificate;
use crate::clock;
use crate::failure::Failure;
use crate::mqtt_passwords::MqttPasswords;
use crate::site_dir::SiteDir;
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
    let store = desk.store.clone();
    let blocking = |act: Box<dyn FnOnce() -> Result<u64, Failure> + Send>| async {
        tokio::task::spawn_blocking(act).await.map_err(|e| Failure::Failed(e.to_string()))?
    };
    // The sources are known only as long as the registers hold the client; a refused off-boarding
    // takes nothing away.
    let its = Its::of(&store, &client)?;
    let (counting, taking) = (its.clone(), its);
    let credentials = blocking(Box::new(move || counting.credentials(false))).await?;
    let request = OffboardRequest { client, by, reason, credentials };
    let (entry, _) = desk.writer.offboard(request).await.map_err(act_failure)?;
    blocking(Box::new(move || taking.credentials(true))).await?;
    desk.mqtt_users_changed.notify_one();
    desk.writer.checkpoint().await.map_err(act_failure)?;
    let store = desk.store.clone();
    let proven = tokio::task::spawn_blocking(move || entry_proof(&read_only(&store)?, entry)).await;
    let proven = proven.map_err(|e| Failure::Failed(e.to_string()))?.map_err(|e| Failure::Store(e.to_string()))?;
    let proven = proven.ok_or_else(|| Failure::Store(format!("entry {entry} is not yet covered by a checkpoint")))?;
    let certificate = Box::new(Certificate::new(&proven).map_err(Failure::Store)?);
    Ok(Reply::Offboarded { certificate })
}

/// The sources that are a client's alone.
#[derive(Clone)]
struct Its {
    store: PathBuf,
    sources: BTreeSet<String>,
}

impl Its {
    fn of(store: &Path, client: &str) -> Result<Self, Failure> {
        let failed = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
        let registers = query::registers(&read_only(store).map_err(failed)?).map_err(failed)?;
        let sources = registers.iter().flat_map(|registers| &registers.sources);
        let (its, others): (Vec<_>, Vec<_>) = sources.partition(|entry| entry.row.client.as_deref() == Some(client));
        let others: BTreeSet<&str> = others.iter().map(|entry| entry.row.id.as_str()).collect();
        let ids = its.iter().map(|entry| entry.row.id.clone());
        let sources = ids.filter(|source| !others.contains(source.as_str())).collect();
        Ok(Self { store: store.to_owned(), sources })
    }

    /// Counts the keys and passwords of these sources, and takes them away where `take` says so. A
    /// key that speaks for others as well stays.
    fn credentials(&self, take: bool) -> Result<u64, Failure> {
        let is_its =
            |sources: &[String]| !sources.is_empty() && sources.iter().all(|source| self.sources.contains(source));
        let failed = |e: kukaku_store::users::UsersError| Failure::Store(e.to_string());
        let users = Users::open(&self.store).map_err(failed)?;
        let mut count = 0;
        for key in users.keys().map_err(failed)? {
            if key.revoked_at.is_none() && is_its(&key.sources) {
                count += 1;
                if take {
                    users.revoke_key(&key.id, clock::now()).map_err(failed)?;
                }
            }
        }
        let path = SiteDir::at(self.store.parent().unwrap_or(Path::new("."))).mqtt_passwords();
        let mut passwords = MqttPasswords::read(&path).map_err(Failure::Store)?;
        let before = passwords.0.len();
        passwords.0.retain(|_, user| !is_its(&user.sources));
        let gone = before - passwords.0.len();
        if take && gone > 0 {
            passwords.write(&path).map_err(|e| Failure::io("write", &path, &e))?;
        }
        Ok(count + gone as u64)
    }
}
