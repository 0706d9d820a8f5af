//! Serial lines.

use kukaku_serial::{LinkEvent, LinkEventKind, SerialConfig, SerialLink};
use tokio::sync::mpsc;

use crate::clock;
use crate::failure::Failure;
use crate::rooms::{Rooms, stopped};
use crate::writer::Writer;

/// Events of one line that may wait to be told: they are only logged.
const EVENTS_MAX: usize = 64;

/// Starts one line.
///
/// # Errors
/// `Written`: a setting can't be used.
pub fn start(rooms: &mut Rooms, config: &SerialConfig, writer: &Writer) -> Result<(), Failure> {
    let room = format!("serial {}", config.port);
    SerialLink::new(config.clone()).map_err(|e| Failure::Written(format!("{room}: {e}")))?;
    let (config, writer, ledger, name) = (config.clone(), writer.clone(), rooms.ledger(), room.clone());
    rooms.start(room, move |mut stop| {
        let (link, writer) = (SerialLink::new(config.clone()), writer.clone());
        let (ledger, name) = (std::sync::Arc::clone(&ledger), name.clone());
        async move {
            let link = link.map_err(|e| e.to_string())?;
            let (sender, mut events) = mpsc::channel::<LinkEvent>(EVENTS_MAX);
            let tell = async {
                while let Some(event) = events.recv().await {
                    match event.kind {
                        LinkEventKind::Connected => {
                            tracing::info!("{name}: open");
                            ledger.tell(&name, None);
                        }
                        LinkEventKind::Disconnected { reason } | LinkEventKind::OpenFailed { reason } => {
                            tracing::warn!("{name}: {reason}");
                            ledger.tell(&name, Some(reason));
                        }
                        LinkEventKind::Unreadable { reason } => tracing::warn!("{name}: kept as unreadable: {reason}"),
                    }
                }
                // The line lives as long as this room.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = link.run(writer, sender, clock::now) => {}
                () = tell => {}
                () = stopped(&mut stop) => {}
            }
            Ok(())
        }
    });
    Ok(())
}
