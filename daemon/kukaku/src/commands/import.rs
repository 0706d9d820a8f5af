//! `kukaku import`: files of other systems into the store.
//!
//! Each row becomes observations with the identity that its file gives it, so the same file
//! again changes nothing. A row that fails is reported with its line, kept as unreadable, and
//! the rest goes in.

use std::fs::File;
use std::io::{BufReader, IsTerminal as _, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use kukaku_codec::files::{LineError, Mapping, Table, read_rows};
use kukaku_schema::observation::LineListed;
use kukaku_schema::{Name, Observation, SiteZone, UtcMicros};

use super::import_evtx;
use crate::cli::ImportArgs;
use crate::control::{self, Hearer, Reply, Request, Sayer, WireArrival};
use crate::failure::Failure;
use crate::say::{say, shown, warn};
use crate::site_dir::SiteDir;

/// Failed lines that are printed; their number is told in any case, and each is kept.
pub(super) const FAILURES_PRINTED: u64 = 100;

/// Runs the command.
///
/// # Errors
/// `Written`: the mapping is wrong. `Failed`: some lines were not understood, or a file can't be
/// read. `Store`: it is not to be had.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.store.as_deref())?;
    let mapping = args.mapping.as_deref().map(mapping).transpose()?;
    let mut files: Vec<(&Table, &PathBuf)> = Vec::new();
    if let (Some(mapping), Some(named)) = (&mapping, &args.mapping) {
        let work = [
            ("doors", &mapping.doors, &args.doors),
            ("sessions", &mapping.sessions, &args.sessions),
            ("lines", &mapping.lines, &args.lines),
        ];
        for (name, table, paths) in work {
            match table {
                Some(table) => files.extend(paths.iter().map(|path| (table, path))),
                None if paths.is_empty() => {}
                None => {
                    return Err(Failure::Written(format!("{} has no table [{name}]", named.display())));
                }
            }
        }
    }
    let listed = args.complete.as_deref().map(|span| listed(args, span, &dir)).transpose()?;
    let windows = if args.evtx.is_empty() { None } else { Some(import_evtx::config(args)?) };
    let all = files.iter().map(|(_, path)| *path).chain(&args.evtx);
    let total = all.map(|path| std::fs::metadata(path).map_or(0, |m| m.len())).sum();
    let bar = progress(total);
    let (mut sayer, hearer) = begin(&dir)?;
    let heard = listen(hearer, bar.clone());
    let sent = send_files(&files, &mut sayer, &bar).and_then(|failed| {
        let failed = failed + windows.map_or(Ok(0), |windows| import_evtx::send(args, windows, &mut sayer, &bar))?;
        if let Some(listed) = listed.filter(|_| failed == 0) {
            sayer.say(&WireArrival::Observation(Box::new(listed))).map_err(Stopped::Gone)?;
        }
        sayer.say(&WireArrival::End(true)).and_then(|()| sayer.flush()).map_err(Stopped::Gone)?;
        Ok(failed)
    });
    let counted = finish(heard, sayer, sent.is_ok());
    bar.finish_and_clear();
    let (failed, (kept, known)) = match sent {
        Ok(failed) => (failed, counted?),
        Err(Stopped::File(failure)) => return Err(failure),
        // Why the other end went away says more than that it did.
        Err(Stopped::Gone(failure)) => return Err(counted.err().unwrap_or(failure)),
    };
    say(format!("{kept} new in the journal, {known} known already, {failed} line(s) not understood"));
    if failed > 0 {
        return Err(Failure::Failed(format!(
            "{failed} line(s) were not understood; they are kept as unreadable, everything else went in"
        )));
    }
    Ok(())
}

/// The statement that a city's record of its line is complete for a span of local days. It is
/// made only where every row was understood: an unlock that is missing would accuse somebody.
fn listed(args: &ImportArgs, span: &str, dir: &SiteDir) -> Result<Observation, Failure> {
    let wrong = || {
        Failure::Written(format!(
            "--complete {span}: expected two days, the second not included, like 2026-11-01..2026-12-01"
        ))
    };
    let registers = super::registers::present(dir)?;
    let zone = SiteZone::named(&registers.site.time_zone).map_err(Failure::Store)?;
    let day = |text: &str| -> Option<UtcMicros> {
        let day: jiff::civil::Date = text.trim().parse().ok()?;
        zone.instant_of(day.at(0, 0, 0, 0))
    };
    let (from, to) = span.split_once("..").and_then(|(from, to)| Some((day(from)?, day(to)?))).ok_or_else(wrong)?;
    if to <= from {
        return Err(wrong());
    }
    let name = |text: &Option<String>| Name::new(text.as_deref().unwrap_or_default()).map_err(Failure::Written);
    Ok(Observation::LineListed(LineListed {
        source: name(&args.source)?,
        epoch: None,
        seq: None,
        event_id: None,
        client: name(&args.client)?,
        from,
        to,
    }))
}

fn mapping(path: &Path) -> Result<Mapping, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::Written(format!("read mapping {}: {e}", path.display())))?;
    Mapping::parse(&text, &path.display().to_string()).map_err(|e| Failure::Written(e.to_string()))
}

/// Why sending ended early.
pub(super) enum Stopped {
    /// A file can't be read.
    File(Failure),
    /// The other end is gone.
    Gone(Failure),
}

fn begin(dir: &SiteDir) -> Result<(Sayer, Hearer), Failure> {
    let mut conversation = control::open(dir)?;
    conversation.say(&Request::Import)?;
    conversation.split()
}

type Counted = Result<(u64, u64), Failure>;

/// Hears how far the import is on a thread of its own, so that neither end waits for the other.
fn listen(mut hearer: Hearer, bar: ProgressBar) -> std::thread::JoinHandle<(Hearer, Counted)> {
    std::thread::spawn(move || {
        let result = loop {
            match hearer.hear() {
                Ok(Reply::Imported { kept, known, last: true }) => break Ok((kept, known)),
                Ok(Reply::Imported { kept, known, .. }) => bar.set_message(format!("{kept} new, {known} known")),
                Ok(other) => break Err(Failure::Failed(format!("the daemon answered {other:?} to an import"))),
                Err(failure) => break Err(failure),
            }
        };
        (hearer, result)
    })
}

/// Waits for the last reply and closes; where sending broke off, tells the other end so.
fn finish(heard: std::thread::JoinHandle<(Hearer, Counted)>, mut sayer: Sayer, complete: bool) -> Counted {
    if !complete {
        sayer.break_off();
    }
    let (hearer, counted) =
        heard.join().map_err(|_| Failure::Failed("the import's listener ended early".to_owned()))?;
    let closed = hearer.close(sayer);
    counted.and_then(|counted| closed.map(|()| counted))
}

/// Sends every row; returns how many lines failed.
fn send_files(files: &[(&Table, &PathBuf)], sayer: &mut Sayer, bar: &ProgressBar) -> Result<u64, Stopped> {
    let mut failed = 0;
    for (table, path) in files {
        let file = File::open(path).map_err(|e| Stopped::File(Failure::io("read", path, &e)))?;
        let reader = Counting::new(BufReader::with_capacity(256 * 1024, file), bar.clone());
        failed += send_file(table, path, reader, sayer, bar, failed)?;
    }
    if failed > FAILURES_PRINTED {
        bar.suspend(|| warn(format!("... and {} more failed lines", failed - FAILURES_PRINTED)));
    }
    Ok(failed)
}

fn send_file(
    table: &Table,
    path: &Path,
    reader: impl Read,
    sayer: &mut Sayer,
    bar: &ProgressBar,
    failed_before: u64,
) -> Result<u64, Stopped> {
    let mut failed = 0;
    let mut broken = None;
    let read = read_rows(table, reader, |_, row| {
        let sent = match row {
            Ok(observations) => observations
                .into_iter()
                .try_for_each(|observation| sayer.say(&WireArrival::Observation(Box::new(observation)))),
            Err(error) => {
                failed += 1;
                if failed_before + failed <= FAILURES_PRINTED {
                    bar.suspend(|| warn(format!("{}: {}", path.display(), shown(&error.to_string()))));
                }
                sayer.say(&WireArrival::from(unreadable(error, path)))
            }
        };
        match sent {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                broken = Some(failure);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(failure) = broken {
        return Err(Stopped::Gone(failure));
    }
    read.map_err(|e| Stopped::File(Failure::Failed(format!("{}: {e}", path.display()))))?;
    Ok(failed)
}

/// The row as it is kept: the file's name stands with the line number, so that a person finds it.
fn unreadable(error: LineError, path: &Path) -> kukaku_schema::intake::Unreadable {
    let mut kept = error.into_unreadable(None);
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    kept.reason = format!("{name}: {}", kept.reason);
    kept
}

fn progress(total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {bytes}/{total_bytes} {msg} {eta}")
        .expect("the template names indicatif's own keys");
    ProgressBar::new(total).with_style(style)
}

/// Moves the bar by what was read.
pub(super) struct Counting<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R> Counting<R> {
    pub(super) fn new(inner: R, bar: ProgressBar) -> Self {
        Self { inner, bar }
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(into)?;
        self.bar.inc(length as u64);
        Ok(length)
    }
}
