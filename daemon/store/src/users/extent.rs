//! For whom a user looks, when, and how far back.

use std::collections::BTreeSet;

use kukaku_schema::{Name, UtcMicros};
use rusqlite::Row;

use super::error::UsersError;
use super::role::Role;
use super::row::instant;
use crate::query;

/// Most clients that one user may be of: every city of a prefecture.
const CLIENTS_MAX: usize = 200;

/// What bounds a user besides his role; nothing for the site's own people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// The clients (市) that an inspector or an officer is of.
    pub clients: BTreeSet<String>,
    /// Who an operator is in the registers; also one of the site who is an operator too, so that
    /// he can't close what was found about himself.
    pub person: Option<String>,
    /// May sign in from then on; none: at once.
    pub valid_from: Option<UtcMicros>,
    /// May not from then on; none: for good.
    pub valid_until: Option<UtcMicros>,
    /// Sees nothing of the time before it; none: all that is kept.
    pub sees_from: Option<UtcMicros>,
}

impl Extent {
    /// Whether `now` is within the time for which the user was let in.
    #[must_use]
    pub fn holds_at(&self, now: UtcMicros) -> bool {
        self.valid_from.is_none_or(|from| now >= from) && self.valid_until.is_none_or(|until| now < until)
    }

    /// What a user of `role` sees of the store.
    #[must_use]
    pub fn scope(&self, role: Role) -> query::Scope {
        if role.is_of_clients() {
            return query::Scope::Clients { clients: self.clients.clone(), from: self.sees_from };
        }
        match (&self.person, role) {
            (Some(person), Role::Operator) => query::Scope::Person { person: person.clone(), from: self.sees_from },
            // One who has no person is nobody, and sees nothing.
            (None, Role::Operator) => query::Scope::Clients { clients: BTreeSet::new(), from: self.sees_from },
            _ => query::Scope::Site,
        }
    }

    /// Refuses what doesn't belong to `role`, or lacks what it needs.
    pub(super) fn check(&self, role: Role) -> Result<(), UsersError> {
        let refuse = |why: &'static str| Err(UsersError::Extent(role.word(), why));
        let of_clients = role.is_of_clients();
        if of_clients && self.clients.is_empty() {
            return refuse("it needs the client (市) that it is of");
        }
        if !of_clients && !self.clients.is_empty() {
            return refuse("it belongs to the site, and to no client");
        }
        if self.clients.len() > CLIENTS_MAX || self.clients.iter().any(|id| Name::new(id.as_str()).is_err()) {
            return refuse("its clients are no ids, or too many");
        }
        if role == Role::Operator && self.person.is_none() {
            return refuse("it needs the id of the operator in the registers");
        }
        if of_clients && self.person.is_some() {
            return refuse("it belongs to a client, and is no operator");
        }
        if role == Role::Inspector && self.valid_until.is_none() {
            return refuse("an inspector is let in until a named day");
        }
        if self.valid_from.zip(self.valid_until).is_some_and(|(from, until)| until <= from) {
            return refuse("its time ends before it begins");
        }
        if role.sees_the_site() && self.sees_from.is_some() {
            return refuse("it sees the whole site");
        }
        Ok(())
    }

    /// The text of the column `clients`.
    pub(super) fn clients_text(&self) -> String {
        self.clients.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let clients: String = row.get("clients")?;
        Ok(Self {
            clients: clients.lines().map(str::to_owned).collect(),
            person: row.get("person")?,
            valid_from: instant(row, row.as_ref().column_index("valid_from_us")?)?,
            valid_until: instant(row, row.as_ref().column_index("valid_until_us")?)?,
            sees_from: instant(row, row.as_ref().column_index("sees_from_us")?)?,
        })
    }
}
