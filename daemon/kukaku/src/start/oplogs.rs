//! Folders of operation logs.

use std::path::Path;
use std::sync::Arc;

use kukaku_footage::{Cursor, Follower, KNOWN_MAX, KnownSegment, OplogConfig};
use kukaku_schema::Name;
use kukaku_schema::observation::SegmentPath;
use kukaku_store::{StoreError, query, read_only};

use super::footage::reporter;
use crate::clock;
use crate::failure::Failure;
use crate::rooms::{Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts following one folder.
///
/// # Errors
/// `Written`: a setting can't be used.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &OplogConfig, writer: &Writer) -> Result<(), Failure> {
    let room = format!("operation logs {}", config.root.display());
    config.check().map_err(|e| Failure::Written(format!("oplogs: {}: {}", e.field, e.reason)))?;
    let report = reporter(room.clone(), rooms.ledger());
    let (store, config, writer) = (dir.store(), config.clone(), writer.clone());
    rooms.start(room, move |mut stop| {
        let (store, config, writer, report) = (store.clone(), config.clone(), writer.clone(), Arc::clone(&report));
        async move {
            let source = config.source.clone();
            let read = tokio::task::spawn_blocking(move || known(&store, &source)).await;
            let cursor = read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
            let follower = Follower::new(config.follow(), cursor, writer, report).map_err(|e| e.to_string())?;
            follower.run(clock::now, async move { stopped(&mut stop).await }).await;
            Ok(())
        }
    });
    Ok(())
}

/// What the store knows already of the source's files.
fn known(store: &Path, source: &Name) -> Result<Cursor, StoreError> {
    let conn = read_only(store)?;
    let mut cursor = Cursor::default();
    for row in query::oplogs_kept(&conn, source.as_str(), KNOWN_MAX)? {
        if let (Ok(camera), Ok(path)) = (Name::new(row.terminal), SegmentPath::new(row.path)) {
            let bytes = u64::try_from(row.bytes).unwrap_or(0);
            cursor.known.push(KnownSegment { camera, path, start: row.span.start, end: row.span.end, bytes });
        }
    }
    Ok(cursor)
}
