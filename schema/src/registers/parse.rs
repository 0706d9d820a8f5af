//! Registers from and to TOML, with errors that name file, line, key and what was expected.

mod city_key;
mod duty;
mod place;
mod refer;
mod retention;
mod standing;

use serde::Deserialize;
use toml::Spanned;

use super::rows::{
    Account, Camera, Client, Credential, Door, Operator, Person, PolicyRow, Reader, Site, Source, Terminal, Zone,
};
use super::{Company, Entry, OUTSIDE, Permit, Pledge, Registers, Retention, StandingPermission, Training};
use crate::instant::{SiteZone, Span, UtcMicros};
use crate::period::day_of;
use place::{Place, Placed, read_rows};
use refer::{Ids, check_ids, check_zones, refer, refer_opt};

/// Why a registers file can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
pub struct RegisterError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, what it holds and what was expected.
    pub message: String,
}

macro_rules! file_type {
    ($( $table:ident : $row:ty, )*) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            site: Spanned<Site>,
            #[serde(default)]
            policy: Option<PolicyRow>,
            $( #[serde(default)] $table: Vec<Spanned<toml::Table>>, )*
        }
    };
}
file_type! {
    client: Client, zone: Zone, door: Door, reader: Reader, camera: Camera, terminal: Terminal,
    operator: Operator, person: Person, credential: Credential, account: Account, source: Source,
    retention: Retention, company: Company, pledge: Pledge, training: Training, permit: Permit,
    standing_permission: StandingPermission,
}

/// Reads a registers file and checks every reference in it.
///
/// # Errors
/// The first `RegisterError`, with file, line, key and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Registers, RegisterError> {
    let place = Place { file, text };
    let parsed: File = toml::from_str(text).map_err(|e| place.of_toml(&e, 0))?;
    let site_span = parsed.site.span();
    let site = parsed.site.into_inner();
    let zone = SiteZone::named(&site.time_zone)
        .map_err(|e| place.error(place.line_of(&site_span, "time_zone"), format!("`time_zone`: {e}")))?;

    if let Some(day) = site.holidays.iter().find(|day| day_of(day).is_none()) {
        let line = place.line_of(&site_span, "holidays");
        return Err(place.error(line, format!("`holidays`: {day:?} is no day like \"2026-11-23\"")));
    }
    let clients = read_rows::<Client>(&place, &zone, "client", parsed.client)?;
    let zones = read_rows::<Zone>(&place, &zone, "zone", parsed.zone)?;
    let doors = read_rows::<Door>(&place, &zone, "door", parsed.door)?;
    let readers = read_rows::<Reader>(&place, &zone, "reader", parsed.reader)?;
    let cameras = read_rows::<Camera>(&place, &zone, "camera", parsed.camera)?;
    let terminals = read_rows::<Terminal>(&place, &zone, "terminal", parsed.terminal)?;
    let operators = read_rows::<Operator>(&place, &zone, "operator", parsed.operator)?;
    let persons = read_rows::<Person>(&place, &zone, "person", parsed.person)?;
    let credentials = read_rows::<Credential>(&place, &zone, "credential", parsed.credential)?;
    let accounts = read_rows::<Account>(&place, &zone, "account", parsed.account)?;
    let sources = read_rows::<Source>(&place, &zone, "source", parsed.source)?;
    let permissions =
        read_rows::<StandingPermission>(&place, &zone, "standing_permission", parsed.standing_permission)?;
    let retentions = read_rows::<Retention>(&place, &zone, "retention", parsed.retention)?;
    let companies = read_rows::<Company>(&place, &zone, "company", parsed.company)?;
    let pledges = duty::read_dated::<Pledge>(&place, &zone, "pledge", parsed.pledge)?;
    let trainings = duty::read_dated::<Training>(&place, &zone, "training", parsed.training)?;
    let permits = duty::read_dated::<Permit>(&place, &zone, "permit", parsed.permit)?;

    let ids = Ids {
        client: check_ids(&place, "client", &clients, |r| r.id.clone())?,
        zone: check_ids(&place, "zone", &zones, |r| r.id.clone())?,
        door: check_ids(&place, "door", &doors, |r| r.id.clone())?,
        operator: check_ids(&place, "operator", &operators, |r| r.id.clone())?,
        person: check_ids(&place, "person", &persons, |r| r.id.clone())?,
        source: check_ids(&place, "source", &sources, |r| r.id.clone())?,
        company: check_ids(&place, "company", &companies, |r| r.id.clone())?,
    };
    check_ids(&place, "reader", &readers, |r| r.id.clone())?;
    check_ids(&place, "camera", &cameras, |r| r.id.clone())?;
    check_ids(&place, "terminal", &terminals, |r| r.id.clone())?;
    check_ids(&place, "credential", &credentials, |r| r.id.clone())?;
    // One account name may stand for several people on different sources or for different clients.
    check_ids(&place, "account", &accounts, |r| {
        format!("{}\u{0}{}\u{0}{}", r.id, r.client, r.source.as_deref().unwrap_or(""))
    })?;
    if let Some(both) = operators.iter().find(|o| ids.person.contains(&o.entry.row.id)) {
        let line = place.line_of(&both.span, "id");
        return Err(place.error(
            line,
            format!("`id` = {:?} stands for an operator and a person; ids of people are shared", both.entry.row.id),
        ));
    }
    check_zones(&place, &zones, &ids)?;
    for door in &doors {
        let row = &door.entry.row;
        for (key, value) in [("outer", &row.outer), ("inner", &row.inner)] {
            if value != OUTSIDE || key == "inner" {
                refer(&place, &door.span, "door", key, value, "zone", &ids.zone)?;
            }
        }
        if row.outer == row.inner {
            return Err(place.error(
                place.line_of(&door.span, "inner"),
                format!("[[door]] {:?}: `inner` and `outer` are the same zone", row.id),
            ));
        }
    }
    for reader in &readers {
        refer(&place, &reader.span, "reader", "door", &reader.entry.row.door, "door", &ids.door)?;
        refer_opt(&place, &reader.span, "reader", "source", reader.entry.row.source.as_ref(), "source", &ids.source)?;
    }
    for camera in &cameras {
        refer(&place, &camera.span, "camera", "zone", &camera.entry.row.zone, "zone", &ids.zone)?;
        refer_opt(&place, &camera.span, "camera", "source", camera.entry.row.source.as_ref(), "source", &ids.source)?;
    }
    for client in &clients {
        for zone in &client.entry.row.zones {
            refer(&place, &client.span, "client", "zones", zone, "zone", &ids.zone)?;
        }
        city_key::check(&place, client)?;
        if client.entry.row.report_days == Some(0) {
            let line = place.line_of(&client.span, "report_days");
            return Err(place.error(line, "[[client]] `report_days` = 0: expected at least 1".to_owned()));
        }
    }
    for terminal in &terminals {
        for address in &terminal.entry.row.addresses {
            // Only one text an address: they are compared as texts.
            let canonical = address.parse().map(|ip: std::net::IpAddr| ip.to_canonical().to_string());
            if canonical.as_ref() != Ok(address) {
                let expected = canonical
                    .map_or_else(|_| "an IP address like \"192.0.2.11\"".to_owned(), |text| format!("{text:?}"));
                let line = place.line_of(&terminal.span, "addresses");
                return Err(place.error(line, format!("[[terminal]] `addresses`: {address:?}; expected {expected}")));
            }
        }
        refer(&place, &terminal.span, "terminal", "zone", &terminal.entry.row.zone, "zone", &ids.zone)?;
        refer_opt(
            &place,
            &terminal.span,
            "terminal",
            "client",
            terminal.entry.row.client.as_ref(),
            "client",
            &ids.client,
        )?;
    }
    for operator in &operators {
        for client in &operator.entry.row.clients {
            refer(&place, &operator.span, "operator", "clients", client, "client", &ids.client)?;
        }
    }
    for credential in &credentials {
        let row = &credential.entry.row;
        match (&row.operator, &row.person) {
            (Some(operator), None) => {
                refer(&place, &credential.span, "credential", "operator", operator, "operator", &ids.operator)?
            }
            (None, Some(person)) => {
                refer(&place, &credential.span, "credential", "person", person, "person", &ids.person)?
            }
            _ => {
                return Err(place.error(
                    place.line_at(credential.span.start),
                    format!("[[credential]] {:?}: expected `operator` or `person`, exactly one of them", row.id),
                ));
            }
        }
    }
    for account in &accounts {
        let row = &account.entry.row;
        refer(&place, &account.span, "account", "operator", &row.operator, "operator", &ids.operator)?;
        refer(&place, &account.span, "account", "client", &row.client, "client", &ids.client)?;
        refer_opt(&place, &account.span, "account", "source", row.source.as_ref(), "source", &ids.source)?;
    }
    for source in &sources {
        refer_opt(&place, &source.span, "source", "client", source.entry.row.client.as_ref(), "client", &ids.client)?;
    }
    standing::check_company(&place, &zones)?;
    standing::check(&place, &permissions, &ids)?;
    retention::check(&place, &retentions, &ids.client)?;
    duty::check_companies(&place, &companies, &operators, &ids)?;
    duty::check_pledges(&place, &pledges, &ids)?;
    duty::check_trainings(&place, &trainings, &ids)?;
    duty::check_permits(&place, &permits, &ids)?;
    let whole = Span::new(UtcMicros::MIN, UtcMicros::MAX);
    Ok(Registers {
        site,
        policies: parsed.policy.into_iter().map(|row| Entry::opening(whole, row)).collect(),
        clients: entries(clients),
        zones: entries(zones),
        doors: entries(doors),
        readers: entries(readers),
        cameras: entries(cameras),
        terminals: entries(terminals),
        operators: entries(operators),
        persons: entries(persons),
        credentials: entries(credentials),
        accounts: entries(accounts),
        sources: entries(sources),
        standing_permissions: entries(permissions),
        retentions: entries(retentions),
        companies: entries(companies),
        pledges: entries(pledges),
        trainings: entries(trainings),
        permits: entries(permits),
    })
}

fn entries<T>(placed: Vec<Placed<T>>) -> Vec<Entry<T>> {
    placed.into_iter().map(|p| p.entry).collect()
}

/// The tables that a registers file may have.
#[cfg(test)]
pub(super) fn tables() -> Vec<&'static str> {
    super::sheet::fields::<File>().to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
