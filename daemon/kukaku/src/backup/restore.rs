//! A store made of a backup, whole: what only the engine can tell is added.

use std::path::Path;

use kukaku_core::Effect;
use kukaku_core::engine::Engine;
use kukaku_ledger::Head;
use kukaku_schema::UtcMicros;
use kukaku_store::backup::{BackupError, Generation, Restored, restore_journal};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Whose it is.
    pub origin: String,
    /// Entries, and the root over them.
    pub head: Head,
    /// Values that can't be opened: erased, or their keys are not at hand.
    pub gone: u64,
    /// Those of them that no `erased` entry names: a verification names each.
    pub unnamed: u64,
    /// Users and keys of sources are there.
    pub beside: bool,
    /// Texts that lay beside the store: name and content.
    pub files: Vec<(String, String)>,
}

/// Makes a store at `path` of a generation; the keys of its values lie in `keys` beside it.
/// Appends nothing to the journal: what this version would judge otherwise, the next start says.
///
/// # Errors
/// As [`restore_journal`].
pub fn restore_store(
    generation: &Generation,
    path: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<RestoreReport, BackupError> {
    let Restored { mut store, names, origin, head, gone, unnamed, beside, files, final_before } =
        restore_journal(generation, path, progress)?;
    if let Some(registers) = kukaku_store::registers(store.connection())? {
        let known = kukaku_store::known(store.connection())?;
        let now = store.head().advanced_to;
        let built = kukaku_store::with_facts(store.connection(), |facts| {
            Engine::restore(&registers, names, facts, now, known)
        })?;
        let (mut engine, effects) =
            built.map_err(|why| kukaku_store::StoreError::corrupt("build the engine from restored registers", why))?;
        let settled = final_before.unwrap_or(UtcMicros::MIN);
        let shown = effects.into_iter().filter(|effect| match effect {
            Effect::Stays { .. } | Effect::Outages { .. } | Effect::Session(_) => true,
            // What the engine can't say any more may still have been so.
            Effect::SessionGone(key) => key.start >= settled,
            Effect::Revision(_) | Effect::Finding { .. } => false,
        });
        let shown: Vec<Effect> = shown.collect();
        let mut batch = store.begin(store.head().recorded_at)?;
        batch.effects(shown, engine.names_mut(), &|_| Vec::new())?;
        if let Some(at) = final_before {
            batch.set_final_before(at);
        }
        batch.commit(engine.now(), engine.names())?;
    }
    Ok(RestoreReport { origin, head, gone, unnamed, beside, files })
}
