//! Who works for a client, by the registers: their readings are opened to it, others' are not.

use std::collections::BTreeMap;

use kukaku_schema::registers::Registers;
use kukaku_schema::{Span, UtcMicros};

/// The operators that work for one client, and their credentials.
#[derive(Debug)]
pub(super) struct Staff {
    working: BTreeMap<String, Vec<Span>>,
    credentials: BTreeMap<String, Vec<(Span, String)>>,
}

impl Staff {
    /// Those who are registered for `client` or have an account for it.
    pub(super) fn of(registers: &Registers, client: &str) -> Self {
        let mut working: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for entry in &registers.operators {
            if entry.row.clients.iter().any(|id| id == client) {
                working.entry(entry.row.id.clone()).or_default().push(entry.valid);
            }
        }
        for entry in registers.accounts.iter().filter(|entry| entry.row.client == client) {
            working.entry(entry.row.operator.clone()).or_default().push(entry.valid);
        }
        let mut credentials: BTreeMap<String, Vec<(Span, String)>> = BTreeMap::new();
        for entry in &registers.credentials {
            if let Some(operator) = &entry.row.operator {
                credentials.entry(entry.row.id.clone()).or_default().push((entry.valid, operator.clone()));
            }
        }
        Self { working, credentials }
    }

    /// Whether `person` worked for the client at that instant.
    pub(super) fn works(&self, person: &str, at: UtcMicros) -> bool {
        self.working.get(person).is_some_and(|spans| spans.iter().any(|span| span.contains(at)))
    }

    /// Whose the credential was at that instant, if he worked for the client then.
    pub(super) fn holder(&self, credential: &str, at: UtcMicros) -> Option<&str> {
        let held = self.credentials.get(credential)?.iter().find(|(span, _)| span.contains(at));
        held.map(|(_, operator)| operator.as_str()).filter(|operator| self.works(operator, at))
    }
}
