//! `kukaku-verify certificate`: whether a deletion certificate (削除証明書) is what the site signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kukaku_ledger::{Checkpoint, Hash, KeyTerm, Leaf, SALT_BYTES, commitment, leaf_hash, verify_inclusion};
use serde::Deserialize;

use crate::words::Lang;

/// Largest certificate that is read: some hundred thousand keys.
pub const CERTIFICATE_MAX_BYTES: u64 = 32 * 1024 * 1024;

const FORMAT: &str = "kukaku-deletion-certificate/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    entry: u64,
    leaf: String,
    salt: String,
    body: String,
    proof: Vec<String>,
    checkpoint: String,
}

/// What a certificate says, once it is proven.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Certified {
    /// The client that left.
    pub client: String,
    /// When, RFC 3339.
    pub at: String,
    /// How many values were erased, by class.
    pub erased: std::collections::BTreeMap<String, u64>,
    /// The keys that were destroyed.
    pub keys: Vec<String>,
    /// Who.
    pub by: Vec<String>,
    /// Why.
    pub reason: String,
    /// The site's name.
    #[serde(skip)]
    pub origin: String,
    /// The journal entry.
    #[serde(skip)]
    pub entry: u64,
    /// The checkpoint that covers it: a signed note.
    #[serde(skip)]
    pub checkpoint: String,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCertificate {
    /// It isn't in the form.
    Form(String),
    /// It is signed by no key that this memory trusts.
    Key(String),
    /// It was changed.
    Changed(Change),
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another entry than the one that is named.
    Entry,
    /// What it says is not what the entry commits to.
    Body,
    /// The entry doesn't stand in the tree that was signed.
    Tree,
    /// The entry stands under another client.
    Client,
}

impl Change {
    fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::Entry => lang.pick("示された番号の記録ではありません", "the entry is not the one that is named"),
            Self::Body => {
                lang.pick("内容が、記録されたものと一致しません", "what it says is not what the entry commits to")
            }
            Self::Tree => {
                lang.pick("記録が、署名された台帳にありません", "the entry does not stand in the tree that was signed")
            }
            Self::Client => lang.pick("記録が別の契約先のものです", "the entry stands under another client"),
        }
    }
}

impl NoCertificate {
    /// What to tell the person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Form(what), Lang::Ja) => format!("削除証明書として読めません: {what}"),
            (Self::Form(what), Lang::En) => format!("This is no deletion certificate: {what}"),
            (Self::Key(what), Lang::Ja) => format!(
                "登録済みの鍵による署名ではありません({what})。拠点の公開鍵を kukaku-verify trust で登録してください。"
            ),
            (Self::Key(what), Lang::En) => format!("Signed by no trusted key ({what}). Trust the site's key first."),
            (Self::Changed(what), Lang::Ja) => format!("書き換えられています: {}", what.say(lang)),
            (Self::Changed(what), Lang::En) => format!("It was changed: {}", what.say(lang)),
        }
    }

    /// The program's exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Form(_) => 1,
            Self::Key(_) => 3,
            Self::Changed(_) => 5,
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

/// Checks a certificate against the keys that are trusted for a site (`terms`, by its name).
///
/// # Errors
/// Which part of it proves nothing.
pub fn check(bytes: &[u8], terms: impl Fn(&str) -> Vec<KeyTerm>) -> Result<Certified, NoCertificate> {
    let form = |what: &str| NoCertificate::Form(what.to_owned());
    let file: File = serde_json::from_slice(bytes).map_err(|error| form(&error.to_string()))?;
    if file.format != FORMAT {
        return Err(form("another format"));
    }
    let origin = file.checkpoint.lines().next().unwrap_or_default();
    let signed = Checkpoint::open(file.checkpoint.as_bytes(), &terms(origin))
        .map_err(|error| NoCertificate::Key(error.to_string()))?;
    let leaf_bytes = STANDARD.decode(&file.leaf).map_err(|_| form("leaf"))?;
    let leaf = Leaf::decode(&leaf_bytes).map_err(|error| form(&error.to_string()))?;
    let salt: [u8; SALT_BYTES] = hex(&file.salt).and_then(|salt| salt.try_into().ok()).ok_or_else(|| form("salt"))?;
    if leaf.seq != file.entry || leaf.kind != "offboarded" {
        return Err(NoCertificate::Changed(Change::Entry));
    }
    if commitment(&salt, "payload", file.body.as_bytes()) != leaf.commitment {
        return Err(NoCertificate::Changed(Change::Body));
    }
    let proof: Vec<Hash> = file
        .proof
        .iter()
        .map(|hash| STANDARD.decode(hash).ok().and_then(|bytes| Hash::from_slice(&bytes)))
        .collect::<Option<_>>()
        .ok_or_else(|| form("proof"))?;
    verify_inclusion(leaf_hash(&leaf_bytes), file.entry, signed.head.size, signed.head.root, &proof)
        .map_err(|_| NoCertificate::Changed(Change::Tree))?;
    let mut said: Certified = serde_json::from_str(&file.body).map_err(|error| form(&error.to_string()))?;
    if said.client != leaf.client {
        return Err(NoCertificate::Changed(Change::Client));
    }
    said.origin = signed.origin;
    said.entry = file.entry;
    said.checkpoint = file.checkpoint;
    Ok(said)
}

/// What a proven certificate says, for people.
#[must_use]
pub fn tell(said: &Certified, lang: Lang) -> String {
    let count: u64 = said.erased.values().sum();
    let (keys, by) = (said.keys.len(), said.by.join("、"));
    match lang {
        Lang::Ja => format!(
            "削除証明書を検証しました。拠点 {} は {} に、{} の値 {count} 件を抹消し、鍵 {keys} 個を破棄したと記録しています。\n実施者: {by}\n理由: {}\n記録番号: {}\n注意: 記録されたことの証明です。別に写しが持ち出されていないことまでは証明しません。",
            said.origin, said.at, said.client, said.reason, said.entry
        ),
        Lang::En => format!(
            "The certificate holds. {} recorded at {} that {count} values of {} were erased and {keys} keys destroyed.\nBy: {by}\nWhy: {}\nJournal entry: {}\nNote: it proves what was recorded, not that no copy was taken elsewhere before.",
            said.origin, said.at, said.client, said.reason, said.entry
        ),
    }
}
