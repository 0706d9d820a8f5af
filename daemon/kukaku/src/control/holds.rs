//! Holds (保全): placed by one user, released by two.

use kukaku_schema::registers::Registers;
use kukaku_schema::{Span, UtcMicros};
use kukaku_store::{HoldRelease, NewHold, query, read_only};

use super::by_two::sign_in;
use super::server::Desk;
use super::{Credentials, Reply};
use crate::clock;
use crate::failure::Failure;
use crate::start::writer::act_failure;

/// Longest reason in characters: it stands in lists and certificates.
const REASON_MAX_CHARS: usize = 500;

/// Places a hold. Everything that it names has to be known, so that a slip of the pen doesn't
/// leave the case unprotected.
pub(super) async fn place(desk: &Desk, hold: NewHold, by: Credentials) -> Result<Reply, Failure> {
    check_reason(&hold.reason)?;
    if hold.period.is_empty() {
        return Err(Failure::Written("the time of a hold ends before it begins".to_owned()));
    }
    let wanted = hold.clone();
    signed_in(desk, vec![by], move |registers| known(registers, &wanted)).await?;
    let who = hold.by.clone();
    let (id, seq) = desk.writer.place_hold(hold).await.map_err(act_failure)?;
    Ok(Reply::Done { lines: vec![format!("journal entry {seq}: {id} placed by {who}")] })
}

/// Releases a hold.
pub(super) async fn release(
    desk: &Desk,
    id: String,
    reason: String,
    by: Credentials,
    confirmed_by: Credentials,
) -> Result<Reply, Failure> {
    check_reason(&reason)?;
    if by.user == confirmed_by.user {
        return Err(Failure::Failed("this needs two people: give another user to confirm it".to_owned()));
    }
    let release = HoldRelease { id, reason, by: by.user.clone(), confirmed_by: confirmed_by.user.clone() };
    signed_in(desk, vec![by, confirmed_by], |_| Ok(())).await?;
    let HoldRelease { id, by, confirmed_by, .. } = release.clone();
    let seq = desk.writer.release_hold(release).await.map_err(act_failure)?;
    let line = format!("journal entry {seq}: {id} released by {by}, confirmed by {confirmed_by}");
    Ok(Reply::Done { lines: vec![line] })
}

pub(super) fn check_reason(reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX_CHARS {
        return Err(Failure::Written(format!("a reason of 1 to {REASON_MAX_CHARS} characters is needed")));
    }
    Ok(())
}

async fn signed_in(
    desk: &Desk,
    users: Vec<Credentials>,
    check: impl FnOnce(&Registers) -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    let (open, store, now) = (desk.users(), desk.store.clone(), clock::now());
    let checked = tokio::task::spawn_blocking(move || {
        let known = open()?;
        users.iter().try_for_each(|user| sign_in(&known, user, now))?;
        let conn = read_only(&store).map_err(|e| Failure::Store(e.to_string()))?;
        let registers = query::registers(&conn).map_err(|e| Failure::Store(e.to_string()))?;
        check(&registers.ok_or_else(|| Failure::Failed("there are no registers yet; import them first".to_owned()))?)
    });
    checked.await.map_err(|e| Failure::Failed(e.to_string()))?
}

/// Client, person and camera of a hold stand in the registers, at whatever time.
fn known(registers: &Registers, hold: &NewHold) -> Result<(), Failure> {
    let ever = Span::new(UtcMicros::MIN, UtcMicros::MAX);
    let unknown = |what: &str, id: &str| Failure::Written(format!("{what} {id:?} is not in the registers"));
    if let Some(id) = &hold.client
        && !registers.clients.iter().any(|entry| entry.row.id == *id)
    {
        return Err(unknown("client", id));
    }
    if let Some(id) = &hold.person
        && !registers.operators.iter().any(|entry| entry.row.id == *id)
        && !registers.persons.iter().any(|entry| entry.row.id == *id)
    {
        return Err(unknown("person", id));
    }
    if let Some(id) = &hold.camera
        && !registers.cameras.iter().any(|entry| entry.row.id == *id)
    {
        return Err(unknown("camera", id));
    }
    let restricted = hold.client.is_some() || hold.person.is_some() || hold.camera.is_some() || hold.period != ever;
    if !restricted {
        return Err(Failure::Written("say what is held: --client, --person, --camera, --from or --to".to_owned()));
    }
    Ok(())
}
