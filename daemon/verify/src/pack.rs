//! `kukaku-verify pack.zip`: a pack is verified with the keys in the city's own memory.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use kukaku_ledger::{CosignerKey, NOTE_MAX_BYTES, SignedNote};
use kukaku_pack::{PackError, Verified, verify};
use serde::Deserialize;

use crate::error::MemoryError;
use crate::memory::{Finding, Memory};
use crate::orders::tell_answer;
use crate::words::Lang;

/// Largest file beside a pack in bytes: a checkpoint with all its cosignatures, and some lines.
const BESIDE_MAX_BYTES: u64 = 2 * NOTE_MAX_BYTES as u64;

/// What stands beside a pack; only what is read here.
#[derive(Deserialize)]
struct Beside {
    checkpoint: String,
    #[serde(default)]
    witnesses: Vec<String>,
}

/// What a pack turned out to be.
#[derive(Debug)]
pub struct PackReport {
    /// What was verified.
    pub verified: Verified,
    /// What the memory says of its checkpoint.
    pub finding: Finding,
    /// Who cosigned it, by the file beside, and when (seconds since 1970).
    pub witnesses: Vec<(String, u64)>,
    /// The file beside, where it was read.
    pub beside: Option<PathBuf>,
}

/// Why a pack was not verified.
#[derive(Debug, thiserror::Error)]
pub enum PackFailure {
    /// The pack.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The file can't be opened.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Verifies the pack at `path` with the keys of `memory`, and remembers its checkpoint. Writes
/// nothing else.
///
/// # Errors
/// The first thing that is wrong; nothing was then remembered.
pub fn verify_pack(path: &Path, memory: &mut Memory, now: u64) -> Result<PackReport, PackFailure> {
    let file = File::open(path).map_err(|source| PackFailure::Open { path: path.to_owned(), source })?;
    let verified = verify(BufReader::new(file), |origin| memory.terms(origin))?;
    let finding = memory.remember(&verified.checkpoint, None, now)?;
    let beside = beside_of(path);
    let witnesses = cosigned(&beside, &verified.checkpoint);
    let beside = witnesses.is_some().then_some(beside);
    Ok(PackReport { verified, finding, witnesses: witnesses.unwrap_or_default(), beside })
}

/// The name of the file beside a pack.
fn beside_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".beside.json");
    path.with_file_name(name)
}

/// Who cosigned the checkpoint by the file beside; none where there is no such file, or one of
/// another checkpoint. A cosignature that doesn't verify counts nothing.
fn cosigned(path: &Path, checkpoint: &[u8]) -> Option<Vec<(String, u64)>> {
    let mut text = String::new();
    File::open(path).ok()?.take(BESIDE_MAX_BYTES).read_to_string(&mut text).ok()?;
    let beside: Beside = serde_json::from_str(&text).ok()?;
    let note = SignedNote::parse(beside.checkpoint.as_bytes()).ok()?;
    if SignedNote::parse(checkpoint).ok()?.text() != note.text() {
        return None;
    }
    let keys = beside.witnesses.iter().filter_map(|key| CosignerKey::parse(key).ok());
    Some(keys.filter_map(|key| Some((key.to_string(), key.cosigned_at(&note).ok()?))).collect())
}

impl PackFailure {
    /// What to tell the person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        let error = match self {
            Self::Memory(error) => return error.say(lang),
            Self::Open { path, source } => {
                return format!("{}: {} ({source})", path.display(), lang.pick("開けません", "can't be opened"));
            }
            Self::Pack(error) => error,
        };
        if let PackError::UnknownSite(origin) = error {
            let ja = format!(
                "「{origin}」の公開鍵が登録されていません。紙で受け取った公開鍵を「kukaku-verify trust 公開鍵」で登録してから、もう一度実行してください。"
            );
            let en = format!(
                "No key is known for `{origin}`. Trust the key that you got on paper with `kukaku-verify trust KEY`, then try again."
            );
            return lang.pick(&ja, &en).to_owned();
        }
        if lang == Lang::En {
            return format!("NOT VERIFIED: {error}");
        }
        let what = match error {
            PackError::Io(error) => format!("読み込めません({error})"),
            PackError::Archive(what) => {
                format!("zip が作られたときの形ではありません({what})。展開して作り直した zip は検証できません")
            }
            PackError::Form { file, what } => format!("{file} の形式が正しくありません({what})"),
            PackError::File(file) => format!("{file} が書き換えられています"),
            PackError::Signature { file, source } => {
                format!("{file} の署名が、登録済みの鍵による正しい署名ではありません({source})")
            }
            PackError::Root => "記録が封印の根と一致しません。記録台帳が書き換えられています".to_owned(),
            PackError::Entry { seq, what } => format!("記録 {seq} が正しくありません({what})"),
            PackError::Hole { seq, found, expected } => format!(
                "記録の欠番: 記録 {seq} は市の {found} 番目ですが、{expected} 番目が来るはずでした。記録が抜かれています"
            ),
            PackError::Says(field) => format!("manifest.json の {field} が記録と一致しません"),
            PackError::UnknownSite(origin) => format!("「{origin}」の公開鍵がありません"),
        };
        format!("検証できません: {what}。")
    }

    /// The program's exit code: 3 where a signature is at fault, 5 where the pack is.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Memory(error) => error.exit_code(),
            Self::Open { .. } | Self::Pack(PackError::Io(_)) => 1,
            Self::Pack(PackError::UnknownSite(_) | PackError::Signature { .. }) => 3,
            Self::Pack(_) => 5,
        }
    }
}

impl PackReport {
    /// What to tell the person, line by line; what the memory found is told beside it.
    #[must_use]
    pub fn say(&self, lang: Lang) -> Vec<String> {
        let m = &self.verified.manifest;
        let erased: u64 = m.erased.iter().map(|(a, b)| b - a + 1).sum();
        let late: u64 = m.late.iter().map(|(a, b)| b - a + 1).sum();
        let (from, to) = (kukaku_pack::instant_text(m.from_us), kukaku_pack::instant_text(m.to_us));
        let (ja, size, root) = (lang == Lang::Ja, m.tree_size, self.verified.root);
        let mut lines = if ja {
            vec![
                "検証できました: 記録は封印されたときのままです。".to_owned(),
                format!("  拠点 {} / 契約先 {} / 期間 {from} から {to} まで(記録時刻)", m.origin, m.client),
                format!("  封印: {size} 件、根 {root}"),
                format!(
                    "  開示 {} 件、伏せた記録 {} 件、抹消済 {erased} 件、期間後に届いた記録 {late} 件",
                    m.opened, m.masked
                ),
            ]
        } else {
            vec![
                "Verified: the entries are what was sealed.".to_owned(),
                format!("  site {}, client {}, recorded from {from} to {to}", m.origin, m.client),
                format!("  checkpoint: {size} entries, root {root}"),
                format!(
                    "  {} opened, {} masked, {erased} erased, {late} recorded after the period",
                    m.opened, m.masked
                ),
            ]
        };
        lines.push(self.completeness(lang).to_owned());
        lines.extend(self.verified.answers.iter().map(|shown| tell_answer(shown, lang)));
        lines.extend(self.witnessed(lang));
        lines
    }

    fn completeness(&self, lang: Lang) -> &'static str {
        match (self.verified.from_start, self.verified.to_end) {
            (true, true) => lang.pick(
                "  市の記録の番号は前後の柵まで欠番がありません。抜かれた記録はありません。",
                "  The client's numbers have no hole from fence to fence: nothing of its own was left out.",
            ),
            (true, false) => lang.pick(
                "  注意: 期間の後に市の記録がまだないため、最後の記録より後に抜けがないことは証明されません。",
                "  Careful: nothing of the client was recorded after the period yet; nothing proves that none follows the last.",
            ),
            (false, _) => lang.pick(
                "  注意: 市の記録が一件もないため、抜けがないことは証明されません。",
                "  Careful: no entry of the client is shown, so nothing proves that none was left out.",
            ),
        }
    }

    fn witnessed(&self, lang: Lang) -> Vec<String> {
        let size = self.verified.manifest.tree_size;
        let Some(beside) = self.beside.as_ref().filter(|_| !self.witnesses.is_empty()) else {
            let ja = format!("  未証人 {size} 件: この封印に証人の連署は付いていません。");
            let en = format!("  Unwitnessed: {size} entries; no cosignature of a witness came with this checkpoint.");
            return vec![lang.pick(&ja, &en).to_owned()];
        };
        let who = |(key, at): &(String, u64)| {
            let at = kukaku_pack::instant_text(i64::try_from(*at).unwrap_or_default().saturating_mul(1_000_000));
            let ja =
                format!("  連署: {at} {size} 件まで — {key}({} より。証人の鍵を照合してください)", beside.display());
            let en = format!(
                "  Cosigned: {at}, {size} entries, by {key} (from {}; compare the witness's key)",
                beside.display()
            );
            lang.pick(&ja, &en).to_owned()
        };
        self.witnesses.iter().map(who).collect()
    }
}
