//! Tells clients that a session of theirs began or ended: works off what the writer queued with
//! each session, one mail each, with a checkpoint under which it stands, and measures when the
//! client's mail server had it.

use std::path::PathBuf;
use std::sync::Arc;

use kukaku_core::SessionEnd;
use kukaku_core::notice::{Naming, Told};
use kukaku_notify::{AlertsConfig, Attempts, DeliveryError, DeliveryState, Letter, Mail};
use kukaku_schema::registers::{Client, Entry};
use kukaku_schema::{SiteZone, UtcMicros};
use kukaku_store::notices::{self, NoticeMoment, NoticeRow};
use kukaku_store::{ChangedKind, OutboxState, StoreError, aloud, newest_checkpoint, query, read_only};
use tokio::time::Duration;

use crate::clock;
use crate::outbox::{LOOK_AT_LEAST_EVERY, LOOK_AT_MOST_EVERY, outbox_changed};
use crate::rooms::{Ledger, Rooms, Stop, stopped};
use crate::writer::Writer;

/// The room's name.
const ROOM: &str = "notices";

/// Notices that are read together; the rest follows at once.
const BATCH_ROWS: u32 = 50;

/// How long a delivery that is under way may go on after "stop"; then it waits for the next start.
const FINISH_WITHIN: Duration = Duration::from_secs(4);

/// What the room needs of the house.
struct Desk {
    store: PathBuf,
    alerts: AlertsConfig,
    /// None: nothing is configured that could carry them.
    mail: Option<Mail>,
}

/// What one look found.
struct Look {
    due: Vec<(NoticeRow, Found)>,
    next_at: Option<UtcMicros>,
    overdue: i64,
    why: Option<String>,
    /// Entries under the newest checkpoint.
    signed: u64,
}

/// What a notice becomes.
enum Found {
    /// It goes out.
    Letter(Letter),
    /// Its session turned out to be none, or to go on.
    Gone,
    /// It can't be written.
    Wrong(String),
}

/// Starts the room.
///
/// # Errors
/// The mail channel can't be used as configured.
pub fn start(rooms: &mut Rooms, store: PathBuf, alerts: &AlertsConfig, writer: &Writer) -> Result<(), String> {
    let of = alerts.notices.as_ref().and_then(|id| alerts.mail.iter().find(|mail| mail.id == *id));
    let mail = of.cloned().map(Mail::open).transpose().map_err(|e| format!("alerts: {e}"))?;
    let desk = Arc::new(Desk { store, alerts: alerts.clone(), mail });
    let (writer, ledger) = (writer.clone(), rooms.ledger());
    rooms.start(ROOM, move |stop| work(Arc::clone(&desk), writer.clone(), Arc::clone(&ledger), stop));
    Ok(())
}

async fn work(desk: Arc<Desk>, writer: Writer, ledger: Arc<Ledger>, mut stop: Stop) -> Result<(), String> {
    // Before the first look: what changes during it is looked at next.
    let mut changes = writer.changes();
    loop {
        let wait = {
            let round = round(&desk, &writer, &ledger);
            tokio::select! {
                wait = round => wait?,
                () = async { stopped(&mut stop.clone()).await; tokio::time::sleep(FINISH_WITHIN).await } => return Ok(()),
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = tokio::time::sleep(wait) => {}
            () = outbox_changed(&mut changes, ChangedKind::Notice) => {}
        }
    }
}

/// Looks, sends what is due, says how long to wait.
async fn round(desk: &Arc<Desk>, writer: &Writer, ledger: &Ledger) -> Result<Duration, String> {
    let mut look = look(desk).await?;
    let Some(found) = &mut look else { return Ok(LOOK_AT_LEAST_EVERY) };
    if found.due.iter().any(|(row, _)| row.covers > found.signed) {
        // A notice stands under a checkpoint: it is signed now, not at the next sign of life.
        writer.checkpoint().await.map_err(|e| format!("sign what a client is told: {e}"))?;
        look = self::look(desk).await?;
    }
    let Some(look) = look else { return Ok(LOOK_AT_LEAST_EVERY) };
    for (row, found) in look.due {
        let id = row.id;
        let after = match found {
            Found::Gone => None,
            Found::Wrong(why) => {
                tracing::error!("{ROOM}: notice {id}: {why}");
                Some(NoticeRow { state: OutboxState::Failed, last_error: Some(why), ..row })
            }
            Found::Letter(letter) => Some(send(desk, row, &letter, look.signed).await),
        };
        writer.note_notice(id, after).await.map_err(|e| format!("note what became of a notice: {e}"))?;
    }
    let why = look.why.map_or_else(String::new, |why| format!(": {why}"));
    let trouble = (look.overdue > 0)
        .then(|| format!("{} notices are not delivered within the agreed minutes{why}", look.overdue));
    ledger.tell(ROOM, trouble);
    let now = clock::now();
    let until_next = look
        .next_at
        .filter(|at| *at > now)
        .map_or(LOOK_AT_LEAST_EVERY, |at| Duration::from_micros(u64::try_from(at.since(now).0).unwrap_or(0)));
    Ok(until_next.clamp(LOOK_AT_MOST_EVERY, LOOK_AT_LEAST_EVERY))
}

/// None: the site has no registers yet.
async fn look(desk: &Arc<Desk>) -> Result<Option<Look>, String> {
    let desk = Arc::clone(desk);
    let looked = tokio::task::spawn_blocking(move || desk.look(clock::now())).await;
    looked.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

/// One attempt; the row after it.
async fn send(desk: &Desk, row: NoticeRow, letter: &Letter, signed: u64) -> NoticeRow {
    let nobody = "no mail channel carries notices: name one as `notices` under [alerts]";
    let outcome = match &desk.mail {
        Some(mail) => mail.deliver_letter(letter, clock::now()).await,
        None => Err(DeliveryError::Refused(nobody.to_owned())),
    };
    let now = clock::now();
    match outcome {
        Ok(delivered) => {
            tracing::info!("{ROOM}: delivered ({})", delivered.note);
            NoticeRow {
                state: OutboxState::Delivered,
                last_error: None,
                delivered_at: Some(now),
                told: Some(delivered.note),
                checkpoint_size: Some(signed),
                ..row
            }
        }
        Err(error) => {
            tracing::warn!("{ROOM}: not delivered: {error}");
            let before = Attempts {
                state: DeliveryState::Waiting,
                failures: row.failures,
                next_at: row.next_at,
                last_error: None,
                needs_person: false,
            };
            let after = before.failed(&desk.alerts.retry, row.queued_at, &error, now, row.id.cast_unsigned());
            let given_up = after.state == DeliveryState::Failed;
            NoticeRow {
                state: if given_up { OutboxState::Failed } else { OutboxState::Waiting },
                failures: after.failures,
                next_at: after.next_at,
                last_error: after.last_error,
                ..row
            }
        }
    }
}

impl Desk {
    fn look(&self, now: UtcMicros) -> Result<Option<Look>, StoreError> {
        let conn = read_only(&self.store)?;
        let Some(registers) = query::registers(&conn)? else { return Ok(None) };
        let zone = SiteZone::named(&registers.site.time_zone)
            .map_err(|e| StoreError::Corrupt { act: "read the site's time zone", detail: e })?;
        let lang = self.mail.as_ref().map(|mail| mail.config().lang).unwrap_or_default();
        let naming = Naming { registers: &registers, zone: &zone, lang };
        let checkpoint = aloud::paper(&conn)?;
        let signed = newest_checkpoint(&conn)?.map_or(0, |newest| newest.head.size);
        let mut due = Vec::new();
        for row in notices::due(&conn, now, BATCH_ROWS)? {
            let found = match query::session(&conn, row.session)? {
                Some(session) if !session.gone => {
                    let told = query::told(&conn, &session, row.moment, Some(&row), session.span(now))?;
                    if row.moment == NoticeMoment::End && session.end == SessionEnd::Open {
                        Found::Gone
                    } else {
                        letter(&told, &session, naming, checkpoint.as_ref())
                    }
                }
                _ => Found::Gone,
            };
            due.push((row, found));
        }
        let (overdue, why) = notices::overdue(&conn, now)?;
        Ok(Some(Look { due, next_at: notices::next_due(&conn)?, overdue, why, signed }))
    }
}

/// Writes the mail.
fn letter(
    told: &Told,
    session: &query::SessionRow,
    naming: Naming<'_>,
    checkpoint: Option<&(String, String)>,
) -> Found {
    let lang = naming.lang;
    let agreed =
        |entry: &&Entry<Client>| Some(&entry.row.id) == told.client.as_ref() && entry.valid.contains(told.at());
    let to = naming.registers.clients.iter().find(agreed).map(|entry| entry.row.notify.addresses().to_vec());
    let Some(to) = to.filter(|to| !to.is_empty()) else {
        return Found::Wrong("the registers name no address any more".to_owned());
    };
    let Some((paper, note)) = checkpoint else {
        return Found::Wrong("nothing is signed yet".to_owned());
    };
    let title = told.title(lang);
    let facts = told.lines(naming);
    let mut lines = vec![title.to_owned(), String::new()];
    lines.extend(facts.iter().map(|(label, text)| format!("{label}{}{text}", lang.pick("：", ": "))));
    lines.push(String::new());
    lines.push(
        lang.pick(
            "封印（上の内容を含む記録台帳の、この時点の印です。保管してください）",
            "Checkpoint (the journal as it stands with the above in it; please keep it)",
        )
        .to_owned(),
    );
    lines.extend(paper.lines().map(str::to_owned));
    lines.push(String::new());
    lines.extend(note.lines().map(str::to_owned));
    lines.push(String::new());
    lines.push(
        lang.pick(
            "上の封印は kukaku-verify の remember または paper にそのまま渡せます。",
            "Give the checkpoint to kukaku-verify remember or paper as it is.",
        )
        .to_owned(),
    );
    let client = told.client.as_deref().unwrap_or_default();
    let named = naming.registers.clients.iter().rev().find(|entry| entry.row.id == client);
    let client = named.map_or(client, |entry| entry.row.name.as_str());
    let subject = format!("[kukaku {}] {title} {client} {}", naming.registers.site.name, naming.zone.shown(told.at()));
    let epoch = session.epoch.as_deref().unwrap_or_default();
    let moment = if told.of_end { "end" } else { "start" };
    let key = format!("{}|{epoch}|{}|{}|{moment}", session.source, session.session, session.start.0);
    Found::Letter(Letter { key, to, subject, lines })
}
