//! RADIUS accounting: sessions as gateways account for them.

use std::path::Path;
use std::sync::Arc;

use kukaku_codec::radius::Accounting;
use kukaku_radius::{LinkEventKind, RadiusConfig, RadiusLink};
use kukaku_store::{query, read_only};

use crate::clock;
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Open sessions that are remembered over a restart, so that a gateway's restart ends them.
const REMEMBERED_MAX: u32 = 10_000;

/// Starts the listener.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &RadiusConfig, writer: &Writer) {
    let room = "radius";
    let (config, writer, ledger, store) = (config.clone(), writer.clone(), rooms.ledger(), dir.store());
    rooms.start(room, move |stop| {
        let (config, writer, ledger, store) = (config.clone(), writer.clone(), Arc::clone(&ledger), store.clone());
        async move {
            let memory = remembered(&config, &store);
            let report = {
                let ledger = Arc::clone(&ledger);
                move |event: kukaku_radius::LinkEvent| match event.kind {
                    LinkEventKind::NotReceiving { .. } => {
                        let why = format!("{:?}", event.kind);
                        tracing::warn!("radius: {why}");
                        ledger.tell("radius", Some(why));
                    }
                    kind => tracing::warn!("radius: {kind:?} ({} times)", event.times),
                }
            };
            let link = RadiusLink::bind(&config, secret, memory, Arc::new(clock::now), Arc::new(report)).await;
            let link = link.map_err(|e| e.to_string())?;
            ledger.tell("radius", None);
            link.serve(writer, stop).await;
            Ok(())
        }
    });
}

/// A secret stands in its file alone; the line's end is not part of it.
fn secret(path: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    Ok(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec())
}

/// What was open when we stopped: what the store can't tell is learnt again from the gateways.
fn remembered(config: &RadiusConfig, store: &Path) -> Accounting {
    let mut memory = Accounting::new(clock::now());
    let open = read_only(store).and_then(|conn| query::open_sessions(&conn, REMEMBERED_MAX));
    match open {
        Ok(open) => {
            for session in open.rows {
                if let Some(source) = config.sources().find(|source| source.as_str() == session.source)
                    && let Ok(id) = kukaku_schema::Name::new(session.session)
                {
                    memory.remember(source, &id);
                }
            }
        }
        Err(error) => tracing::warn!("radius: the open sessions can't be read: {error}"),
    }
    memory
}
