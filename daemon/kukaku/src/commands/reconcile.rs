//! `kukaku reconcile`: a restored or rolled back journal is held against what others have seen,
//! before anything is signed again.

use kukaku_ledger::{Checkpoint, Head};
use kukaku_store::{NewLeaf, Store, newest_checkpoint};
use serde::Serialize;

use super::verify::terms;
use crate::cli::ReconcileArgs;
use crate::durable::{PUBLIC_MODE, write_file};
use crate::failure::Failure;
use crate::say::say;
use crate::site_dir::SiteDir;
use crate::writer::{Clock as _, RealClock};

/// Runs the command.
///
/// # Errors
/// `Differs`: the checkpoint is of another history. `Failed`: entries are lost, and nobody has
/// said that it goes on without them. `Written`: the file is no checkpoint of this site.
pub fn run(args: &ReconcileArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let terms = terms(&dir)?;
    let read = |path: &std::path::Path| -> Result<(Head, String), Failure> {
        let note =
            std::fs::read_to_string(path).map_err(|e| Failure::Written(format!("read {}: {e}", path.display())))?;
        let opened = Checkpoint::open(note.as_bytes(), &terms)
            .map_err(|e| Failure::Written(format!("{}: {e}", path.display())))?;
        Ok((opened.head, note))
    };
    let mut outside = read(&args.checkpoint)?;
    // The site's own memory may have seen more than what was brought.
    if dir.checkpoint().is_file() {
        let own = read(&dir.checkpoint())?;
        if own.0.size > outside.0.size {
            outside = own;
        }
    }
    let store_failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let mut store = Store::open(&dir.store()).map_err(store_failure)?;
    let (head, note) = outside;
    let kept = newest_checkpoint(store.connection()).map_err(store_failure)?;
    if head.size <= store.tree_head().size {
        if store.root_at(head.size).map_err(store_failure)? != head.root {
            return Err(Failure::Differs(format!(
                "the checkpoint of {} entries is of another history than this journal: nothing was changed; keep both and tell your clients",
                head.size
            )));
        }
        let newest = kept.filter(|kept| kept.head.size > head.size).map_or(note, |kept| kept.note);
        keep(&dir, &newest)?;
        say(format!(
            "照合しました：記録 {} 件は最新のチェックポイント（{} 件）を含みます (the journal holds all that was signed)",
            store.tree_head().size,
            head.size
        ));
        return Ok(());
    }
    let size = store.tree_head().size;
    let (Some(by), Some(reason)) = (&args.by, &args.reason) else {
        return Err(Failure::Failed(format!(
            "entries {size}..{} were signed and are lost; a newer backup may hold them. To go on without them for ever: --by NAME --reason TEXT",
            head.size
        )));
    };
    let entry = say_recovered(&mut store, head, by, reason).map_err(store_failure)?;
    let lost = dir.path().join(format!("checkpoint.note.lost-{}", head.size));
    write_file(&lost, note.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &lost, &e))?;
    match kept {
        Some(kept) => keep(&dir, &kept.note)?,
        None if dir.checkpoint().is_file() => {
            std::fs::remove_file(dir.checkpoint()).map_err(|e| Failure::io("remove", &dir.checkpoint(), &e))?;
        }
        None => {}
    }
    say(format!("記録 {entry}：{size}..{} の喪失を記録しました (the loss is journaled)", head.size));
    say(format!("{} を顧客に渡してください：署名は新しい履歴として続き、検証では分岐と示されます。", lost.display()));
    say("Signing goes on as a new history. Verifiers that saw the old one will show a fork: hand them this file.");
    Ok(())
}

fn keep(dir: &SiteDir, note: &str) -> Result<(), Failure> {
    let path = dir.checkpoint();
    write_file(&path, note.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &path, &e))
}

/// Appends a `recovered` entry: which entries are lost, and who goes on without them.
fn say_recovered(store: &mut Store, lost: Head, by: &str, reason: &str) -> Result<u64, kukaku_store::StoreError> {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        at: kukaku_schema::UtcMicros,
        from: u64,
        to: u64,
        root: String,
        by: &'a str,
        reason: &'a str,
    }
    let mut names = store.names()?;
    let (from, advanced_to) = (store.tree_head().size, store.head().advanced_to);
    let mut batch = store.begin(RealClock::new().read().wall)?;
    let body = Body {
        kind: "recovered",
        at: batch.recorded_at(),
        from,
        to: lost.size,
        root: lost.root.to_string(),
        by,
        reason,
    };
    let payload = serde_json::to_vec(&body).expect("texts, numbers and instants always serialise");
    let site = names.intern("");
    let leaf = NewLeaf { kind: "recovered", source: site, client: site, device_time: None, payload: &payload };
    let entry = batch.append(leaf, &names)?;
    batch.commit(advanced_to, &names)?;
    Ok(entry)
}
