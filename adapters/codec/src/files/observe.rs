//! From the texts of a row to what it says.

use kukaku_schema::{Kind, Observation, UtcMicros, parse_observation};
use serde_json::{Map, Value};

use super::fields::{self, Field, Sort, outside_kind};
use super::plan::Plan;
use super::rows::{DoorRowRef, Factors, SessionRowRef};
use super::slots::{Piece, Slots};
use super::values::{boolean, check_name, granted, signed, split_names, unsigned};

/// A row that is being read: its texts, and the scratch that rendered texts go to.
struct Row<'x, 's> {
    plan: &'x Plan,
    slots: &'s Slots<'x>,
    scratch: &'s mut String,
}

impl<'x> Row<'x, '_> {
    /// The field's text; empty where there is no rule or the row says nothing.
    #[inline(always)]
    fn text(&mut self, field: Field) -> Result<Piece<'x>, String> {
        match self.plan.rule(field) {
            None => Ok(Piece::EMPTY),
            Some(rule) => rule.text(self.slots, self.scratch).map_err(|reason| of(field, &reason)),
        }
    }

    /// The field's text, checked as a name; empty where the row says nothing.
    #[inline(always)]
    fn name(&mut self, field: Field) -> Result<Piece<'x>, String> {
        let Some(rule) = self.plan.rule(field) else {
            return Ok(Piece::EMPTY);
        };
        let piece = rule.text(self.slots, self.scratch).map_err(|reason| of(field, &reason))?;
        // The mapping's own texts were checked with it.
        let plain = rule.is_closed() || (self.slots.plain && rule.keeps_plain());
        if !piece.is_empty() {
            check_name(piece.get(self.scratch), plain).map_err(|reason| of(field, &reason))?;
        }
        Ok(piece)
    }

    #[inline(always)]
    fn needed_name(&mut self, field: Field) -> Result<Piece<'x>, String> {
        let piece = self.name(field)?;
        if piece.is_empty() { Err(empty(field)) } else { Ok(piece) }
    }

    #[inline]
    fn instant(&mut self, field: Field) -> Result<Option<UtcMicros>, String> {
        let piece = self.text(field)?;
        match self.plan.rule(field) {
            Some(rule) if !piece.is_empty() => {
                rule.instant(piece.get(self.scratch)).map(Some).map_err(|reason| of(field, &reason))
            }
            _ => Ok(None),
        }
    }

    fn number(&mut self, field: Field) -> Result<Option<u64>, String> {
        let piece = self.text(field)?;
        if piece.is_empty() {
            return Ok(None);
        }
        unsigned(piece.get(self.scratch)).map(Some).map_err(|reason| of(field, &reason))
    }

    /// The list, each name checked.
    fn names(&mut self, field: Field) -> Result<Piece<'x>, String> {
        let piece = self.text(field)?;
        if piece.is_empty() {
            return Ok(piece);
        }
        let text = piece.get(self.scratch);
        for name in split_names(text, self.separator(field)) {
            check_name(name, false).map_err(|reason| of(field, &reason))?;
        }
        Ok(piece)
    }

    fn separator(&self, field: Field) -> &'x str {
        self.plan.rule(field).map_or(",", |rule| &rule.separator)
    }
}

#[cold]
fn of(field: Field, reason: &str) -> String {
    format!("`{}`: {reason}", field.word())
}

#[cold]
fn empty(field: Field) -> String {
    format!("`{}` is empty", field.word())
}

impl Plan {
    /// The row as a door reading. `received` stands in for a missing `device_time`.
    #[inline]
    pub(crate) fn reading<'r>(
        &'r self,
        slots: &Slots<'r>,
        scratch: &'r mut String,
        received: Option<UtcMicros>,
    ) -> Result<DoorRowRef<'r>, String> {
        scratch.clear();
        let mut row = Row { plan: self, slots, scratch };
        let source = row.needed_name(Field::Source)?;
        let epoch = row.name(Field::Epoch)?;
        let seq = row.number(Field::Seq)?;
        let event_id = row.name(Field::EventId)?;
        let device_time = row.instant(Field::DeviceTime)?.or(received).ok_or_else(|| empty(Field::DeviceTime))?;
        let reader = row.needed_name(Field::Reader)?;
        let credential = row.needed_name(Field::Credential)?;
        let result = row.text(Field::Result)?;
        let factors = row.names(Field::Factors)?;
        let reason = row.name(Field::Reason)?;
        let separator = row.separator(Field::Factors);
        let granted = match result.get(row.scratch) {
            "" => return Err(empty(Field::Result)),
            text => granted(text).map_err(|reason| of(Field::Result, &reason))?,
        };
        let scratch: &'r str = scratch;
        let some = |piece: Piece<'r>| Some(piece.get(scratch)).filter(|text| !text.is_empty());
        Ok(DoorRowRef {
            source: source.get(scratch),
            epoch: some(epoch),
            seq,
            event_id: some(event_id),
            device_time,
            reader: reader.get(scratch),
            credential: credential.get(scratch),
            granted,
            factors: some(factors).map_or(Factors::NONE, |text| Factors::new(text, separator)),
            reason: some(reason),
        })
    }

    /// The row as a session.
    #[inline]
    pub(crate) fn session<'r>(
        &'r self,
        slots: &Slots<'r>,
        scratch: &'r mut String,
    ) -> Result<SessionRowRef<'r>, String> {
        scratch.clear();
        let mut row = Row { plan: self, slots, scratch };
        let source = row.needed_name(Field::Source)?;
        let session = row.needed_name(Field::Session)?;
        let account = row.needed_name(Field::Account)?;
        let terminal = row.name(Field::Terminal)?;
        let address = row.name(Field::Address)?;
        let inner_address = row.name(Field::InnerAddress)?;
        let target = row.name(Field::Target)?;
        let via = row.name(Field::Via)?;
        let start = row.instant(Field::Start)?.ok_or_else(|| empty(Field::Start))?;
        let end = row.instant(Field::End)?;
        let factors = row.names(Field::Factors)?;
        let separator = row.separator(Field::Factors);
        let scratch: &'r str = scratch;
        let some = |piece: Piece<'r>| Some(piece.get(scratch)).filter(|text| !text.is_empty());
        Ok(SessionRowRef {
            source: source.get(scratch),
            session: session.get(scratch),
            account: account.get(scratch),
            terminal: some(terminal),
            address: some(address),
            inner_address: some(inner_address),
            target: some(target),
            via: some(via),
            start,
            end,
            factors: some(factors).map_or(Factors::NONE, |text| Factors::new(text, separator)),
        })
    }

    /// The kind of the row: a door reading where no rule says another.
    pub(crate) fn kind(&self, slots: &Slots<'_>, scratch: &mut String) -> Result<Kind, String> {
        if self.rule(Field::Kind).is_none() {
            return Ok(Kind::DoorReading);
        }
        scratch.clear();
        let piece = Row { plan: self, slots, scratch }.text(Field::Kind)?;
        match piece.get(scratch) {
            "" => Err(empty(Field::Kind)),
            word => outside_kind(word).ok_or_else(|| format!("`kind`: {word:?} is no kind that may come from outside")),
        }
    }

    /// The row as an observation of whichever kind it is.
    pub(crate) fn observation(
        &self,
        slots: &Slots<'_>,
        scratch: &mut String,
        received: Option<UtcMicros>,
    ) -> Result<Observation, String> {
        match self.kind(slots, scratch)? {
            Kind::DoorReading => self.reading(slots, scratch, received)?.to_observation(),
            kind => self.wire(kind, slots, scratch, received),
        }
    }

    /// Writes the row in the wire format and reads that: what the format demands is written there alone.
    fn wire(
        &self,
        kind: Kind,
        slots: &Slots<'_>,
        scratch: &mut String,
        received: Option<UtcMicros>,
    ) -> Result<Observation, String> {
        let mut object = Map::new();
        object.insert("kind".to_owned(), kind.word().into());
        for (field, need) in fields::of_kind(kind) {
            scratch.clear();
            let mut row = Row { plan: self, slots, scratch };
            let value = row.value(field)?;
            let value = match (value, received) {
                (Value::Null, Some(received)) if field == Field::DeviceTime => received.to_rfc3339_utc().into(),
                (value, _) => value,
            };
            if !value.is_null() {
                object.insert(field.word().to_owned(), value);
            } else if need {
                return Err(empty(field));
            }
        }
        let bytes = serde_json::to_vec(&object).map_err(|e| e.to_string())?;
        parse_observation(&bytes).map_err(|refusal| refusal.to_string())
    }
}

impl Row<'_, '_> {
    /// The field as the wire has it; null where the row says nothing.
    fn value(&mut self, field: Field) -> Result<Value, String> {
        if field.sort() == Sort::Time {
            return Ok(self.instant(field)?.map_or(Value::Null, |at| at.to_rfc3339_utc().into()));
        }
        let separator = self.separator(field);
        let piece = self.text(field)?;
        let text = piece.get(self.scratch);
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let value = match field.sort() {
            Sort::Unsigned => unsigned(text).map(Value::from),
            Sort::Signed => signed(text).map(Value::from),
            Sort::Bool => boolean(text).map(Value::from),
            Sort::Names => Ok(split_names(text, separator).map(Value::from).collect()),
            Sort::Name => check_name(text, false).map(|()| text.into()),
            Sort::Word | Sort::Path | Sort::Time => Ok(text.into()),
        };
        value.map_err(|reason| of(field, &reason))
    }
}
