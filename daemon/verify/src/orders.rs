//! The city's acts on work orders: it is shown what it signs, and signs with its own key.

use kukaku_ledger::SigningKey;
use kukaku_pack::{OrderAnswer, OrderFileError, OrderSheet, ShownAnswer};
use serde_json::Value;

use crate::words::Lang;

/// What a field of an order is called; one that isn't named here is shown by its own word, so that
/// nothing is signed unseen.
const FIELDS: [(&str, &str, &str); 23] = [
    ("order", "申請番号", "number"),
    ("client", "契約先", "client"),
    ("act", "操作", "act"),
    ("state", "状態", "state"),
    ("by", "操作した人", "by"),
    ("from", "開始", "from"),
    ("to", "終了", "to"),
    ("emergency", "緊急作業", "emergency"),
    ("purpose", "目的", "purpose"),
    ("content", "作業内容", "content"),
    ("targets", "対象サーバ", "targets"),
    ("operators", "作業者", "operators"),
    ("responsible", "責任者", "responsible"),
    ("notes", "備考", "notes"),
    ("files", "適用するファイル", "files"),
    ("name", "名前", "name"),
    ("sha256", "SHA-256", "SHA-256"),
    ("report", "作業報告", "report"),
    ("result", "結果", "result"),
    ("continuing", "継続する保守", "continuing"),
    ("approved_by", "承認者（業者）", "approved by"),
    ("failure", "障害の報告", "failure"),
    ("device_time", "操作の日時", "done at"),
];

/// What the journal says of itself, not of the order.
const UNSHOWN: [&str; 2] = ["kind", "source"];

/// The sheet as people read it, each field a line.
#[must_use]
pub fn show_sheet(sheet: &OrderSheet, lang: Lang) -> Vec<String> {
    let site = lang.pick("拠点", "site");
    let mut lines = vec![format!("{site}: {}", plain(&sheet.site))];
    if let Ok(Value::Object(body)) = serde_json::from_str(&sheet.body) {
        let named = |key: &str| FIELDS.iter().position(|(name, ..)| *name == key).unwrap_or(FIELDS.len());
        let mut fields: Vec<_> = body.iter().filter(|(key, _)| !UNSHOWN.contains(&key.as_str())).collect();
        fields.sort_by_key(|(key, _)| named(key));
        fields.into_iter().for_each(|(key, value)| show(key, value, 0, lang, &mut lines));
    }
    lines.push(format!("SHA-256: {}", sheet.hash()));
    lines
}

fn show(key: &str, value: &Value, depth: usize, lang: Lang, lines: &mut Vec<String>) {
    let label = FIELDS.iter().find(|(name, ..)| *name == key).map_or(key, |(_, ja, en)| lang.pick(ja, en));
    let (label, indent) = (plain(label), "  ".repeat(depth));
    match value {
        Value::Object(object) => {
            lines.push(format!("{indent}{label}:"));
            object.iter().for_each(|(key, value)| show(key, value, depth + 1, lang, lines));
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().for_each(|one| show(key, one, depth, lang, lines));
        }
        Value::Array(list) => {
            let all: Vec<String> = list.iter().map(text).collect();
            lines.push(format!("{indent}{label}: {}", all.join(", ")));
        }
        one => {
            let (text, margin) = (text(one), format!("\n{indent}    "));
            lines.push(format!("{indent}{label}: {}", text.replace('\n', &margin)));
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => in_japan(text).map_or_else(|| plain(text), |there| format!("{there} (+09:00)")),
        other => other.to_string(),
    }
}

/// An instant in UTC by the clock of the people who read it: every city is in Japan. None where
/// the text is no instant as the journal writes them.
fn in_japan(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days since 1970-01-01 (H. Hinnant, `days_from_civil`).
    let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = year.rem_euclid(400);
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + day_of_era - 719_468;
    let us = (days * 86_400 + hour * 3_600 + minute * 60 + second).checked_mul(1_000_000)?;
    let fraction = text.get(19..)?.strip_suffix('Z')?;
    // Written back it has to be the same, so that nothing is shown but what is signed.
    let whole = kukaku_pack::instant_text(us);
    if format!("{}{fraction}Z", whole.strip_suffix('Z')?) != text
        || fraction.contains(|c: char| c != '.' && !c.is_ascii_digit())
    {
        return None;
    }
    let there = kukaku_pack::instant_text(us + 9 * 3_600_000_000);
    Some(format!("{}{fraction}", there.strip_suffix('Z')?.replace('T', " ")))
}

/// A sheet comes from the vendor: nothing in it moves the cursor or turns the line around.
fn plain(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hidden(c) { '\u{FFFD}' } else { c }).collect()
}

/// Whether an act can be done with the order as the sheet shows it; what waits otherwise.
///
/// # Errors
/// What the order waits for.
pub fn fits(sheet: &OrderSheet, act: &str, lang: Lang) -> Result<(), String> {
    let body: Value = serde_json::from_str(&sheet.body).unwrap_or_default();
    let state = body.get("state").and_then(Value::as_str).unwrap_or_default();
    let expected = if act == "accept" { "reported" } else { "submitted" };
    if state == expected {
        return Ok(());
    }
    let ja = format!("この申請の状態は「{}」です。{act} は「{expected}」のときだけできます。", plain(state));
    let en = format!("this order is {:?}; {act} takes one that is {expected:?}", plain(state));
    Err(lang.pick(&ja, &en).to_owned())
}

/// Signs what the city does with a sheet; `at_us` in microseconds since 1970. Returns the file for the site.
///
/// # Errors
/// The clock is behind the sheet's, or a text is too long.
pub fn sign_answer(
    sheet: &OrderSheet,
    act: &str,
    key: &SigningKey,
    by: &str,
    remarks: Option<&str>,
    at_us: i64,
) -> Result<String, OrderFileError> {
    // Both are RFC 3339 in UTC, so that texts compare as instants do.
    let (now, made) = (kukaku_pack::instant_text(at_us), &sheet.made_at);
    if now.as_str() < made.get(..19).unwrap_or_default() {
        return Err(OrderFileError {
            ja: format!("このパソコンの時計（{now}）が、申請のファイルの {made} より前です。時計を合わせてください。"),
            en: format!("this computer's clock says {now}, before the sheet's {made}; set the clock"),
        });
    }
    OrderAnswer::new(sheet, act, at_us, by, remarks).sign(key)
}

/// What to tell of an answer that a pack shows.
#[must_use]
pub fn tell_answer(shown: &ShownAnswer, lang: Lang) -> String {
    let ShownAnswer { seq, answer, key, sheet_shown } = shown;
    let (order, by) = (plain(&answer.order), plain(&answer.by));
    let (name, fingerprint) = (plain(key.name()), key.fingerprint());
    let sheet = match sheet_shown {
        true => lang.pick("署名した申請もこのパックにあります", "what was signed is in this pack"),
        false => lang.pick("署名した申請はこのパックの期間外です", "what was signed lies outside this pack's period"),
    };
    let ja = format!(
        "  市の署名: 申請 {order} {} {} {by}（記録 {seq}、{sheet}）鍵 {name} 指紋 {fingerprint} を市の鍵と照合してください",
        answer.act, answer.at
    );
    let en = format!(
        "  Signed by the city: order {order} {} {} {by} (entry {seq}, {sheet}), key {name}, fingerprint {fingerprint}: compare it with the city's own",
        answer.act, answer.at
    );
    lang.pick(&ja, &en).to_owned()
}

#[cfg(test)]
mod tests {
    use super::in_japan;

    #[test]
    fn instants_are_shown_by_the_clock_on_the_wall_and_nothing_else_is_taken_for_one() {
        let shown = |text| in_japan(text);
        assert_eq!(shown("2026-11-24T03:00:00Z").as_deref(), Some("2026-11-24 12:00:00"));
        assert_eq!(shown("2027-12-31T15:00:00.000001Z").as_deref(), Some("2028-01-01 00:00:00.000001"));
        assert_eq!(shown("2028-02-29T14:59:59Z").as_deref(), Some("2028-02-29 23:59:59"));
        for other in [
            "2026-02-30T00:00:00Z",
            "2026-11-24T03:00:00+09:00",
            "2026-11-24 03:00:00Z",
            "R8-0123",
            "+026-11-24T03:00:00Z",
        ] {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
