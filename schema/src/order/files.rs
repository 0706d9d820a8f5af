//! The files to apply under an order, in the lines that `sha256sum` prints.

use super::{ORDER_LIST_MAX, OrderRefused};
use crate::observation::{Name, OrderFile, Sha256Hex};

/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// Reads a line for each file: its SHA-256, then its name, as `sha256sum` prints them. Empty lines
/// are skipped.
///
/// # Errors
/// Which line is no such line, or names a file for the second time.
pub fn files_from_lines(text: &str) -> Result<Vec<OrderFile>, OrderRefused> {
    let mut files: Vec<OrderFile> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let file = read(line).ok_or_else(|| {
            OrderRefused::new(
                format!("{number}行目を読み取れません。SHA-256（64桁）、空白、ファイル名の順に書いてください。"),
                format!("line {number}: expected a SHA-256 (64 digits), blanks, and the file's name"),
            )
            .of("files")
        })?;
        if files.iter().any(|before| before.name == file.name) {
            return Err(OrderRefused::new(
                format!("{number}行目: ファイル「{}」が二度書かれています。", file.name),
                format!("line {number}: file {:?} stands twice", file.name.as_str()),
            )
            .of("files"));
        }
        if files.len() == ORDER_LIST_MAX {
            return Err(OrderRefused::new(
                format!("ファイルは {ORDER_LIST_MAX}件までです。申請を分けてください。"),
                format!("more than {ORDER_LIST_MAX} files; split the order"),
            )
            .of("files"));
        }
        files.push(file);
    }
    Ok(files)
}

/// One line. A star before the name says that the file was read as bytes.
fn read(line: &str) -> Option<OrderFile> {
    let (digits, rest) = line.trim().split_at_checked(DIGITS)?;
    let name = rest.strip_prefix([' ', '\t'])?.trim_start();
    let name = name.strip_prefix('*').unwrap_or(name);
    Some(OrderFile { name: Name::new(name).ok()?, sha256: Sha256Hex::new(digits).ok()? })
}

/// The same lines again.
#[must_use]
pub fn file_lines(files: &[OrderFile]) -> String {
    files.iter().map(|file| format!("{}  {}\n", file.sha256.as_str(), file.name)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_sha256sum_prints_is_read_and_written_again() {
        let (a, b) = ("ab".repeat(32), "CD".repeat(32));
        let files = files_from_lines(&format!("{a}  patch 1.zip\r\n\n  {b} *更新.msi\n")).unwrap();
        assert_eq!((files[0].name.as_str(), files[1].name.as_str()), ("patch 1.zip", "更新.msi"));
        assert_eq!(files[1].sha256.as_str(), "cd".repeat(32));
        assert_eq!(files_from_lines(&file_lines(&files)).unwrap(), files);
        assert!(files_from_lines(" \n").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_names_no_file_is_refused_by_its_number() {
        let hash = "ab".repeat(32);
        let wrong = |text: String| {
            let refused = files_from_lines(&text).unwrap_err();
            assert_eq!(refused.field(), Some("files"));
            refused.to_string()
        };
        let lines = [hash.clone(), format!("{hash}patch.zip"), format!("{}  a", &hash[1..]), "更新".repeat(30)];
        for line in lines {
            assert!(wrong(format!("{hash}  a\n\n{line}")).contains("line 3: expected a SHA-256"), "{line}");
        }
        assert!(wrong(format!("{hash}  a\n{hash}  a")).contains("line 2: file \"a\" stands twice"));
        assert!(wrong((0..101).map(|n| format!("{hash}  {n}\n")).collect()).contains("more than 100"));
    }
}
