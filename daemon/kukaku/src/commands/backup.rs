//! `kukaku backup`, `kukaku restore`: copies on another disk, and an installation made of one.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use kukaku_ledger::{Checkpoint, SigningKey};
use kukaku_schema::Lang;
use kukaku_store::backup::{BackupError, Generation, generations};
use kukaku_store::{newest_checkpoint, read_only, verify};

use super::registers::act;
use super::verify::{progress, terms};
use crate::backup::{RestoreReport, drill, drill_lines, restore_store, ship_now};
use crate::cli::{BackupAction, BackupArgs, DrillArgs, RestoreArgs};
use crate::config::{BackupConfig, load, sample};
use crate::control::Request;
use crate::durable::{PUBLIC_MODE, SECRET_MODE, write_file};
use crate::failure::Failure;
use crate::say::{say, warn};
use crate::site_dir::SiteDir;
use crate::writer::{Clock as _, RealClock};

/// Why a backup failed, sorted for the exit code.
fn failure(error: BackupError) -> Failure {
    match error {
        BackupError::Store(error) => Failure::Store(error.to_string()),
        other => Failure::Failed(other.to_string()),
    }
}

/// Runs `kukaku backup`.
///
/// # Errors
/// `Written`: no folder is configured. `Failed`, `Store`: it can't be written or read.
pub fn run(args: &BackupArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.as_deref())?;
    let config = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?.config;
    let Some(backup) = config.backup else {
        let file = dir.config();
        return Err(Failure::Written(format!("{}: add [backup] with `folder`, on another disk", file.display())));
    };
    match args.action {
        Some(BackupAction::List) => list(&backup),
        None => now(&dir, &backup, args.whole),
    }
}

fn now(dir: &SiteDir, backup: &BackupConfig, whole: bool) -> Result<(), Failure> {
    let shipped = ship_now(dir, backup, whole, RealClock::new().read().wall).map_err(failure)?;
    let Some(shipped) = shipped else {
        say("署名された記録がまだありません (nothing was signed yet; `kukaku run` signs each minute)");
        return Ok(());
    };
    match &shipped.segment {
        None => say(format!(
            "世代 {}：新しい記録はありません (generation {}: nothing new, {} entries)",
            shipped.generation, shipped.generation, shipped.size
        )),
        Some(segment) => {
            say(format!("世代 (generation) {}: {}", shipped.generation, segment.path.display()));
            say(format!(
                "記録 (entries) {}..{}, {} bytes, 読み戻して検証済み (read back and verified)",
                segment.first, segment.end, segment.bytes
            ));
            say(format!("root {}", segment.root));
        }
    }
    for gone in &shipped.thinned {
        say(format!("古い世代 {gone} を削除しました (old generation removed)"));
    }
    Ok(())
}

fn list(backup: &BackupConfig) -> Result<(), Failure> {
    let all = generations(&backup.folder).map_err(failure)?;
    for generation in &all {
        say(format!(
            "世代 (generation) {}: {} entries, {} segments, {} bytes",
            generation.number,
            generation.size(),
            generation.segments.len(),
            generation.bytes()
        ));
    }
    if all.is_empty() {
        say("バックアップはまだありません (no backup yet)");
    }
    Ok(())
}

/// Runs `kukaku restore`.
///
/// # Errors
/// `Written`: folders are not as they should be. `Failed`: the backup is damaged; an older one is
/// named. `Differs`: what was restored does not verify.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let all = generations(&args.from).map_err(failure)?;
    let chosen = match args.generation {
        None => all.last(),
        Some(number) => all.iter().find(|generation| generation.number == number),
    };
    let none = || failure(BackupError::NoGeneration { folder: args.from.clone(), wanted: args.generation });
    let chosen = chosen.ok_or_else(none)?;
    let part = empty_part(&args.into)?;
    let made = make(chosen, &part, &args.keys).map_err(|failed| older(failed, &all, chosen));
    let report = match made {
        Ok(report) => report,
        Err(failure) => {
            // It holds copies of keys.
            forget(&part);
            return Err(failure);
        }
    };
    tell(&report);
    std::fs::rename(&part, &args.into).map_err(|e| Failure::io("make", &args.into, &e))?;
    say(format!("{} に復元しました (restored)", args.into.display()));
    say("署名する前に、外で知られている最新のチェックポイントと照合してください。");
    say("Before it signs anything, hold it against the newest checkpoint known outside:");
    say(format!("  kukaku reconcile {} --checkpoint FILE", args.into.display()));
    Ok(())
}

/// Says which older generation may be whole.
fn older(failed: Failure, all: &[Generation], chosen: &Generation) -> Failure {
    let before = all.iter().rev().find(|generation| generation.number < chosen.number);
    match (failed, before) {
        (Failure::Failed(why) | Failure::Store(why), Some(before)) => Failure::Failed(format!(
            "generation {}: {why}; an older one is there, of {} entries: --generation {}",
            chosen.number,
            before.size(),
            before.number
        )),
        (failed, _) => failed,
    }
}

/// The folder in which it is made, beside the one that is wanted.
fn empty_part(into: &Path) -> Result<PathBuf, Failure> {
    let taken = std::fs::read_dir(into).map(|mut files| files.next().is_some());
    if into.exists() && taken.unwrap_or(true) {
        return Err(Failure::Written(format!("{} is there and not empty; name a folder to be made", into.display())));
    }
    let name = into.file_name().ok_or_else(|| Failure::Written(format!("{} is no folder's name", into.display())))?;
    let part = into.with_file_name(format!(".{}.part", name.to_string_lossy()));
    forget(&part);
    let make = |path: &Path| DirBuilder::new().mode(0o700).create(path).map_err(|e| Failure::io("make", path, &e));
    make(&part)?;
    make(&part.join("keys"))?;
    Ok(part)
}

/// Removes a folder that was not finished, its keys overwritten first.
pub(crate) fn forget(part: &Path) {
    for file in std::fs::read_dir(part.join("keys")).into_iter().flatten().flatten() {
        let length = file.metadata().map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(0));
        // Best effort: what could not be overwritten is removed all the same.
        let _ = std::fs::write(file.path(), vec![b'0'; length]);
    }
    let _ = std::fs::remove_dir_all(part);
}

/// Makes an installation of a generation in `part`, whose folder `keys` is there, and verifies all of it.
pub(crate) fn make(generation: &Generation, part: &Path, keys: &Path) -> Result<RestoreReport, Failure> {
    let dir = SiteDir::at(part);
    if !keys.join("values.keys").is_file() {
        return Err(Failure::Written(format!(
            "{} holds no values.keys; keys lie outside of backups, and without them no value can be read",
            keys.display()
        )));
    }
    for file in std::fs::read_dir(keys).map_err(|e| Failure::io("read", keys, &e))? {
        let path = file.map_err(|e| Failure::io("read", keys, &e))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let bytes = std::fs::read(&path).map_err(|e| Failure::io("read", &path, &e))?;
            let copy = dir.keys().join(name);
            write_file(&copy, &bytes, SECRET_MODE).map_err(|e| Failure::io("write", &copy, &e))?;
        }
    }
    let bar = progress();
    let report = restore_store(generation, &dir.store(), |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report.map_err(failure)?;
    let write = |path: PathBuf, text: &str| {
        write_file(&path, text.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &path, &e))
    };
    write(dir.config(), &sample(Lang::Ja))?;
    for (name, text) in &report.files {
        if [dir.config(), dir.verifier_key(), dir.former_keys()].contains(&part.join(name)) {
            write(part.join(name), text)?;
        }
    }
    let path = dir.signing_key();
    let key = std::fs::read_to_string(&path).map_err(|e| Failure::Written(format!("read {}: {e}", path.display())))?;
    let key = SigningKey::parse(key.trim_end()).map_err(|e| Failure::Written(format!("{}: {e}", path.display())))?;
    write(dir.verifier_key(), &format!("{}\n", key.verifier()))?;
    let conn = read_only(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
    let terms = terms(&dir)?;
    let newest = newest_checkpoint(&conn).map_err(|e| Failure::Store(e.to_string()))?;
    let note = newest.map(|newest| newest.note).unwrap_or_default();
    let signed = Checkpoint::open(note.as_bytes(), &terms)
        .map_err(|e| Failure::Differs(format!("the newest checkpoint of the backup: {e}")))?;
    if signed.head != report.head {
        return Err(Failure::Differs("what was restored is not what was signed".to_owned()));
    }
    let verified = verify(&conn, &terms, None, |_, _| {}).map_err(|e| Failure::Store(e.to_string()))?;
    // What was erased since this backup was made is named by no entry of it.
    if let Some(fault) = verified.faults.first().filter(|_| verified.faults.len() as u64 > report.unnamed) {
        return Err(Failure::Differs(format!(
            "what was restored does not verify: entry {}: {}",
            fault.entry, fault.what
        )));
    }
    Ok(report)
}

fn tell(report: &RestoreReport) {
    say(format!("{}: {} entries, root {}", report.origin, report.head.size, report.head.root));
    if report.gone > 0 {
        say(format!("値のない記録 (entries without a value): {}", report.gone));
    }
    if !report.beside {
        warn(
            "keys/backup.key は合いません：利用者は kukaku users で作り直してください (no users: the copy of them can't be opened)",
        );
    }
    if !report.files.iter().any(|(name, _)| name == "kukaku.toml") {
        warn("kukaku.toml は見本です (kukaku.toml is the sample: the copy of yours can't be opened)");
    }
}

/// Runs `kukaku drill`.
///
/// # Errors
/// `Written`: no folder is configured. `Failed`: there is no backup yet. `Differs`: one is none.
pub fn run_drill(args: &DrillArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let config = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?.config;
    let Some(backup) = config.backup else {
        let file = dir.config();
        return Err(Failure::Written(format!("{}: add [backup] with `folder`, on another disk", file.display())));
    };
    let note = drill(&dir, &backup)?;
    drill_lines(&note).into_iter().for_each(say);
    let passed = note.passed;
    act(&dir, &Request::Drilled { note })?;
    if passed {
        return Ok(());
    }
    Err(Failure::Differs("a backup could not be restored; begin a new whole copy: kukaku backup --whole".to_owned()))
}
