//! Windows event logs into the store: several files are read in the order of time, because one
//! coming of somebody shows in several of them.

use std::fs::File;
use std::io::BufReader;

use indicatif::ProgressBar;
use kukaku_codec::windows::{
    AccountForm, EvtxFile, EvtxItem, Grain, InTimeOrder, Outcome, Role, SessionsConfig, WindowsEvent, WindowsSessions,
};
use kukaku_schema::Name;
use kukaku_schema::intake::Unreadable;

use super::import::{Counting, FAILURES_PRINTED, Stopped};
use crate::cli::{ImportArgs, WindowsRole};
use crate::control::{Sayer, WireArrival};
use crate::failure::Failure;
use crate::say::{shown, warn};

/// What the command line says of the machines.
pub fn config(args: &ImportArgs) -> Result<SessionsConfig, Failure> {
    let source = args.source.as_deref().unwrap_or_default();
    Ok(SessionsConfig {
        source: Name::new(source).map_err(Failure::Written)?,
        role: match args.role {
            WindowsRole::Server => Role::Server,
            WindowsRole::Gateway => Role::Gateway,
            WindowsRole::Terminal => Role::Terminal,
        },
        accounts: if args.user_only { AccountForm::UserOnly } else { AccountForm::Qualified },
        grain: Grain::Milliseconds,
        known_accounts: args.account.clone(),
    })
}

/// Sends what the logs say; returns how many records were damaged or not understood.
pub(super) fn send(
    args: &ImportArgs,
    config: SessionsConfig,
    sayer: &mut Sayer,
    bar: &ProgressBar,
) -> Result<u64, Stopped> {
    let source = config.source.as_str().to_owned();
    let mut logs = Vec::new();
    for path in &args.evtx {
        let file = File::open(path).map_err(|e| Stopped::File(Failure::io("read", path, &e)))?;
        let reader = Counting::new(BufReader::new(file), bar.clone());
        let log =
            EvtxFile::open(reader).map_err(|e| Stopped::File(Failure::Failed(format!("{}: {e}", path.display()))))?;
        logs.push(log);
    }
    let mut sessions = WindowsSessions::new(config);
    let mut failed = 0;
    for (place, item) in InTimeOrder::new(logs) {
        let name = args.evtx.get(place).map_or_else(String::new, |path| path.display().to_string());
        let (why, bytes) = match item {
            EvtxItem::Damaged(damage) => (damage.to_string(), Vec::new()),
            EvtxItem::Event(event) => match sessions.take(&event) {
                Outcome::Observations(all) => {
                    for observation in all {
                        let arrival = WireArrival::Observation(Box::new(observation));
                        sayer.say(&arrival).map_err(Stopped::Gone)?;
                    }
                    continue;
                }
                Outcome::Ignored(_) | Outcome::Held => continue,
                Outcome::Refused(why) => (why, said(&event).into_bytes()),
            },
        };
        failed += 1;
        let line = format!("{name}: {why}");
        if failed <= FAILURES_PRINTED {
            bar.suspend(|| warn(shown(&line)));
        }
        let kept = Unreadable::new(Some(source.clone()), &bytes, line);
        sayer.say(&WireArrival::from(kept)).map_err(Stopped::Gone)?;
    }
    Ok(failed)
}

/// An event that was not understood, as it is kept.
fn said(event: &WindowsEvent) -> String {
    format!("{event:?}")
}
