//! What has to be there beside doors and orders: pledges, trainings, permits and certificates.
//!
//! A session is held against the papers that counted at its start, whenever they were recorded.
//! A paper whose term passes while somebody still works with it is a finding of its own.

use kukaku_schema::{FindingKind, Span, UtcMicros};

use super::findings::session_finding;
use super::{Court, Horizon};
use crate::effect::{Finding, FindingKey, SessionView, Subject};
use crate::model::Paper;
use crate::names::Word;

/// How papers of one sort stand at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// One counts.
    InForce,
    /// There is none.
    Never,
    /// The first one counts later.
    Ahead,
    /// The last one that counted did so until then.
    Ended(UtcMicros),
}

fn standing<'p>(papers: impl Iterator<Item = &'p Paper>, client: Word, at: UtcMicros) -> Standing {
    let mut so_far = Standing::Never;
    for paper in papers.filter(|paper| paper.is_for(client)) {
        so_far = match so_far {
            _ if paper.span.contains(at) => return Standing::InForce,
            Standing::Ended(before) if paper.span.end <= at => Standing::Ended(before.max(paper.span.end)),
            Standing::Ended(before) => Standing::Ended(before),
            _ if paper.span.end <= at => Standing::Ended(paper.span.end),
            _ => Standing::Ahead,
        };
    }
    so_far
}

impl Court<'_> {
    /// Adds what was missing when the session began.
    pub(super) fn find_obligations(&self, session: &SessionView, horizon: &Horizon, out: &mut Vec<Finding>) {
        let start = session.key.start;
        let Some(client) = session.client else { return };
        let Some(agreed) = self.model.client(client, start).filter(|_| start < horizon.judged) else { return };
        let seen = Span::new(start, session.end_at());
        let duties = &self.model.duties;
        let mut add = |kind, about: &[Subject]| {
            let mut found = session_finding(session, kind, seen, vec![Subject::Client(client)]);
            found.key.about.extend(about);
            out.push(found);
        };
        if let Some(operator) = session.operator {
            let pledged = standing(duties.pledges.get(operator).into_iter().flatten(), client, start);
            if agreed.pledge && pledged != Standing::InForce {
                add(FindingKind::PledgeMissing, &[]);
            }
            let trained = standing(duties.trainings.get(operator).into_iter().flatten(), client, start);
            if agreed.training && trained != Standing::InForce {
                add(FindingKind::TrainingExpired, &[]);
            }
            if matches!(self.certificate(operator, client, start), Standing::Ahead | Standing::Ended(_)) {
                add(FindingKind::CertificateExpired, &[Subject::Person(operator)]);
            }
            let consent = self.consent(operator, client, start);
            let demanded = consent.1 && agreed.permit;
            if matches!(consent.0, Standing::Ahead | Standing::Ended(_)) || (consent.0 == Standing::Never && demanded) {
                add(FindingKind::CertificateExpired, &[Subject::Client(client), Subject::Person(operator)]);
            }
        }
        if let Some(zone) = session.zone {
            match self.permit(zone, client, start) {
                Standing::InForce => {}
                Standing::Ended(_) => add(FindingKind::CertificateExpired, &[Subject::Zone(zone)]),
                // Not the zones that the client lists, but still not permitted.
                Standing::Ahead => add(FindingKind::ZoneNotPermitted, &[Subject::Zone(zone)]),
                Standing::Never if agreed.permit => add(FindingKind::ZoneNotPermitted, &[Subject::Zone(zone)]),
                Standing::Never => {}
            }
        }
    }

    fn certificate(&self, operator: Word, client: Word, at: UtcMicros) -> Standing {
        standing(self.model.duties.certificates.get(operator).into_iter().flatten(), client, at)
    }

    /// How the client's consent to an operator's company stands, and whether that works under another one.
    fn consent(&self, operator: Word, client: Word, at: UtcMicros) -> (Standing, bool) {
        let duties = &self.model.duties;
        let Some(company) = self.model.person(operator, at).and_then(|person| person.value.company) else {
            return (Standing::Never, false);
        };
        let papers = duties.of_companies.get(company).into_iter().flatten();
        (standing(papers, client, at), duties.is_subcontracted(company, at))
    }

    /// How the permit of a zone stands; one of a zone around it serves too.
    fn permit(&self, zone: Word, client: Word, at: UtcMicros) -> Standing {
        let of = |zone: &Word| self.model.duties.of_zones.get(*zone).into_iter().flatten();
        standing(self.model.chain(Some(zone)).iter().flat_map(of), client, at)
    }

    /// The terms that have passed of what somebody still works with, and when to look again.
    pub fn terms_passed(&self) -> (Vec<Finding>, Option<UtcMicros>) {
        let mut out = Vec::new();
        if !self.live {
            return (out, None);
        }
        let now = self.now;
        for (client, _) in self.model.clients.iter() {
            let Some(agreed) = self.model.client(client, now) else { continue };
            let mut add = |kind, ended: Standing, about: [Subject; 2]| {
                if let Standing::Ended(at) = ended {
                    out.push(Finding {
                        key: FindingKey { kind, about: about.to_vec(), at },
                        severity: kind.severity(),
                        span: Span::new(at, UtcMicros::MAX),
                        subjects: about.to_vec(),
                        client: Some(client),
                        proofs: Vec::new(),
                    });
                }
            };
            for (person, _) in self.model.persons.iter() {
                let works = self.model.person(person, now).is_some_and(|p| p.value.clients.contains(&client));
                if !works {
                    continue;
                }
                let about = [Subject::Person(person), Subject::Client(client)];
                if agreed.training {
                    let papers = self.model.duties.trainings.get(person).into_iter().flatten();
                    add(FindingKind::TrainingExpired, standing(papers, client, now), about);
                }
                add(FindingKind::CertificateExpired, self.certificate(person, client, now), about);
                // Told apart from his own by the order.
                let of_company = [Subject::Client(client), Subject::Person(person)];
                add(FindingKind::CertificateExpired, self.consent(person, client, now).0, of_company);
            }
            for (terminal, _) in self.model.terminals.iter() {
                let here = self.model.terminal(terminal, now).map(|t| &t.value);
                let zone = here.filter(|t| t.client.is_none_or(|of| of == client)).map(|t| t.zone);
                if let Some(zone) = zone {
                    let about = [Subject::Zone(zone), Subject::Client(client)];
                    add(FindingKind::CertificateExpired, self.permit(zone, client, now), about);
                }
            }
        }
        (out, self.model.duties.next_boundary(now))
    }
}
