//! What a city signs of a work order (リモート保守申請): the sheet that it is shown, and its answer.
//!
//! A sheet is one journal entry of the order, verbatim. An answer is a signed note whose text says
//! what the city does with exactly that entry: it bears the entry's hash, so that an order that was
//! changed afterwards is not the one that was answered.

use kukaku_ledger::{Hash, SignedNote, SigningKey, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::instant::instant_text;

/// The form of a sheet.
const SHEET_FORMAT: &str = "kukaku-order-sheet/1";

/// The first line of an answer: no checkpoint and no other statement begins so.
const ANSWER_HEAD: &str = "kukaku-order-answer/v1";

/// Largest sheet in bytes: an order with all its lists full, twice escaped.
pub const SHEET_MAX_BYTES: usize = 512 * 1024;

/// Largest answer in bytes: what a field of the journal holds, and its line end.
pub const ANSWER_MAX_BYTES: usize = 4096 + 1;

/// Longest remarks of an answer in bytes: some sentences; what is longer goes by letter.
pub const REMARKS_MAX_BYTES: usize = 1000;

/// What a city can do with an order, by its word.
pub const ANSWER_ACTS: [&str; 3] = ["approve", "reject", "accept"];

/// Why a sheet or an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{en}")]
pub struct OrderFileError {
    /// For people who read Japanese.
    pub ja: String,
    /// For the others.
    pub en: String,
}

impl OrderFileError {
    fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

/// An order as the city is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSheet {
    format: String,
    /// The site's id.
    pub site: String,
    /// The order's number.
    pub order: String,
    /// When the sheet was made, RFC 3339.
    pub made_at: String,
    /// What the journal holds of it: JSON, to the byte.
    pub body: String,
}

impl OrderSheet {
    /// A sheet of the entry with this body.
    #[must_use]
    pub fn new(site: String, order: String, made_at_us: i64, body: String) -> Self {
        Self { format: SHEET_FORMAT.to_owned(), site, order, made_at: instant_text(made_at_us), body }
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts always serialise") + "\n"
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is no sheet.
    pub fn parse(bytes: &[u8]) -> Result<Self, OrderFileError> {
        let none = |why: String| {
            OrderFileError::new(format!("申請のファイルではありません（{why}）"), format!("no order sheet: {why}"))
        };
        if bytes.len() > SHEET_MAX_BYTES {
            return Err(none(format!("{} bytes", bytes.len())));
        }
        let sheet: Self = serde_json::from_slice(bytes).map_err(|error| none(error.to_string()))?;
        if sheet.format != SHEET_FORMAT {
            return Err(none(format!("format {:?}", sheet.format)));
        }
        let body: serde_json::Value = serde_json::from_str(&sheet.body).map_err(|error| none(error.to_string()))?;
        if body.get("kind").and_then(|kind| kind.as_str()) != Some("order.revised")
            || body.get("order").and_then(|order| order.as_str()) != Some(&sheet.order)
        {
            return Err(none("body".to_owned()));
        }
        Ok(sheet)
    }

    /// What is signed of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.body.as_bytes())
    }
}

/// What a city does with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderAnswer {
    /// The site's id.
    pub site: String,
    /// The order's number.
    pub order: String,
    /// SHA-256 over the body of the sheet, in hex.
    pub sheet: String,
    /// One of [`ANSWER_ACTS`].
    pub act: String,
    /// When it was signed, RFC 3339 in UTC.
    pub at: String,
    /// The officer.
    pub by: String,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

impl OrderAnswer {
    /// The answer to a sheet.
    #[must_use]
    pub fn new(sheet: &OrderSheet, act: &str, at_us: i64, by: &str, remarks: Option<&str>) -> Self {
        Self {
            site: sheet.site.clone(),
            order: sheet.order.clone(),
            sheet: sheet.hash().to_string(),
            act: act.to_owned(),
            at: instant_text(at_us),
            by: by.to_owned(),
            remarks: remarks.map(str::to_owned),
        }
    }

    /// Signs it: the file for the site.
    ///
    /// # Errors
    /// Remarks or names that are too long.
    pub fn sign(&self, key: &SigningKey) -> Result<String, OrderFileError> {
        if self.remarks.as_ref().is_some_and(|remarks| remarks.len() > REMARKS_MAX_BYTES) {
            return Err(OrderFileError::new(
                format!("備考は {REMARKS_MAX_BYTES} バイトまでです"),
                format!("remarks are {REMARKS_MAX_BYTES} bytes at most"),
            ));
        }
        let said = serde_json::to_string(self).expect("texts always serialise");
        let note = SignedNote::sign(&format!("{ANSWER_HEAD}\n{said}\n"), key).map_err(|error| not_one(&error))?;
        let text = note.to_text();
        // What is written has to be readable again.
        Self::read(text.as_bytes())?;
        Ok(text)
    }

    /// Reads an answer without trusting it.
    ///
    /// # Errors
    /// It is none; every other spelling of one is refused too.
    pub fn read(bytes: &[u8]) -> Result<(Self, SignedNote), OrderFileError> {
        if bytes.len() > ANSWER_MAX_BYTES {
            return Err(OrderFileError::new(
                format!("市の回答は {ANSWER_MAX_BYTES} バイトまでです（{} バイト）", bytes.len()),
                format!("an answer has {ANSWER_MAX_BYTES} bytes at most, this one {}", bytes.len()),
            ));
        }
        let note = SignedNote::parse(bytes).map_err(|error| not_one(&error))?;
        let said = note.text().strip_prefix(ANSWER_HEAD).and_then(|rest| rest.strip_prefix('\n'));
        let said = said.ok_or_else(|| not_one(&"another first line"))?;
        let answer: Self = serde_json::from_str(said.trim_end()).map_err(|error| not_one(&error))?;
        let same = serde_json::to_string(&answer).is_ok_and(|again| format!("{again}\n") == said);
        if !same || note.signatures().len() != 1 || !ANSWER_ACTS.contains(&answer.act.as_str()) {
            return Err(not_one(&"not written as the tool writes it"));
        }
        Ok((answer, note))
    }

    /// Reads an answer and verifies it with the keys that are known.
    ///
    /// # Errors
    /// It is none, no known key signed it, or the signature doesn't hold.
    pub fn open(bytes: &[u8], keys: &[VerifierKey]) -> Result<(Self, VerifierKey), OrderFileError> {
        let (answer, note) = Self::read(bytes)?;
        let signed = &note.signatures()[0];
        let key = keys.iter().find(|key| key.name() == signed.name && key.id() == signed.id).ok_or_else(|| {
            let named = format!("{}+{:08x}", signed.name, signed.id);
            OrderFileError::new(
                format!("市の鍵「{named}」は登録されていません"),
                format!("{named} is none of the city's keys"),
            )
        })?;
        note.verify(std::slice::from_ref(key)).map_err(|error| {
            OrderFileError::new(
                format!("市の署名が正しくありません。署名の後で書き換えられています（{error}）"),
                format!("the city's signature doesn't hold, the answer was changed: {error}"),
            )
        })?;
        Ok((answer, key.clone()))
    }
}

fn not_one(why: &dyn std::fmt::Display) -> OrderFileError {
    OrderFileError::new(
        format!("kukaku-verify の作った回答のファイルではありません（{why}）"),
        format!("no answer that kukaku-verify made: {why}"),
    )
}

/// An answer of the city that a pack shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAnswer {
    /// The journal entry that took it in.
    pub seq: u64,
    /// What the city said.
    pub answer: OrderAnswer,
    /// The key that it is signed with, by the entry: to be compared with the city's own.
    pub key: VerifierKey,
    /// The entry that was signed is in the pack, before this one.
    pub sheet_shown: bool,
}

/// The entry of a work order, as far as it is read here.
#[derive(Deserialize)]
struct Step {
    order: String,
    act: String,
    #[serde(default)]
    answer: Option<Held>,
}

#[derive(Deserialize)]
struct Held {
    key: String,
    note: String,
}

/// The signed answers of a pack, entry after entry.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    bodies: std::collections::BTreeSet<Hash>,
    pub shown: Vec<ShownAnswer>,
}

impl Answers {
    /// Takes the body of an entry of kind `order.revised`.
    ///
    /// # Errors
    /// What is wrong with the answer that it bears.
    pub fn take(&mut self, seq: u64, body: &str) -> Result<(), String> {
        let step: Step = serde_json::from_str(body).map_err(|error| format!("is no step of an order: {error}"))?;
        if let Some(held) = step.answer {
            let key = VerifierKey::parse(&held.key).map_err(|error| format!("the city's key: {error}"))?;
            let opened = OrderAnswer::open(format!("{}\n", held.note).as_bytes(), std::slice::from_ref(&key));
            let (answer, key) = opened.map_err(|error| error.en)?;
            if answer.order != step.order || answer.act != step.act {
                return Err("says another order or act than the city signed".to_owned());
            }
            let sheet_shown = Hash::from_hex(&answer.sheet).is_some_and(|sheet| self.bodies.contains(&sheet));
            self.shown.push(ShownAnswer { seq, answer, key, sheet_shown });
        }
        self.bodies.insert(Hash::of(body.as_bytes()));
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[5; 32]).unwrap()
    }

    fn sheet(content: &str) -> OrderSheet {
        let body = format!(r#"{{"kind":"order.revised","order":"R8-1","act":"submit","content":"{content}"}}"#);
        OrderSheet::new("sapporo-1".to_owned(), "R8-1".to_owned(), 1_795_305_600_000_000, body)
    }

    #[test]
    fn an_answer_holds_for_the_sheet_that_was_signed_and_no_bit_of_it_can_change() {
        let (sheet, key) = (sheet("ログの確認"), key("tomakomai-soumu"));
        assert_eq!(OrderSheet::parse(sheet.to_json().as_bytes()), Ok(sheet.clone()));
        let answer = OrderAnswer::new(&sheet, "approve", 1_795_305_700_000_000, "総務 花子", Some("二行\n目 \"引用\""));
        let text = answer.sign(&key).unwrap();
        let keys = [key.verifier().clone()];
        assert_eq!(OrderAnswer::open(text.as_bytes(), &keys), Ok((answer.clone(), keys[0].clone())));
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(OrderAnswer::open(&changed, &keys).is_err(), "bit {bit}");
        }
        let other = [SigningKey::from_seed("tomakomai-soumu", &[6; 32]).unwrap().verifier().clone()];
        assert!(OrderAnswer::open(text.as_bytes(), &other).unwrap_err().en.contains("none of the city's keys"));
        let long = OrderAnswer { remarks: Some("あ".repeat(400)), ..answer };
        assert!(long.sign(&key).unwrap_err().en.contains("1000 bytes"));
    }

    #[test]
    fn a_checkpoint_or_anything_else_that_the_key_signed_is_no_answer() {
        let key = key("kukaku.example/sapporo-1");
        let note = SignedNote::sign("kukaku.example/sapporo-1\n4\nAAAA\n", &key).unwrap().to_text();
        let keys = [key.verifier().clone()];
        assert!(OrderAnswer::open(note.as_bytes(), &keys).unwrap_err().en.contains("another first line"));
    }

    #[test]
    fn a_pack_says_whether_the_signed_entry_stands_in_it_and_refuses_a_forged_answer() {
        let (sheet, key) = (sheet("ログの確認"), key("tomakomai-soumu"));
        let note = OrderAnswer::new(&sheet, "approve", 1_795_305_700_000_000, "花子", None).sign(&key).unwrap();
        let step = |act: &str, note: &str| {
            serde_json::json!({"kind": "order.revised", "order": "R8-1", "act": act,
                "answer": {"key": key.verifier().to_string(), "note": note.trim_end(), "taken_by": "hanako"}})
            .to_string()
        };
        let mut whole = Answers::default();
        whole.take(4, &sheet.body).unwrap();
        whole.take(5, &step("approve", &note)).unwrap();
        assert_eq!(whole.shown.iter().map(|shown| (shown.seq, shown.sheet_shown)).collect::<Vec<_>>(), [(5, true)]);
        let mut part = Answers::default();
        part.take(5, &step("approve", &note)).unwrap();
        assert!(!part.shown[0].sheet_shown);
        assert!(part.take(6, &step("accept", &note)).unwrap_err().contains("another order or act"));
        assert!(part.take(6, &step("approve", &note.replace("花子", "太郎"))).unwrap_err().contains("doesn't hold"));
    }
}
