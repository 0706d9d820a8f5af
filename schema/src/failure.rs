//! Failure reports (障害報告): what the vendor reports to a client when something failed, apart
//! from the reports on work.
//!
//! A report has a number and is handed in again, with all that it says, whenever more is known:
//! the newest counts, and the earlier ones stay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;
use crate::lang::Lang;
use crate::observation::{FailureReported, Name, Remark};
use crate::order::{ORDER_LIST_MAX, OrderRefused, words};
use crate::registers::Registers;

words! {
    /// Which of the reports on one failure it is. Later ones are greater.
    enum FailureStage {
        /// The first word on it (速報).
        First "first" "第一報" "first report",
        /// More is known.
        Interim "interim" "中間報告" "interim report",
        /// It is over, and its cause is told.
        Final "final" "最終報告" "final report",
    }
    /// What sort of thing happened.
    enum FailureSort {
        /// Something that hurt security or the city's business.
        Accident "accident" "事故" "accident",
        /// A system doesn't serve.
        Failure "failure" "障害" "failure",
        /// A system serves wrongly.
        Defect "defect" "不具合" "defect",
    }
}

/// A report as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureForm {
    /// Its number, the same for each report on this failure.
    pub id: Name,
    /// The client (市) to whom it is reported.
    pub client: Name,
    /// Which of the reports on it this is.
    pub stage: FailureStage,
    /// What sort of thing happened.
    pub sort: FailureSort,
    /// When it happened; none: not known yet.
    #[serde(default)]
    pub occurred_at: Option<UtcMicros>,
    /// When it was noticed.
    pub detected_at: UtcMicros,
    /// When all worked again; none: not yet.
    #[serde(default)]
    pub recovered_at: Option<UtcMicros>,
    /// The systems that are affected.
    pub systems: Vec<Name>,
    /// What is seen of it.
    pub symptom: Remark,
    /// Whom and what it affects, and how far.
    #[serde(default)]
    pub impact: Option<Remark>,
    /// Why it happened.
    #[serde(default)]
    pub cause: Option<Remark>,
    /// What was done about it.
    #[serde(default)]
    pub measures: Option<Remark>,
    /// What keeps it from happening again.
    #[serde(default)]
    pub prevention: Option<Remark>,
    /// The operators who were at work on it, as registered.
    #[serde(default)]
    pub operators: Vec<Name>,
    /// The work order that it belongs to.
    #[serde(default)]
    pub order: Option<Name>,
    /// The session in which it happened or was found, by its source's id.
    #[serde(default)]
    pub session: Option<Name>,
    /// The vendor's responsible person, who reports it.
    pub reported_by: Name,
}

/// What is known where a report comes in.
#[derive(Debug, Clone, Copy)]
pub struct FailureKnown<'a> {
    /// The site's registers.
    pub registers: &'a Registers,
    /// The newest report of that number.
    pub newest: Option<&'a FailureReported>,
    /// The client of the work order that it names; none: there is no such order.
    pub order_client: Option<&'a Name>,
    /// A session of its client has the id that it names.
    pub has_session: bool,
}

impl FailureForm {
    /// The report as it is recorded at `now`, entered by the user `by`.
    ///
    /// # Errors
    /// What is wrong and what was expected.
    pub fn take(
        self,
        source: Name,
        by: Name,
        known: FailureKnown<'_>,
        now: UtcMicros,
    ) -> Result<FailureReported, OrderRefused> {
        self.check_times(now)?;
        self.check_people(known.registers)?;
        self.check_links(known)?;
        if let Some(newest) = known.newest {
            self.check_after(newest)?;
        }
        if self.stage == FailureStage::Final {
            self.check_final()?;
        }
        Ok(FailureReported {
            source,
            epoch: None,
            seq: None,
            event_id: None,
            device_time: now,
            failure: self.id,
            client: self.client,
            stage: self.stage,
            sort: self.sort,
            occurred_at: self.occurred_at,
            detected_at: self.detected_at,
            recovered_at: self.recovered_at,
            systems: self.systems,
            symptom: self.symptom,
            impact: self.impact,
            cause: self.cause,
            measures: self.measures,
            prevention: self.prevention,
            operators: self.operators,
            order: self.order,
            session: self.session,
            reported_by: self.reported_by,
            by,
        })
    }

    fn check_times(&self, now: UtcMicros) -> Result<(), OrderRefused> {
        let named = [
            (self.occurred_at, "発生日時", "occurred_at"),
            (Some(self.detected_at), "検知日時", "detected_at"),
            (self.recovered_at, "復旧日時", "recovered_at"),
        ];
        for (at, ja, en) in named {
            if let Some(at) = at.filter(|at| *at > now) {
                return Err(OrderRefused::new(
                    format!("{ja}が未来です。"),
                    format!("{en}: {} lies in the future", at.to_rfc3339_utc()),
                ));
            }
        }
        if self.occurred_at.is_some_and(|occurred| self.detected_at < occurred) {
            return Err(OrderRefused::new(
                "検知日時が発生日時より前です。",
                "detected_at: it was noticed before it happened",
            ));
        }
        // What mended itself may be noticed afterwards.
        if self.recovered_at.zip(self.occurred_at).is_some_and(|(recovered, occurred)| recovered < occurred) {
            return Err(OrderRefused::new(
                "復旧日時が発生日時より前です。",
                "recovered_at: it was over before it happened",
            ));
        }
        Ok(())
    }

    fn check_people(&self, registers: &Registers) -> Result<(), OrderRefused> {
        if self.systems.is_empty() {
            return Err(OrderRefused::new("対象システムを入力してください。", "systems: name what is affected"));
        }
        if self.systems.len().max(self.operators.len()) > ORDER_LIST_MAX {
            return Err(OrderRefused::new(
                format!("作業者と対象システムは {ORDER_LIST_MAX}件までです。"),
                format!("more than {ORDER_LIST_MAX} operators or systems"),
            ));
        }
        let client = self.client.as_str();
        if !registers.clients.iter().any(|e| e.row.id == client && e.valid.contains(self.detected_at)) {
            let listed: Vec<&str> = registers.clients.iter().map(|entry| entry.row.id.as_str()).collect();
            return Err(OrderRefused::new(
                format!("契約先「{client}」は、検知の日時には台帳にありません（{}）。", listed.join("、")),
                format!("client {client:?} is not registered at that time; expected one of {}", listed.join(", ")),
            ));
        }
        let works = |operator: &Name| {
            registers.operators.iter().any(|e| {
                e.row.id == operator.as_str()
                    && e.valid.contains(self.detected_at)
                    && e.row.clients.iter().any(|of| of == client)
            })
        };
        self.operators.iter().find(|operator| !works(operator)).map_or(Ok(()), |operator| {
            Err(OrderRefused::new(
                format!("作業者「{operator}」は、検知の日時に{client}の作業者として登録されていません。"),
                format!("operator {:?} is not registered for {client} at that time", operator.as_str()),
            ))
        })
    }

    fn check_links(&self, known: FailureKnown<'_>) -> Result<(), OrderRefused> {
        // What an earlier report named was there then, and may be erased since.
        let before = known.newest;
        if let Some(order) = self.order.as_ref().filter(|o| before.and_then(|b| b.order.as_ref()) != Some(*o))
            && known.order_client != Some(&self.client)
        {
            return Err(OrderRefused::new(
                format!("申請「{order}」は、この契約先にはありません。"),
                format!("order: the client has no order {:?}", order.as_str()),
            ));
        }
        if let Some(session) = self.session.as_ref().filter(|s| before.and_then(|b| b.session.as_ref()) != Some(*s))
            && !known.has_session
        {
            return Err(OrderRefused::new(
                format!("セッション「{session}」は、この契約先にはありません。"),
                format!("session: the client has no session {:?}", session.as_str()),
            ));
        }
        Ok(())
    }

    fn check_after(&self, newest: &FailureReported) -> Result<(), OrderRefused> {
        if newest.client != self.client {
            return Err(OrderRefused::new(
                format!("障害報告「{}」は別の契約先のものです。", self.id),
                format!("failure report {} is another client's", self.id),
            ));
        }
        if self.stage < newest.stage {
            return Err(OrderRefused::new(
                format!(
                    "この障害はすでに「{}」まで報告されています。「{}」には戻せません。",
                    newest.stage.label(Lang::Ja),
                    self.stage.label(Lang::Ja)
                ),
                format!("stage: the {} is in already; a {} can't follow it", newest.stage.word(), self.stage.word()),
            ));
        }
        Ok(())
    }

    /// A final report leaves nothing open.
    fn check_final(&self) -> Result<(), OrderRefused> {
        let told = [
            (self.recovered_at.is_some(), "復旧日時", "recovered_at"),
            (self.cause.is_some(), "原因", "cause"),
            (self.measures.is_some(), "処置", "measures"),
            (self.prevention.is_some(), "再発防止策", "prevention"),
        ];
        let missing = || told.iter().filter(|(is_told, ..)| !is_told);
        if missing().next().is_none() {
            return Ok(());
        }
        let (ja, en): (Vec<&str>, Vec<&str>) = missing().map(|(_, ja, en)| (*ja, *en)).unzip();
        Err(OrderRefused::new(
            format!("最終報告には「{}」が必要です。分からないときは、そのことを書いてください。", ja.join("」「")),
            format!("the final report needs {}; what can't be known is written so", en.join(", ")),
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
