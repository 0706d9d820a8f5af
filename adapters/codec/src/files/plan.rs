//! The rules of one table together: which fields they fill, and what is missing.

use kukaku_schema::Kind;

use super::fields::{self, Field, SESSION_ROW, listed, outside_kind};
use super::raw::RawRule;
use super::rule::{Rule, SlotNames, Slotted};

/// What the rows of a table stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Door readings, or other observations where a `kind` rule says so.
    Observations {
        /// A row without `device_time` takes the instant at which it was received.
        may_lack_time: bool,
    },
    /// Sessions: start and end in one row.
    Sessions,
}

/// The checked rules of a table.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    rules: Vec<Option<Rule>>,
    /// Whether the rows are readings or sessions throughout.
    pub(crate) is_fixed: bool,
}

/// What is wrong with a table of rules: the key of one rule, or none for the whole table.
pub(crate) type PlanError = (Option<String>, String);

impl Plan {
    /// Compiles the rules of a table.
    pub(crate) fn compile<'r>(
        purpose: Purpose,
        raw: impl Iterator<Item = (&'r str, &'r RawRule)>,
        slotted: Slotted,
        names: &mut SlotNames,
    ) -> Result<Self, PlanError> {
        let mut rules: Vec<Option<Rule>> = Vec::new();
        rules.resize_with(Field::COUNT, || None);
        for (word, raw) in raw {
            let at = |reason| (Some(word.to_owned()), reason);
            let field = Field::named(word).filter(|field| may_hold(purpose, *field)).ok_or_else(|| {
                at(format!("unknown field `{word}`, expected one of {}", listed(known(purpose, None).map(Field::word))))
            })?;
            rules[field as usize] = Some(Rule::compile(field, raw, slotted, names).map_err(at)?);
        }
        let plan = Self { is_fixed: purpose == Purpose::Sessions || rules[Field::Kind as usize].is_none(), rules };
        plan.check(purpose)?;
        Ok(plan)
    }

    /// Whether every field that is demanded has a rule, and every rule a kind that knows its field.
    fn check(&self, purpose: Purpose) -> Result<(), PlanError> {
        let kinds = match (purpose, self.rule(Field::Kind)) {
            (Purpose::Sessions, _) => None,
            (_, None) => Some(vec![Kind::DoorReading]),
            (_, Some(rule)) => rule.closed_texts().map(|words| words.into_iter().filter_map(outside_kind).collect()),
        };
        for rule in self.rules.iter().flatten() {
            if !known(purpose, kinds.as_deref()).any(|field| field == rule.field) {
                let expected = listed(known(purpose, kinds.as_deref()).map(Field::word));
                let word = rule.field.word();
                return Err((
                    Some(word.to_owned()),
                    format!("field `{word}` has no place here, expected one of {expected}"),
                ));
            }
        }
        let lacking = |demands: Vec<(Field, bool)>| {
            demands.into_iter().find(|(field, need)| *need && self.rule(*field).is_none() && !may_lack(purpose, *field))
        };
        let missing = match (&kinds, purpose) {
            (_, Purpose::Sessions) => lacking(SESSION_ROW.to_vec()),
            (Some(kinds), _) => kinds.iter().find_map(|kind| lacking(fields::of_kind(*kind).collect())),
            // Which kinds will come is not known before they do.
            (None, _) => lacking(vec![(Field::Source, true)]),
        };
        if let Some((field, _)) = missing {
            return Err((None, format!("missing a rule for `{}`", field.word())));
        }
        Ok(())
    }

    /// The rule of a field.
    #[inline]
    pub(crate) fn rule(&self, field: Field) -> Option<&Rule> {
        self.rules[field as usize].as_ref()
    }

    /// The plan with its slots renumbered: `to[slot]` is the column that holds it.
    pub(crate) fn bound(&self, to: &[usize]) -> Self {
        let rules = self.rules.iter().map(|rule| rule.clone().map(|rule| rule.bound(to))).collect();
        Self { rules, is_fixed: self.is_fixed }
    }
}

fn may_lack(purpose: Purpose, field: Field) -> bool {
    field == Field::DeviceTime && purpose == Purpose::Observations { may_lack_time: true }
}

fn may_hold(purpose: Purpose, field: Field) -> bool {
    known(purpose, None).any(|known| known == field)
}

/// The fields that rows of these kinds can have; of every kind where they are not known.
fn known<'k>(purpose: Purpose, kinds: Option<&'k [Kind]>) -> Box<dyn Iterator<Item = Field> + 'k> {
    match purpose {
        Purpose::Sessions => Box::new(SESSION_ROW.iter().map(|(field, _)| *field)),
        Purpose::Observations { .. } => {
            let of_kinds = kinds.unwrap_or(Kind::ALL).iter().flat_map(|kind| fields::of_kind(*kind));
            let mut all: Vec<Field> = of_kinds.map(|(field, _)| field).chain([Field::Kind]).collect();
            all.sort_unstable();
            all.dedup();
            Box::new(all.into_iter())
        }
    }
}
