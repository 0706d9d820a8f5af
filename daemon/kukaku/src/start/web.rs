//! The pages and the API.

use std::net::SocketAddr;
use std::sync::Arc;

use kukaku_schema::registers::parse;
use kukaku_store::Changed;
use kukaku_web::{Commands, House, ImportOutcome, Part, Status};
use tokio::sync::broadcast;

use crate::clock;
use crate::commands::check::cannot_listen;
use crate::config::Config;
use crate::failure::Failure;
use crate::rooms::{Ledger, Rooms};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// What the pages ask of the daemon.
struct DaemonCommands {
    writer: Writer,
    ledger: Arc<Ledger>,
    runtime: tokio::runtime::Handle,
    started_at: kukaku_schema::UtcMicros,
}

impl Commands for DaemonCommands {
    fn status(&self) -> Status {
        let parts = self.ledger.read().into_iter().map(|room| {
            let note = match (&room.trouble, room.running) {
                (Some(why), _) => (why.clone(), why.clone()),
                (None, true) => ("動作中".to_owned(), "works".to_owned()),
                (None, false) => ("停止".to_owned(), "stopped".to_owned()),
            };
            Part { name: room.name, working: room.running && room.trouble.is_none(), note }
        });
        Status {
            started_at: self.started_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            parts: parts.collect(),
        }
    }

    fn import_registers(&self, toml: &str, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>> {
        let registers = parse(toml, "registers").map_err(|e| vec![e.to_string()])?;
        let act = self.writer.import_registers(registers, who.to_owned(), why.to_owned());
        let change = self.runtime.block_on(act).map_err(|e| vec![e.to_string()])?;
        Ok(ImportOutcome { added: change.added, changed: 0, ended: change.closed })
    }
}
