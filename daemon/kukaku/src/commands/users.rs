//! `kukaku users`: works on the users' tables directly, beside a running daemon.

use kukaku_schema::UtcMicros;
use kukaku_schema::registers::Registers;
use kukaku_store::users::{Extent, INITIAL_PASSWORD_KEPT, Users, UsersError};
use kukaku_store::{StoreError, query, read_only};

use super::tokens;
use crate::cli::{ExtentArgs, UsersAction, UsersArgs};
use crate::clock;
use crate::failure::Failure;
use crate::say::say;
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// Which user, or what the store said.
pub fn run(args: &UsersArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let users = open(&dir)?;
    let now = clock::now();
    match &args.action {
        UsersAction::Add { name, role, extent } => {
            let extent = extent_of(&dir, extent)?;
            once(name, &users.create_for(name, *role, &extent, now).map_err(failure)?);
        }
        UsersAction::Role { name, role, extent } => {
            users.set_role_for(name, *role, &extent_of(&dir, extent)?).map_err(failure)?;
            say(format!("{name} is {} now; its sign-ins have ended", role.word()));
        }
        UsersAction::Codes { name } => {
            let codes = users.print_codes(name).map_err(failure)?;
            say(format!("codes for {name}, shown this once; each works once:"));
            codes.iter().for_each(|code| say(format!("  {code}")));
        }
        UsersAction::Token { name, list, serial } => {
            users.set_token(name, &tokens::find(list, serial)?, now).map_err(failure)?;
            say(format!("{name} signs in with token {serial} now; overwrite {}", list.display()));
        }
        UsersAction::RemoveFactors { name } => {
            users.remove_factors(name).map_err(failure)?;
            say(format!("{name} has no second factor any more; its sign-ins have ended"));
        }
        UsersAction::Reset { name } => once(name, &users.reset(name, now).map_err(failure)?),
        UsersAction::Disable { name } => {
            users.disable(name, now).map_err(failure)?;
            say(format!("{name} is disabled; its sign-ins have ended"));
        }
        UsersAction::Enable { name } => {
            users.enable(name).map_err(failure)?;
            say(format!("{name} is enabled"));
        }
        UsersAction::List => list(&users, now)?,
    }
    Ok(())
}

/// What the arguments say; whom the registers don't know nobody looks for.
fn extent_of(dir: &SiteDir, args: &ExtentArgs) -> Result<Extent, Failure> {
    registered_clients(dir, &args.client)?;
    let registers = registers(dir)?;
    let operator = |id: &String| registers.iter().flat_map(|r| &r.operators).any(|entry| entry.row.id == *id);
    if let Some(unknown) = args.person.iter().find(|id| !operator(id)) {
        return Err(Failure::Written(format!("--person {unknown}: the registers know no such operator")));
    }
    Ok(Extent {
        clients: args.client.iter().cloned().collect(),
        person: args.person.clone(),
        valid_from: args.from,
        valid_until: args.until,
        sees_from: args.history_from,
    })
}

fn registers(dir: &SiteDir) -> Result<Option<Registers>, Failure> {
    let store = |e: StoreError| Failure::Store(e.to_string());
    query::registers(&read_only(&dir.store()).map_err(store)?).map_err(store)
}

/// Refuses clients that the registers don't know.
///
/// # Errors
/// Which one, or what the store said.
pub fn registered_clients(dir: &SiteDir, clients: &[String]) -> Result<(), Failure> {
    let registers = registers(dir)?;
    let known = |id: &String| registers.iter().flat_map(|r| &r.clients).any(|entry| entry.row.id == *id);
    match clients.iter().find(|id| !known(id)) {
        Some(unknown) => Err(Failure::Written(format!("--client {unknown}: the registers know no such client"))),
        None => Ok(()),
    }
}

/// Opens the users of an installation.
///
/// # Errors
/// `Store`: there is no store, or it can't be opened.
pub fn open(dir: &SiteDir) -> Result<Users, Failure> {
    // Refuses a missing, foreign or newer store by name, which `Users` alone would not.
    kukaku_store::read_only(&dir.store()).map_err(|e| Failure::Store(e.to_string()))?;
    // Tells until when a password is good as the site has it.
    let rules = crate::config::load(&dir.config()).map(|loaded| loaded.config.passwords.rules()).unwrap_or_default();
    Ok(Users::open(&dir.store()).map_err(failure)?.with_rules(rules).acting_at(clock::now()))
}

/// What went wrong, sorted for the exit code.
#[must_use]
pub fn failure(error: UsersError) -> Failure {
    match error {
        UsersError::Store(_) => Failure::Store(error.to_string()),
        _ => Failure::Failed(error.to_string()),
    }
}

/// What bounds a user, for the list.
fn extent_text(extent: &Extent) -> String {
    let clients: Vec<&str> = extent.clients.iter().map(String::as_str).collect();
    let at = |what: &str, at: Option<UtcMicros>| at.map(|at| format!("{what} {}", at.to_rfc3339_utc()));
    let parts = [
        (!clients.is_empty()).then(|| format!("of {}", clients.join(", "))),
        extent.person.as_ref().map(|person| format!("is {person}")),
        at("from", extent.valid_from),
        at("until", extent.valid_until),
        at("sees from", extent.sees_from),
    ];
    parts.into_iter().flatten().map(|part| format!("; {part}")).collect()
}

fn once(name: &str, password: &str) {
    say(format!("user:              {name}"));
    say(format!("one-time password: {password}"));
    say(format!(
        "It is shown this once, holds for {} hours and must be changed at the first sign-in.",
        INITIAL_PASSWORD_KEPT.0 / 3_600_000_000
    ));
}

fn list(users: &Users, now: UtcMicros) -> Result<(), Failure> {
    for user in users.list().map_err(failure)? {
        let state = if user.disabled_at.is_some() {
            "disabled"
        } else if user.stopped {
            "stopped"
        } else if user.locked_until.is_some_and(|until| until > now) {
            "locked"
        } else if user.must_change {
            "one-time password"
        } else if user.password_is_over(now) {
            "password over"
        } else {
            "active"
        };
        let last = user.signed_in_at.map_or_else(|| "never".to_owned(), UtcMicros::to_rfc3339_utc);
        let until = user
            .password_until
            .map_or_else(String::new, |until| format!(", password until {}", until.to_rfc3339_utc()));
        let factor = if user.has_factor { ", second factor" } else { "" };
        let extent = extent_text(&user.extent);
        say(format!(
            "{:<24} {:<14} {state:<18} last sign-in {last}{until}{factor}{extent}",
            user.name,
            user.role.word()
        ));
    }
    Ok(())
}
