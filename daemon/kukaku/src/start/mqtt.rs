//! The built-in MQTT listener, with and without TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kukaku_mqtt::listener::{Limits, Listener, ListenerConfig, User, VerifyPassword};
use kukaku_mqtt::{LinkEvent, MqttError, Rate, Reporter};
use kukaku_tls::Clients;
use tokio::sync::{Notify, watch};

use crate::commands::check::cannot_listen;
use crate::config::MqttListenConfig;
use crate::failure::Failure;
use crate::mqtt_passwords::{MqttPasswords, verify};
use crate::rooms::{Ledger, Rooms, Stop, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// The link's name in every arrival.
const LINK: &str = "mqtt";

/// How long a listener that was told of new users may take to let its clients go.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);

/// One listener to be: its room, the key of its address, where, and whether with TLS.
#[derive(Clone)]
struct Plan {
    room: &'static str,
    key: &'static str,
    address: SocketAddr,
    tls: bool,
}

/// Starts the listeners; returns the addresses they listen on, with their room's name.
///
/// # Errors
/// `Address`: one can't be listened on. `Written`: certificate, key or users can't be used.
pub async fn start(
    rooms: &mut Rooms,
    dir: &SiteDir,
    config: &MqttListenConfig,
    writer: &Writer,
    users_changed: &Arc<Notify>,
) -> Result<Vec<(&'static str, SocketAddr)>, Failure> {
    let plain = config.listen.map(|address| Plan { room: "mqtt", key: "mqtt.listen", address, tls: false });
    let tls = config.tls.as_ref().map(|tls| Plan {
        room: "mqtt tls",
        key: "mqtt.tls.listen",
        address: tls.listen,
        tls: true,
    });
    let mut bound = Vec::new();
    let changed = users_changed_to_all(rooms, Arc::clone(users_changed));
    for plan in [plain, tls].into_iter().flatten() {
        let report = reporter(plan.room, rooms.ledger());
        let listener = bind(dir, config, &plan, &report).await?;
        let address = listener.local_address().map_err(|e| Failure::Address(format!("{}: {e}", plan.room)))?;
        bound.push((plan.room, address));
        // The port that was chosen stays the same when the listener is made anew.
        let plan = Plan { address, ..plan };
        let first = Arc::new(Mutex::new(Some(listener)));
        let (dir, config, writer, changed) = (dir.clone(), config.clone(), writer.clone(), changed.clone());
        rooms.start(plan.room, move |stop| {
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            keep_listening(
                dir.clone(),
                config.clone(),
                plan.clone(),
                first,
                writer.clone(),
                report.clone(),
                changed.clone(),
                stop,
            )
        });
    }
    Ok(bound)
}

/// One notification for each listener.
fn users_changed_to_all(rooms: &mut Rooms, changed: Arc<Notify>) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    let sender = Arc::new(sender);
    rooms.start("mqtt users", move |mut stop| {
        let (sender, changed) = (Arc::clone(&sender), Arc::clone(&changed));
        async move {
            loop {
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = changed.notified() => sender.send_modify(|times| *times += 1),
                }
            }
        }
    });
    receiver
}

async fn bind(dir: &SiteDir, config: &MqttListenConfig, plan: &Plan, report: &Reporter) -> Result<Listener, Failure> {
    let users = users(dir, config, plan.tls)?;
    let tls = match (&config.tls, plan.tls) {
        (Some(tls), true) => {
            let made = kukaku_tls::server(
                &tls.certificate,
                &tls.key,
                tls.client_ca.as_deref().map_or(Clients::NotAsked, Clients::MayShow),
            );
            Some(made.map_err(|e| Failure::Written(e.to_string()))?)
        }
        _ => None,
    };
    let limits = Limits {
        connections_max: usize::try_from(config.connections_max).unwrap_or(usize::MAX),
        rate: Rate { per_second: config.rate.per_second, burst: config.rate.burst },
        ..Limits::default()
    };
    let made = ListenerConfig { address: plan.address, tls, users, link: LINK.to_owned(), limits };
    let check: VerifyPassword = Arc::new(verify);
    Listener::bind(made, check, Arc::clone(report)).await.map_err(|error| match error {
        MqttError::Bind { address, source } => Failure::Address(cannot_listen(plan.key, address, &source)),
        other => Failure::Written(other.to_string()),
    })
}

/// Those of the password file and those with certificates; a user with both has to show both.
fn users(dir: &SiteDir, config: &MqttListenConfig, tls: bool) -> Result<Vec<User>, Failure> {
    let passwords = MqttPasswords::read(&dir.mqtt_passwords()).map_err(Failure::Written)?;
    let mut users: BTreeMap<String, User> = passwords
        .0
        .into_iter()
        .map(|(name, user)| {
            let known =
                User { name: name.clone(), password_hash: Some(user.hash), certificate: None, sources: user.sources };
            (name, known)
        })
        .collect();
    for device in &config.certificate {
        let name = device.user.as_ref().unwrap_or(&device.name);
        let user = users.entry(name.clone()).or_insert_with(|| User {
            name: name.clone(),
            password_hash: None,
            certificate: None,
            sources: Vec::new(),
        });
        user.certificate = Some(device.name.clone());
        user.sources.extend(device.sources.iter().filter(|s| !user.sources.contains(s)).cloned().collect::<Vec<_>>());
    }
    // Without TLS nobody can show a certificate, so those who must can't come in this way.
    Ok(users.into_values().filter(|user| tls || user.certificate.is_none()).collect())
}

/// Serves until `stop`; with new users, the listener is made anew on the same address.
#[allow(clippy::too_many_arguments)] // Everything a listener is made from, each of its own type.
async fn keep_listening(
    dir: SiteDir,
    config: MqttListenConfig,
    plan: Plan,
    first: Option<Listener>,
    writer: Writer,
    report: Reporter,
    mut changed: watch::Receiver<u64>,
    mut stop: Stop,
) -> Result<(), String> {
    let mut listener = match first {
        Some(listener) => listener,
        None => bind(&dir, &config, &plan, &report).await.map_err(|e| e.to_string())?,
    };
    loop {
        changed.borrow_and_update();
        let (let_go, ends) = watch::channel(false);
        let serving = tokio::spawn(listener.serve(writer.clone(), ends));
        let mut serving = AbortOnDrop(serving);
        let again = tokio::select! {
            ended = &mut serving.0 => match ended {
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                _ => return Err("the listener ended by itself".to_owned()),
            },
            () = stopped(&mut stop) => false,
            told = changed.changed() => told.is_ok(),
        };
        let_go.send_replace(true);
        // Whoever does not let go in time is cut off and sends again what was not acknowledged.
        let _ = tokio::time::timeout(LET_GO_WITHIN, &mut serving.0).await;
        drop(serving);
        if !again {
            return Ok(());
        }
        tracing::info!("{}: the users were read again", plan.room);
        listener = bind(&dir, &config, &plan, &report).await.map_err(|e| e.to_string())?;
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a listener tells goes into the log; what keeps it from working also into the ledger.
pub(super) fn reporter(room: &'static str, ledger: Arc<Ledger>) -> Reporter {
    Arc::new(move |event| match event {
        LinkEvent::Connected { user, client_id, peer } => {
            tracing::info!("{room}: {user} signed in from {peer} as {client_id}");
        }
        LinkEvent::Disconnected { user, peer, why, .. } => tracing::info!("{room}: {user} from {peer} is gone: {why}"),
        LinkEvent::Refused { peer, user, why } => {
            let user = user.as_deref().unwrap_or("somebody");
            tracing::warn!("{room}: {user} from {peer} was not let in: {why}");
        }
        LinkEvent::SourceThrottled { source } => {
            tracing::warn!("{room}: {source} sends more than its rate and is held back");
        }
        LinkEvent::SourceFlowing { source, held_back } => {
            tracing::info!("{room}: {source} is within its rate again; {held_back} messages had to wait");
        }
        LinkEvent::NotAccepting { why } => {
            tracing::error!("{room}: no new connections: {why}");
            ledger.tell(room, Some(why));
        }
        LinkEvent::BrokerConnected { .. } | LinkEvent::BrokerLost { .. } => {}
    })
}
