//! What two people write together: who was inside, and lines of the entry book.

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::observation::{ManualDirection, ManualEntry, Muster, MusterEntry};
use kukaku_schema::registers::Registers;
use kukaku_schema::{Lang, Name, Observation, Span, UtcMicros};
use kukaku_store::users::{Right, Users};
use kukaku_store::{query, read_only};

use super::server::{Desk, not_kept};
use super::{Credentials, Reply};
use crate::clock;
use crate::failure::Failure;

/// The name under which the site's own acts are recorded.
const OWN_SOURCE: &str = "kukaku";

/// Records who was inside; everybody else was outside.
pub(super) async fn muster(
    desk: &Desk,
    at: UtcMicros,
    inside: Vec<(String, String)>,
    written_by: Credentials,
    confirmed_by: Credentials,
) -> Result<Reply, Failure> {
    let (written, confirmed) = names(&written_by, &confirmed_by)?;
    let signed = format!("written by {written}, confirmed by {confirmed}");
    let inside = by_two(desk, at, written_by, confirmed_by, move |registers| placed(registers, at, inside)).await?;
    let count = inside.len();
    let observation = Observation::Muster(Muster {
        source: name(OWN_SOURCE)?,
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at,
        inside,
        written_by: written,
        confirmed_by: confirmed,
    });
    keep(desk, "muster", at, observation, &format!("{count} inside"), &signed).await
}

/// A line of the entry book.
pub(super) struct Line {
    pub at: UtcMicros,
    pub person: String,
    pub zone: String,
    pub direction: ManualDirection,
}

/// Records a line of the entry book. Whether it counts is a matter of the outages then.
pub(super) async fn manual_entry(
    desk: &Desk,
    line: Line,
    written_by: Credentials,
    confirmed_by: Credentials,
) -> Result<Reply, Failure> {
    let (written, confirmed) = names(&written_by, &confirmed_by)?;
    let signed = format!("written by {written}, confirmed by {confirmed}");
    let Line { at, person, zone, direction } = line;
    let one = vec![(person, zone)];
    let mut checked = by_two(desk, at, written_by, confirmed_by, move |registers| placed(registers, at, one)).await?;
    let MusterEntry { person, zone } = checked.pop().ok_or_else(|| Failure::Failed("nobody is named".to_owned()))?;
    let what = match direction {
        ManualDirection::Entry => format!("{person} enters {zone}"),
        ManualDirection::Exit => format!("{person} leaves {zone}"),
    };
    let observation = Observation::ManualEntry(ManualEntry {
        source: name(OWN_SOURCE)?,
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at,
        person,
        zone,
        direction,
        written_by: written,
        confirmed_by: confirmed,
    });
    keep(desk, "manual", at, observation, &what, &signed).await
}

fn name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(Failure::Failed)
}

pub(super) fn names(written_by: &Credentials, confirmed_by: &Credentials) -> Result<(Name, Name), Failure> {
    if written_by.user == confirmed_by.user {
        return Err(Failure::Failed("this needs two people: give another user to confirm it".to_owned()));
    }
    Ok((name(&written_by.user)?, name(&confirmed_by.user)?))
}

/// Users who sign in; returns their names.
pub(super) async fn signed_in_users(desk: &Desk, users: Vec<Credentials>) -> Result<Vec<String>, Failure> {
    let (open, now) = (desk.users(), clock::now());
    let checked = tokio::task::spawn_blocking(move || -> Result<Vec<String>, Failure> {
        let known = open()?;
        users.iter().try_for_each(|user| sign_in(&known, user, now))?;
        Ok(users.into_iter().map(|user| user.user).collect())
    });
    checked.await.map_err(|e| Failure::Failed(e.to_string()))?
}

/// Both users sign in, so that neither can write the other's name; then the registers are asked.
pub(super) async fn by_two<T: Send + 'static>(
    desk: &Desk,
    at: UtcMicros,
    written_by: Credentials,
    confirmed_by: Credentials,
    check: impl FnOnce(&Registers) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let now = clock::now();
    if at > now {
        return Err(Failure::Failed(format!("{} lies in the future", at.to_rfc3339_utc())));
    }
    let (open, store) = (desk.users(), desk.store.clone());
    let checked = tokio::task::spawn_blocking(move || -> Result<T, Failure> {
        let users = open()?;
        sign_in(&users, &written_by, now)?;
        sign_in(&users, &confirmed_by, now)?;
        let conn = read_only(&store).map_err(|e| Failure::Store(e.to_string()))?;
        let registers = query::registers(&conn).map_err(|e| Failure::Store(e.to_string()))?;
        check(&registers.ok_or_else(|| Failure::Failed("there are no registers yet; import them first".to_owned()))?)
    });
    checked.await.map_err(|e| Failure::Failed(e.to_string()))?
}

async fn keep(
    desk: &Desk,
    link: &str,
    at: UtcMicros,
    observation: Observation,
    what: &str,
    signed: &str,
) -> Result<Reply, Failure> {
    let at = at.to_rfc3339_utc();
    let arrival = Arrival { link: link.to_owned(), body: ArrivalBody::Observation(Box::new(observation)) };
    let kept = async { desk.writer.submit(arrival).await?.await }.await.map_err(not_kept)?;
    Ok(Reply::Done { lines: vec![format!("journal entry {}: {what} at {at}, {signed}", kept.journal_seq)] })
}

/// Checks the password of a user who confirms what another does.
pub(super) async fn one_signs_in(desk: &Desk, who: Credentials) -> Result<(), Failure> {
    let (open, now) = (desk.users(), clock::now());
    let checked = tokio::task::spawn_blocking(move || {
        let users = open()?;
        sign_in(&users, &who, now)
    });
    checked.await.map_err(|e| Failure::Failed(e.to_string()))?
}

/// Checks one user's password.
pub(super) fn sign_in(users: &Users, who: &Credentials, now: UtcMicros) -> Result<(), Failure> {
    match users.sign_in(&who.user, &who.password, "control", now) {
        Ok(Some(user)) if user.must_change => Err(Failure::Failed(format!(
            "{} still has a one-time password; sign in on the pages and change it first",
            who.user
        ))),
        Ok(Some(user)) if user.password_is_over(now) => Err(Failure::Failed(format!(
            "the password of {} has had its time; sign in on the pages and change it first",
            who.user
        ))),
        Ok(Some(user)) if !user.role.may(Right::Confirm) => Err(Failure::Failed(format!(
            "{} is {}, who may not sign this; `kukaku users role` gives another role",
            who.user,
            user.role.label(Lang::En)
        ))),
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::Failed(format!(
            "user {:?} or its password is wrong, or it is locked; a one-time password works once, on the pages, to be \
             changed there",
            who.user
        ))),
        Err(error) => Err(crate::commands::users::failure(error)),
    }
}

/// Persons and zones have to be registered at that instant, and each person has one place.
fn placed(registers: &Registers, at: UtcMicros, inside: Vec<(String, String)>) -> Result<Vec<MusterEntry>, Failure> {
    let holds = |valid: &Span| valid.contains(at);
    let mut entries: Vec<MusterEntry> = Vec::new();
    for (person, zone) in inside {
        let is_known = registers.operators.iter().any(|e| e.row.id == person && holds(&e.valid))
            || registers.persons.iter().any(|e| e.row.id == person && holds(&e.valid));
        if !is_known {
            return Err(Failure::Written(format!("person {person:?} is not in the registers at that instant")));
        }
        if !registers.zones.iter().any(|e| e.row.id == zone && holds(&e.valid)) {
            return Err(Failure::Written(format!("zone {zone:?} is not in the registers at that instant")));
        }
        if entries.iter().any(|e| e.person.as_str() == person) {
            return Err(Failure::Written(format!("person {person:?} stands twice; give the innermost zone alone")));
        }
        let name = |text| Name::new(text).map_err(Failure::Written);
        entries.push(MusterEntry { person: name(person)?, zone: name(zone)? });
    }
    Ok(entries)
}
