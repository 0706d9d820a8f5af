//! The store's schema, its version, and how older stores are brought up to it.

use rusqlite::Connection;

use crate::error::{StoreError, in_act};

/// The commented truth: `schema/sql/schema.sql`.
pub const SCHEMA_SQL: &str = include_str!("../../../schema/sql/schema.sql");

/// The version of the schema, SQLite's `user_version`.
pub const SCHEMA_VERSION: u32 = 3;

/// Marks a file as a store of this program, SQLite's `application_id`: "kuka".
pub const APPLICATION_ID: i32 = 0x6B75_6B61;

/// The steps from each version to the next: `UPGRADES[0]` leads from 1 to 2.
pub(crate) const UPGRADES: [&str; SCHEMA_VERSION as usize - 1] = [
    // Addresses and factors of sessions, their records; work orders.
    "ALTER TABLE session ADD COLUMN address INTEGER;
     ALTER TABLE session ADD COLUMN inner_address INTEGER;
     ALTER TABLE session ADD COLUMN factors INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE order_step (entry INTEGER PRIMARY KEY, work_order INTEGER NOT NULL, client INTEGER NOT NULL,
       state TEXT NOT NULL, at_us INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL) STRICT;
     CREATE INDEX order_step_by_order ON order_step (work_order, at_us, entry);
     CREATE TABLE session_part ( source INTEGER NOT NULL, epoch INTEGER NOT NULL, part INTEGER NOT NULL,
     start_us INTEGER NOT NULL, session INTEGER NOT NULL, place INTEGER NOT NULL, start_unknown INTEGER NOT
     NULL CHECK (start_unknown IN (0, 1)), ended TEXT NOT NULL CHECK (ended IN ('open', 'ended', 'presumed')),
     end_us INTEGER NOT NULL, account INTEGER, terminal INTEGER, target INTEGER, via INTEGER, address INTEGER,
     inner_address INTEGER, factors INTEGER NOT NULL, link TEXT NOT NULL CHECK (link IN ('line',
     'inner_address', 'terminal', 'address', 'target')), PRIMARY KEY (source, epoch, part, start_us) ) STRICT,
     WITHOUT ROWID; CREATE INDEX session_part_by_session ON session_part (session, place);
     CREATE TABLE session_notice (id INTEGER PRIMARY KEY, session INTEGER NOT NULL,
       moment TEXT NOT NULL CHECK (moment IN ('start', 'end')), at_us INTEGER NOT NULL, covers INTEGER NOT NULL,
       queued_at_us INTEGER NOT NULL, due_at_us INTEGER NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
       failures INTEGER NOT NULL CHECK (failures >= 0), next_at_us INTEGER NOT NULL, last_error TEXT,
       delivered_at_us INTEGER, told TEXT, checkpoint_size INTEGER, UNIQUE (session, moment)) STRICT;
     CREATE INDEX session_notice_open ON session_notice (next_at_us) WHERE state <> 'delivered';
     CREATE TABLE oplog (terminal INTEGER NOT NULL, path TEXT NOT NULL, session INTEGER, start_us INTEGER NOT NULL,
       end_us INTEGER NOT NULL, bytes INTEGER NOT NULL CHECK (bytes >= 0), sha256 TEXT,
       gone INTEGER NOT NULL CHECK (gone IN (0, 1)), said_us INTEGER NOT NULL, entry INTEGER NOT NULL,
       PRIMARY KEY (terminal, path)) STRICT, WITHOUT ROWID;
     CREATE INDEX oplog_by_time ON oplog (terminal, start_us);
     CREATE TABLE terminal_power (entry INTEGER PRIMARY KEY, terminal INTEGER NOT NULL, at_us INTEGER NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('on', 'off'))) STRICT;
     CREATE INDEX terminal_power_by_time ON terminal_power (terminal, at_us);
     DROP TABLE web_session;
     CREATE TABLE user_2 (id INTEGER PRIMARY KEY,
       name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
       role TEXT NOT NULL CHECK (role IN ('administrator', 'manager', 'security', 'auditor')),
       password_hash TEXT NOT NULL, password_version INTEGER NOT NULL CHECK (password_version >= 1),
       password_set_at_us INTEGER NOT NULL DEFAULT 0, must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
       initial_until_us INTEGER, initial_used_at_us INTEGER, created_at_us INTEGER NOT NULL, disabled_at_us INTEGER,
       failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), locked_until_us INTEGER,
       signed_in_at_us INTEGER) STRICT;
     INSERT INTO user_2 SELECT id, name, role, password_hash, password_version, created_at_us, must_change,
       initial_until_us, initial_used_at_us, created_at_us, disabled_at_us, failures, locked_until_us,
       signed_in_at_us FROM user;
     DROP TABLE user;
     ALTER TABLE user_2 RENAME TO user;
     CREATE TABLE web_session (id_hash BLOB PRIMARY KEY CHECK (length(id_hash) = 32),
       user_id INTEGER NOT NULL REFERENCES user (id), scope TEXT NOT NULL CHECK (scope IN ('full', 'wall')),
       password_version INTEGER NOT NULL, address TEXT NOT NULL, created_at_us INTEGER NOT NULL,
       seen_at_us INTEGER NOT NULL, expires_at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE INDEX web_session_by_user ON web_session (user_id, created_at_us);
     CREATE TABLE former_password (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES user (id),
       password_hash TEXT NOT NULL) STRICT;
     CREATE INDEX former_password_by_user ON former_password (user_id, id);
     CREATE TABLE failure_report (entry INTEGER PRIMARY KEY, report INTEGER NOT NULL, client INTEGER NOT NULL,
       work_order INTEGER, session INTEGER,
       stage TEXT NOT NULL CHECK (stage IN ('first', 'interim', 'final')), at_us INTEGER NOT NULL,
       detected_at_us INTEGER NOT NULL) STRICT;
     CREATE INDEX failure_report_by_number ON failure_report (report, at_us, entry);",
    // Users of cities and of operators, with what each may see, and what they looked at.
    "ALTER TABLE api_key ADD COLUMN clients TEXT NOT NULL DEFAULT '';
     ALTER TABLE api_key ADD COLUMN until_us INTEGER;
     CREATE TABLE account_event (entry INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, user_name TEXT NOT NULL,
       act TEXT NOT NULL, by_user TEXT NOT NULL, address TEXT, detail TEXT) STRICT;
     CREATE TABLE account_waiting (id INTEGER PRIMARY KEY, at_us INTEGER, user_name TEXT NOT NULL,
       act TEXT NOT NULL, by_user TEXT NOT NULL, address TEXT, detail TEXT) STRICT;
     CREATE TABLE finding_act (entry INTEGER PRIMARY KEY, finding INTEGER NOT NULL, revision INTEGER NOT NULL,
       act TEXT NOT NULL CHECK (act IN ('acknowledge', 'assign', 'comment', 'snooze', 'forward', 'close', 'reopen')),
       at_us INTEGER NOT NULL, by_user TEXT NOT NULL, to_whom TEXT, until_us INTEGER, note TEXT) STRICT;
     CREATE INDEX finding_act_of ON finding_act (finding, entry);
     CREATE TABLE finding_desk (finding INTEGER PRIMARY KEY, acknowledged INTEGER NOT NULL, closed INTEGER NOT NULL,
       snoozed_until_us INTEGER, assignee TEXT) STRICT;
     CREATE TABLE look (entry INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, user_name TEXT NOT NULL, role TEXT NOT NULL,
       clients TEXT NOT NULL, path TEXT NOT NULL, address TEXT NOT NULL) STRICT;
     DROP TABLE web_session;
     CREATE TABLE user_3 (id INTEGER PRIMARY KEY,
       name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
       role TEXT NOT NULL CHECK (role IN ('administrator', 'manager', 'security', 'auditor', 'operator', 'inspector',
       'officer')), clients TEXT NOT NULL DEFAULT '', person TEXT, valid_from_us INTEGER, valid_until_us INTEGER,
       sees_from_us INTEGER, password_hash TEXT NOT NULL, password_version INTEGER NOT NULL CHECK (password_version >= 1),
       password_set_at_us INTEGER NOT NULL DEFAULT 0, must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
       initial_until_us INTEGER, initial_used_at_us INTEGER, created_at_us INTEGER NOT NULL, disabled_at_us INTEGER,
       failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
       failures_in_all INTEGER NOT NULL DEFAULT 0 CHECK (failures_in_all >= 0), locked_until_us INTEGER,
       signed_in_at_us INTEGER) STRICT;
     INSERT INTO user_3 SELECT id, name, role, '', NULL, NULL, NULL, NULL, password_hash, password_version,
       password_set_at_us, must_change, initial_until_us, initial_used_at_us, created_at_us, disabled_at_us, failures,
       failures, locked_until_us, signed_in_at_us FROM user;
     CREATE TABLE former_3 (id INTEGER, user_id INTEGER, password_hash TEXT) STRICT;
     INSERT INTO former_3 SELECT id, user_id, password_hash FROM former_password;
     DROP TABLE former_password;
     DROP TABLE user;
     ALTER TABLE user_3 RENAME TO user;
     CREATE TABLE former_password (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES user (id),
       password_hash TEXT NOT NULL) STRICT;
     CREATE INDEX former_password_by_user ON former_password (user_id, id);
     INSERT INTO former_password SELECT id, user_id, password_hash FROM former_3;
     DROP TABLE former_3;
     CREATE TABLE second_factor (user_id INTEGER NOT NULL REFERENCES user (id),
       confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
       seed BLOB NOT NULL CHECK (length(seed) BETWEEN 16 AND 64), digits INTEGER NOT NULL CHECK (digits BETWEEN 6 AND 8),
       step_s INTEGER, moving INTEGER NOT NULL CHECK (moving >= 0), made_at_us INTEGER NOT NULL,
       PRIMARY KEY (user_id, confirmed)) STRICT, WITHOUT ROWID;
     CREATE TABLE printed_code (user_id INTEGER NOT NULL REFERENCES user (id),
       code_hash BLOB NOT NULL CHECK (length(code_hash) = 32), used_at_us INTEGER,
       PRIMARY KEY (user_id, code_hash)) STRICT, WITHOUT ROWID;
     CREATE TABLE web_session (id_hash BLOB PRIMARY KEY CHECK (length(id_hash) = 32),
       user_id INTEGER NOT NULL REFERENCES user (id), scope TEXT NOT NULL CHECK (scope IN ('full', 'wall', 'half')),
       password_version INTEGER NOT NULL, address TEXT NOT NULL, created_at_us INTEGER NOT NULL,
       seen_at_us INTEGER NOT NULL, expires_at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE INDEX web_session_by_user ON web_session (user_id, created_at_us);",
];

const ACT: &str = "set up the store's tables";

/// Makes the tables in an empty file.
pub(crate) fn create(conn: &mut Connection) -> Result<(), StoreError> {
    let tx = conn.transaction().map_err(in_act(ACT))?;
    tx.execute_batch(SCHEMA_SQL).map_err(in_act(ACT))?;
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(in_act(ACT))?;
    tx.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(in_act(ACT))?;
    tx.commit().map_err(in_act(ACT))
}

/// Brings a store of version `from` to version `upgrades.len() + 1`, all steps in one
/// transaction: a crash in between leaves the old version whole.
pub(crate) fn upgrade(conn: &mut Connection, from: u32, upgrades: &[&str]) -> Result<(), StoreError> {
    const ACT: &str = "upgrade the store";
    let steps = upgrades.get(from.saturating_sub(1) as usize..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    let tx = conn.transaction().map_err(in_act(ACT))?;
    for (step, version) in steps.iter().zip(from + 1..) {
        tx.execute_batch(step).map_err(in_act(ACT))?;
        tx.pragma_update(None, "user_version", version).map_err(in_act(ACT))?;
    }
    tx.commit().map_err(in_act(ACT))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_older_store_is_brought_up_in_one_go_or_left_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a INTEGER) STRICT; PRAGMA user_version = 1;").unwrap();
        let version =
            |conn: &Connection| -> u32 { conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap() };
        let broken = ["ALTER TABLE t ADD COLUMN b INTEGER", "ALTER TABLE nowhere ADD COLUMN c INTEGER"];
        assert!(upgrade(&mut conn, 1, &broken).is_err());
        assert_eq!(version(&conn), 1);
        assert!(conn.prepare("SELECT b FROM t").is_err());
        let good = ["ALTER TABLE t ADD COLUMN b INTEGER", "ALTER TABLE t ADD COLUMN c INTEGER"];
        upgrade(&mut conn, 1, &good).unwrap();
        assert_eq!(version(&conn), 3);
        conn.prepare("SELECT b, c FROM t").unwrap();
        upgrade(&mut conn, 3, &good).unwrap();
        assert_eq!(version(&conn), 3);
    }

    /// What a store is made of, but for the order of columns.
    fn shape(conn: &Connection) -> Vec<(String, Vec<String>)> {
        let list = |sql: &str| -> Vec<String> {
            let mut statement = conn.prepare(sql).unwrap();
            let mut rows: Vec<String> =
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            rows.sort();
            rows
        };
        let names = list("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'");
        let of = |name: &String| {
            let columns = format!(
                "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '') || ' ' || pk
                 FROM pragma_table_xinfo('{name}')"
            );
            let keyed = format!("SELECT seqno || ' ' || coalesce(name, '') FROM pragma_index_info('{name}')");
            let strict = format!("SELECT wr || ' ' || strict FROM pragma_table_list WHERE name = '{name}'");
            let foreign = format!("SELECT \"table\" || ' ' || \"from\" FROM pragma_foreign_key_list('{name}')");
            [list(&columns), list(&keyed), list(&strict), list(&foreign), checks(conn, name)].concat()
        };
        names.iter().map(|name| (name.clone(), of(name))).collect()
    }

    /// The CHECKs of a table, without blanks and comments.
    fn checks(conn: &Connection, table: &str) -> Vec<String> {
        let sql: Option<String> =
            conn.query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [table], |row| row.get(0)).unwrap();
        let sql = sql.unwrap_or_default();
        let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        let bare: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
        let mut found: Vec<String> = bare
            .match_indices("CHECK(")
            .map(|(from, _)| {
                let mut depth = 0;
                let end = bare[from..].char_indices().find(|(_, c)| {
                    depth += i32::from(*c == '(') - i32::from(*c == ')');
                    *c == ')' && depth == 0
                });
                bare[from..=from + end.unwrap().0].to_owned()
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_store_of_the_first_version_becomes_what_a_new_one_is() {
        let mut old = Connection::open_in_memory().unwrap();
        old.execute_batch(include_str!("../tests/data/schema-1.sql")).unwrap();
        old.execute(
            "INSERT INTO user (name, role, password_hash, password_version, must_change, created_at_us)
             VALUES ('kanri', 'administrator', '$argon2id$', 1, 0, 7)",
            [],
        )
        .unwrap();
        upgrade(&mut old, 1, &UPGRADES).unwrap();
        let mut new = Connection::open_in_memory().unwrap();
        create(&mut new).unwrap();
        let names = |conn| shape(conn).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&old), names(&new));
        for (upgraded, fresh) in shape(&old).into_iter().zip(shape(&new)) {
            assert_eq!(upgraded, fresh);
        }
        let set_at: i64 = old.query_row("SELECT password_set_at_us FROM user", [], |row| row.get(0)).unwrap();
        assert_eq!(set_at, 7, "a password's time runs from when its user was made");
    }
}
