//! `kukaku registers`: import, dry run, export.

use std::path::Path;

use kukaku_schema::registers::sheet::{SheetFile, to_csv};
use kukaku_schema::registers::{Registers, parse, to_toml};
use kukaku_schema::{Lang, SiteZone};
use kukaku_store::{RegisterDiff, query, read_only};

use crate::cli::{RegistersAction, RegistersArgs};
use crate::clock;
use crate::control::{self, Credentials, Reply, Request};
use crate::failure::Failure;
use crate::register_lines::changes;
use crate::say::{say, shown};
use crate::sheet_file;
use crate::site_dir::SiteDir;

/// What makes a Japanese Excel read the file as UTF-8.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Lines that a dry run prints; their number is told in any case.
const CHANGES_PRINTED: usize = 200;

/// Runs the command.
///
/// # Errors
/// `Written`: the file is wrong, with line and key. Otherwise what the store said.
pub fn run(args: &RegistersArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    match &args.action {
        RegistersAction::Import { file, csv, table, end_missing, dry_run, reason, by, confirmed_by } => {
            let request = |by: String, confirmed_by: Option<Credentials>| match (file, csv, table) {
                (Some(file), ..) => {
                    let (toml, file) = (read(file)?, file.display().to_string());
                    // Checked here as well, so that a slip is told before anything is opened.
                    let wanted = parse(&toml, &file).map_err(|e| Failure::Written(e.to_string()))?;
                    let request = Request::ImportRegisters { toml, file, by, confirmed_by, reason: reason.clone() };
                    Ok((wanted, request))
                }
                (None, Some(csv), Some(table)) => {
                    let (text, file) = (sheet_file::read(csv)?, csv.display().to_string());
                    let sheet = SheetFile { table: table.clone(), text, file, end_missing: *end_missing };
                    let wanted = sheet.apply(&present(&dir)?, clock::now());
                    let wanted = wanted.map_err(|e| Failure::Written(e.to_string()))?;
                    Ok((wanted, Request::ImportSheet { sheet, by, confirmed_by, reason: reason.clone() }))
                }
                _ => Err(Failure::Written("give a TOML file, or --csv and --table".to_owned())),
            };
            let by = by.clone().unwrap_or_else(own_name);
            if *dry_run {
                return dry(&dir, &request(by, None)?.0);
            }
            // Read and checked before anybody is asked for a password.
            let (_, act_on) = request(by.clone(), None)?;
            let Some(second) = confirmed_by else { return act(&dir, &act_on) };
            let second = super::muster::credentials("user who confirms it", Some(second))?;
            act(&dir, &request(by, Some(second))?.1)
        }
        RegistersAction::Export { table, out, english } => {
            let registers = present(&dir)?;
            let text = match table {
                None => to_toml(&registers).map_err(|e| Failure::Failed(format!("write the registers: {e}")))?,
                Some(table) => {
                    let lang = if *english { Lang::En } else { Lang::Ja };
                    let csv = to_csv(&registers, table, lang).map_err(Failure::Failed)?;
                    format!("{BYTE_ORDER_MARK}{csv}")
                }
            };
            match out {
                None => say(text.trim_end_matches('\n')),
                Some(out) => write_new(out, &text)?,
            }
            Ok(())
        }
    }
}

/// Writes a file that must not be there yet.
fn write_new(out: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let wrong = |e: std::io::Error| Failure::Written(format!("write {}: {e}", out.display()));
    let mut file = std::fs::File::create_new(out).map_err(wrong)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)
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
    let zone = SiteZone::named(&wanted.site.time_zone).map_err(Failure::Store)?;
    let changes = changes(&diff, &zone);
    for change in changes.iter().take(CHANGES_PRINTED) {
        say(format!("{} {}", change.sort.label(Lang::Ja), shown(&change.line(Lang::En))));
    }
    if changes.len() > CHANGES_PRINTED {
        say(format!("... and {} more", changes.len() - CHANGES_PRINTED));
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
