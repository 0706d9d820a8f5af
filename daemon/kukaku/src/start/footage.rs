//! Recorders' folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukaku_footage::{Cursor, Follower, FootageConfig, KNOWN_MAX, KnownSegment, LinkEvent, Reporter};
use kukaku_schema::observation::SegmentPath;
use kukaku_schema::{Name, Span, UtcMicros};
use kukaku_store::{StoreError, query, read_only};

use crate::clock;
use crate::failure::Failure;
use crate::rooms::{Ledger, Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts following one folder.
///
/// # Errors
/// `Written`: a setting can't be used.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &FootageConfig, writer: &Writer) -> Result<(), Failure> {
    let room = format!("footage {}", config.root.display());
    config.check().map_err(|e| Failure::Written(e.to_string()))?;
    let report = reporter(room.clone(), rooms.ledger());
    let (store, config, writer) = (dir.store(), config.clone(), writer.clone());
    rooms.start(room, move |mut stop| {
        let (store, config, writer, report) = (store.clone(), config.clone(), writer.clone(), Arc::clone(&report));
        async move {
            let cursor = read_cursor(store, &config).await?;
            let follower = Follower::new(config, cursor, writer, report).map_err(|e| e.to_string())?;
            follower.run(clock::now, async move { stopped(&mut stop).await }).await;
            Ok(())
        }
    });
    Ok(())
}

/// What the store knows already of the folder's cameras.
async fn read_cursor(store: PathBuf, config: &FootageConfig) -> Result<Cursor, String> {
    let one = config.camera.clone();
    let read = tokio::task::spawn_blocking(move || known(&store, one.as_ref())).await;
    read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

fn known(store: &Path, one: Option<&Name>) -> Result<Cursor, StoreError> {
    let conn = read_only(store)?;
    let mut cursor = Cursor::default();
    let cameras: BTreeSet<String> = match one {
        Some(camera) => BTreeSet::from([camera.as_str().to_owned()]),
        // Of a pattern with `{camera}` every camera may be meant; the follower leaves out paths
        // that its pattern doesn't name.
        None => query::registers(&conn)?.into_iter().flat_map(|r| r.cameras).map(|entry| entry.row.id).collect(),
    };
    for camera in cameras {
        let Ok(name) = Name::new(camera.as_str()) else { continue };
        let mut from = UtcMicros::MIN;
        let mut seen = BTreeSet::new();
        loop {
            // Lists are cut at a limit: goes on from the last start until nothing new comes.
            let rows = query::footage_in(&conn, std::slice::from_ref(&camera), Span::new(from, UtcMicros::MAX))?;
            let before = seen.len();
            for row in rows {
                from = from.max(row.span.start);
                if !seen.insert(row.path.clone()) || row.gone || cursor.known.len() >= KNOWN_MAX {
                    continue;
                }
                if let Ok(path) = SegmentPath::new(row.path) {
                    let bytes = u64::try_from(row.bytes).unwrap_or(0);
                    let segment =
                        KnownSegment { camera: name.clone(), path, start: row.span.start, end: row.span.end, bytes };
                    cursor.known.push(segment);
                }
            }
            if seen.len() == before {
                break;
            }
        }
    }
    Ok(cursor)
}

pub(super) fn reporter(room: String, ledger: Arc<Ledger>) -> Reporter {
    Arc::new(move |event| {
        let trouble = match event {
            LinkEvent::RootMissing { why } => Some(why),
            LinkEvent::FolderLost { known, missing } => Some(format!(
                "{missing} of {known} known files are missing at once; none is reported gone until they are back"
            )),
            LinkEvent::Unlistable { path, why } => Some(format!("{path} can't be listed: {why}")),
            LinkEvent::TooMany { what, limit } => Some(format!("more than {limit} {what}; the rest is not seen")),
            LinkEvent::StartsDisagree { camera, path, by } => Some(format!(
                "{path}: the file of camera {camera} says a start {} off from its name; check the recorder's clock and `zone`",
                by.to_text()
            )),
            LinkEvent::NotKept { why } => Some(why),
            LinkEvent::Polling { why } => {
                tracing::info!("{room}: looked through at intervals: {why}");
                return;
            }
            LinkEvent::RootBack | LinkEvent::FolderBack | LinkEvent::Watching => None,
        };
        match &trouble {
            Some(why) => tracing::warn!("{room}: {why}"),
            None => tracing::info!("{room}: followed"),
        }
        ledger.tell(&room, trouble);
    })
}
