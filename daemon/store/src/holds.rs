//! Holds (保全) in the store: journal entries `hold.placed` and `hold.released`, and the list of
//! them. A hold is never changed; it is released, by two people.

use kukaku_core::Names;
use kukaku_core::retention::Hold;
use kukaku_schema::{Span, UtcMicros};
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::batch::{Batch, NewLeaf};
use crate::error::{StoreError, in_act};

/// A hold to be placed. What is not named is not restricted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Records of this client.
    pub client: Option<String>,
    /// Records of this time.
    pub period: Span,
    /// Records that name this person.
    pub person: Option<String>,
    /// Records of this camera.
    pub camera: Option<String>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// A hold to be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRelease {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Who released it.
    pub by: String,
    /// Who confirmed that: somebody else.
    pub confirmed_by: String,
}

/// How a hold ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The journal entry.
    pub seq: u64,
    /// When it was recorded.
    pub at: UtcMicros,
    /// Why.
    pub reason: String,
    /// Who released it, and who confirmed that.
    pub by: [String; 2],
}

/// A hold with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// What it keeps.
    pub hold: Hold,
    /// The journal entry that placed it.
    pub placed_seq: u64,
    /// How it ended; none: it stands.
    pub released: Option<Released>,
}

/// The holds that stand, oldest first.
///
/// # Errors
/// The store.
pub fn holds(conn: &Connection) -> Result<Vec<Hold>, StoreError> {
    let rows = all_holds(conn)?;
    Ok(rows.into_iter().filter(|row| row.released.is_none()).map(|row| row.hold).collect())
}

/// All holds that ever were, oldest first.
///
/// # Errors
/// The store.
pub fn all_holds(conn: &Connection) -> Result<Vec<HoldRow>, StoreError> {
    const ACT: &str = "list the holds";
    let mut statement = conn
        .prepare_cached(
            "SELECT number, client, from_us, until_us, person, camera, reason, placed_by, placed_at_us, placed_seq,
             released_seq, released_at_us, release_reason, released_by, release_confirmed_by FROM hold ORDER BY number",
        )
        .map_err(in_act(ACT))?;
    let rows = statement.query_map([], row).map_err(in_act(ACT))?;
    rows.collect::<Result<_, _>>().map_err(in_act(ACT))
}

fn row(row: &Row<'_>) -> rusqlite::Result<HoldRow> {
    let hold = Hold {
        id: id_of(row.get(0)?),
        client: row.get(1)?,
        period: Span::new(UtcMicros(row.get(2)?), UtcMicros(row.get(3)?)),
        person: row.get(4)?,
        camera: row.get(5)?,
        reason: row.get(6)?,
        placed_by: row.get(7)?,
        placed_at: UtcMicros(row.get(8)?),
    };
    let released = match row.get::<_, Option<i64>>(10)? {
        None => None,
        Some(seq) => Some(Released {
            seq: seq.cast_unsigned(),
            at: UtcMicros(row.get(11)?),
            reason: row.get(12)?,
            by: [row.get(13)?, row.get(14)?],
        }),
    };
    Ok(HoldRow { hold, placed_seq: row.get::<_, i64>(9)?.cast_unsigned(), released })
}

fn id_of(number: i64) -> String {
    format!("hold-{number}")
}

pub(crate) fn number_of(id: &str) -> Option<i64> {
    let number = id.strip_prefix("hold-")?.parse().ok()?;
    (id_of(number) == id).then_some(number)
}

impl Batch<'_> {
    /// Places a hold. Returns its id and the journal entry.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn place_hold(&mut self, hold: &NewHold, names: &mut Names) -> Result<(String, u64), StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            client: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<UtcMicros>,
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<UtcMicros>,
            #[serde(skip_serializing_if = "Option::is_none")]
            person: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            camera: Option<&'a str>,
            reason: &'a str,
            by: &'a str,
        }
        const ACT: &str = "place a hold";
        let number: i64 = self
            .store
            .conn
            .query_row("SELECT coalesce(max(number), 0) + 1 FROM hold", [], |row| row.get(0))
            .map_err(in_act(ACT))?;
        let id = id_of(number);
        let body = Body {
            kind: "hold.placed",
            id: &id,
            client: hold.client.as_deref(),
            from: (hold.period.start > UtcMicros::MIN).then_some(hold.period.start),
            to: (hold.period.end < UtcMicros::MAX).then_some(hold.period.end),
            person: hold.person.as_deref(),
            camera: hold.camera.as_deref(),
            reason: &hold.reason,
            by: &hold.by,
        };
        let seq = self.hold_entry("hold.placed", hold.client.as_deref(), &body, names)?;
        self.keep_hold(number, hold, seq)?;
        Ok((id, seq))
    }

    /// Lists a hold that is in the journal.
    pub(crate) fn keep_hold(&mut self, number: i64, hold: &NewHold, seq: u64) -> Result<(), StoreError> {
        const ACT: &str = "place a hold";
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO hold (number, client, from_us, until_us, person, camera, reason, placed_by, placed_at_us,
                 placed_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    number,
                    hold.client,
                    hold.period.start.0,
                    hold.period.end.0,
                    hold.person,
                    hold.camera,
                    hold.reason,
                    hold.by,
                    self.recorded_at.0,
                    seq.cast_signed(),
                ])
            })
            .map(drop)
            .map_err(in_act(ACT))
    }

    /// Releases a hold. Returns the journal entry; the inner error is a refusal, and nothing was
    /// written.
    ///
    /// # Errors
    /// What the disk says; the batch must then be dropped.
    pub fn release_hold(
        &mut self,
        release: &HoldRelease,
        names: &mut Names,
    ) -> Result<Result<u64, String>, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            id: &'a str,
            reason: &'a str,
            by: &'a str,
            confirmed_by: &'a str,
        }
        let HoldRelease { id, reason, by, confirmed_by } = release;
        let known = all_holds(&self.store.conn)?.into_iter().find(|row| row.hold.id == *id);
        let (Some(known), Some(number)) = (known, number_of(id)) else {
            return Ok(Err(format!("there is no hold {id:?}; `kukaku hold list` shows all")));
        };
        if let Some(released) = known.released {
            return Ok(Err(format!("{id} was released already, by journal entry {}", released.seq)));
        }
        if by == confirmed_by {
            return Ok(Err("a hold is released by two people".to_owned()));
        }
        let body = Body { kind: "hold.released", id, reason, by, confirmed_by };
        let seq = self.hold_entry("hold.released", known.hold.client.as_deref(), &body, names)?;
        self.keep_release(number, release, seq)?;
        Ok(Ok(seq))
    }

    /// Lists the release of a hold that is in the journal.
    pub(crate) fn keep_release(&mut self, number: i64, release: &HoldRelease, seq: u64) -> Result<(), StoreError> {
        const ACT: &str = "release a hold";
        let HoldRelease { reason, by, confirmed_by, .. } = release;
        self.store
            .conn
            .prepare_cached(
                "UPDATE hold SET released_seq = ?2, released_at_us = ?3, release_reason = ?4, released_by = ?5,
                 release_confirmed_by = ?6 WHERE number = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![number, seq.cast_signed(), self.recorded_at.0, reason, by, confirmed_by])
            })
            .map(drop)
            .map_err(in_act(ACT))
    }

    fn hold_entry(
        &mut self,
        kind: &str,
        client: Option<&str>,
        body: &impl Serialize,
        names: &mut Names,
    ) -> Result<u64, StoreError> {
        let payload = crate::bodies::json(body);
        let (source, client) = (names.intern(""), names.intern(client.unwrap_or_default()));
        self.append(NewLeaf { kind, source, client, device_time: None, payload: &payload }, names)
    }
}
