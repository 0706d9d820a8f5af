//! What is listed of terminals: their operation logs, and when they were switched on and off.

use kukaku_core::{Fact, Names};
use kukaku_schema::observation::{OplogSegment, PowerState, Sha256Hex, TerminalPower};
use rusqlite::params;

use crate::batch::Batch;
use crate::changed::ChangedKind;
use crate::error::{StoreError, in_act};

impl Batch<'_> {
    /// The newest word on a file counts, by the source's clock.
    pub(crate) fn show_oplog(
        &mut self,
        segment: &OplogSegment,
        fact: &Fact,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        let terminal = names.intern(segment.terminal.as_str());
        let session = segment.session.as_ref().map(|session| names.intern(session.as_str()).0);
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO oplog (terminal, path, session, start_us, end_us, bytes, sha256, gone, said_us, entry)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (terminal, path) DO UPDATE SET session = excluded.session, start_us = excluded.start_us,
                 end_us = excluded.end_us, bytes = excluded.bytes, sha256 = excluded.sha256, gone = excluded.gone,
                 said_us = excluded.said_us, entry = excluded.entry WHERE excluded.said_us >= oplog.said_us",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    terminal.0,
                    segment.path.as_str(),
                    session,
                    segment.start.0,
                    segment.end.0,
                    segment.bytes.min(i64::MAX.unsigned_abs()).cast_signed(),
                    segment.sha256.as_ref().map(Sha256Hex::as_str),
                    segment.gone,
                    segment.device_time.0,
                    fact.entry.cast_signed(),
                ])
            })
            .map(drop)
            .map_err(in_act("list an operation log"))
    }

    pub(crate) fn show_power(
        &mut self,
        power: &TerminalPower,
        fact: &Fact,
        names: &mut Names,
    ) -> Result<(), StoreError> {
        self.changed.add(ChangedKind::Session);
        let at = self.store.offsets.occurred_at(fact.source, fact.device_time);
        let state = match power.state {
            PowerState::On => "on",
            PowerState::Off => "off",
        };
        self.store
            .conn
            .prepare_cached("INSERT INTO terminal_power (entry, terminal, at_us, state) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| {
                let terminal = names.intern(power.terminal.as_str());
                statement.execute(params![fact.entry.cast_signed(), terminal.0, at.0, state])
            })
            .map(drop)
            .map_err(in_act("list when a terminal was switched"))
    }
}
