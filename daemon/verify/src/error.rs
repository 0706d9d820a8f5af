//! What keeps the memory from answering.

use std::path::PathBuf;

use kukaku_ledger::{KeyError, NoteError, WitnessRefusal};
use thiserror::Error;

use crate::words::Lang;

/// Why the memory gave no answer. Nothing was accepted.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// A file could not be read or written durably.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another program holds the memory.
    #[error("{0} is in use by another kukaku-verify; end that one first")]
    InUse(PathBuf),
    /// A kept line isn't as it was written.
    #[error("{path} line {line} was changed or damaged; keep the folder as it is and restore a copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// No key of this origin was ever trusted.
    #[error("no key is known for `{0}`; run `kukaku-verify trust` first")]
    UnknownSite(String),
    /// Another key is trusted already.
    #[error("another key is trusted for `{0}`; a rotation needs --from-size, above the sizes already seen")]
    OtherKey(String),
    /// A key text is wrong.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// No known key signed it, or it is no checkpoint.
    #[error("{0}")]
    Note(#[from] NoteError),
    /// The text isn't in the form that is read.
    #[error("{0}")]
    Form(#[from] WitnessRefusal),
}

impl MemoryError {
    /// What to tell the person.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::File { path, source } => format!("ファイルを読み書きできません: {}({source})", path.display()),
            Self::InUse(path) => {
                format!("{} は別の kukaku-verify が使用中です。そちらを終了してください。", path.display())
            }
            Self::Damaged { path, line } => format!(
                "{} の {line} 行目が書き換えられたか壊れています。フォルダはそのまま保管し、控えから戻してください。",
                path.display()
            ),
            Self::UnknownSite(origin) => {
                format!("「{origin}」の公開鍵が登録されていません。先に kukaku-verify trust を実行してください。")
            }
            Self::OtherKey(origin) => format!(
                "「{origin}」には別の公開鍵が登録済みです。鍵の更新なら --from-size に、確認済みより大きい件数を指定してください。"
            ),
            Self::Key(error) => format!("公開鍵の文字列が正しくありません({error})"),
            Self::Note(error) => format!("登録済みの鍵による正しい封印ではありません({error})"),
            Self::Form(error) => format!("形式が正しくありません({error})"),
        }
    }

    /// The program's exit code: 3 where a signature is at fault, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Note(
                NoteError::NoKnownSignature
                | NoteError::BadSignature(_)
                | NoteError::RepeatedSignature(_)
                | NoteError::KeyOutOfTerm { .. }
                | NoteError::WrongOrigin { .. },
            )
            | Self::UnknownSite(_)
            | Self::Form(WitnessRefusal::NotSigned(_) | WitnessRefusal::UnknownOrigin) => 3,
            _ => 1,
        }
    }
}
