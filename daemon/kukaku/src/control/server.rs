//! The owner's end of the conversation.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use kukaku_schema::intake::{Intake as _, NotKept, Receipt};
use kukaku_schema::{Span, UtcMicros};
use kukaku_store::NewHold;
use kukaku_store::users::{PasswordRules, Users};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::client::short_path;
use super::{Credentials, LINE_MAX_BYTES, Reply, Request, RoomReply, WireArrival};
use super::{by_two, export, failures, holds, keys, offboarding, orders};
use crate::config;
use crate::failure::Failure;
use crate::rooms::{Ledger, Stop, stopped};
use crate::site_dir::SiteDir;
use crate::start;
use crate::writer::{Wanted, Writer};

/// Conversations at once: commands are typed by people.
const CONVERSATIONS_MAX: usize = 8;

/// Arrivals of an import that wait for their commit: many group commits, a few MiB.
const IN_FLIGHT_MAX: usize = 4096;

/// After so many arrivals an import tells how far it is.
const TELL_EVERY: u64 = 1000;

/// What is needed to serve commands.
#[derive(Clone)]
pub struct Desk {
    /// The way into the store.
    pub writer: Writer,
    /// The store, for reading.
    pub store: PathBuf,
    /// How the rooms are; none where a command owns the store.
    pub ledger: Option<Arc<Ledger>>,
    /// Told when the MQTT users changed.
    pub mqtt_users_changed: Arc<Notify>,
    /// What is asked of passwords.
    pub passwords: PasswordRules,
}

impl Desk {
    /// Opens the store for one command.
    pub(super) fn alone(dir: &SiteDir) -> Result<Self, Failure> {
        let writer = start::writer::for_command(dir)?;
        // A configuration that can't be read allows nobody more than the strict rules.
        let passwords = config::load(&dir.config()).map(|loaded| loaded.config.passwords.rules()).unwrap_or_default();
        Ok(Self { writer, store: dir.store(), ledger: None, mqtt_users_changed: Arc::default(), passwords })
    }

    /// Opens the users, on a thread that may block.
    pub(super) fn users(&self) -> impl FnOnce() -> Result<Users, Failure> + Send + 'static {
        let (store, rules) = (self.store.clone(), self.passwords);
        move || Ok(Users::open(&store).map_err(|e| Failure::Store(e.to_string()))?.with_rules(rules))
    }

    /// Closes a store opened by `alone`.
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.writer.stop().await.map_err(|e| Failure::Store(e.to_string()))
    }
}

/// Serves commands until `stop`.
///
/// # Errors
/// The socket can't be made.
pub async fn serve(desk: Desk, dir: SiteDir, mut stop: Stop) -> Result<(), String> {
    let path = dir.control_socket();
    let listener = listen(&path)?;
    let slots = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("accept a command: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let (desk, mut stop) = (desk.clone(), stop.clone());
        conversations.spawn(async move {
            tokio::select! {
                () = serve_connection(&desk, stream) => {}
                () = stopped(&mut stop) => {}
            }
            drop(slot);
        });
    }
    // Best effort: a socket that stays behind refuses connections, which means the same.
    let _ = std::fs::remove_file(&path);
    while conversations.join_next().await.is_some() {}
    Ok(())
}

/// This process owns the store, so a socket that is there belongs to nobody who lives.
fn listen(path: &std::path::Path) -> Result<UnixListener, String> {
    let wrong = |e: std::io::Error| format!("listen for commands at {}: {e}", path.display());
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(wrong(e)),
        _ => {}
    }
    let (short, _folder) = short_path(path.to_owned()).map_err(|e| e.to_string())?;
    let listener = UnixListener::bind(short).map_err(wrong)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    Ok(listener)
}

/// Serves one conversation: one request, its replies.
pub async fn serve_connection(desk: &Desk, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let reply = match next_line::<Request>(&mut read).await {
        Ok(None) => return,
        Err(why) => Reply::from(Failure::Failed(why)),
        Ok(Some(Request::Import)) => {
            let imported = import(desk, &mut read, &mut write).await;
            imported.unwrap_or_else(Reply::from)
        }
        Ok(Some(request)) => answer(desk, request).await.unwrap_or_else(Reply::from),
    };
    // Whoever asked may be gone; what was done is done.
    let _ = tell(&mut write, &reply).await;
}

async fn next_line<T: serde::de::DeserializeOwned>(
    read: &mut BufReader<impl tokio::io::AsyncRead + Unpin>,
) -> Result<Option<T>, String> {
    let mut line = Vec::new();
    let length = read.take(LINE_MAX_BYTES).read_until(b'\n', &mut line).await.map_err(|e| e.to_string())?;
    if length == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(|e| format!("a request that is none: {e}"))
}

async fn tell(write: &mut (impl tokio::io::AsyncWrite + Unpin), reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply).expect("texts, numbers and lists always serialise");
    line.push(b'\n');
    write.write_all(&line).await
}

async fn answer(desk: &Desk, request: Request) -> Result<Reply, Failure> {
    match request {
        Request::ReloadMqttUsers => {
            desk.mqtt_users_changed.notify_one();
            Ok(Reply::Done { lines: Vec::new() })
        }
        Request::Rooms => {
            let rooms = desk.ledger.as_ref().map(|ledger| ledger.read()).unwrap_or_default();
            let rooms = rooms
                .into_iter()
                .map(|room| RoomReply {
                    working: room.running && room.trouble.is_none(),
                    note: room.trouble.unwrap_or_default(),
                    name: room.name,
                })
                .collect();
            Ok(Reply::Rooms { rooms })
        }
        Request::ImportRegisters { toml, file, by, confirmed_by, reason } => {
            let registers =
                kukaku_schema::registers::parse(&toml, &file).map_err(|e| Failure::Written(e.to_string()))?;
            import_registers(desk, Wanted::Whole(Box::new(registers)), by, confirmed_by, reason).await
        }
        Request::ImportSheet { sheet, by, confirmed_by, reason } => {
            import_registers(desk, Wanted::Sheet(sheet), by, confirmed_by, reason).await
        }
        Request::Muster { at, inside, written_by, confirmed_by } => {
            by_two::muster(desk, at, inside, written_by, confirmed_by).await
        }
        Request::ManualEntry { at, person, zone, direction, written_by, confirmed_by } => {
            let line = by_two::Line { at, person, zone, direction };
            by_two::manual_entry(desk, line, written_by, confirmed_by).await
        }
        Request::Order(request) => orders::act(desk, *request).await,
        Request::TakeAnswer { answer, by } => orders::take_answer(desk, answer, by).await,
        Request::ReportFailure { form, by } => failures::report(desk, *form, by).await,
        Request::PlaceHold { client, from, to, person, camera, reason, by } => {
            let period = Span::new(from.unwrap_or(UtcMicros::MIN), to.unwrap_or(UtcMicros::MAX));
            let hold = NewHold { client, period, person, camera, reason, by: by.user.clone() };
            holds::place(desk, hold, by).await
        }
        Request::ReleaseHold { id, reason, by, confirmed_by } => {
            holds::release(desk, id, reason, by, confirmed_by).await
        }
        Request::Drilled { note } => {
            let entry = desk.writer.note_drill(note).await.map_err(start::writer::act_failure)?;
            Ok(Reply::Done {
                lines: vec![format!("記録 {entry}：訓練の結果を記録しました (the result is journaled)")]
            })
        }
        Request::RunRetention { confirmed_by } => {
            let names = by_two::signed_in_users(desk, confirmed_by).await?;
            let done = crate::retention::run_due(&desk.writer, desk.store.clone(), crate::clock::now(), names).await?;
            let lines = done.iter().map(crate::retention::Done::line).collect::<Vec<_>>();
            let nothing = || vec!["nothing is due; `kukaku retention plan` says what waits for what".to_owned()];
            Ok(Reply::Done { lines: if lines.is_empty() { nothing() } else { lines } })
        }
        Request::Offboard { client, reason, written_by, confirmed_by } => {
            offboarding::offboard(desk, client, reason, written_by, confirmed_by).await
        }
        Request::Export { note } => export::note(desk, note).await,
        Request::SignPack { sha256 } => export::sign(desk, &sha256).await,
        Request::RotateKey { by, reason } => keys::rotate(desk, by, reason).await,
        Request::EscrowKeys { by, note } => keys::escrow(desk, by, note).await,
        Request::Import => Err(Failure::Failed("an import goes on with its rows".to_owned())),
    }
}

async fn import_registers(
    desk: &Desk,
    wanted: Wanted,
    by: String,
    confirmed_by: Option<Credentials>,
    reason: String,
) -> Result<Reply, Failure> {
    let second = confirmed_by.as_ref().map(|user| user.user.clone());
    if let Some(second) = confirmed_by {
        if second.user == by {
            return Err(Failure::Failed("this needs two people: give another user to confirm it".to_owned()));
        }
        by_two::one_signs_in(desk, second).await?;
    }
    let change = desk.writer.import_wanted(wanted, by, second, reason).await;
    let change = change.map_err(start::writer::act_failure)?;
    Ok(Reply::Done { lines: vec![change.to_string()] })
}

async fn import(
    desk: &Desk,
    read: &mut BufReader<impl tokio::io::AsyncRead + Unpin>,
    write: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> Result<Reply, Failure> {
    let mut waiting: VecDeque<Receipt> = VecDeque::new();
    let (mut kept, mut known, mut told) = (0_u64, 0_u64, 0_u64);
    let mut count = async |receipt: Receipt| -> Result<(u64, u64), Failure> {
        let outcome = receipt.await.map_err(not_kept)?;
        if outcome.duplicate {
            known += 1
        } else {
            kept += 1
        }
        Ok((kept, known))
    };
    let mut so_far = (0, 0);
    loop {
        let line = next_line::<WireArrival>(read).await.map_err(Failure::Failed)?;
        let line = line.ok_or_else(|| Failure::Failed("the import ended without its last line".to_owned()))?;
        let Some(arrival) = line.into_arrival().map_err(Failure::Failed)? else { break };
        waiting.push_back(desk.writer.submit(arrival).await.map_err(not_kept)?);
        if waiting.len() >= IN_FLIGHT_MAX
            && let Some(oldest) = waiting.pop_front()
        {
            so_far = count(oldest).await?;
        }
        if so_far.0 + so_far.1 >= told + TELL_EVERY {
            told = so_far.0 + so_far.1;
            let reply = Reply::Imported { kept: so_far.0, known: so_far.1, last: false };
            tell(write, &reply).await.map_err(|e| Failure::Failed(e.to_string()))?;
        }
    }
    for receipt in waiting {
        so_far = count(receipt).await?;
    }
    Ok(Reply::Imported { kept: so_far.0, known: so_far.1, last: true })
}

pub(super) fn not_kept(error: NotKept) -> Failure {
    Failure::Store(error.to_string())
}
