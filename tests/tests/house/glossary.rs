//! Every word that people meet is explained in `schema/README.md`, in both languages.

use kukaku_schema::{FindingKind, Grade, Kind, Lang, RecordClass, Severity, Verdict};

use crate::repository::read;

/// The cells of the rows of the table below a heading of the glossary.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let document = read("schema/README.md");
    let section =
        document.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with('#'));
    let rows: Vec<Vec<String>> = section
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect();
    assert!(!rows.is_empty(), "schema/README.md has no table below {heading:?}");
    rows
}

/// A row that begins with the word and holds both labels.
fn is_explained(rows: &[Vec<String>], word: &str, labels: &[&str]) -> bool {
    let first = format!("`{word}`");
    rows.iter().any(|row| {
        row[0] == first
            && row.len() > 2
            && row.iter().all(|cell| !cell.is_empty())
            && labels.iter().all(|label| row.iter().any(|cell| cell == label))
    })
}

/// The words of one sort, each with its labels, against the table of that sort.
fn missing<'a>(heading: &str, words: impl Iterator<Item = (&'a str, [&'a str; 2])>) -> Vec<String> {
    let rows = rows(heading);
    words
        .filter(|(word, labels)| !is_explained(&rows, word, labels))
        .map(|(word, [ja, en])| format!("{heading}: | `{word}` | {ja} | {en} |"))
        .collect()
}

#[test]
fn every_word_of_the_trade_is_in_the_glossary_in_both_languages() {
    let both = [Lang::Ja, Lang::En];
    let verdicts = Verdict::ALL.iter().map(|v| (v.word(), both.map(|lang| v.label(lang))));
    let grades = Grade::ALL.iter().map(|g| (g.word(), both.map(|lang| g.label(lang))));
    let severities = Severity::ALL.iter().map(|s| (s.word(), both.map(|lang| s.label(lang))));
    let findings = FindingKind::ALL.iter().map(|k| (k.word(), both.map(|lang| k.label(lang))));
    let classes = RecordClass::ALL.iter().map(|c| (c.word(), both.map(|lang| c.label(lang))));
    let missing = [
        missing("### Retention", classes),
        missing("### Verdicts", verdicts),
        missing("### Grades", grades),
        missing("### Severities", severities),
        missing("### Findings", findings),
    ]
    .concat();
    assert!(missing.is_empty(), "schema/README.md lacks:\n{}", missing.join("\n"));
}

#[test]
fn every_kind_of_observation_is_in_the_glossary() {
    let rows = rows("### Kinds of observation");
    let missing: Vec<&str> =
        Kind::ALL.iter().map(|kind| kind.word()).filter(|word| !is_explained(&rows, word, &[])).collect();
    assert!(missing.is_empty(), "schema/README.md lacks {missing:?}");
}
