//! The spoken check: a nonce of ours, the site's answer over the telephone.
//!
//! The nonce is kept in the memory's folder until the right answer comes, and then no more: an
//! answer that was heard once proves nothing later.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use kukaku_ledger::{AloudError, Answer, Checkpoint, Head, NONCE_BYTES, Nonce};

use crate::error::MemoryError;
use crate::memory::Memory;
use crate::words::Lang;

/// Why an answer is not taken.
#[derive(Debug)]
pub enum AnswerFailure {
    /// A file, or no random numbers.
    Failed(String),
    /// No nonce was given out, or its answer came already.
    NoNonce,
    /// It was misheard.
    Misheard(AloudError),
    /// Nothing is remembered of this site and size.
    NotRemembered {
        /// The site.
        origin: String,
        /// The size that was said.
        size: u64,
    },
    /// The site spoke of less than is remembered.
    Old {
        /// The size that was said.
        size: u64,
        /// The largest that is remembered.
        largest: u64,
    },
    /// It is not the answer of the remembered tree.
    Wrong,
}

impl From<MemoryError> for AnswerFailure {
    fn from(error: MemoryError) -> Self {
        Self::Failed(error.to_string())
    }
}

fn path(memory: &Memory) -> PathBuf {
    memory.folder().join("challenge")
}

/// Makes a nonce, and keeps it before it is said; the one before counts no more.
///
/// # Errors
/// [`AnswerFailure::Failed`].
pub fn challenge(memory: &Memory) -> Result<Nonce, AnswerFailure> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| AnswerFailure::Failed(error.to_string()))?;
    let nonce = Nonce::from_random(bytes);
    let path = path(memory);
    let kept = File::create(&path)
        .and_then(|mut file| file.write_all(nonce.to_text().as_bytes()).and_then(|()| file.sync_all()));
    kept.map_err(|error| AnswerFailure::Failed(format!("{}: {error}", path.display())))?;
    Ok(nonce)
}

/// Whether `typed` is the answer of `origin`'s tree of `size` leaves, as it is remembered.
///
/// # Errors
/// [`AnswerFailure`]: everything but that.
pub fn check_answer(memory: &Memory, origin: &str, size: Option<u64>, typed: &str) -> Result<Head, AnswerFailure> {
    let nonce = match fs::read_to_string(path(memory)) {
        Ok(text) => Nonce::parse(&text).map_err(|_| AnswerFailure::NoNonce)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(AnswerFailure::NoNonce),
        Err(error) => return Err(AnswerFailure::Failed(error.to_string())),
    };
    let unknown = |size| AnswerFailure::NotRemembered { origin: origin.to_owned(), size };
    let largest = memory.largest(origin).ok_or_else(|| unknown(size.unwrap_or(0)))?;
    let size = size.unwrap_or(largest.size);
    if size < largest.size {
        return Err(AnswerFailure::Old { size, largest: largest.size });
    }
    let root = memory.remembered(origin, size).ok_or_else(|| unknown(size))?;
    let heard = Answer::parse(typed).map_err(AnswerFailure::Misheard)?;
    let head = Head { size, root };
    if heard != Answer::new(nonce, &Checkpoint { origin: origin.to_owned(), head }) {
        return Err(AnswerFailure::Wrong);
    }
    fs::remove_file(path(memory)).map_err(|error| AnswerFailure::Failed(error.to_string()))?;
    Ok(head)
}

impl AnswerFailure {
    /// 4 where the tree is in doubt, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Old { .. } | Self::Wrong | Self::NotRemembered { .. } => 4,
            _ => 1,
        }
    }

    /// For the person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        let (ja, en) = match self {
            Self::Failed(what) => (format!("できません: {what}"), format!("can't be done: {what}")),
            Self::NoNonce => (
                "先に kukaku-verify challenge を実行し、新しい番号を伝えてください。".to_owned(),
                "First say a new number: kukaku-verify challenge.".to_owned(),
            ),
            Self::Misheard(AloudError::Group(number)) => (
                format!("第{number}組を聞き直してください。"),
                format!("Group {number} was misheard; ask for it again."),
            ),
            Self::Misheard(error) => (format!("答えの形が正しくありません({error})"), error.to_string()),
            Self::NotRemembered { origin, size } => (
                format!(
                    "「{origin}」の {size} 件の封印は記憶にありません。記憶している件数で答えるよう求めてください。"
                ),
                format!("Nothing is remembered of {origin} with {size} entries; ask for an answer of a size that is."),
            ),
            Self::Old { size, largest } => (
                format!("{size} 件は、記憶している {largest} 件より古く、受け入れません。巻き戻しの疑いがあります。"),
                format!("{size} entries are fewer than the {largest} remembered: refused; a rollback?"),
            ),
            Self::Wrong => (
                "答えは記憶と一致しません。番号を言い直しても同じなら、記録が差し替えられた疑いがあります。".to_owned(),
                "The answer is not that of the remembered tree. If it stays so, the records were exchanged.".to_owned(),
            ),
        };
        if lang == Lang::Ja { ja } else { en }
    }
}
