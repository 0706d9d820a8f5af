//! What fell due is erased: hourly by the daemon, or when somebody asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kukaku_core::retention::{EraseGroup, Guard};
use kukaku_schema::UtcMicros;
use kukaku_schema::period::day_text;
use kukaku_store::{Erased, ErasureOrder, PlanInputs, StoreError, guard_of, read_only};

use crate::clock;
use crate::failure::Failure;
use crate::reserve::Reserve;
use crate::rooms::{Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::start::writer::act_failure;
use crate::time_state::{self, TimeState};
use crate::writer::{ActError, EraseRequest, Writer};

/// How often the daemon looks for what fell due. Terms end at midnight; an hour later is soon.
const EVERY: Duration = Duration::from_secs(3600);

/// How long after a start it looks first: sources speak up by then, and their clocks count.
const FIRST_AFTER: Duration = Duration::from_secs(120);

/// Who erases what falls due by itself.
const BY_ITSELF: &str = "kukaku";

/// What became of one group of a plan.
#[derive(Debug)]
pub struct Done {
    /// What was due.
    pub group: EraseGroup,
    /// What was erased, or why it waits after all.
    pub outcome: Result<Erased, String>,
}

impl Done {
    /// A line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let EraseGroup { class, scope, days, rule, .. } = &self.group;
        let whose = if scope.is_empty() { "(site)".to_owned() } else { scope.join(", ") };
        let days = format!("{} to {}", day_text(days.start), day_text(days.end - 1));
        match &self.outcome {
            Ok(erased) => {
                let entries: Vec<String> = erased.entries.iter().map(u64::to_string).collect();
                let (count, kept, keys) = (erased.count, erased.kept, erased.keys.len());
                let entries = entries.join(", ");
                format!(
                    "{whose}  {}  {days}: {count} values erased, {kept} kept under new keys, {keys} keys destroyed; {rule}; journal entry {entries}",
                    class.word()
                )
            }
            Err(why) => format!("{whose}  {}  {days}: waits, {why}", class.word()),
        }
    }
}

/// What is known of the date: the kernel's word, and the people who confirm it.
#[must_use]
pub fn guard(confirmed_by: &[String]) -> Guard {
    let clock_synchronised = matches!(time_state::now(), TimeState::Synchronised(_));
    Guard { clock_synchronised, confirmed_by: confirmed_by.to_vec(), ..Guard::default() }
}

fn plan(store: &Path, now: UtcMicros, confirmed_by: &[String]) -> Result<Vec<EraseGroup>, StoreError> {
    let conn = read_only(store)?;
    let inputs = PlanInputs::read(&conn, store, now)?;
    let guard = guard_of(&conn, guard(confirmed_by), now, &inputs.zone)?;
    Ok(inputs.plan(&guard).erase)
}

/// Erases what is due at `now`. `confirmed_by`: the people who confirm today's date.
///
/// # Errors
/// `Store`: it can't be read or written. What waits is no error.
pub async fn run_due(
    writer: &Writer,
    store: PathBuf,
    now: UtcMicros,
    confirmed_by: Vec<String>,
) -> Result<Vec<Done>, Failure> {
    let asked = confirmed_by.clone();
    let planned = tokio::task::spawn_blocking(move || plan(&store, now, &asked)).await;
    let groups = planned.map_err(|e| Failure::Failed(e.to_string()))?.map_err(|e| Failure::Store(e.to_string()))?;
    let by = if confirmed_by.is_empty() { vec![BY_ITSELF.to_owned()] } else { confirmed_by };
    let mut done = Vec::new();
    for group in groups {
        let request = EraseRequest {
            order: ErasureOrder {
                class: Some(group.class),
                scope: group.scope.clone(),
                days: (group.days.start, group.days.end - 1),
                rule: group.rule.clone(),
                by: by.clone(),
                final_before: None,
            },
            keys: group.keys.iter().copied().collect(),
        };
        let outcome = match writer.erase(request).await {
            Ok(erased) => Ok(erased),
            Err(ActError::Refused(why)) => Err(why),
            Err(error) => return Err(act_failure(error)),
        };
        done.push(Done { group, outcome });
    }
    Ok(done)
}

/// Starts the room that erases what falls due.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, writer: &Writer) {
    let (store, writer, ledger) = (dir.store(), writer.clone(), rooms.ledger());
    rooms.start("retention".to_owned(), move |mut stop| {
        let (store, writer, ledger) = (store.clone(), writer.clone(), ledger.clone());
        async move {
            let mut wait = FIRST_AFTER;
            loop {
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = tokio::time::sleep(wait) => wait = EVERY,
                }
                keep_reserve(&store);
                match run_due(&writer, store.clone(), clock::now(), Vec::new()).await {
                    Ok(done) => {
                        done.iter().for_each(|done| tracing::info!("retention: {}", done.line()));
                        let waits = done.iter().find(|done| done.outcome.is_err()).map(Done::line);
                        ledger.tell("retention", waits);
                    }
                    Err(failure) => {
                        tracing::warn!("retention: {failure}; it is tried again in an hour");
                        ledger.tell("retention", Some(failure.to_string()));
                    }
                }
            }
        }
    });
}

/// Makes the reserve beside the store, where it was spent and there is room again.
pub fn keep_reserve(store: &Path) {
    match Reserve::of(store).make() {
        Ok(true) => {}
        Ok(false) => tracing::warn!("retention: the disk has no room for the reserve beside the store"),
        Err(error) => tracing::warn!("retention: the reserve beside the store can't be made: {error}"),
    }
}
