//! 削除証明書: what a city gets when everything of it is gone.
//!
//! A JSON document that proves itself against the site's key: the `offboarded` entry, its place
//! in the tree, and the checkpoint. `kukaku-verify certificate` reads it; a page to print tells
//! the same to people.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kukaku_schema::SiteZone;
use kukaku_store::{EntryProof, Offboarded, Value};
use serde::{Deserialize, Serialize};

/// The name of the format and its version.
pub const FORMAT: &str = "kukaku-deletion-certificate/1";

/// A certificate. Documented in `schema/README.md`, "Deletion certificates".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORMAT`].
    pub format: String,
    /// The journal entry that says so.
    pub entry: u64,
    /// Its canonical bytes, base64.
    pub leaf: String,
    /// The salt of its commitment, hex.
    pub salt: String,
    /// What it says: JSON, to the byte.
    pub body: String,
    /// The inclusion proof from the leaf upwards, base64 each.
    pub proof: Vec<String>,
    /// The checkpoint that covers it: a C2SP signed note.
    pub checkpoint: String,
}

impl Certificate {
    /// Makes it of an entry and its proof.
    ///
    /// # Errors
    /// A sentence: the value isn't there, or the leaf has no canonical bytes.
    pub fn new(proven: &EntryProof) -> Result<Self, String> {
        let Value::Open { salt, body } = &proven.value else {
            return Err(format!("the value of entry {} can't be opened", proven.leaf.seq));
        };
        let leaf = proven.leaf.encode().map_err(|error| error.to_string())?;
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a string takes everything");
                text
            })
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            entry: proven.leaf.seq,
            leaf: STANDARD.encode(leaf),
            salt: hex(salt),
            body: String::from_utf8(body.clone()).map_err(|error| error.to_string())?,
            proof: proven.proof.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect(),
            checkpoint: proven.checkpoint.note.clone(),
        })
    }

    /// What it says.
    ///
    /// # Errors
    /// A sentence: the body is none of an `offboarded` entry.
    pub fn said(&self) -> Result<Offboarded, String> {
        serde_json::from_str(&self.body).map_err(|error| format!("the body is not that of an off-boarding: {error}"))
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts and numbers always serialise");
        text.push('\n');
        text
    }

    /// The page to print, which names the document by its hash.
    ///
    /// # Errors
    /// As [`Certificate::said`].
    pub fn page(&self, client_name: &str, zone: &SiteZone, json_sha256: &str) -> Result<String, String> {
        let said = self.said()?;
        let mut checkpoint = self.checkpoint.lines();
        let (origin, size, root) =
            (checkpoint.next().unwrap_or(""), checkpoint.next().unwrap_or(""), checkpoint.next().unwrap_or(""));
        let class = |word: &str| match word {
            "entry" => "入退室 entry".to_owned(),
            "session" => "セッション session".to_owned(),
            "camera" => "カメラ camera".to_owned(),
            "footage" => "映像索引 footage index".to_owned(),
            "finding" => "検知 finding".to_owned(),
            "register" => "台帳 register".to_owned(),
            "unreadable" => "判読不能 unreadable".to_owned(),
            other => format!("運用 {other}"),
        };
        let mut rows = String::new();
        let mut row = |name: &str, value: &str| {
            writeln!(rows, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value))
                .expect("a string takes everything");
        };
        row("対象 Client", &format!("{client_name}({})", said.client));
        row("拠点 Site", origin);
        row("実施日時 Date and time", &zone.shown(said.at));
        row("理由 Reason", &said.reason);
        row("実施者 By (two people)", &said.by.join("、"));
        for (word, count) in &said.erased {
            row(&format!("抹消した値 Values erased: {}", class(word)), &format!("{count} 件"));
        }
        row("他の記録の伏せ字 Entries of others, masked", &format!("{} 件", said.masked));
        row("台帳の項目 Register entries", &format!("{} 件", said.register_entries));
        row("取り消した送信元の認証 Credentials of sources revoked", &format!("{} 件", said.credentials));
        row("破棄した鍵 Keys destroyed", &format!("{} 個", said.keys.len()));
        row("記録番号 Journal entry", &self.entry.to_string());
        row("封印 Checkpoint", &format!("{size} 件 {root}"));
        row("証明書ファイルの SHA-256 Hash of the certificate file", json_sha256);
        let keys = said.keys.join(" ");
        Ok(format!(
            "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>削除証明書</title>\n<style>\n\
             body{{font-family:'BIZ UDPGothic','Noto Sans JP',sans-serif;font-size:11pt;line-height:1.6;max-width:180mm;margin:15mm auto;color:#111}}\n\
             h1{{font-size:20pt;text-align:center;letter-spacing:.3em}}table{{border-collapse:collapse;width:100%}}\n\
             th,td{{border:1px solid #555;padding:1.5mm 3mm;text-align:left;vertical-align:top;overflow-wrap:anywhere}}th{{width:45%;font-weight:normal;background:#f2f2f2}}\n\
             .keys{{font-family:monospace;font-size:8pt;overflow-wrap:anywhere}}.seal{{margin-top:15mm}}\n@page{{size:A4;margin:15mm}}\n</style></head>\n\
             <body><main><h1>削除証明書</h1>\n<p>下記のとおり、{}のすべての値と、それを開く鍵を、控えを含めて破棄しました。記録台帳の順序と件数の証明は残り、値は誰にも開けません。</p>\n\
             <p lang=\"en\">All values of the client named below, and the keys that open them, were destroyed, backups included. The journal's order and count stay provable; nobody can open the values.</p>\n\
             <table>\n{rows}</table>\n<p>検証: <code>kukaku-verify certificate 証明書.json</code>(市が別に入手した検証道具を使うこと)</p>\n\
             <h2>破棄した鍵の番号 Numbers of the keys</h2>\n<p class=\"keys\">{keys}</p>\n\
             <p class=\"seal\">記名押印 ____________________________　　____________________________</p>\n</main></body></html>\n",
            escaped(client_name),
        ))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
