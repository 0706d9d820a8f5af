//! Why a line became what it became, in both languages: what `kukaku mapping try` prints.

use kukaku_schema::Observation;
use kukaku_schema::lang::Lang;

use super::reader::Outcome;
use super::rules::Rules;

/// The way of one line through the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// The rules that were tried, from 0, in order, with what came of it.
    pub steps: Vec<(usize, Why)>,
    /// The values that the last rule that fits found in the line.
    pub fields: Vec<(String, String)>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
}

/// What came of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It fits.
    Fits,
    /// None of these texts stands in the line.
    Lacks(Vec<String>),
    /// Its regular expression does not fit.
    RegexDoesNotFit,
    /// The text is not of its format.
    NotOfFormat(String),
    /// A condition of `when` does not hold.
    ConditionFails {
        /// The field that it asks for.
        field: String,
        /// What the line says there.
        value: Option<String>,
    },
    /// A condition of `unless` holds.
    ExceptionHolds {
        /// The field that it asks for.
        field: String,
        /// What the line says there.
        value: Option<String>,
    },
    /// No earlier line was held that it must recall.
    NothingHeld,
}

/// Something worth knowing about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// No earlier line was held to recall; its values are empty.
    NothingHeld,
    /// So many held lines could be meant; none was taken.
    Ambiguous(usize),
    /// A time that the rule's format does not read; the next way was tried.
    UnreadTime(String),
    /// Neither the line nor its header has a time; the instant of reception was taken.
    NoTime,
}

impl Why {
    /// The sentence for people.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let value = |value: &Option<String>| {
            value.as_ref().map_or_else(|| lang.pick("なし", "nothing").to_owned(), |text| format!("{text:?}"))
        };
        match self {
            Self::Fits => lang.pick("一致しました", "fits").to_owned(),
            Self::Lacks(words) => {
                let words = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
                lang.pick(format!("行に次の文字列がありません: {words}"), format!("the line holds none of: {words}"))
            }
            Self::RegexDoesNotFit => {
                lang.pick("正規表現が一致しません", "the regular expression does not fit").to_owned()
            }
            Self::NotOfFormat(reason) => {
                lang.pick(format!("形式が違います: {reason}"), format!("the text is not of the format: {reason}"))
            }
            Self::ConditionFails { field, value: found } => lang.pick(
                format!("条件 when の {field} が合いません(値: {})", value(found)),
                format!("`when` does not hold: {field} is {}", value(found)),
            ),
            Self::ExceptionHolds { field, value: found } => lang.pick(
                format!("除外条件 unless の {field} に当たります(値: {})", value(found)),
                format!("`unless` holds: {field} is {}", value(found)),
            ),
            Self::NothingHeld => lang
                .pick("対になる先の行が記憶にありません", "no earlier line is remembered that it must recall")
                .to_owned(),
        }
    }
}

impl Note {
    /// The sentence for people.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::NothingHeld => lang
                .pick(
                    "対になる先の行が記憶にないため、その値は空です",
                    "no earlier line is remembered; its values are empty",
                )
                .to_owned(),
            Self::Ambiguous(count) => lang.pick(
                format!("先の行が {count} 件あり、どれか決められないため使いません"),
                format!("{count} earlier lines could be meant, so none of them is taken"),
            ),
            Self::UnreadTime(text) => lang.pick(
                format!("時刻 {text:?} を読めません。次の方法を使います"),
                format!("the time {text:?} can't be read; the next way is tried"),
            ),
            Self::NoTime => lang
                .pick(
                    "行にもヘッダーにも時刻がないため、受信時刻を使いました",
                    "neither the line nor its header has a time; the instant of reception was taken",
                )
                .to_owned(),
        }
    }
}

impl Outcome {
    /// What the line became, in one sentence; observations as their JSON, one a line.
    #[must_use]
    pub fn text(&self, rules: &Rules, lang: Lang) -> String {
        let name = |rule: &usize| rules.rule_name(*rule);
        match self {
            Self::Observations(list) => list.iter().map(shown).collect::<Vec<_>>().join("\n"),
            Self::Held { rule } => lang.pick(
                format!("ルール「{}」が後の行のために記憶しました", name(rule)),
                format!("held for a later line by rule {:?}", name(rule)),
            ),
            Self::Ignored { rule: Some(rule) } => lang.pick(
                format!("ルール「{}」により、セッションではありません", name(rule)),
                format!("no session, says rule {:?}", name(rule)),
            ),
            Self::Ignored { rule: None } => lang.pick("どのルールにも一致しません", "no rule fits").to_owned(),
            Self::Refused { rule, reason } => lang.pick(
                format!("ルール「{}」に一致しましたが、項目を埋められません: {reason}", name(rule)),
                format!("rule {:?} fits, but a field can't be filled: {reason}", name(rule)),
            ),
        }
    }
}

impl Explanation {
    /// The way of the line for people, one statement a line.
    #[must_use]
    pub fn text(&self, rules: &Rules, lang: Lang) -> String {
        let mut out = String::new();
        for (rule, why) in &self.steps {
            let name = rules.rule_name(*rule);
            out.push_str(&lang.pick(format!("ルール「{name}」: "), format!("rule {name:?}: ")));
            out.push_str(&why.text(lang));
            out.push('\n');
        }
        for (field, value) in &self.fields {
            out.push_str(&format!("  {field} = {value:?}\n"));
        }
        for note in &self.notes {
            out.push_str(lang.pick("注意: ", "note: "));
            out.push_str(&note.text(lang));
            out.push('\n');
        }
        out
    }
}

fn shown(observation: &Observation) -> String {
    String::from_utf8_lossy(&kukaku_schema::observation::canonical_bytes(observation)).into_owned()
}
