//! What people did about findings: journal entries `finding.acted`, and how each finding stands on
//! people's desks by them.

use kukaku_core::Names;
use kukaku_core::desk::{Acted, Desk, DeskAct};
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, NewLeaf};
use crate::changed::ChangedKind;
use crate::error::{StoreError, in_act};

const ACT: &str = "record what was done about a finding";

/// Somebody does something about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFindingAct {
    /// The finding's key.
    pub finding: String,
    /// The client it concerns; none: the site.
    pub client: Option<String>,
    /// The revision that he has before him.
    pub revision: i64,
    /// What he does.
    pub act: DeskAct,
    /// Who.
    pub by: String,
    /// Who is to see to it, or whom of the city he told.
    pub to: Option<String>,
    /// Until when it is put off.
    pub until: Option<UtcMicros>,
    /// In his own words.
    pub text: Option<String>,
}

/// What the journal holds of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FindingActBody {
    kind: String,
    at: UtcMicros,
    finding: String,
    revision: i64,
    act: String,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<UtcMicros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Batch<'_> {
    /// Says in the journal what somebody does about a finding; returns the entry.
    ///
    /// # Errors
    /// What the disk says.
    pub fn note_finding_act(&mut self, act: &NewFindingAct, names: &mut Names) -> Result<u64, StoreError> {
        let body = FindingActBody {
            kind: "finding.acted".to_owned(),
            at: self.recorded_at,
            finding: act.finding.clone(),
            revision: act.revision,
            act: act.act.word().to_owned(),
            by: act.by.clone(),
            to: act.to.clone(),
            until: act.until,
            text: act.text.clone(),
        };
        let payload = serde_json::to_vec(&body).expect("texts, numbers and instants always serialise");
        let (source, client) = (names.intern(""), names.intern(act.client.as_deref().unwrap_or_default()));
        let leaf = NewLeaf { kind: "finding.acted", source, client, device_time: None, payload: &payload };
        let seq = self.append(leaf, names)?;
        self.keep_finding_act(&body, seq)?;
        Ok(seq)
    }

    /// Lists an act that is in the journal; one on a finding that was erased has nothing to stand beside.
    pub(crate) fn keep_finding_act(&mut self, body: &FindingActBody, seq: u64) -> Result<(), StoreError> {
        let conn = &self.store.conn;
        let finding: Option<i64> = conn
            .prepare_cached("SELECT id FROM finding WHERE key = ?1")
            .and_then(|mut s| s.query_row([&body.finding], |row| row.get(0)).optional())
            .map_err(in_act(ACT))?;
        let Some(finding) = finding else { return Ok(()) };
        conn.prepare_cached(
            "INSERT INTO finding_act (entry, finding, revision, act, at_us, by_user, to_whom, until_us, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .and_then(|mut s| {
            s.execute(params![
                seq.cast_signed(),
                finding,
                body.revision,
                body.act,
                body.at.0,
                body.by,
                body.to,
                body.until.map(|until| until.0),
                body.text
            ])
        })
        .map_err(in_act(ACT))?;
        self.changed.add(ChangedKind::Finding);
        let desk = Desk::of(&acts_of(conn, finding)?);
        conn.prepare_cached(
            "INSERT INTO finding_desk (finding, acknowledged, closed, snoozed_until_us, assignee) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (finding) DO UPDATE SET acknowledged = excluded.acknowledged, closed = excluded.closed,
               snoozed_until_us = excluded.snoozed_until_us, assignee = excluded.assignee",
        )
        .and_then(|mut s| {
            let until = desk.snoozed_until.map(|until| until.0);
            s.execute(params![finding, desk.acknowledged, desk.closed, until, desk.assignee])
        })
        .map(drop)
        .map_err(in_act(ACT))
    }
}

fn acts_of(conn: &Connection, finding: i64) -> Result<Vec<Acted>, StoreError> {
    let sql = "SELECT act, revision, to_whom, until_us FROM finding_act WHERE finding = ?1 ORDER BY entry";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map([finding], |row| {
            let act: String = row.get(0)?;
            let until: Option<i64> = row.get(3)?;
            Ok((act, row.get(1)?, row.get(2)?, until.map(UtcMicros)))
        })
        .map_err(in_act(ACT))?;
    rows.map(|row| {
        let (word, revision, to, until) = row.map_err(in_act(ACT))?;
        let act = DeskAct::from_word(&word)
            .ok_or_else(|| StoreError::corrupt(ACT, format!("{word:?} is nothing that is done about a finding")))?;
        Ok(Acted { act, revision, to, until })
    })
    .collect()
}
