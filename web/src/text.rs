//! How things are written for people: marks, times, lengths, and text from outside.

use kukaku_core::SessionEnd;
use kukaku_schema::{DurationUs, Grade, Lang, Severity, SiteZone, Span, UtcMicros, Verdict};
use kukaku_store::query::{SessionRow, VerdictRow};

/// Text from outside, with what could forge lines or turn letters round made visible. Templates
/// escape it besides.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{061C}');
        if hidden {
            out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// A short mark: a word with a sign and a colour, in this order of weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chip {
    /// `ok`, `info`, `warn`, `bad`, `dim`.
    pub class: &'static str,
    /// The id of its sign in the page.
    pub icon: &'static str,
    pub text: String,
}

impl Chip {
    pub fn new(class: &'static str, icon: &'static str, text: impl Into<String>) -> Self {
        Self { class, icon, text: text.into() }
    }

    pub fn ok(text: impl Into<String>) -> Self {
        Self::new("ok", "check", text)
    }

    pub fn warn(text: impl Into<String>) -> Self {
        Self::new("warn", "alert", text)
    }

    pub fn bad(text: impl Into<String>) -> Self {
        Self::new("bad", "cross", text)
    }

    pub fn dim(text: impl Into<String>) -> Self {
        Self::new("dim", "dot", text)
    }
}

pub(crate) fn severity_chip(severity: Severity, lang: Lang) -> Chip {
    let text = severity.label(lang);
    match severity {
        Severity::Critical => Chip::new("bad", "stop", text),
        Severity::High => Chip::warn(text),
        Severity::Medium => Chip::new("info", "note", text),
    }
}

pub(crate) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Present => "ok",
        Verdict::Pending => "info",
        Verdict::Partial | Verdict::Undetermined => "warn",
        Verdict::Absent | Verdict::UnknownAccount | Verdict::UnregisteredOperator | Verdict::UnknownTerminal => "bad",
    }
}

pub(crate) fn verdict_chip(verdict: Verdict, lang: Lang) -> Chip {
    let icon = match verdict {
        Verdict::Present => "check",
        Verdict::Pending => "clock",
        Verdict::Partial => "half",
        Verdict::Undetermined => "ask",
        Verdict::Absent => "cross",
        Verdict::UnknownAccount | Verdict::UnregisteredOperator | Verdict::UnknownTerminal => "stop",
    };
    Chip::new(verdict_class(verdict), icon, verdict.label(lang))
}

/// The newest verdict, or that there is none yet.
pub(crate) fn newest_chip(verdict: Option<VerdictRow>, lang: Lang) -> Chip {
    verdict
        .map_or_else(|| Chip::new("info", "clock", Verdict::Pending.label(lang)), |row| verdict_chip(row.verdict, lang))
}

pub(crate) fn grade_chip(grade: Grade, lang: Lang) -> Chip {
    let text = grade.label(lang);
    match grade {
        Grade::Confirmed => Chip::ok(text),
        Grade::Weak => Chip::new("info", "half", text),
        Grade::Manual => Chip::new("info", "pen", text),
        Grade::Unconfirmed | Grade::Assumed => Chip::new("warn", "ask", text),
    }
}

/// How a session ended.
pub(crate) fn end_text(row: &SessionRow, zone: &SiteZone, lang: Lang) -> String {
    match row.end {
        SessionEnd::Open => lang.pick("接続中", "open").to_owned(),
        SessionEnd::Ended(at) => zone.shown(at),
        SessionEnd::Presumed(at) => format!("{} ({})", zone.shown(at), lang.pick("推定", "presumed")),
    }
}

/// A time of the site for people; the ends of time have words.
pub(crate) fn when(zone: &SiteZone, at: UtcMicros, lang: Lang) -> String {
    if at >= UtcMicros::MAX {
        lang.pick("継続中", "ongoing").to_owned()
    } else if at <= UtcMicros::MIN {
        lang.pick("最初から", "from the start").to_owned()
    } else {
        zone.shown(at)
    }
}

/// The same, without the date where it is the day of `now`.
pub(crate) fn when_short(zone: &SiteZone, at: UtcMicros, now: UtcMicros, lang: Lang) -> String {
    let text = when(zone, at, lang);
    if at < UtcMicros::MAX && at > UtcMicros::MIN && zone.start_of_day(at) == zone.start_of_day(now) {
        text.get(11..).map_or_else(|| text.clone(), str::to_owned)
    } else {
        text.get(5..).filter(|_| text.len() == 19).map_or_else(|| text.clone(), str::to_owned)
    }
}

/// From when to when; the day is said once where it is the same.
pub(crate) fn from_to(zone: &SiteZone, span: Span, lang: Lang) -> String {
    let (start, end) = (when(zone, span.start, lang), when(zone, span.end, lang));
    match (start.get(..11), end.get(..11), end.get(11..)) {
        (Some(day), Some(same), Some(time)) if day == same => format!("{start} – {time}"),
        _ => format!("{start} – {end}"),
    }
}

/// A length of time in its two largest units.
pub(crate) fn length(by: DurationUs, lang: Lang) -> String {
    let seconds = by.0.max(0) / 1_000_000;
    let units = [(86_400, "日", " d"), (3_600, "時間", " h"), (60, "分", " min"), (1, "秒", " s")];
    let mut parts = vec![];
    let mut left = seconds;
    for (size, ja, en) in units {
        let count = left / size;
        left %= size;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count}{}", lang.pick(ja, en)));
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        return lang.pick("0秒", "0 s").to_owned();
    }
    parts.join(lang.pick("", " "))
}

/// Spans as text, at most `most` of them.
pub(crate) fn spans_text(zone: &SiteZone, spans: &[Span], most: usize, lang: Lang) -> String {
    let mut parts: Vec<String> = spans.iter().take(most).map(|span| from_to(zone, *span, lang)).collect();
    if spans.len() > most {
        parts.push(format!("… {}", lang.pick("ほか", "and more")));
    }
    parts.join(lang.pick("、", ", "))
}

/// What a kind of journal entry is called.
pub(crate) fn kind_label(kind: &str, lang: Lang) -> &'static str {
    match kind {
        "door.reading" => lang.pick("扉の読み取り", "door reading"),
        "door.used" => lang.pick("扉の通過", "door used"),
        "door.state" => lang.pick("扉の開閉", "door state"),
        "reader.status" => lang.pick("リーダーの状態", "reader status"),
        "source.alive" => lang.pick("生存信号", "sign of life"),
        "line.unlocked" => lang.pick("回線の解錠", "line unlocked"),
        "line.listed" => lang.pick("回線解錠の一覧", "list of unlocks"),
        "source.caught_up" => lang.pick("追いつき", "caught up"),
        "source.clock" => lang.pick("機器の時計のずれ", "clock offset"),
        "session.started" => lang.pick("セッション開始", "session started"),
        "session.alive" => lang.pick("セッション継続", "session alive"),
        "session.ended" => lang.pick("セッション終了", "session ended"),
        "camera.health" => lang.pick("カメラの状態", "camera health"),
        "footage.segment" => lang.pick("映像", "footage"),
        "oplog.segment" => lang.pick("操作ログ", "operation log"),
        "terminal.power" => lang.pick("端末の電源", "terminal power"),
        "watch.started" => lang.pick("監視開始", "watch started"),
        "source.gap" => lang.pick("記録の取りこぼし", "records lost"),
        "watch.gap" => lang.pick("監視の中断", "watch gap"),
        "clock.step" => lang.pick("時計の変更", "clock step"),
        "muster" => lang.pick("在室者の確定", "muster"),
        "manual.entry" => lang.pick("入退室帳", "entry book"),
        "system.state" => lang.pick("kukaku 自身の状態", "kukaku's own state"),
        "failure.reported" => lang.pick("障害報告", "failure report"),
        "order.revised" => lang.pick("作業申請", "work order"),
        "unreadable" => lang.pick("読めなかった記録", "unreadable"),
        "revision" => lang.pick("照合結果", "verdict"),
        "finding" => lang.pick("検知", "finding"),
        "register" => lang.pick("台帳の変更", "register change"),
        "hold.placed" => lang.pick("保全の設定", "hold placed"),
        "hold.released" => lang.pick("保全の解除", "hold released"),
        "start" => lang.pick("起動", "start"),
        "stop" => lang.pick("停止", "stop"),
        "export" => lang.pick("持ち出し", "taken out"),
        "account.event" => lang.pick("利用者の操作", "User account"),
        "finding.acted" => lang.pick("検知への対応", "Done about a finding"),
        "look" => lang.pick("閲覧", "Look"),
        "clock_state" => lang.pick("時計の同期", "clock synchronisation"),
        "drill" => lang.pick("復元訓練", "restore drill"),
        "key_rotated" => lang.pick("署名の鍵の交換", "signing key changed"),
        "key_escrowed" => lang.pick("鍵の預託", "keys in escrow"),
        "liveness" => lang.pick("稼働の記録", "liveness"),
        _ => "",
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number with its thousands apart.
pub(crate) fn counted(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_turn_text_round_are_shown() {
        assert_eq!(clean("a\u{202E}b\u{0}c\u{200B}"), "a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩");
        assert_eq!(clean("佐藤 花子"), "佐藤 花子");
    }

    #[test]
    fn lengths_have_two_units() {
        let of = |s: i64| length(DurationUs::from_secs(s), Lang::Ja);
        assert_eq!(of(0), "0秒");
        assert_eq!(of(59), "59秒");
        assert_eq!(of(3_600), "1時間");
        assert_eq!(of(3_661), "1時間1分");
        assert_eq!(of(90_061), "1日1時間");
        assert_eq!(of(86_405), "1日");
    }

    #[test]
    fn every_kind_of_observation_has_a_name() {
        for kind in kukaku_schema::Kind::ALL {
            assert!(!kind_label(kind.word(), Lang::Ja).is_empty(), "{}", kind.word());
        }
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(counted(0), "0");
        assert_eq!(counted(999), "999");
        assert_eq!(counted(1_234_567), "1,234,567");
    }
}
