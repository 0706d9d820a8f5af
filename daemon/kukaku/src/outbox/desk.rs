//! What every channel's task shares: rules, texts, and reading the store.

use std::path::PathBuf;

use kukaku_notify::{Alert, AlertKind, AlertsConfig, ChannelId, route};
use kukaku_schema::registers::Registers;
use kukaku_schema::{Lang, Observation, UtcMicros};
use kukaku_store::{
    Notice, OutboxRow, StoreError, outbox_delivered_since, outbox_due, outbox_next_due, query, read_only,
};

use super::change::{FindingChangeBody, state_of};
use super::compose::{Material, PROOFS_TOLD, compose};

/// Rows of one channel that are looked at together: more than a storm limit lets through a
/// minute, so that a digest holds everything that waits.
const BATCH_ROWS: u32 = 500;

/// Holding findings that a tower looks at: the gravest severity shows long before that many.
const TOWER_FINDINGS: u32 = 2_000;

/// Decides which channels hear of a change; called by the writer within its transaction.
#[derive(Debug, Clone)]
pub struct Route {
    rules: kukaku_notify::Rules,
    messages: Vec<ChannelId>,
    time_zone: String,
}

impl Route {
    /// The rules of a configuration. Towers are left out: they show a state, see `keep_tower`.
    #[must_use]
    pub fn new(alerts: &AlertsConfig, time_zone: &str) -> Self {
        let towers: Vec<&ChannelId> = alerts.tower.iter().map(|tower| &tower.id).collect();
        let known = alerts.rule.iter().flat_map(|rule| &rule.to).filter(|id| !towers.contains(id));
        Self { rules: alerts.rules(), messages: known.cloned().collect(), time_zone: time_zone.to_owned() }
    }

    /// The channels that hear of a change.
    #[must_use]
    pub fn channels(&self, notice: &Notice<'_>) -> Vec<String> {
        let Some(state) = state_of(notice.change) else { return Vec::new() };
        // Only what rules look at is filled in: the texts are made when the message goes out.
        let alert = Alert {
            finding: String::new(),
            kind: AlertKind::Finding(notice.finding.key.kind),
            severity: notice.severity(),
            revision: 1,
            state,
            lang: Lang::Ja,
            client: notice.client.map(str::to_owned),
            title: String::new(),
            who: String::new(),
            place: String::new(),
            proof: Vec::new(),
            to_do: String::new(),
            site: String::new(),
            time_zone: self.time_zone.clone(),
            since: notice.finding.span.start,
            until: None,
            recorded_at: notice.at,
            link: None,
        };
        let to = route(&self.rules, &alert).into_iter().filter(|id| self.messages.contains(id));
        to.map(|id| id.as_str().to_owned()).collect()
    }
}

/// What a channel's task needs of the house.
#[derive(Debug, Clone)]
pub struct OutboxDesk {
    /// The store.
    pub store: PathBuf,
    /// The channels and rules as configured.
    pub alerts: AlertsConfig,
    /// The address of the pages, for links.
    pub public_url: Option<String>,
}

/// What one look into the outbox found.
pub(super) struct Look {
    /// The rows that are due, each with its alert, or why there can be none.
    pub due: Vec<(OutboxRow, Result<Alert, String>)>,
    /// When messages went out within the last minute, each message once.
    pub sent_at: Vec<UtcMicros>,
    /// When the next row of the channel is due.
    pub next_at: Option<UtcMicros>,
}

impl OutboxDesk {
    /// Looks for what is due on a channel. Blocks.
    pub(super) fn look(&self, channel: &ChannelId, now: UtcMicros) -> Result<Look, StoreError> {
        let conn = read_only(&self.store)?;
        let rows = outbox_due(&conn, channel.as_str(), now, BATCH_ROWS)?;
        let window = now.minus(kukaku_notify::STORM_WINDOW);
        let mut sent_at = outbox_delivered_since(&conn, channel.as_str(), window)?;
        // All rows of a digest bear the same instant: they were one message.
        sent_at.dedup();
        let next_at = outbox_next_due(&conn, channel.as_str())?;
        let registers = if rows.is_empty() { None } else { query::registers(&conn)? };
        let lang = self.alerts.lang_of(channel).unwrap_or_default();
        let said = |seq: u64| -> Result<Option<Observation>, StoreError> {
            let entry = query::journal_entry(&conn, seq.cast_signed())?;
            Ok(entry.and_then(|entry| entry.value.into_body()).and_then(|body| serde_json::from_slice(&body).ok()))
        };
        let due = rows
            .into_iter()
            .map(|row| {
                let alert = match &registers {
                    None => Err("the registers hold no site".to_owned()),
                    Some(registers) => self.alert(&said, &row, registers, lang),
                };
                (row, alert)
            })
            .collect();
        Ok(Look { due, sent_at, next_at })
    }

    fn alert(
        &self,
        said: &dyn Fn(u64) -> Result<Option<Observation>, StoreError>,
        row: &OutboxRow,
        registers: &Registers,
        lang: Lang,
    ) -> Result<Alert, String> {
        let body = FindingChangeBody::read(&row.body)?;
        let mut proofs = Vec::new();
        for seq in body.proofs.iter().take(PROOFS_TOLD) {
            proofs.push((*seq, said(*seq).map_err(|e| e.to_string())?));
        }
        compose(&Material {
            body: &body,
            revision: row.revision,
            finding: row.finding,
            recorded_at: row.recorded_at,
            registers,
            lang,
            public_url: self.public_url.as_deref(),
            proofs: &proofs,
        })
    }

    /// What a tower has to show now. Blocks.
    pub(super) fn tower_state(
        &self,
        tower: &ChannelId,
        time_zone: &str,
    ) -> Result<kukaku_notify::TowerState, StoreError> {
        let conn = read_only(&self.store)?;
        let filter = query::FindingFilter { holding_only: true, ..query::FindingFilter::default() };
        let holding = query::findings(&conn, &filter, None, TOWER_FINDINGS)?.rows;
        let alerts: Vec<Alert> = holding
            .into_iter()
            .map(|finding| Alert {
                finding: finding.key,
                kind: AlertKind::Finding(finding.kind),
                severity: finding.severity,
                revision: u32::try_from(finding.revision).unwrap_or(u32::MAX),
                state: kukaku_notify::AlertState::Opened,
                lang: Lang::Ja,
                client: finding.client,
                title: String::new(),
                who: String::new(),
                place: String::new(),
                proof: Vec::new(),
                to_do: String::new(),
                site: String::new(),
                time_zone: time_zone.to_owned(),
                since: finding.span.start,
                until: None,
                recorded_at: finding.changed_at,
                link: None,
            })
            .collect();
        Ok(kukaku_notify::TowerState::of(&self.alerts.rules(), tower, alerts.iter().map(|alert| (alert, false))))
    }
}
