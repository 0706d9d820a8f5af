//! Findings to bytes and back.

use kukaku_core::{Finding, FindingKey, OutageCause, Subject, Word};
use kukaku_schema::{FindingKind, Severity, Span, UtcMicros};

use super::{Fault, In, LAYOUT, Out};

/// The bytes of a finding.
pub(crate) fn write_finding(finding: &Finding) -> Vec<u8> {
    let mut bytes = vec![LAYOUT];
    let mut out = Out(&mut bytes);
    let kind = finding.key.kind.word();
    out.number(kind.len() as u64);
    out.0.extend(kind.as_bytes());
    out.number(finding.key.about.len() as u64);
    finding.key.about.iter().for_each(|subject| write_subject(&mut out, *subject));
    out.signed(finding.key.at.0);
    let severity = Severity::ALL.iter().position(|s| *s == finding.severity);
    out.number(severity.expect("ALL holds every severity") as u64);
    out.signed(finding.span.start.0);
    out.signed(finding.span.end.0);
    out.maybe_word(finding.client);
    out.number(finding.subjects.len() as u64);
    finding.subjects.iter().for_each(|subject| write_subject(&mut out, *subject));
    out.number(finding.proofs.len() as u64);
    let mut before = 0_i64;
    for proof in &finding.proofs {
        out.signed(proof.cast_signed().wrapping_sub(before));
        before = proof.cast_signed();
    }
    bytes
}

fn write_subject(out: &mut Out<'_>, subject: Subject) {
    let (sort, word) = match subject {
        Subject::Session(source, id) => {
            out.0.push(1);
            out.word(source);
            out.word(id);
            return;
        }
        Subject::Person(word) => (2, word),
        Subject::Account(word) => (3, word),
        Subject::Terminal(word) => (4, word),
        Subject::Client(word) => (5, word),
        Subject::Zone(word) => (6, word),
        Subject::Door(word) => (7, word),
        Subject::Reader(word) => (8, word),
        Subject::Credential(word) => (9, word),
        Subject::Source(word) => (10, word),
        Subject::Camera(word) => (11, word),
        Subject::Segment(word) => (13, word),
        Subject::Order(word) => (14, word),
        Subject::Outage(cause) => {
            let place = OutageCause::ALL.iter().position(|known| *known == cause).expect("ALL holds every cause");
            (12, Word(u32::try_from(place).expect("nine causes")))
        }
    };
    out.0.push(sort);
    out.word(word);
}

/// Reads a finding back.
pub(crate) fn read_finding(bytes: &[u8]) -> Result<Finding, Fault> {
    let mut input = In(bytes);
    input.layout()?;
    let length = input.count()?;
    let (kind, rest) = input.0.split_at(length);
    input.0 = rest;
    let kind = std::str::from_utf8(kind).ok().and_then(FindingKind::from_word);
    let kind = kind.ok_or("the kind of a finding is unknown to this version")?;
    let about = subjects(&mut input)?;
    let at = UtcMicros(input.signed()?);
    let severity = usize::try_from(input.number()?).ok().and_then(|place| Severity::ALL.get(place).copied());
    let severity = severity.ok_or("a severity is unknown to this version")?;
    let span = Span { start: UtcMicros(input.signed()?), end: UtcMicros(input.signed()?) };
    let client = input.maybe_word()?;
    let subjects = subjects(&mut input)?;
    let mut before = 0_i64;
    let proofs = (0..input.count()?)
        .map(|_| {
            before = before.wrapping_add(input.signed()?);
            Ok(before.cast_unsigned())
        })
        .collect::<Result<_, Fault>>()?;
    input.end()?;
    Ok(Finding { key: FindingKey { kind, about, at }, severity, span, subjects, client, proofs })
}

fn subjects(input: &mut In<'_>) -> Result<Vec<Subject>, Fault> {
    (0..input.count()?).map(|_| read_subject(input)).collect()
}

fn read_subject(input: &mut In<'_>) -> Result<Subject, Fault> {
    let sort = input.byte()?;
    let word = input.word()?;
    Ok(match sort {
        1 => Subject::Session(word, input.word()?),
        2 => Subject::Person(word),
        3 => Subject::Account(word),
        4 => Subject::Terminal(word),
        5 => Subject::Client(word),
        6 => Subject::Zone(word),
        7 => Subject::Door(word),
        8 => Subject::Reader(word),
        9 => Subject::Credential(word),
        10 => Subject::Source(word),
        11 => Subject::Camera(word),
        14 => Subject::Order(word),
        12 => {
            let cause = OutageCause::ALL.get(word.0 as usize).copied();
            Subject::Outage(cause.ok_or("a cause of an outage is unknown to this version")?)
        }
        13 => Subject::Segment(word),
        _ => return Err("the sort of a subject is unknown to this version"),
    })
}
