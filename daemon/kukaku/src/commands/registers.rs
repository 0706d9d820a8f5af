//! `kukaku registers`: import, dry run, export.

use std::path::Path;

use kukaku_schema::registers::{Registers, parse, to_toml};
use kukaku_store::{RegisterDiff, query, read_only};

use crate::cli::{RegistersAction, RegistersArgs};
use crate::clock;
use crate::control::{self, Reply, Request};
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Changed ids that a dry run prints; their number is told in any case.
const CHANGES_PRINTED: usize = 200;

/// Runs the command.
///
/// # Errors
/// `Written`: the file is wrong, with line and key. Otherwise what the store said.
pub fn run(args: &RegistersArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    match &args.action {
        RegistersAction::Import { file, dry_run, reason, by, confirmed_by } => {
            let text = read(file)?;
            let name = file.display().to_string();
            // Checked here as well, so that a slip is told before anything is opened.
            let wanted = parse(&text, &name).map_err(|e| Failure::Written(e.to_string()))?;
            if *dry_run {
                return dry(&dir, &wanted);
            }
            let by = by.clone().unwrap_or_else(own_name);
            let second = |user| super::muster::credentials("user who confirms it", Some(user));
            let confirmed_by = confirmed_by.as_ref().map(second).transpose()?;
            let request = Request::ImportRegisters { toml: text, file: name, by, confirmed_by, reason: reason.clone() };
            act(&dir, &request)
        }
        RegistersAction::Export => {
            let toml = to_toml(&present(&dir)?).map_err(|e| Failure::Failed(format!("write the registers: {e}")))?;
            say(toml.trim_end_matches('\n'));
            Ok(())
        }
    }
}

/// Has the owner of the store do one thing, and prints what it says.
///
/// # Errors
/// The refusal.
pub fn act(dir: &SiteDir, request: &Request) -> Result<(), Failure> {
    let mut conversation = control::open(dir)?;
    conversation.say(request)?;
    match conversation.hear()? {
        Reply::Done { lines } => lines.iter().for_each(|line| say(shown(line))),
        other => return Err(Failure::Failed(format!("the daemon answered {other:?}"))),
    }
    conversation.close()
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| Failure::Written(format!("read registers {}: {e}", file.display())))
}

/// The registers in force.
///
/// # Errors
/// `Store`: it can't be read, or holds none.
pub fn present(dir: &SiteDir) -> Result<Registers, Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(failure)?;
    query::registers(&conn).map_err(failure)?.ok_or_else(|| Failure::Store("the store holds no registers".to_owned()))
}

fn dry(dir: &SiteDir, wanted: &Registers) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(failure)?;
    let now = clock::now();
    let diff = kukaku_store::plan(&conn, wanted, now).map_err(failure)?;
    for step in diff.steps.iter().take(CHANGES_PRINTED) {
        let sign = match (step.before.is_empty(), step.after.is_empty()) {
            (true, _) => "+",
            (_, true) => "-",
            _ => "~",
        };
        say(format!("{sign} {} {}", step.table, shown(&step.id)));
    }
    if diff.steps.len() > CHANGES_PRINTED {
        say(format!("... and {} more", diff.steps.len() - CHANGES_PRINTED));
    }
    for what in kukaku_store::shortened(&conn, &diff, now).map_err(failure)? {
        say(format!("needs --confirmed-by: {}", shown(&what)));
    }
    say(format!("{}; nothing was changed (dry run)", summary(&diff)));
    Ok(())
}

/// What an import changes, on one line.
#[must_use]
pub fn summary(diff: &RegisterDiff) -> String {
    let (added, ended) = diff.counts();
    match diff.is_empty() {
        true => "the registers say this already".to_owned(),
        false => format!("{} id(s) change: {added} new entries, {ended} ended or replaced", diff.steps.len()),
    }
}

/// The name of whoever sits at this machine.
#[must_use]
pub fn own_name() -> String {
    let named =
        ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok().filter(|n| !n.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
