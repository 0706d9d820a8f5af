//! `kukaku verify`: every entry of the journal is hashed again.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use kukaku_ledger::KeyTerm;
use kukaku_store::{read_only, verify};

use crate::cli::VerifyArgs;
use crate::failure::Failure;
use crate::say::{say, shown, warn};
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Differs`: something was changed. `Store`: it can't be read.
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let keys = terms(&dir)?;
    let outside = match std::fs::read_to_string(dir.checkpoint()) {
        Ok(note) => Some(note),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(Failure::io("read", &dir.checkpoint(), &e)),
    };
    let conn = read_only(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
    let bar = progress();
    let report = verify(&conn, &keys, outside.as_deref(), |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    })
    .map_err(|e| Failure::Store(e.to_string()))?;
    bar.finish_and_clear();
    say(format!("entries hashed:      {}", report.entries));
    if report.erased > 0 {
        say(format!("values erased:       {} (each named by an `erased` entry)", report.erased));
    }
    say(format!("root:                {}", report.root));
    say(format!("checkpoints checked: {}", report.checkpoints));
    say(format!("signed up to entry:  {}", report.signed_to));
    if report.faults.is_empty() {
        say("Nothing was changed since it was recorded, as far as the signatures reach.");
        return Ok(());
    }
    for fault in &report.faults {
        warn(format!("entry {}: {}", fault.entry, shown(&fault.what)));
    }
    Err(Failure::Differs(format!(
        "{} fault(s): the journal is not what was recorded; keep this disk as it is and tell your clients",
        report.faults.len()
    )))
}

/// The keys that verify this installation's checkpoints, the one in force last.
///
/// # Errors
/// `Written`: they are missing or damaged.
pub fn terms(dir: &SiteDir) -> Result<Vec<KeyTerm>, Failure> {
    dir.key_files().terms().map_err(|e| Failure::Written(e.to_string()))
}

/// A bar for long work over journal entries; hidden where nobody watches.
#[must_use]
pub fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {pos}/{len} {eta}")
        .expect("the template names indicatif's own keys");
    ProgressBar::new(0).with_style(style)
}

/// `kukaku replay --store DIR`: the journal is judged again from nothing, and every verdict and
/// finding is compared byte for byte with what was recorded.
///
/// # Errors
/// `Differs`: something came out otherwise. `Store`: it can't be read.
pub fn replay(dir: &std::path::Path) -> Result<(), Failure> {
    let dir = SiteDir::find(Some(dir))?;
    let bar = progress();
    let report = crate::writer::replay_store(&dir.store(), |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    })
    .map_err(crate::start::writer::failure)?;
    bar.finish_and_clear();
    say(format!("observations and register changes replayed: {}", report.told));
    say(format!("verdicts and findings compared:             {}", report.compared));
    match report.difference {
        None => {
            say("The same, byte for byte.");
            Ok(())
        }
        Some(difference) => Err(Failure::Differs(format!("the replay came out otherwise: {difference}"))),
    }
}
