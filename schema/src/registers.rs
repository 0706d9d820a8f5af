//! Registers (台帳): who and what a site knows, with the validity of each entry.
//!
//! Read from and written to TOML (`schema/examples/site.toml`), kept entry by entry in the
//! store. An entry is valid in `[from, to)`; the same id may stand in several entries whose
//! validities don't overlap.

mod duty;
mod hours;
mod notify;
mod parse;
mod retention;
mod rows;
pub mod sheet;
mod standing;
mod stored;
mod write;

pub use duty::{Company, Permit, Pledge, Training};
pub use hours::Hours;
pub use notify::{NOTIFY_WITHIN, NotifyList};
pub use parse::{RegisterError, parse};
pub use retention::Retention;
pub use rows::{
    Account, Camera, Client, Credential, Door, Operator, Person, Policy, PolicyRow, Reader, ReaderDirection, Site,
    Source, Terminal, TrustClass, UseEvidence, Zone,
};
pub use standing::{StandingPermission, Weekday};
pub use stored::{StoredEntry, from_stored, to_stored};
pub use write::to_toml;

use crate::instant::{Span, UtcMicros};

/// The place outside all zones, as doors name it.
pub const OUTSIDE: &str = "outside";

/// One register entry with its validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// When it holds.
    pub valid: Span,
    /// When it was recorded; `None` for the opening registers of a site or a file replay, which
    /// hold from before anything was watched.
    pub recorded_at: Option<UtcMicros>,
    /// What it says.
    pub row: T,
}

impl<T> Entry<T> {
    /// An entry of the opening registers.
    pub fn opening(valid: Span, row: T) -> Self {
        Self { valid, recorded_at: None, row }
    }
}

/// All registers of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registers {
    /// The site itself.
    pub site: Site,
    /// The rules' numbers, newest last.
    pub policies: Vec<Entry<PolicyRow>>,
    /// Clients (市).
    pub clients: Vec<Entry<Client>>,
    /// Security zones (区画).
    pub zones: Vec<Entry<Zone>>,
    /// Doors.
    pub doors: Vec<Entry<Door>>,
    /// Readers on doors.
    pub readers: Vec<Entry<Reader>>,
    /// Cameras.
    pub cameras: Vec<Entry<Camera>>,
    /// Terminals.
    pub terminals: Vec<Entry<Terminal>>,
    /// Persons who may open sessions.
    pub operators: Vec<Entry<Operator>>,
    /// Other registered persons: staff and visitors.
    pub persons: Vec<Entry<Person>>,
    /// Credentials and whose they are.
    pub credentials: Vec<Entry<Credential>>,
    /// Accounts and whose they are.
    pub accounts: Vec<Entry<Account>>,
    /// Sources of observations.
    pub sources: Vec<Entry<Source>>,
    /// Permissions to be in zones without a work order.
    pub standing_permissions: Vec<Entry<StandingPermission>>,
    /// Agreements on retention.
    pub retentions: Vec<Entry<Retention>>,
    /// Companies, and those who work under them (再委託).
    pub companies: Vec<Entry<Company>>,
    /// Pledges (誓約書).
    pub pledges: Vec<Entry<Pledge>>,
    /// Trainings.
    pub trainings: Vec<Entry<Training>>,
    /// Permits and certificates.
    pub permits: Vec<Entry<Permit>>,
}

impl Registers {
    /// The tunnels between routers whose client has no other source that tells who works, where
    /// `tellers` are the sources that tell of sessions.
    #[must_use]
    pub fn nameless_tunnels(&self, tellers: &[String]) -> Vec<&Source> {
        let newest = |id: &str| self.sources.iter().rev().find(|entry| entry.row.id == id).map(|entry| &entry.row);
        let names = |teller: &String, client: &Option<String>| match newest(teller) {
            Some(row) => !row.tunnel && (row.client.is_none() || client.is_none() || row.client == *client),
            None => true,
        };
        let mut tunnels: Vec<&Source> = self.sources.iter().filter_map(|entry| newest(&entry.row.id)).collect();
        tunnels.sort_by_key(|row| &row.id);
        tunnels.dedup_by_key(|row| &row.id);
        tunnels.retain(|row| row.tunnel && !tellers.iter().any(|teller| names(teller, &row.client)));
        tunnels
    }
}
