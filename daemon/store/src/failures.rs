//! What is listed of failure reports.

use kukaku_core::{Fact, Names};
use kukaku_schema::observation::{FailureReported, Name};
use rusqlite::params;

use crate::batch::Batch;
use crate::changed::ChangedKind;
use crate::error::{StoreError, in_act};

impl Batch<'_> {
    /// Each report has a row; the newest of a number counts.
    pub(crate) fn show_failure(
        &mut self,
        report: &FailureReported,
        fact: &Fact,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        let mut word = |name: &Name| names.intern(name.as_str()).0;
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO failure_report (entry, report, client, work_order, session, stage, at_us, detected_at_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    fact.entry.cast_signed(),
                    word(&report.failure),
                    word(&report.client),
                    report.order.as_ref().map(&mut word),
                    report.session.as_ref().map(&mut word),
                    report.stage.word(),
                    report.device_time.0,
                    report.detected_at.0,
                ])
            })
            .map(drop)
            .map_err(in_act("list a failure report"))
    }
}
