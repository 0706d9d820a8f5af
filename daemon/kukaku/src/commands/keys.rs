//! `kukaku keys`: what signs, what seals, and what lies in escrow.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use kukaku_ledger::{Hash, KeyTerm};
use kukaku_schema::period::day_text;
use kukaku_store::{Connection, entries_of_kind, keys_of, read_only};
use serde::Deserialize;

use super::muster::credentials;
use super::registers::act;
use crate::cli::{KeysAction, KeysArgs};
use crate::control::Request;
use crate::durable::{SECRET_MODE, write_file};
use crate::escrow::{Bundle, ESCROW_MAX_BYTES, wrapping_of};
use crate::failure::Failure;
use crate::say::{ask, say, shown, warn};
use crate::site_dir::SiteDir;
use crate::writer::EscrowNote;

/// Runs the command.
///
/// # Errors
/// `Written`: a file is there already, or is none. `Failed`: a password or passphrase is wrong.
pub fn run(args: &KeysArgs) -> Result<(), Failure> {
    match &args.action {
        KeysAction::Show { dir } => show(&SiteDir::find(dir.dir.as_deref())?),
        KeysAction::Rotate { dir, by, reason } => {
            let dir = SiteDir::find(dir.dir.as_deref())?;
            let by = credentials("user who wants it", by.as_ref())?;
            act(&dir, &Request::RotateKey { by, reason: reason.clone() })?;
            show(&dir)
        }
        KeysAction::Escrow { dir, by, reason, out } => {
            escrow(&SiteDir::find(dir.dir.as_deref())?, by.as_ref(), reason, out)
        }
        KeysAction::RestoreEscrow { file, into } => restore(file, into),
    }
}

fn show(dir: &SiteDir) -> Result<(), Failure> {
    let terms = dir.key_files().terms().map_err(|e| Failure::Written(e.to_string()))?;
    say("署名の鍵 (signing keys)");
    terms.iter().for_each(|term| say(term_lines(term)));
    let keys = keys_of(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
    let mut counts: BTreeMap<(&str, &[String], i32), usize> = BTreeMap::new();
    for key in &keys {
        *counts.entry((key.meta.class.word(), &key.meta.scope, key.meta.day)).or_default() += 1;
    }
    say(format!("記録値の鍵 (data keys): {}", keys.len()));
    for ((class, scope, day), count) in counts {
        let scope = if scope.is_empty() { "-".to_owned() } else { shown(&scope.join(",")) };
        say(format!("  {} {class} {scope}: {count}", day_text(day)));
    }
    let conn = read_only(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
    escrows(dir, &conn)
}

fn term_lines(term: &KeyTerm) -> String {
    let until = match term.until_size {
        None => "現用 (in force)".to_owned(),
        Some(until) => format!("{} 件まで (up to)", until - 1),
    };
    let (key, print, from) = (&term.key, term.key.fingerprint(), term.from_size.max(1));
    format!("  {key}\n    指紋 (fingerprint): {print}\n    {from} 件から (from) {until}")
}

#[derive(Deserialize)]
struct Escrowed {
    at: String,
    by: String,
    sha256: String,
    wrapping: Option<String>,
}

/// Escrow files that still open what was erased since are named, so that they are destroyed.
fn escrows(dir: &SiteDir, conn: &Connection) -> Result<(), Failure> {
    let entries = entries_of_kind(conn, "key_escrowed").map_err(|e| Failure::Store(e.to_string()))?;
    let present = std::fs::read(dir.keys().join("values.keys")).ok().and_then(|bytes| wrapping_of(&bytes));
    say(format!("預託 (escrow): {}", entries.len()));
    for entry in entries {
        let Some(said) = entry.body.and_then(|body| serde_json::from_slice::<Escrowed>(&body).ok()) else { continue };
        let (at, by, sha256) = (shown(&said.at), shown(&said.by), shown(&said.sha256));
        say(format!("  {at} {by} sha256 {sha256}"));
        if said.wrapping.is_some() && said.wrapping != present {
            warn(format!(
                "    その後に抹消した記録を開ける鍵を含みます。廃棄し、新しく預託してください (this file still opens records that were erased since: destroy it and make a new one): {sha256}"
            ));
        }
    }
    Ok(())
}

fn escrow(dir: &SiteDir, by: Option<&String>, reason: &str, out: &Path) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::Written(format!("{} is there already; name another file", out.display())));
    }
    let by = credentials("user who does it", by)?;
    let passphrase = ask("passphrase", true).map_err(Failure::Failed)?;
    let bundle = Bundle::read(&dir.keys()).map_err(Failure::Failed)?;
    let sealed = bundle.seal(&passphrase).map_err(Failure::Written)?;
    let sha256 = Hash::of(&sealed).to_string();
    let note = EscrowNote {
        by: by.user.clone(),
        reason: reason.to_owned(),
        sha256: sha256.clone(),
        wrapping: bundle.wrapping(),
    };
    // The journal first: no file leaves of which it doesn't know.
    act(dir, &Request::EscrowKeys { by, note })?;
    write_file(out, &sealed, SECRET_MODE).map_err(|e| Failure::io("write", out, &e))?;
    say(format!("{}: {} 個のファイル (files), sha256 {sha256}", out.display(), bundle.names().count()));
    Ok(())
}

fn restore(file: &Path, into: &Path) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(ESCROW_MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| Failure::io("read", file, &e))?;
    if bytes.len() as u64 > ESCROW_MAX_BYTES {
        return Err(Failure::Written(format!("{} is larger than any escrow file", file.display())));
    }
    let passphrase = ask("passphrase", true).map_err(Failure::Failed)?;
    let bundle = Bundle::open(&bytes, &passphrase).map_err(Failure::Failed)?;
    bundle.write(into).map_err(Failure::Written)?;
    say(format!("{}: {}", into.display(), bundle.names().collect::<Vec<_>>().join(", ")));
    Ok(())
}
