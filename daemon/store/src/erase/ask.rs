//! What is asked before something is erased.

use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::{OptionalExtension, params};

use super::ACT;
use crate::batch::Batch;
use crate::error::{StoreError, in_act};

impl Batch<'_> {
    /// The first instant of the first of two local days, and the first after the second.
    #[must_use]
    pub fn span_of_days(&self, days: (i32, i32)) -> (UtcMicros, UtcMicros) {
        self.store.sealing.span_of_days(days.0, days.1)
    }

    /// No closed stay is longer.
    #[must_use]
    pub fn longest_stay(&self) -> DurationUs {
        self.store.head.longest_stay
    }

    /// The start of the earliest session or stay that began before `at` and still goes on.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open_since(&self, at: UtcMicros) -> Result<Option<UtcMicros>, StoreError> {
        let sql = "SELECT min(start_us) FROM (
                     SELECT start_us FROM session WHERE ended = 'open' AND gone = 0 AND start_us < ?1
                     UNION ALL SELECT start_us FROM stay WHERE end_us = ?2 AND start_us < ?1)";
        self.store
            .conn
            .query_row(sql, params![at.0, UtcMicros::MAX.0], |row| row.get::<_, Option<i64>>(0))
            .optional()
            .map(|start| start.flatten().map(UtcMicros))
            .map_err(in_act(ACT))
    }

    /// The start of the earliest session of a client that still goes on.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open_session_of(&self, client: &str) -> Result<Option<UtcMicros>, StoreError> {
        let sql = "SELECT min(s.start_us) FROM session s JOIN word c ON c.id = s.client
                   WHERE s.ended = 'open' AND s.gone = 0 AND c.text = ?1";
        self.store
            .conn
            .query_row(sql, [client], |row| row.get::<_, Option<i64>>(0))
            .map(|start| start.map(UtcMicros))
            .map_err(in_act(ACT))
    }

    /// Who was where at an instant: person and zone, with the zones around it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn inside_at(&self, at: UtcMicros) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT p.text, z.text FROM stay s JOIN word p ON p.id = s.person JOIN word z ON z.id = s.zone
                   WHERE s.start_us <= ?1 AND s.end_us > ?1 ORDER BY p.text, z.text";
        let mut statement = self.store.conn.prepare_cached(sql).map_err(in_act(ACT))?;
        let rows = statement.query_map([at.0], |row| Ok((row.get(0)?, row.get(1)?))).map_err(in_act(ACT))?;
        rows.collect::<Result<_, _>>().map_err(in_act(ACT))
    }
}
