//! Apache Guacamoles that are asked for their history.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukaku_guacamole::{GuacamoleConfig, LinkEvent, Poller, Reporter, run};
use kukaku_schema::UtcMicros;
use kukaku_store::{StoreError, query, read_only};

use crate::clock;
use crate::rooms::{Ledger, Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts asking one Guacamole. One that can't be asked for now keeps nothing from starting.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &GuacamoleConfig, writer: &Writer) {
    let room = format!("guacamole {}", config.source.as_str());
    let report = reporter(room.clone(), rooms.ledger());
    let (store, config, writer) = (dir.store(), config.clone(), writer.clone());
    rooms.start(room, move |mut stop| {
        let (store, config, writer, report) = (store.clone(), config.clone(), writer.clone(), Arc::clone(&report));
        async move {
            let interval = config.interval;
            let opened = tokio::task::spawn_blocking(move || open(store, &config)).await;
            let poller = opened.map_err(|e| e.to_string())??;
            run(poller, interval, writer, clock::now, report, async move { stopped(&mut stop).await }).await;
            Ok(())
        }
    });
}

fn open(store: PathBuf, config: &GuacamoleConfig) -> Result<Poller, String> {
    let heard = heard(&store, config.source.as_str()).map_err(|e| e.to_string())?;
    Poller::open(config, heard, clock::now())
}

/// When the source was first and last heard: from there its history is read on.
fn heard(store: &Path, source: &str) -> Result<Option<(UtcMicros, UtcMicros)>, StoreError> {
    let conn = read_only(store)?;
    let found = query::sources(&conn)?.into_iter().find(|row| row.source == source);
    Ok(found.map(|row| (row.first_at, row.last_at)))
}

fn reporter(room: String, ledger: Arc<Ledger>) -> Reporter {
    Arc::new(move |event| {
        let trouble = match event {
            LinkEvent::Answered => None,
            LinkEvent::Trouble { why } => {
                tracing::warn!("{room}: {why}");
                Some(why)
            }
            LinkEvent::Lost { span } => {
                let (from, to) = (span.start.to_rfc3339_utc(), span.end.to_rfc3339_utc());
                tracing::error!("{room}: more records between {from} and {to} than Guacamole gives; some are missing");
                return;
            }
        };
        ledger.tell(&room, trouble);
    })
}
