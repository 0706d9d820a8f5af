//! `kukaku sources`: bearer keys of the API and MQTT passwords.

use kukaku_schema::UtcMicros;
use kukaku_store::users::KeyBounds;

use super::users;
use crate::cli::{KeyAction, SourcesAction, SourcesArgs};
use crate::clock;
use crate::control::{self, Request};
use crate::failure::Failure;
use crate::mqtt_passwords::MqttPasswords;
use crate::say::{ask, say, shown, warn};
use crate::secrets;
use crate::site_dir::SiteDir;

/// Characters of a password that kukaku makes: 115 bits, short enough for a panel's menu.
const PASSWORD_CHARS: usize = 20;

/// Runs the command.
///
/// # Errors
/// Which source or key, or what the store said.
pub fn run(args: &SourcesArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    match &args.action {
        SourcesAction::Key { action } => key(&dir, action),
        SourcesAction::Password { source, also, stdin, remove } => {
            let path = dir.mqtt_passwords();
            let mut passwords = MqttPasswords::read(&path).map_err(Failure::Written)?;
            if *remove {
                if passwords.0.remove(source).is_none() {
                    return Err(Failure::Failed(format!("{source:?} has no MQTT password")));
                }
                passwords.write(&path).map_err(|e| Failure::io("write", &path, &e))?;
                say(format!("{source} can no longer sign in over MQTT with a password"));
                return reload(&dir);
            }
            warn_of_strangers(&dir, std::iter::once(source).chain(also))?;
            let made =
                if *stdin { None } else { Some(secrets::new_password(PASSWORD_CHARS).map_err(Failure::Failed)?) };
            let password = match &made {
                Some(made) => made.clone(),
                None => ask("password", true).map_err(Failure::Failed)?,
            };
            let sources = std::iter::once(source).chain(also).cloned().collect();
            passwords.set(source, &password, sources).map_err(Failure::Failed)?;
            passwords.write(&path).map_err(|e| Failure::io("write", &path, &e))?;
            say(format!("MQTT user: {source}"));
            if let Some(made) = made {
                say(format!("password:  {made}"));
                say("It is shown this once.");
            }
            say(format!("topics:    kukaku/v1/{source}/<anything>"));
            reload(&dir)
        }
    }
}

/// The site's own source.
const OWN_SOURCE: &str = "kukaku";

fn key(dir: &SiteDir, action: &KeyAction) -> Result<(), Failure> {
    let users = users::open(dir)?;
    match action {
        KeyAction::Add { sources, label, may_read, client, until } => {
            warn_of_strangers(dir, sources.iter())?;
            users::registered_clients(dir, client)?;
            let what = if sources.is_empty() { client.join(", ") } else { sources.join(", ") };
            let what = if what.is_empty() { "reading".to_owned() } else { what };
            let label = label.as_ref().or(sources.first()).unwrap_or(&what);
            let bounds = KeyBounds { may_read: *may_read, clients: client.iter().cloned().collect(), until: *until };
            let key = users.create_bounded_key(label, sources, &bounds, clock::now()).map_err(users::failure)?;
            say(format!("key for {what}: {key}"));
            say("It is shown this once. Send it as `Authorization: Bearer <key>`.");
        }
        KeyAction::List => {
            for key in users.keys().map_err(users::failure)? {
                let state = key
                    .revoked_at
                    .map_or_else(|| "in force".to_owned(), |at| format!("revoked {}", at.to_rfc3339_utc()));
                let of: Vec<&str> = key.clients.iter().map(String::as_str).collect();
                let reads = match (key.may_read, of.is_empty()) {
                    (false, _) => String::new(),
                    (true, true) => ", may read".to_owned(),
                    (true, false) => format!(", may read of {}", of.join(", ")),
                };
                let until = key.until.map_or_else(String::new, |at| format!(", until {}", at.to_rfc3339_utc()));
                say(format!(
                    "{}  {:<24} {}{reads}{until}; made {}; {state}",
                    key.id,
                    shown(&key.label),
                    shown(&key.sources.join(", ")),
                    UtcMicros::to_rfc3339_utc(key.created_at)
                ));
            }
        }
        KeyAction::Revoke { id } => {
            users.revoke_key(id, clock::now()).map_err(users::failure)?;
            say(format!("key {id} is revoked"));
        }
    }
    Ok(())
}

/// A source that is not registered may speak, and is shown as unknown: most likely a slip of the pen.
fn warn_of_strangers<'a>(dir: &SiteDir, sources: impl Iterator<Item = &'a String>) -> Result<(), Failure> {
    let registers = super::registers::present(dir)?;
    // As itself the site is no device: a key for it hands in work orders.
    for source in sources.filter(|source| *source != OWN_SOURCE) {
        if !registers.sources.iter().any(|entry| entry.row.id == *source) {
            warn(format!(
                "note: {source:?} is not in the registers; what it says will be shown as of an unknown source"
            ));
        }
    }
    Ok(())
}

/// A running daemon lets the new users in at once.
fn reload(dir: &SiteDir) -> Result<(), Failure> {
    match control::ask_daemon(dir, &Request::ReloadMqttUsers)? {
        Some(_) => say("The running daemon has taken it over."),
        None => say("It holds from the daemon's next start."),
    }
    Ok(())
}
