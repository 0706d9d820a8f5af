//! `kukaku muster` and `kukaku manual-entry`: what one user writes and another confirms.

use std::path::Path;

use kukaku_schema::observation::ManualDirection;

use super::registers::act;
use crate::cli::{ManualEntryArgs, MusterArgs, Way};
use crate::control::{Credentials, Request};
use crate::failure::Failure;
use crate::say::ask;
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Written`: the list is wrong. `Failed`: a user or password is wrong.
pub fn run(args: &MusterArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let mut inside = match &args.file {
        Some(file) => read(file)?,
        None => Vec::new(),
    };
    for pair in &args.persons {
        let (person, zone) = pair
            .split_once('=')
            .ok_or_else(|| Failure::Written(format!("--person {pair:?}: expected PERSON=ZONE, like op-01=zone-a")))?;
        inside.push((person.trim().to_owned(), zone.trim().to_owned()));
    }
    let written_by = credentials("user who writes it", args.written_by.as_ref())?;
    let confirmed_by = credentials("user who confirms it", args.confirmed_by.as_ref())?;
    act(&dir, &Request::Muster { at: args.at, inside, written_by, confirmed_by })
}

/// Runs `kukaku manual-entry`.
///
/// # Errors
/// `Written`: the person or zone isn't registered then. `Failed`: a user or password is wrong.
pub fn run_manual(args: &ManualEntryArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let written_by = credentials("user who writes it", args.written_by.as_ref())?;
    let confirmed_by = credentials("user who confirms it", args.confirmed_by.as_ref())?;
    let direction = match args.direction {
        Way::Entry => ManualDirection::Entry,
        Way::Exit => ManualDirection::Exit,
    };
    let (person, zone) = (args.person.clone(), args.zone.clone());
    act(&dir, &Request::ManualEntry { at: args.at, person, zone, direction, written_by, confirmed_by })
}

/// Asks for a user's name, where none is given, and its password.
///
/// # Errors
/// Nothing was typed.
pub fn credentials(question: &str, named: Option<&String>) -> Result<Credentials, Failure> {
    let user = match named {
        Some(user) => user.clone(),
        None => ask(question, false).map_err(Failure::Failed)?,
    };
    let password = ask(&format!("password of {user}"), true).map_err(Failure::Failed)?;
    Ok(Credentials { user, password })
}

/// `person,zone` with that header; ids hold no commas, so no quoting is needed.
fn read(file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Written(format!("read {}: {e}", file.display())))?;
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().enumerate();
    let wrong = |line: usize, what: &str| Failure::Written(format!("{}, line {}: {what}", file.display(), line + 1));
    match lines.next() {
        Some((_, header)) if header.trim() == "person,zone" => {}
        _ => return Err(wrong(0, "expected the header `person,zone`")),
    }
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| match line.split(',').map(str::trim).collect::<Vec<_>>()[..] {
            [person, zone] if !person.is_empty() && !zone.is_empty() => Ok((person.to_owned(), zone.to_owned())),
            _ => Err(wrong(number, "expected a person and a zone with a comma between")),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_a_missing_zone_is_refused_with_its_line() {
        let path = std::env::temp_dir().join(format!("kukaku-muster-{}.csv", std::process::id()));
        std::fs::write(&path, "\u{feff}person,zone\r\nop-01,zone-a\r\n\r\nop-02,zone-b\r\n").unwrap();
        let read_back = read(&path).unwrap();
        assert_eq!(read_back, [("op-01".to_owned(), "zone-a".to_owned()), ("op-02".to_owned(), "zone-b".to_owned())]);
        std::fs::write(&path, "person,zone\nop-01,zone-a\nop-02\n").unwrap();
        assert!(read(&path).is_err_and(|e| e.to_string().contains("line 3")));
        std::fs::write(&path, "op-01,zone-a\n").unwrap();
        assert!(read(&path).is_err_and(|e| e.to_string().contains("person,zone")));
        std::fs::remove_file(&path).unwrap();
    }
}
