//! Why something couldn't be read, said in Japanese.
//!
//! A reason is kept as it was said when the record was refused, in the parser's own English: it is
//! part of the record. The page says it in Japanese above it.

/// How a reason begins, and what it means; `{}` stands for the first word in quotes of the reason.
const MEANINGS: [(&str, &str); 17] = [
    ("unknown field", "知らない項目 {} があります"),
    ("missing field", "必要な項目 {} がありません"),
    ("duplicate field", "項目 {} が二度書かれています"),
    ("unknown kind", "知らない種類 {} です"),
    ("unknown variant", "値 {} は使えません"),
    ("invalid type", "値の型が違います"),
    ("invalid value", "使えない値があります"),
    ("kind ", "種類 {} は kukaku だけが作るもので、外からは受け取りません"),
    ("EOF while parsing", "途中で切れています"),
    ("trailing characters", "一件の後に余分な文字があります"),
    ("an observation is one JSON object", "JSON のオブジェクトではありません"),
    ("a message holds one observation", "JSON のオブジェクトではありません"),
    ("not UTF-8", "文字コードが UTF-8 ではありません"),
    ("the observation names source", "記録の中の記録元 {} が宛先（トピック）と違います"),
    ("user ", "利用者 {} には、この記録元を名乗る権限がありません"),
    ("no message pattern fits", "登録された電文の形に当てはまりません"),
    ("bytes outside of a frame", "電文の枠の外の文字です"),
];

/// The reason in Japanese; in general words where it is none of the known ones.
pub(crate) fn in_japanese(reason: &str) -> String {
    if reason.contains("bytes are more than") {
        return "長すぎます".to_owned();
    }
    match MEANINGS.iter().find(|(begins, _)| reason.starts_with(begins)) {
        Some((_, meaning)) => meaning.replace("{}", quoted(reason).unwrap_or_default()),
        None => "形式が正しくありません".to_owned(),
    }
}

/// The first part of a reason in quotes, with them.
fn quoted(reason: &str) -> Option<&str> {
    let from = reason.find(['`', '"'])?;
    let quote = &reason[from..=from];
    let until = reason[from + 1..].find(quote)?;
    Some(&reason[from..from + until + 2])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kukaku_schema::parse_observation;

    use super::in_japanese;

    #[test]
    fn what_the_parser_refuses_is_said_in_japanese() {
        let alive = |rest: &str| {
            format!(r#"{{"kind":"source.alive","source":"p","device_time":"2026-11-22T09:00:00+09:00"{rest}"#)
        };
        for (bytes, said) in [
            (alive(r#","colour":1}"#), "知らない項目 `colour` があります"),
            (alive(""), "途中で切れています"),
            (alive("} x"), "一件の後に余分な文字があります"),
            (alive(r#","source":"q"}"#), "項目 `source` が二度書かれています"),
            (r#"{"kind":"source.alive","source":"p"}"#.to_owned(), "必要な項目 `device_time` がありません"),
            (r#"{"kind":"door.sang","source":"p"}"#.to_owned(), "知らない種類 `door.sang` です"),
            ("[]".to_owned(), "JSON のオブジェクトではありません"),
            (" ".repeat(70_000), "長すぎます"),
        ] {
            let reason = parse_observation(bytes.as_bytes()).unwrap_err().to_string();
            assert_eq!(in_japanese(&reason), said, "{reason}");
        }
        assert_eq!(
            in_japanese(&parse_observation(b"\xff").unwrap_err().to_string()),
            "文字コードが UTF-8 ではありません"
        );
        assert_eq!(in_japanese("anything else `x"), "形式が正しくありません");
    }
}
