//! Every word that people meet is explained in `schema/README.md`, in both languages.

use kukaku_schema::{FindingKind, Grade, Kind, Lang, Severity, Verdict};

use crate::repository::read;

/// The cells of the rows of all tables in the glossary, by their first cell.
fn rows() -> Vec<Vec<String>> {
    let document = read("schema/README.md");
    document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// A row that begins with the word and holds both labels, each in a cell of its own.
fn is_explained(rows: &[Vec<String>], word: &str, labels: &[&str]) -> bool {
    let first = format!("`{word}`");
    rows.iter().any(|row| {
        row[0] == first
            && row.len() > 2
            && row.iter().all(|cell| !cell.is_empty())
            && labels.iter().all(|label| row.iter().any(|cell| cell == label))
    })
}

#[test]
fn every_word_of_the_trade_is_in_the_glossary_in_both_languages() {
    let rows = rows();
    let mut missing = Vec::new();
    let mut check = |sort: &str, word: &str, labels: [&str; 2]| {
        if !is_explained(&rows, word, &labels) {
            missing.push(format!("{sort}: | `{word}` | {} | {} |", labels[0], labels[1]));
        }
    };
    let both = [Lang::Ja, Lang::En];
    for verdict in Verdict::ALL {
        check("verdict", verdict.word(), both.map(|lang| verdict.label(lang)));
    }
    for grade in Grade::ALL {
        check("grade", grade.word(), both.map(|lang| grade.label(lang)));
    }
    for severity in Severity::ALL {
        check("severity", severity.word(), both.map(|lang| severity.label(lang)));
    }
    for kind in FindingKind::ALL {
        check("finding", kind.word(), both.map(|lang| kind.label(lang)));
    }
    assert!(missing.is_empty(), "schema/README.md lacks:\n{}", missing.join("\n"));
}

#[test]
fn every_kind_of_observation_is_in_the_glossary() {
    let rows = rows();
    let missing: Vec<&str> = Kind::ALL
        .iter()
        .map(|kind| kind.word())
        .filter(|word| !is_explained(&rows, word, &[]))
        .collect();
    assert!(missing.is_empty(), "schema/README.md lacks {missing:?}");
}
