//! Shipping: once for a command, again and again in the daemon.

use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::UtcMicros;
use kukaku_store::backup::{BackupError, ShipOrder, Shipped, ship};
use kukaku_store::read_only;

use crate::config::BackupConfig;
use crate::rooms::{Ledger, Stop, stopped};
use crate::site_dir::SiteDir;
use crate::writer::{Clock, RealClock};

/// The room's name.
pub const ROOM: &str = "backup";

/// Waits between attempts that failed grow to this: a share that comes back is found within five
/// minutes, and the log stays short.
const RETRY_LONGEST: Duration = Duration::from_secs(300);

/// Ships what was signed since the last time.
///
/// # Errors
/// As [`ship`].
pub fn ship_now(
    dir: &SiteDir,
    config: &BackupConfig,
    whole: bool,
    now: UtcMicros,
) -> Result<Option<Shipped>, BackupError> {
    let text = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        std::fs::read_to_string(&path).ok().map(|text| (name, text))
    };
    let order = ShipOrder {
        store: dir.store(),
        folder: config.folder.clone(),
        keep: config.keep,
        whole_every: config.whole_every,
        whole,
        files: [dir.config(), dir.verifier_key(), dir.former_keys()].into_iter().filter_map(text).collect(),
    };
    ship(&read_only(&dir.store())?, &order, now)
}

/// Ships until `stop`; says in the ledger when it can't.
///
/// # Errors
/// None: what fails is tried again.
pub async fn keep_shipping(
    dir: SiteDir,
    config: BackupConfig,
    ledger: Arc<Ledger>,
    mut stop: Stop,
) -> Result<(), String> {
    let every = Duration::from_micros(config.every.0.unsigned_abs());
    let clock = RealClock::new();
    let mut wait = every;
    let mut failed: Option<UtcMicros> = None;
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        let now = clock.read().wall;
        let (at, what) = (dir.clone(), config.clone());
        // A slow disk must not hold the others up.
        let outcome = tokio::task::spawn_blocking(move || ship_now(&at, &what, false, now)).await;
        let trouble = match outcome {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        match trouble {
            None => {
                if failed.take().is_some() {
                    tracing::info!("backup: goes on");
                }
                wait = every;
                ledger.tell(ROOM, None);
            }
            Some(why) => {
                let since = *failed.get_or_insert(now);
                wait = (wait * 2).min(RETRY_LONGEST);
                let why = format!("no backup since {}: {why}", since.to_rfc3339_utc());
                tracing::error!("{why}");
                ledger.tell(ROOM, Some(why));
            }
        }
    }
}
