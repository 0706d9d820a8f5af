//! The witnesses: one room each.

use std::path::Path;
use std::sync::Arc;

use kukaku_store::WitnessNote;

use crate::config::WitnessConfig;
use crate::failure::Failure;
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::witnesses::{Witness, keep_asking, room};
use crate::writer::Writer;

/// Notes who is asked from now on, and starts to ask.
///
/// # Errors
/// `Written`: a certificate can't be used. `Store`: it can't be noted.
pub async fn start(
    rooms: &mut Rooms,
    dir: &SiteDir,
    witnesses: &[WitnessConfig],
    writer: &Writer,
) -> Result<(), Failure> {
    let mut opened = Vec::new();
    for (place, config) in witnesses.iter().enumerate() {
        let witness = Witness::open(config).map_err(|e| Failure::Written(format!("witness.{place}.{e}")))?;
        opened.push(Arc::new(witness));
    }
    let named = opened.iter().map(|witness| (witness.name().to_owned(), witness.key().to_string())).collect();
    let noted = writer.note_witness(WitnessNote::Configured(named)).await;
    noted.map_err(|e| Failure::Store(format!("note who the witnesses are: {e}")))?;
    let store: Arc<Path> = dir.store().into();
    for witness in opened {
        let (store, writer, ledger) = (Arc::clone(&store), writer.clone(), rooms.ledger());
        rooms.start(room(&witness), move |stop| {
            keep_asking(Arc::clone(&witness), Arc::clone(&store), writer.clone(), Arc::clone(&ledger), stop)
        });
    }
    Ok(())
}
