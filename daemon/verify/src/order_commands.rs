//! `kukaku-verify approve` and its kind: asks, shows, signs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use kukaku_ledger::SigningKey;
use kukaku_pack::{OrderSheet, SHEET_MAX_BYTES};
use kukaku_verify::{Lang, fits, show_sheet, sign_answer};

use super::{Failure, read_up_to, write_key};

/// What the city does with an order.
#[derive(Args)]
pub struct OrderAct {
    sheet: PathBuf,
    #[arg(long)]
    key: PathBuf,
    #[arg(long)]
    by: Option<String>,
    #[arg(long)]
    remarks: Option<String>,
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Makes a key with which the city signs.
pub fn make_key(name: &str, path: &Path) -> Result<(), Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| (1, error.to_string()))?;
    let key = SigningKey::from_seed(name, &seed).map_err(|error| (1, error.to_string()))?;
    write_key(path, &key.to_secret_text()).map_err(|e| (1, format!("{}: {e}", path.display())))?;
    println!("{}\n{}", key.verifier(), key.verifier().fingerprint());
    Ok(())
}

/// Shows the order, asks for its number, and signs.
pub fn act(word: &str, given: &OrderAct, lang: Lang) -> Result<(), Failure> {
    let bytes = read_up_to(&given.sheet, SHEET_MAX_BYTES as u64 + 1, lang)?;
    let say = |error: kukaku_pack::OrderFileError| (1, lang.pick(&error.ja, &error.en).to_owned());
    let sheet = OrderSheet::parse(&bytes).map_err(say)?;
    fits(&sheet, word, lang).map_err(|why| (1, why))?;
    let secret = String::from_utf8_lossy(&read_up_to(&given.key, 4096, lang)?).into_owned();
    let key = SigningKey::parse(secret.trim_end()).map_err(|error| (1, error.to_string()))?;
    show_sheet(&sheet, lang).iter().for_each(|line| println!("{line}"));
    println!();
    let by = match &given.by {
        Some(by) => by.clone(),
        None => ask(lang.pick("あなたの氏名", "Your name"), lang)?,
    };
    let what = match word {
        "approve" => lang.pick("承認", "approve"),
        "reject" => lang.pick("却下", "reject"),
        _ => lang.pick("完了を確認", "accept"),
    };
    let question = match lang {
        Lang::Ja => format!("この内容を{what}する場合は、申請番号を入力してください"),
        Lang::En => format!("To {what} exactly this, type the order's number"),
    };
    if ask(&question, lang)? != sheet.order {
        let other = "申請番号が一致しません。署名しませんでした。";
        return Err((1, lang.pick(other, "Another number: nothing was signed.").to_owned()));
    }
    let remarks = given.remarks.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let answer = sign_answer(&sheet, word, &key, &by, remarks, now_us()).map_err(say)?;
    let out = given.out.clone().unwrap_or_else(|| {
        let mut name = given.sheet.file_stem().unwrap_or_default().to_owned();
        name.push(format!(".{word}.txt"));
        given.sheet.with_file_name(name)
    });
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&out).and_then(|mut file| {
        file.write_all(answer.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| (1, format!("{}: {error}", out.display())))?;
    let done = lang.pick("署名しました。このファイルを業者に渡してください:", "Signed. Give this file to the vendor:");
    println!("{done} {}", out.display());
    Ok(())
}

/// To the microsecond: an order may be signed within the second in which it was handed in.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    i64::try_from(since).unwrap_or(i64::MAX)
}

fn ask(question: &str, lang: Lang) -> Result<String, Failure> {
    print!("{question}: ");
    std::io::stdout().flush().map_err(|error| (1, error.to_string()))?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| (1, error.to_string()))?;
    let line = line.trim().to_owned();
    if line.is_empty() {
        let nothing = lang.pick("入力がありません。署名しませんでした。", "Nothing was typed; nothing was signed.");
        return Err((1, nothing.to_owned()));
    }
    Ok(line)
}
