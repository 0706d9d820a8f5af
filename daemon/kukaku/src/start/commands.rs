//! The socket over which commands reach the daemon.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::config::Config;
use crate::control::{Desk, serve};
use crate::rooms::Rooms;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// Starts the socket's room.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &Config, writer: &Writer, mqtt_users_changed: Arc<Notify>) {
    let desk = Desk {
        writer: writer.clone(),
        store: dir.store(),
        ledger: Some(rooms.ledger()),
        mqtt_users_changed,
        passwords: config.passwords.rules(),
    };
    let dir = dir.clone();
    rooms.start("commands", move |stop| serve(desk.clone(), dir.clone(), stop));
}
