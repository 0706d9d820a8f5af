//! Syslog listeners: what gateways say of their sessions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kukaku_schema::{Name, SiteZone};
use kukaku_syslog::{Limits, LineReader, LinkEvent, LinkEventKind, LossPlace, SourceConfig, SyslogConfig, SyslogLink};
use tokio::sync::mpsc;

use crate::clock;
use crate::dialects::{Dialect, open_sessions};
use crate::failure::Failure;
use crate::lost::Losses;
use crate::rooms::{Ledger, Rooms};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Events of one listener that may wait to be told: they are only logged.
const EVENTS_MAX: usize = 64;

/// How often it is looked whether losses that go on have to be said.
const LOSSES_LOOKED_AT: Duration = Duration::from_secs(1);

/// Starts one listener; `zone` is what clocks without a zone show.
///
/// # Errors
/// `Written`: a dialect can't be read.
pub fn start(
    rooms: &mut Rooms,
    dir: &SiteDir,
    config: &SyslogConfig,
    zone: &SiteZone,
    writer: &Writer,
) -> Result<(), Failure> {
    let room = format!("syslog {}", config.listen);
    let mut readers: Vec<(String, Name, Dialect)> = Vec::new();
    for source in &config.source {
        let wrong = |e: String| Failure::Written(format!("{room}: {e}"));
        let dialect = Dialect::named(&source.dialect, source.windows.as_ref()).map_err(|(_, why)| wrong(why))?;
        readers.push((source.name.clone(), Name::new(source.name.as_str()).map_err(wrong)?, dialect));
    }
    let (config, zone, writer, ledger) = (config.clone(), zone.clone(), writer.clone(), rooms.ledger());
    // Read before anything is said to be ready; after a restart of the room, anew.
    let (store, first) = (dir.store(), Mutex::new(Some(open_sessions(&dir.store()))));
    let name = room.clone();
    rooms.start(room, move |stop| {
        let (config, zone, writer, readers) = (config.clone(), zone.clone(), writer.clone(), readers.clone());
        let (ledger, name, store) = (Arc::clone(&ledger), name.clone(), store.clone());
        let open = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            let (sender, mut events) = mpsc::channel::<LinkEvent>(EVENTS_MAX);
            let open = match open {
                Some(open) => open,
                None => {
                    let read = tokio::task::spawn_blocking(move || open_sessions(&store)).await;
                    read.map_err(|e| e.to_string())?
                }
            };
            let reader = |source: &SourceConfig| -> Box<dyn LineReader> {
                let known = readers.iter().find(|(name, ..)| *name == source.name);
                let (_, name, dialect) = known.expect("a reader was made for each source of the listener");
                Box::new(dialect.reader(name.clone(), zone.clone()).with_open(&open))
            };
            let link = SyslogLink::bind(&config, Limits::default(), reader, sender, Arc::new(clock::now));
            let link = link.await.map_err(|e| e.to_string())?;
            let arrivals = link.name().to_owned();
            let names: Vec<Name> = readers.iter().map(|(_, name, _)| name.clone()).collect();
            let tell = async {
                let mut losses = Losses::default();
                loop {
                    let event = tokio::select! {
                        event = events.recv() => event,
                        () = tokio::time::sleep(LOSSES_LOOKED_AT), if !losses.is_empty() => {
                            if losses.is_due(clock::now()) {
                                said(&name, losses.say(&names, &writer, &arrivals, clock::now()).await);
                            }
                            continue;
                        }
                    };
                    let Some(event) = event else { break };
                    if let LinkEventKind::Lost { count, span, place } = &event.kind {
                        losses.add(Some(*count), *span, place_word(*place));
                    }
                    told(&name, &ledger, event.kind);
                    if losses.is_due(clock::now()) {
                        said(&name, losses.say(&names, &writer, &arrivals, clock::now()).await);
                    }
                }
                // The link has ended: what waits is said now or never.
                said(&name, losses.say(&names, &writer, &arrivals, clock::now()).await);
            };
            // It ends by itself once it is told to stop and what it read is durable.
            tokio::join!(link.serve(writer.clone(), stop), tell);
            Ok(())
        }
    });
    Ok(())
}

/// The word of a place in `source.gap`.
fn place_word(place: LossPlace) -> &'static str {
    match place {
        LossPlace::Kernel => "kernel",
        LossPlace::Buffer => "buffer",
        LossPlace::Stop => "stop",
    }
}

/// A gap that can't be kept waits; while nothing can be kept, the journal has a gap of its own.
fn said(name: &str, outcome: Result<(), String>) {
    if let Err(why) = outcome {
        tracing::error!("{name}: what was lost can't be recorded now: {why}");
    }
}

fn told(name: &str, ledger: &Ledger, event: LinkEventKind) {
    match event {
        LinkEventKind::Listening { address } => {
            tracing::info!("{name}: listens at {address}");
            ledger.tell(name, None);
        }
        LinkEventKind::NotReceiving { why } => {
            tracing::warn!("{name}: {why}");
            ledger.tell(name, Some(why));
        }
        LinkEventKind::SmallBuffer { asked, granted } => {
            let why =
                format!("the kernel gives {granted} bytes for datagrams, {asked} are wanted: raise net.core.rmem_max");
            tracing::warn!("{name}: {why}");
            ledger.tell(name, Some(why));
        }
        LinkEventKind::Lost { count, span, place } => {
            let place = match place {
                LossPlace::Kernel => "in the kernel",
                LossPlace::Buffer => "in our buffer",
                LossPlace::Stop => "at the stop",
            };
            let (from, to) = (span.start.to_rfc3339_utc(), span.end.to_rfc3339_utc());
            let why = format!("{count} line(s) were lost {place} between {from} and {to}");
            tracing::error!("{name}: {why}");
            ledger.tell(name, Some(why));
        }
        LinkEventKind::Connected { source, peer } => tracing::info!("{name}: {source} connected from {peer}"),
        LinkEventKind::Disconnected { source, peer, why } => tracing::info!("{name}: {source} at {peer} left: {why}"),
        LinkEventKind::UnknownSender { sender, count } => {
            let who = sender.map_or_else(|| "others".to_owned(), |sender| sender.to_string());
            tracing::warn!("{name}: {count} from {who}, whom no source names: not taken");
        }
        LinkEventKind::Refused { sender, count, why } => {
            let who = sender.map_or_else(|| "others".to_owned(), |sender| sender.to_string());
            tracing::warn!("{name}: {count} connection(s) of {who} refused: {why}");
        }
        LinkEventKind::DropsUnknown { why } => tracing::warn!("{name}: losses in the kernel can't be counted: {why}"),
    }
}
