//! Pledges, trainings and permits: papers that count for a while.

use kukaku_schema::registers::Registers;
use kukaku_schema::{Span, UtcMicros};

use crate::names::{Names, Word, WordMap};

/// A paper that counts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paper {
    pub span: Span,
    /// For one client alone.
    pub client: Option<Word>,
}

impl Paper {
    /// Whether it speaks of what is done for a client.
    pub fn is_for(&self, client: Word) -> bool {
        self.client.is_none_or(|of| of == client)
    }
}

/// A company at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompanyModel {
    pub span: Span,
    /// It works under another one.
    pub subcontracted: bool,
}

/// All papers, by whom or what they speak of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Duties {
    pub pledges: WordMap<Vec<Paper>>,
    pub trainings: WordMap<Vec<Paper>>,
    pub certificates: WordMap<Vec<Paper>>,
    pub of_zones: WordMap<Vec<Paper>>,
    pub of_companies: WordMap<Vec<Paper>>,
    pub companies: WordMap<Vec<CompanyModel>>,
    /// Registered instants at which something that is demanded of somebody may begin or end, in order.
    pub boundaries: Vec<UtcMicros>,
}

impl Duties {
    pub(super) fn new(registers: &Registers, names: &mut Names) -> Self {
        let mut duties = Self::default();
        let mut put = |into: &mut WordMap<Vec<Paper>>, of: &str, client: Option<&String>, span: Span| {
            let client = client.map(|c| names.intern(c));
            into.or_insert_with(names.intern(of), Vec::new).push(Paper { span, client });
        };
        for e in &registers.pledges {
            put(&mut duties.pledges, &e.row.operator, e.row.client.as_ref(), e.valid);
        }
        for e in &registers.trainings {
            put(&mut duties.trainings, &e.row.operator, None, e.valid);
        }
        for e in &registers.permits {
            for (into, of) in [
                (&mut duties.of_zones, &e.row.zone),
                (&mut duties.certificates, &e.row.operator),
                (&mut duties.of_companies, &e.row.company),
            ] {
                if let Some(of) = of {
                    put(into, of, e.row.client.as_ref(), e.valid);
                }
            }
        }
        for e in &registers.companies {
            let company = CompanyModel { span: e.valid, subcontracted: e.row.subcontracted_by.is_some() };
            duties.companies.or_insert_with(names.intern(&e.row.id), Vec::new).push(company);
        }
        let spans = registers
            .trainings
            .iter()
            .map(|e| e.valid)
            .chain(registers.permits.iter().map(|e| e.valid))
            .chain(registers.companies.iter().map(|e| e.valid))
            .chain(registers.operators.iter().map(|e| e.valid))
            .chain(registers.clients.iter().map(|e| e.valid))
            .chain(registers.terminals.iter().map(|e| e.valid));
        duties.boundaries = spans.flat_map(|span| [span.start, span.end]).collect();
        duties.boundaries.sort_unstable();
        duties.boundaries.dedup();
        duties
    }

    /// Whether a company works under another one at an instant.
    pub fn is_subcontracted(&self, company: Word, when: UtcMicros) -> bool {
        self.companies.get(company).into_iter().flatten().any(|c| c.span.contains(when) && c.subcontracted)
    }

    /// The first boundary after an instant.
    pub fn next_boundary(&self, now: UtcMicros) -> Option<UtcMicros> {
        let at = self.boundaries.partition_point(|at| *at <= now);
        self.boundaries.get(at).copied().filter(|at| *at < UtcMicros::MAX)
    }
}
