//! What a client is told of a session, in a mail or on a sheet: the same lines in both.

use kukaku_schema::registers::{Entry, Registers};
use kukaku_schema::{Grade, Lang, OrderState, SiteZone, UtcMicros, Verdict};

use crate::effect::SessionEnd;

/// What is told; ids as sources and registers give them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// It tells of the end; else of the start.
    pub of_end: bool,
    /// Who reported the session, and what it calls it.
    pub session: (String, String),
    /// When it began.
    pub start: UtcMicros,
    /// It may have begun before.
    pub start_unknown: bool,
    /// How it ended.
    pub end: SessionEnd,
    /// Account, as the source gave it.
    pub account: Option<String>,
    /// Terminal, as the source gave it.
    pub terminal: Option<String>,
    /// The system reached.
    pub target: Option<String>,
    /// Whose account it is.
    pub operator: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// Where the terminal stands.
    pub zone: Option<String>,
    /// The verdict so far.
    pub verdict: Option<(Verdict, Option<Grade>)>,
    /// Work orders that name its operator at that time.
    pub orders: Vec<(String, OrderState)>,
    /// When it was known, and until when the client was to have it.
    pub known_and_due: Option<(UtcMicros, UtcMicros)>,
}

/// What the names in a line come from.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// The registers in force.
    pub registers: &'a Registers,
    /// In which times are shown.
    pub zone: &'a SiteZone,
    /// The language.
    pub lang: Lang,
}

impl Told {
    /// The instant that it tells of.
    #[must_use]
    pub fn at(&self) -> UtcMicros {
        match self.end {
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) if self.of_end => at,
            _ => self.start,
        }
    }

    /// It became known only after the client was to have it.
    #[must_use]
    pub fn is_belated(&self) -> bool {
        self.known_and_due.is_some_and(|(known, due)| known > due)
    }

    /// What it is called.
    #[must_use]
    pub fn title(&self, lang: Lang) -> &'static str {
        if self.of_end {
            lang.pick("リモート保守 終了通知", "Remote maintenance: session ended")
        } else {
            lang.pick("リモート保守 開始通知", "Remote maintenance: session began")
        }
    }

    /// Label and text of each line.
    #[must_use]
    pub fn lines(&self, by: Naming<'_>) -> Vec<(&'static str, String)> {
        let lang = by.lang;
        let unregistered = || lang.pick("未登録", "not registered").to_owned();
        let r = by.registers;
        let named = |id: &Option<String>, name: Option<&str>| match (id, name) {
            (None, _) => unregistered(),
            (Some(id), Some(name)) if name != id => format!("{name} ({id})"),
            (Some(id), _) => id.clone(),
        };
        let plain = |id: &Option<String>| id.clone().unwrap_or_else(|| lang.pick("不明", "not known").to_owned());
        let client = newest(&r.clients, |row| Some(&row.id) == self.client.as_ref()).map(|row| row.name.as_str());
        let operator = newest(&r.operators, |row| Some(&row.id) == self.operator.as_ref()).map(|row| row.name.as_str());
        let zone = newest(&r.zones, |row| Some(&row.id) == self.zone.as_ref()).map(|row| row.name.as_str());
        let mut lines = Vec::new();
        if self.is_belated()
            && let Some((known, _)) = self.known_and_due
        {
            let known = by.zone.shown(known);
            lines.push((
                lang.pick("遅延", "Late"),
                lang.pick(
                    format!("この通知は遅れています。記録が届いたのは {known} です。"),
                    format!("This notice is late: the record arrived at {known}."),
                ),
            ));
        }
        lines.push((lang.pick("契約先", "Client"), named(&self.client, client)));
        lines.push((lang.pick("作業者", "Operator"), named(&self.operator, operator)));
        lines.push((lang.pick("アカウント", "Account"), plain(&self.account)));
        lines.push((lang.pick("端末", "Terminal"), plain(&self.terminal)));
        lines.push((lang.pick("区画", "Zone"), named(&self.zone, zone)));
        lines.push((lang.pick("接続先", "Target"), plain(&self.target)));
        let orders: Vec<String> =
            self.orders.iter().map(|(order, state)| format!("{order} ({})", state.label(lang))).collect();
        let none = || lang.pick("該当なし", "none").to_owned();
        let orders = if orders.is_empty() { none() } else { orders.join(lang.pick("、", ", ")) };
        lines.push((lang.pick("作業申請", "Work order"), orders));
        let may_be_older = if self.start_unknown {
            lang.pick("（これより前からの可能性あり）", " (may have begun before)")
        } else {
            ""
        };
        lines.push((lang.pick("開始", "Began"), format!("{}{may_be_older}", by.zone.shown(self.start))));
        if self.of_end {
            lines.push((
                lang.pick("終了", "Ended"),
                match self.end {
                    SessionEnd::Open => lang.pick("接続中", "still open").to_owned(),
                    SessionEnd::Ended(at) => by.zone.shown(at),
                    SessionEnd::Presumed(at) => {
                        format!("{} {}", by.zone.shown(at), lang.pick("（推定）", "(presumed)"))
                    }
                },
            ));
        }
        let verdict = match self.verdict {
            None => Verdict::Pending.label(lang).to_owned(),
            Some((verdict, None)) => verdict.label(lang).to_owned(),
            Some((verdict, Some(grade))) => format!("{} ({})", verdict.label(lang), grade.label(lang)),
        };
        lines.push((lang.pick("在室の判定（現時点）", "Verdict so far"), verdict));
        lines.push((lang.pick("セッション番号", "Session"), format!("{}/{}", self.session.0, self.session.1)));
        lines.push((lang.pick("拠点", "Site"), r.site.name.clone()));
        lines
    }
}

fn newest<T>(entries: &[Entry<T>], is: impl Fn(&T) -> bool) -> Option<&T> {
    entries.iter().rev().map(|entry| &entry.row).find(|row| is(row))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REGISTERS: &str = "[site]\nid = \"s\"\nname = \"札幌\"\n[[client]]\nid = \"tomakomai\"\nname = \"苫小牧市\"\n\
                             [[operator]]\nid = \"op-01\"\nname = \"佐藤 花子\"\nclients = [\"tomakomai\"]\n";

    fn told() -> Told {
        Told {
            of_end: false,
            session: ("vpn-1".to_owned(), "7781".to_owned()),
            start: UtcMicros(1_000_000),
            start_unknown: true,
            end: SessionEnd::Open,
            account: Some("tmk-a01".to_owned()),
            terminal: None,
            target: None,
            operator: Some("op-01".to_owned()),
            client: Some("tomakomai".to_owned()),
            zone: None,
            verdict: None,
            orders: vec![("R8-001".to_owned(), OrderState::Approved)],
            known_and_due: Some((UtcMicros(5_000_000), UtcMicros(4_000_000))),
        }
    }

    #[test]
    fn a_late_notice_says_so_and_what_is_not_known_is_said_too() {
        let registers = kukaku_schema::registers::parse(REGISTERS, "site.toml").unwrap();
        let zone = SiteZone::named("Asia/Tokyo").unwrap();
        let lines = told().lines(Naming { registers: &registers, zone: &zone, lang: Lang::Ja });
        let text: Vec<String> = lines.iter().map(|(label, text)| format!("{label}={text}")).collect();
        assert!(text[0].starts_with("遅延=この通知は遅れています"), "{text:?}");
        for line in [
            "契約先=苫小牧市 (tomakomai)",
            "作業者=佐藤 花子 (op-01)",
            "端末=不明",
            "区画=未登録",
            "作業申請=R8-001 (承認)",
            "開始=1970-01-01 09:00:01（これより前からの可能性あり）",
            "在室の判定（現時点）=判定待ち",
        ] {
            assert!(text.iter().any(|found| found == line), "{line} is missing in {text:?}");
        }
        let in_time = Told { known_and_due: Some((UtcMicros(4_000_000), UtcMicros(4_000_000))), ..told() };
        assert!(!in_time.is_belated());
    }
}
