//! `kukaku-verify paper`: a checkpoint that was typed from paper, held against the memory.

use kukaku_ledger::{Head, Paper};

use crate::memory::Memory;
use crate::words::Lang;

/// What an unsigned paper turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// It is what is remembered.
    Same(Head),
    /// Another root is remembered for this size.
    Differs(Head),
    /// Nothing is remembered of this size. The largest remembered one, if any.
    NotRemembered {
        /// What the paper says.
        head: Head,
        /// The largest size that is remembered.
        largest: Option<u64>,
    },
}

/// Whether what was scanned is a signed note, which proves more than paper.
#[must_use]
pub fn looks_signed(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|five| five == "\n— ".as_bytes())
}

/// Compares; keeps nothing, because nobody has signed it.
#[must_use]
pub fn compare(paper: &Paper, memory: &Memory) -> Compared {
    let (origin, head) = (paper.checkpoint.origin.as_str(), paper.checkpoint.head);
    match memory.remembered(origin, head.size) {
        Some(root) if root == head.root => Compared::Same(head),
        Some(_) => Compared::Differs(head),
        None => Compared::NotRemembered { head, largest: memory.largest(origin).map(|head| head.size) },
    }
}

impl Compared {
    /// 0 for what is remembered, else 4.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Same(_)) { 0 } else { 4 }
    }

    /// For the person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        let (ja, en) = match self {
            Self::Same(head) => (
                format!("紙の {} 件の封印は記憶と一致します。", head.size),
                format!("The paper's {} entries are as remembered.", head.size),
            ),
            Self::Differs(head) => (
                format!(
                    "重大: 紙の {} 件の封印は、記憶している同じ件数の封印と異なります。紙を保管し、この件数の署名付き封印(QRコード)を remember で読み込んでください。署名が正しければ分岐の証拠になります。",
                    head.size
                ),
                format!(
                    "GRAVE: the paper's {} entries differ from what is remembered of this size. Keep the paper, and read the signed checkpoint (QR code) with remember: if its signature holds, it proves a fork.",
                    head.size
                ),
            ),
            Self::NotRemembered { head, largest } => {
                let ja = largest.map_or_else(|| "なし".to_owned(), |size| format!("最大 {size} 件"));
                let en = largest.map_or_else(|| "nothing".to_owned(), |size| format!("{size} at most"));
                (
                    format!(
                        "紙の {} 件の封印は記憶にないため照合できません(記憶: {ja})。署名付き封印(QRコード)を remember で読み込んでください。",
                        head.size
                    ),
                    format!(
                        "The paper's {} entries are not remembered ({en}), so nothing can be compared. Read the signed checkpoint (QR code) with remember.",
                        head.size
                    ),
                )
            }
        };
        if lang == Lang::Ja { ja } else { en }
    }
}
