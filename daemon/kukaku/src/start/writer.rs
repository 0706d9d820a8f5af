//! The one writer: for the daemon, or for one command.

use std::sync::Arc;

use kukaku_ledger::SigningKey;
use kukaku_schema::registers::Registers;
use kukaku_store::{query, read_only};

use super::{hash_of, hash_of_file};
use crate::config::{Loaded, load};
use crate::failure::Failure;
use crate::outbox::Route;
use crate::retention::keep_reserve;
use crate::site_dir::SiteDir;
use crate::writer::{ActError, Purpose, RealClock, Writer, WriterConfig, WriterError};

/// Starts the writer of the daemon: from here on the site is watched.
///
/// # Errors
/// `Store`: it can't be opened. `Written`: the key or the configuration can't be used.
pub fn for_daemon(dir: &SiteDir, loaded: &Loaded) -> Result<Writer, Failure> {
    let program = std::env::current_exe().and_then(|path| hash_of_file(&path));
    let program = program.map_err(|e| Failure::Failed(format!("read this very program: {e}")))?;
    let configuration = hash_of(loaded.text.as_bytes());
    start(dir, loaded, Purpose::Watch { program, configuration })
}

/// Starts the writer for one command on a store that nobody watches.
///
/// # Errors
/// As `for_daemon`.
pub fn for_command(dir: &SiteDir) -> Result<Writer, Failure> {
    let loaded = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?;
    start(dir, &loaded, Purpose::Command)
}

/// Keeps the registers with which a site begins.
///
/// # Errors
/// What the writer said.
pub fn keep_first_registers(dir: &SiteDir, registers: &Registers, file: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Failed(format!("start the runtime: {e}")))?;
    runtime.block_on(async {
        let writer = for_command(dir)?;
        let kept = writer.import_registers(registers.clone(), "kukaku init".to_owned(), file.to_owned()).await;
        let stopped = writer.stop().await;
        kept.map_err(act_failure)?;
        stopped.map_err(act_failure)
    })
}

fn start(dir: &SiteDir, loaded: &Loaded, purpose: Purpose) -> Result<Writer, Failure> {
    keep_reserve(&dir.store());
    let path = dir.signing_key();
    let text = std::fs::read_to_string(&path).map_err(|e| Failure::Written(format!("read {}: {e}", path.display())))?;
    let key = SigningKey::parse(text.trim_end()).map_err(|e| Failure::Written(format!("{}: {e}", path.display())))?;
    let route = Route::new(&loaded.config.alerts, &time_zone(dir)?);
    Writer::start(WriterConfig {
        store: dir.store(),
        key,
        key_files: Some(dir.key_files()),
        checkpoint_file: dir.checkpoint(),
        purpose,
        clock: Arc::new(RealClock::new()),
        route: Box::new(move |notice| route.channels(notice)),
    })
    .map_err(failure)
}

/// The site's time zone, by which rules with hours are judged.
///
/// # Errors
/// `Store`: it can't be read.
pub fn time_zone(dir: &SiteDir) -> Result<String, Failure> {
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(store)?;
    let registers = query::registers(&conn).map_err(store)?;
    // Before the first import there is nothing to be alerted about.
    Ok(registers.map_or_else(|| "UTC".to_owned(), |registers| registers.site.time_zone))
}

/// What keeps the writer from working, sorted for the exit code.
#[must_use]
pub fn failure(error: WriterError) -> Failure {
    match error {
        WriterError::Thread(_) => Failure::Failed(error.to_string()),
        _ => Failure::Store(error.to_string()),
    }
}

/// Why the writer did not do something, sorted for the exit code.
#[must_use]
pub fn act_failure(error: ActError) -> Failure {
    match error {
        ActError::Refused(why) => Failure::Failed(why),
        ActError::NotKept(_) => Failure::Store(error.to_string()),
    }
}
