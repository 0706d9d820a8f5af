//! Standing permissions of people who are no more.

use std::collections::BTreeSet;

use kukaku_schema::registers::StandingPermission;
use rusqlite::params;

use super::ACT;
use crate::batch::Batch;
use crate::error::{StoreError, in_act};

impl Batch<'_> {
    /// Takes everybody out of the standing permissions who is in no register any more, in all
    /// versions; a permission for nobody goes.
    pub(super) fn forget_permitted(&mut self) -> Result<(), StoreError> {
        let texts = |sql: &str| -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.store.conn.prepare(sql)?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let people = "SELECT id, entry_id FROM register_entry WHERE tbl IN ('operator', 'person')";
        let left: BTreeSet<String> = texts(people).map_err(in_act(ACT))?.into_iter().map(|(_, id)| id).collect();
        let permissions = "SELECT id, body FROM register_entry WHERE tbl = 'standing_permission'";
        for (row, body) in texts(permissions).map_err(in_act(ACT))? {
            let broken = |error| StoreError::corrupt(ACT, format!("register entry standing_permission: {error}"));
            let mut permission: StandingPermission = serde_json::from_str(&body).map_err(broken)?;
            let before = permission.persons.len();
            permission.persons.retain(|person| left.contains(person));
            let changed = match permission.persons.len() {
                same if same == before => continue,
                0 => self.store.conn.execute("DELETE FROM register_entry WHERE id = ?1", [row]),
                _ => {
                    let body = serde_json::to_string(&permission).map_err(broken)?;
                    self.store.conn.execute("UPDATE register_entry SET body = ?2 WHERE id = ?1", params![row, body])
                }
            };
            changed.map_err(in_act(ACT))?;
        }
        Ok(())
    }
}
