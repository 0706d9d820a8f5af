//! `kukaku run`: the daemon, from the store's lock to the stop leaf.
//!
//! In this order: the store is owned, the addresses are bound, the rooms are started, and only
//! then is it ready. On SIGTERM in reverse: links let go, what was handed in is kept, the journal
//! says that watching ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::certificates::certificate_warnings;
use super::check;
use crate::cli::RunArgs;
use crate::config::{Loaded, load};
use crate::control;
use crate::failure::Failure;
use crate::logs;
use crate::rooms::{Rooms, stopped};
use crate::say::say;
use crate::site_dir::SiteDir;
use crate::start;
use crate::supervisor::Supervisor;
use crate::writer::Writer;

/// Runs the command.
///
/// # Errors
/// Why it did not start, or could not go on.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let loaded = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?;
    run_site(&dir, &loaded, |_, _, ready| say(ready))
}

/// Runs the daemon of one installation until it is told to stop; `ready` is called once everything
/// listens, and may start rooms of its own.
///
/// # Errors
/// As `run`.
pub fn run_site(
    dir: &SiteDir,
    loaded: &Loaded,
    ready: impl FnOnce(&mut Rooms, &Writer, String),
) -> Result<(), Failure> {
    logs::start(&loaded.config.log).map_err(Failure::Written)?;
    let refused = check::refusals(dir, &loaded.config);
    if let Some(first) = refused.first() {
        return Err(Failure::Written(format!("{first} (`kukaku check` lists everything)")));
    }
    for (_, warning) in certificate_warnings(dir, &loaded.config) {
        tracing::warn!("{warning}");
    }
    for warning in check::warnings(&loaded.config) {
        tracing::warn!("{warning}");
    }
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Failed(format!("start the runtime: {e}")))?;
    let outcome = runtime.block_on(serve(dir, loaded, ready));
    // Threads that still read a slow disk are not waited for: nothing of theirs is acknowledged.
    runtime.shutdown_background();
    outcome
}

async fn serve(dir: &SiteDir, loaded: &Loaded, tell: impl FnOnce(&mut Rooms, &Writer, String)) -> Result<(), Failure> {
    // Before anything is opened, so that a stop that comes early is not lost.
    let mut stop_signals = Signals::listen()?;
    let supervisor =
        Arc::new(Supervisor::of_environment().map_err(|e| Failure::Failed(format!("reach the service manager: {e}")))?);
    refuse_taken_addresses(dir, loaded)?;
    let writer = start::writer::for_daemon(dir, loaded)?;
    let mut rooms = Rooms::new();
    let ready = match open_rooms(&mut rooms, dir, loaded, &writer).await {
        Ok(ready) => ready,
        Err(failure) => {
            rooms.drain().await;
            // The failure at hand says more than one of stopping.
            let _ = writer.stop().await;
            return Err(failure);
        }
    };
    start_watchdog(&mut rooms, &supervisor, &writer);
    tell(&mut rooms, &writer, ready);
    supervisor.ready();
    let why = tokio::select! {
        name = stop_signals.next() => {
            tracing::info!("{name}: stopping");
            Ok(())
        }
        ended = writer.ended() => Err(Failure::Store(match ended {
            Err(why) => why,
            Ok(()) => "the writer ended by itself".to_owned(),
        })),
        why = rooms.fatal() => Err(Failure::Failed(why)),
    };
    supervisor.stopping();
    if !rooms.drain().await {
        tracing::warn!("not every room ended in time; what they had not acknowledged is sent again");
    }
    match (why, writer.stop().await) {
        (Err(failure), _) => Err(failure),
        (Ok(()), Ok(())) => Ok(()),
        (Ok(()), Err(error)) => Err(Failure::Store(error.to_string())),
    }
}

/// Told before the journal says that watching began: a service manager that tries again and again
/// would fill it. Where a daemon runs on this very folder, the store's lock gives the better answer.
fn refuse_taken_addresses(dir: &SiteDir, loaded: &Loaded) -> Result<(), Failure> {
    if matches!(control::ask_daemon(dir, &control::Request::Rooms), Ok(Some(_))) {
        return Ok(());
    }
    for (key, address) in check::addresses(&loaded.config) {
        if let Err(error) = std::net::TcpListener::bind(address) {
            return Err(Failure::Address(check::cannot_listen(key, address, &error)));
        }
    }
    Ok(())
}

/// Starts every room; says where it can be reached.
async fn open_rooms(rooms: &mut Rooms, dir: &SiteDir, loaded: &Loaded, writer: &Writer) -> Result<String, Failure> {
    let config = &loaded.config;
    let users_changed = Arc::new(Notify::new());
    let mut ready = format!("kukaku is ready: web {}", start::web::start(rooms, dir, config, writer)?);
    if let Some(mqtt) = &config.mqtt {
        for (room, address) in start::mqtt::start(rooms, dir, mqtt, writer, &users_changed).await? {
            ready.push_str(&format!(", {room} {address}"));
        }
    }
    for broker in &config.broker {
        start::broker::start(rooms, broker, writer)?;
    }
    for line in &config.serial {
        start::serial::start(rooms, line, writer)?;
    }
    let zone = kukaku_schema::SiteZone::named(&start::writer::time_zone(dir)?).map_err(Failure::Store)?;
    for port in &config.syslog {
        start::syslog::start(rooms, dir, port, &zone, writer)?;
    }
    if let Some(radius) = &config.radius {
        start::radius::start(rooms, dir, radius, writer);
    }
    for guacamole in &config.guacamole {
        start::guacamole::start(rooms, dir, guacamole, writer);
    }
    for folder in &config.footage {
        start::footage::start(rooms, dir, folder, writer)?;
    }
    for folder in &config.oplogs {
        start::oplogs::start(rooms, dir, folder, writer)?;
    }
    start::alerts::start(rooms, dir, config, writer, &start::writer::time_zone(dir)?).await?;
    start::witnesses::start(rooms, dir, &config.witness, writer).await?;
    start::backup::start(rooms, dir, config, writer);
    start::commands::start(rooms, dir, config, writer, users_changed);
    start::accounts::start(rooms, dir, writer);
    crate::retention::start(rooms, dir, writer);
    crate::wellness::start(rooms, dir, config, writer);
    Ok(ready)
}

/// Tells the service manager that we live for as long as the writer answers.
fn start_watchdog(rooms: &mut Rooms, supervisor: &Arc<Supervisor>, writer: &Writer) {
    let Some(every) = supervisor.watchdog_every() else { return };
    let (supervisor, writer) = (Arc::clone(supervisor), writer.clone());
    rooms.start("watchdog", move |mut stop| {
        let (supervisor, writer) = (Arc::clone(&supervisor), writer.clone());
        async move {
            loop {
                // Any answer will do: a writer that waits for a full disk lives.
                if tokio::time::timeout(every, writer.advance()).await.is_ok() {
                    supervisor.alive();
                }
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = tokio::time::sleep(every.min(Duration::from_secs(10))) => {}
                }
            }
        }
    });
}

/// Many devices and browsers at once need more open files than the usual soft limit allows.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("raise the limit of open files: {error}");
    }
}

/// The signals that ask for an orderly end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::Failed(format!("listen for signals: {e}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
