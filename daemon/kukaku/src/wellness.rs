//! kukaku looks after itself: a disk that fills, a backup that is late, witnesses that don't reach
//! far enough, records that are kept too long. What is not well is journaled, and so a finding with
//! its alerts.

use std::path::Path;
use std::time::Duration;

use kukaku_core::retention::Disk;
use kukaku_core::witnessing::Witnessing;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::observation::{Remark, SystemConcern, SystemState};
use kukaku_schema::period::day_text;
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};
use kukaku_store::query::{FindingFilter, findings};
use kukaku_store::{PlanInputs, read_only, witnessing};

use crate::clock;
use crate::commands::check::free_bytes;
use crate::config::Config;
use crate::rooms::{Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(60);
/// How long after a start it looks first: witnesses and the backup's disk are asked by then.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// The promises on retention count every value: once an hour will do.
const PROMISES_EVERY: DurationUs = DurationUs::from_secs(3600);
/// How long the oldest entry may wait for a witness.
const WITNESS_WITHIN: DurationUs = DurationUs::from_secs(600);
/// How old the newest file of the backup may be.
const BACKUP_WITHIN: DurationUs = DurationUs::from_secs(86_400);
/// Findings that are looked through: there are four kinds.
const FINDINGS_MAX: u32 = 100;

/// What is said of one concern: well, or why not.
type Said = (SystemConcern, Result<(), String>);

/// Starts the room.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &Config, writer: &Writer) {
    const ROOM: &str = "wellness";
    let (dir, config, writer, ledger) = (dir.clone(), config.clone(), writer.clone(), rooms.ledger());
    rooms.start(ROOM, move |mut stop| {
        let (dir, config, writer, ledger) = (dir.clone(), config.clone(), writer.clone(), ledger.clone());
        async move {
            let mut watch = Watch { promises: None };
            let mut wait = FIRST_AFTER;
            loop {
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(()),
                    () = tokio::time::sleep(wait) => wait = EVERY,
                }
                let (at, of, now) = (dir.clone(), config.clone(), clock::now());
                let looked = tokio::task::spawn_blocking(move || {
                    let news = watch.news(&at, &of, now);
                    (watch, news)
                });
                let (same, news) = looked.await.map_err(|e| e.to_string())?;
                watch = same;
                match news {
                    Ok(news) => {
                        for observation in news {
                            let arrival = Arrival {
                                link: ROOM.to_owned(),
                                body: ArrivalBody::Observation(Box::new(observation)),
                            };
                            let kept = async { writer.submit(arrival).await?.await }.await;
                            ledger.tell(ROOM, kept.err().map(|e| e.to_string()));
                        }
                    }
                    Err(why) => ledger.tell(ROOM, Some(why)),
                }
            }
        }
    });
}

/// What is remembered between two looks.
struct Watch {
    /// What was found of the promises on retention, and when.
    promises: Option<(UtcMicros, Vec<Said>)>,
}

impl Watch {
    /// What has changed since it was said last.
    fn news(&mut self, dir: &SiteDir, config: &Config, now: UtcMicros) -> Result<Vec<Observation>, String> {
        let conn = read_only(&dir.store()).map_err(|e| e.to_string())?;
        let mut said = Vec::new();
        if self.promises.as_ref().is_none_or(|(at, _)| !(0..PROMISES_EVERY.0).contains(&now.since(*at).0)) {
            self.promises = Some((now, promises(&conn, dir, config.free_disk_mib, now)?));
        }
        said.extend(self.promises.iter().flat_map(|(_, said)| said.iter().cloned()));
        let witnesses = witnessing(&conn).map_err(|e| e.to_string())?;
        said.push((SystemConcern::WitnessBehind, witnessed(&witnesses, now)));
        let backup = config.backup.as_ref().map_or(Ok(()), |backup| shipped(&backup.folder, now));
        said.push((SystemConcern::BackupOverdue, backup));
        let filter = FindingFilter { holding_only: true, ..FindingFilter::default() };
        let mut holding = Vec::new();
        for concern in SystemConcern::ALL {
            let filter = FindingFilter { kind: Some(concern.finding()), ..filter.clone() };
            let rows = findings(&conn, &filter, None, FINDINGS_MAX).map_err(|e| e.to_string())?.rows;
            if !rows.is_empty() {
                holding.push(concern);
            }
        }
        Ok(changes(said, &holding, now))
    }
}

/// What is told: what is not well and no finding yet, and what is well again.
fn changes(said: Vec<Said>, holding: &[SystemConcern], now: UtcMicros) -> Vec<Observation> {
    let mut out = Vec::new();
    for (concern, state) in said {
        if state.is_ok() != holding.contains(&concern) {
            continue;
        }
        let source = Name::new("kukaku").expect("it is a name");
        let (good, why) = (state.is_ok(), state.err());
        // A reason that is no remark (too long a path) says nothing more than that it is so.
        let note = why.and_then(|why| Remark::new(&why).ok());
        out.push(Observation::SystemState(SystemState {
            source,
            epoch: None,
            seq: None,
            event_id: None,
            device_time: now,
            concern,
            good,
            note,
        }));
    }
    out
}

fn promises(
    conn: &kukaku_store::Connection,
    dir: &SiteDir,
    free_mib: u64,
    now: UtcMicros,
) -> Result<Vec<Said>, String> {
    let inputs = PlanInputs::read(conn, &dir.store(), now).map_err(|e| e.to_string())?;
    let free = free_bytes(dir.path())?;
    let report = inputs.conformity(conn, Some(free)).map_err(|e| e.to_string())?;
    let overdue: usize = report.standings.iter().map(|standing| standing.overdue_days).sum();
    let kept = if overdue == 0 {
        Ok(())
    } else {
        Err(format!(
            "約束した最長の期間を過ぎた記録がのべ {overdue}日分残っています ({overdue} day(s) are kept too long)"
        ))
    };
    let full_on = report.disk.filter(Disk::is_low).and_then(|disk| disk.full_on);
    let disk = if free / (1024 * 1024) < free_mib {
        let mib = free / (1024 * 1024);
        Err(format!("空き容量 {mib} MiB（設定 {free_mib} MiB） ({mib} MiB are free, less than {free_mib})"))
    } else if let Some(day) = full_on {
        let day = day_text(day);
        Err(format!("このままでは {day} にいっぱいになります (full on {day}, before a promise can be kept)"))
    } else {
        Ok(())
    };
    Ok(vec![(SystemConcern::RetentionOverdue, kept), (SystemConcern::DiskLow, disk)])
}

/// Where witnesses are asked, the oldest entry that none covers may not wait for long.
fn witnessed(state: &Witnessing, now: UtcMicros) -> Result<(), String> {
    let asked = state.witnesses.iter().any(|witness| witness.asked);
    match state.unwitnessed_since.filter(|since| asked && now.since(*since) > WITNESS_WITHIN) {
        Some(since) => {
            let (count, since) = (state.unwitnessed(), since.to_rfc3339_utc());
            Err(format!("未証人 {count}件、{since} から ({count} entries have no witness since {since})"))
        }
        None => Ok(()),
    }
}

/// The newest file of the backup's folder.
fn shipped(folder: &Path, now: UtcMicros) -> Result<(), String> {
    let name = folder.display();
    let newest = newest(folder).map_err(|e| format!("{name}: {e}"))?;
    match newest {
        None => Err(format!("{name}: バックアップがまだありません (there is no backup yet)")),
        Some(at) if now.since(at) > BACKUP_WITHIN => {
            let at = at.to_rfc3339_utc();
            Err(format!("{name}: 最後のバックアップは {at} (the newest backup is of {at})"))
        }
        Some(_) => Ok(()),
    }
}

fn newest(folder: &Path) -> std::io::Result<Option<UtcMicros>> {
    let mut newest = None;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let changed = if entry.file_type()?.is_dir() {
            self::newest(&entry.path())?
        } else {
            let since = entry.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Some(UtcMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
        };
        newest = newest.max(changed);
    }
    Ok(newest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(said: Vec<Said>, holding: &[SystemConcern]) -> Vec<(SystemConcern, bool)> {
        let of = |o| match o {
            Observation::SystemState(state) => (state.concern, state.good),
            other => panic!("{other:?}"),
        };
        changes(said, holding, UtcMicros(0)).into_iter().map(of).collect()
    }

    #[test]
    fn what_is_not_well_is_told_once_and_that_it_is_well_again() {
        let bad = || vec![(SystemConcern::DiskLow, Err("full".to_owned()))];
        let good = || vec![(SystemConcern::DiskLow, Ok(()))];
        assert_eq!(told(bad(), &[]), [(SystemConcern::DiskLow, false)]);
        assert_eq!(told(bad(), &[SystemConcern::DiskLow]), []);
        assert_eq!(told(good(), &[SystemConcern::DiskLow]), [(SystemConcern::DiskLow, true)]);
        assert_eq!(told(good(), &[SystemConcern::BackupOverdue]), []);
    }

    #[test]
    fn a_backup_that_is_not_there_or_too_old_is_overdue() {
        let folder = std::env::temp_dir().join(format!("kukaku-wellness-{}", std::process::id()));
        let now = clock::now();
        assert!(shipped(&folder, now).unwrap_err().contains("kukaku-wellness"), "not mounted");
        std::fs::create_dir_all(folder.join("generation")).unwrap();
        assert!(shipped(&folder, now).unwrap_err().contains("no backup yet"));
        std::fs::write(folder.join("generation/segment"), "x").unwrap();
        assert_eq!(shipped(&folder, now), Ok(()));
        let later = now.plus(BACKUP_WITHIN).plus(DurationUs::from_secs(3600));
        assert!(shipped(&folder, later).unwrap_err().contains("the newest backup is of"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn witnesses_that_are_asked_may_be_ten_minutes_behind() {
        let witness = |asked| kukaku_core::witnessing::Witness {
            name: "city".to_owned(),
            asked,
            size: 0,
            cosigned_at: None,
            trouble: None,
        };
        let state =
            |asked| Witnessing { entries: 5, unwitnessed_since: Some(UtcMicros(0)), witnesses: vec![witness(asked)] };
        assert_eq!(witnessed(&state(true), UtcMicros(WITNESS_WITHIN.0)), Ok(()));
        assert!(witnessed(&state(true), UtcMicros(WITNESS_WITHIN.0 + 1)).unwrap_err().contains("5"));
        assert_eq!(witnessed(&state(false), UtcMicros(i64::MAX)), Ok(()), "nobody is asked");
    }
}
