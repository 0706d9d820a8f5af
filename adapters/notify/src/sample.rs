//! An alert to try things with.

use kukaku_schema::{FindingKind, Lang, Severity, UtcMicros};

use crate::alert::{Alert, AlertKind, AlertState};

/// A critical alert about a session without its operator.
pub(crate) fn alert() -> Alert {
    let at = |text: &str| UtcMicros::parse_rfc3339(text).expect("written above");
    Alert {
        finding: "absent/vpn-1/7781".to_owned(),
        kind: AlertKind::Finding(FindingKind::Absent),
        severity: Severity::Critical,
        revision: 1,
        state: AlertState::Opened,
        lang: Lang::Ja,
        client: Some("tomakomai".to_owned()),
        title: "在室なしセッション 佐藤 花子".to_owned(),
        who: "佐藤 花子（tmk-a01）".to_owned(),
        place: "セキュリティ区画A 端末 term-1".to_owned(),
        proof: vec!["セッション 7781 開始 09:05（記録 1841）".to_owned(), "入室記録なし".to_owned()],
        to_do: FindingKind::Absent.what_to_do(Lang::Ja).to_owned(),
        site: "札幌保守センター".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
        since: at("2026-11-22T09:05:00+09:00"),
        until: None,
        recorded_at: at("2026-11-22T09:05:51+09:00"),
        link: Some("https://kukaku.example/findings/1".to_owned()),
    }
}
