//! Which register entries somebody sees, and who and what is his by them.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::super::cells::word_of;
use super::{ACT, Scope};
use crate::error::{StoreError, in_act};

/// One version of a register entry.
struct Row {
    id: i64,
    table: String,
    entry: String,
    from_us: i64,
    until_us: i64,
    in_force: bool,
    body: Value,
}

impl Row {
    fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field).and_then(Value::as_str)
    }

    fn texts(&self, field: &str) -> impl Iterator<Item = &str> {
        self.body.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// What a scope makes of the registers.
struct Eye<'a> {
    scope: &'a Scope,
    /// Operators who are his to see, at any time.
    persons: BTreeSet<String>,
    /// The companies they are of.
    companies: BTreeSet<String>,
    /// The clients that an operator works for, or ever did.
    clients: BTreeSet<String>,
}

/// Fills the tables of the scope from every version of every register entry.
pub(super) fn fill(conn: &Connection, scope: &Scope) -> Result<(), StoreError> {
    let rows = read(conn)?;
    let mut eye = Eye { scope, persons: BTreeSet::new(), companies: BTreeSet::new(), clients: BTreeSet::new() };
    for row in rows.iter().filter(|row| row.table == "operator") {
        if eye.is_own_operator(row) {
            eye.persons.insert(row.entry.clone());
            eye.clients.extend(row.texts("clients").map(str::to_owned));
            eye.companies.extend(row.text("company").map(str::to_owned));
            if row.in_force {
                add_person(conn, row)?;
            }
        }
    }
    for person in &eye.persons {
        add_name(conn, "person", person)?;
    }
    for row in &rows {
        eye.add(conn, row)?;
    }
    Ok(())
}

impl Eye<'_> {
    fn is_own_operator(&self, row: &Row) -> bool {
        match self.scope {
            Scope::Site => true,
            Scope::Clients { clients, .. } => row.texts("clients").any(|client| clients.contains(client)),
            Scope::Person { person, .. } => row.entry == *person,
        }
    }

    fn is_client(&self, client: &str) -> bool {
        match self.scope {
            Scope::Person { .. } => self.clients.contains(client),
            _ => self.scope.has_client(client),
        }
    }

    /// Whether an entry that names a client, or none, is his.
    fn has_client(&self, client: Option<&str>) -> bool {
        client.is_none_or(|client| self.is_client(client))
    }

    fn has_person(&self, person: Option<&str>) -> bool {
        person.is_some_and(|person| self.persons.contains(person))
    }

    /// Whether he sees an entry; tables that nobody has named here he doesn't.
    fn sees(&self, row: &Row) -> bool {
        let client = self.has_client(row.text("client"));
        match row.table.as_str() {
            "site" | "policy" | "zone" | "door" | "reader" | "camera" => true,
            "client" => self.is_client(&row.entry),
            "operator" => self.persons.contains(&row.entry),
            "credential" => self.has_person(row.text("operator")),
            "account" => match self.scope {
                Scope::Person { .. } => self.has_person(row.text("operator")),
                _ => client,
            },
            "pledge" | "training" => client && self.has_person(row.text("operator")),
            "permit" => client && row.text("operator").is_none_or(|one| self.persons.contains(one)),
            "standing_permission" => row.texts("persons").all(|one| self.persons.contains(one)),
            "company" => self.companies.contains(&row.entry),
            "terminal" | "source" | "retention" => client,
            _ => false,
        }
    }

    fn add(&self, conn: &Connection, row: &Row) -> Result<(), StoreError> {
        if matches!(row.table.as_str(), "terminal" | "source") && row.in_force {
            self.add_device(conn, row)?;
        }
        if !self.sees(row) {
            return Ok(());
        }
        match row.table.as_str() {
            "credential" | "account" | "client" => add_name(conn, &row.table, &row.entry)?,
            _ => {}
        }
        let body = serde_json::to_string(&self.without_others(&row.body)).expect("JSON that was read can be written");
        conn.prepare_cached("INSERT INTO temp.scope_register (id, body) VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![row.id, body]))
            .map_err(in_act(ACT))?;
        Ok(())
    }

    /// A row names every client that somebody works for: others are left out.
    fn without_others(&self, body: &Value) -> Value {
        let mut body = body.clone();
        if let (Scope::Clients { clients, .. }, Some(named)) =
            (self.scope, body.get_mut("clients").and_then(Value::as_array_mut))
        {
            named.retain(|client| client.as_str().is_some_and(|client| clients.contains(client)));
        }
        body
    }

    /// Terminals and sources that were registered for a client: his, or another's.
    fn add_device(&self, conn: &Connection, row: &Row) -> Result<(), StoreError> {
        let own = match row.text("client") {
            Some(client) => self.is_client(client),
            None => {
                add_name(conn, &row.table, &row.entry)?;
                return Ok(());
            }
        };
        if own {
            add_name(conn, &row.table, &row.entry)?;
        }
        let Some(word) = word_of(conn, &row.entry)? else { return Ok(()) };
        // One that changed hands is nobody else's to see: what he had of it stands in the sessions.
        conn.prepare_cached(
            "INSERT INTO temp.scope_device (sort, id, own) VALUES (?1, ?2, ?3)
             ON CONFLICT (sort, id) DO UPDATE SET own = own AND excluded.own",
        )
        .and_then(|mut s| s.execute(params![row.table, word, own]))
        .map_err(in_act(ACT))?;
        Ok(())
    }
}

fn add_person(conn: &Connection, row: &Row) -> Result<(), StoreError> {
    let Some(word) = word_of(conn, &row.entry)? else { return Ok(()) };
    conn.prepare_cached("INSERT INTO temp.scope_person (id, from_us, until_us) VALUES (?1, ?2, ?3)")
        .and_then(|mut s| s.execute(params![word, row.from_us, row.until_us]))
        .map_err(in_act(ACT))?;
    Ok(())
}

fn add_name(conn: &Connection, sort: &str, value: &str) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO temp.scope_name (sort, value) VALUES (?1, ?2)")
        .and_then(|mut s| s.execute(params![sort, value]))
        .map_err(in_act(ACT))?;
    Ok(())
}

fn read(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT id, tbl, entry_id, from_us, until_us, replaced_seq IS NULL, body FROM main.register_entry
               ORDER BY id";
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([], |row| {
            Ok((
                Row {
                    id: row.get(0)?,
                    table: row.get(1)?,
                    entry: row.get(2)?,
                    from_us: row.get(3)?,
                    until_us: row.get(4)?,
                    in_force: row.get(5)?,
                    body: Value::Null,
                },
                row.get::<_, String>(6)?,
            ))
        })
        .map_err(in_act(ACT))?;
    rows.map(|row| {
        let (row, body) = row.map_err(in_act(ACT))?;
        let body = serde_json::from_str(&body)
            .map_err(|e| StoreError::corrupt(ACT, format!("register entry {}: {e}", row.id)))?;
        Ok(Row { body, ..row })
    })
    .collect()
}
