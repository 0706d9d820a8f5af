//! The drill: the newest and the oldest backup are restored into a scratch folder and verified,
//! so that nobody finds out on the day of need that they were none.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kukaku_schema::{DurationUs, UtcMicros};
use kukaku_store::backup::{Generation, generations};
use kukaku_store::{checkpoint_at, entries_of_kind, read_only};

use crate::commands::backup::{forget, make};
use crate::config::BackupConfig;
use crate::failure::Failure;
use crate::rooms::{Ledger, Stop, stopped};
use crate::site_dir::SiteDir;
use crate::start::writer::act_failure;
use crate::writer::{Clock as _, DrillNote, Drilled, RealClock, Writer};

/// The room's name.
pub const ROOM: &str = "drill";

/// How often the daemon asks whether a drill is due.
const ASK_EVERY: Duration = Duration::from_secs(3600);

/// Where it restores to: within the installation, because keys are copied there for the while.
const SCRATCH: &str = ".drill";

/// Restores the newest and the oldest generation, verifies them, and holds them against the live
/// journal. The scratch folder is gone afterwards, the keys in it overwritten.
///
/// # Errors
/// `Failed`, `Written`: there is no backup to try. A backup that is none is no error: it is what
/// the drill finds.
pub fn drill(dir: &SiteDir, config: &BackupConfig) -> Result<DrillNote, Failure> {
    let all = generations(&config.folder).map_err(|e| Failure::Failed(e.to_string()))?;
    let (Some(oldest), Some(newest)) = (all.first(), all.last()) else {
        return Err(Failure::Failed(format!("{} holds no backup yet", config.folder.display())));
    };
    let chosen = if oldest.number == newest.number { vec![newest] } else { vec![newest, oldest] };
    let generations: Vec<Drilled> = chosen.into_iter().map(|generation| try_one(dir, generation)).collect();
    let passed = generations.iter().all(|drilled| drilled.fault.is_none());
    Ok(DrillNote { passed, generations })
}

fn try_one(dir: &SiteDir, generation: &Generation) -> Drilled {
    let began = Instant::now();
    let scratch = dir.path().join(SCRATCH);
    let outcome = restored(dir, generation, &scratch);
    forget(&scratch);
    let (entries, root, without_values, fault) = match outcome {
        Ok((entries, root, gone)) => (entries, Some(root), gone, None),
        Err(failure) => (generation.size(), None, 0, Some(failure.to_string())),
    };
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Drilled { number: generation.number, entries, root, without_values, ms, fault }
}

fn restored(dir: &SiteDir, generation: &Generation, scratch: &Path) -> Result<(u64, String, u64), Failure> {
    // What an earlier one left when it was cut off.
    forget(scratch);
    make_folder(scratch)?;
    make_folder(&scratch.join("keys"))?;
    let report = make(generation, scratch, &dir.keys())?;
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let live = checkpoint_at(&read_only(&dir.store()).map_err(store)?, report.head.size).map_err(store)?;
    match live {
        Some(live) if live.head.root == report.head.root => {
            Ok((report.head.size, report.head.root.to_string(), report.gone))
        }
        Some(_) => Err(Failure::Differs("it is of another history than the live journal".to_owned())),
        None => Err(Failure::Differs(format!("the live journal never signed {} entries", report.head.size))),
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path).map_err(|e| Failure::io("make", path, &e))
}

/// Lines for people.
#[must_use]
pub fn lines(note: &DrillNote) -> Vec<String> {
    let line = |drilled: &Drilled| {
        let Drilled { number, entries, without_values, ms, .. } = drilled;
        match &drilled.fault {
            None => format!(
                "世代 {number}：復元と検証に成功、記録 {entries} 件、値のない記録 {without_values} 件、{ms} ms (generation {number}: restored and verified)"
            ),
            Some(fault) => format!("世代 {number}：失敗、{fault} (generation {number}: FAILED)"),
        }
    };
    note.generations.iter().map(line).collect()
}

/// Drills where one is due, until `stop`; the result is journaled, a failed one told loudly.
///
/// # Errors
/// None: what fails is tried again.
pub async fn keep_drilling(
    dir: SiteDir,
    config: BackupConfig,
    writer: Writer,
    ledger: Arc<Ledger>,
    mut stop: Stop,
) -> Result<(), String> {
    let clock = RealClock::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
        let (at, what, now) = (dir.clone(), config.clone(), clock.read().wall);
        let outcome = tokio::task::spawn_blocking(move || {
            if is_due(&at.store(), now, what.drill_every)? { drill(&at, &what).map(Some) } else { Ok(None) }
        });
        let trouble = match outcome.await {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(note))) => {
                let failed = (!note.passed).then(|| lines(&note).join("; "));
                match writer.note_drill(note).await {
                    Ok(_) => failed,
                    Err(error) => Some(act_failure(error).to_string()),
                }
            }
            Ok(Err(failure)) => Some(failure.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = &trouble {
            tracing::error!("drill: {why}");
        }
        ledger.tell(ROOM, trouble);
    }
}

/// Whether the last drill is so long ago.
///
/// # Errors
/// `Store`: it can't be read.
pub fn is_due(store: &Path, now: UtcMicros, every: DurationUs) -> Result<bool, Failure> {
    let failed = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let entries = entries_of_kind(&read_only(store).map_err(failed)?, "drill").map_err(failed)?;
    let last = entries.last().and_then(|entry| entry.body.as_ref());
    let last = last.and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
    let at = last.and_then(|body| UtcMicros::parse_rfc3339(body["at"].as_str()?).ok());
    Ok(at.is_none_or(|at| now.since(at) >= every))
}
