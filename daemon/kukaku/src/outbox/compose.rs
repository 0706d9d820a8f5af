//! From the change of a finding to what a person is told: who, where, since when, what proves
//! it, what to do.
//!
//! Names come from the registers in force when the message goes out; ids stand beside them, so
//! that a renamed door is still found in the records.

use kukaku_notify::{Alert, AlertKind};
use kukaku_schema::observation::{ManualDirection, MusterEntry, ReadingResult};
use kukaku_schema::registers::{Entry, Registers};
use kukaku_schema::{Lang, Observation, SiteZone, UtcMicros};

use super::change::FindingChangeBody;

/// Journal entries that an alert tells of; the page lists the rest.
pub(super) const PROOFS_TOLD: usize = 8;

/// What an alert is made of.
pub(super) struct Material<'a> {
    /// The change.
    pub body: &'a FindingChangeBody,
    /// Which revision of the finding.
    pub revision: u32,
    /// Our number of the finding, for the link.
    pub finding: i64,
    /// When it was recorded.
    pub recorded_at: UtcMicros,
    /// The registers in force.
    pub registers: &'a Registers,
    /// The language of the channel.
    pub lang: Lang,
    /// The address of the pages.
    pub public_url: Option<&'a str>,
    /// The entries that prove it: number and what they say, at most `PROOFS_TOLD`.
    pub proofs: &'a [(u64, Option<Observation>)],
}

/// Makes the alert.
pub(super) fn compose(of: &Material<'_>) -> Result<Alert, String> {
    let (body, lang) = (of.body, of.lang);
    let kind = body.kind()?;
    let names = Named { registers: of.registers, lang };
    let who = names.list(body, &["person", "account", "session", "credential", "order", "client"]);
    let place = names.list(body, &["zone", "door", "reader", "terminal", "camera", "segment", "source", "cause"]);
    let about = [&who, &place].into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
    let title = if about.is_empty() { kind.label(lang).to_owned() } else { format!("{} {about}", kind.label(lang)) };
    let mut proof: Vec<String> = of.proofs.iter().map(|(seq, said)| names.proof(*seq, said.as_ref())).collect();
    if let Some(more) = body.proofs.len().checked_sub(of.proofs.len()).filter(|more| *more > 0) {
        proof.push(lang.pick(format!("ほか {more} 件の記録"), format!("and {more} more entries")));
    }
    if proof.is_empty() {
        proof.push(lang.pick("該当する入退室の記録がないこと".to_owned(), "that no record tells otherwise".to_owned()));
    }
    Ok(Alert {
        finding: body.key.clone(),
        kind: AlertKind::Finding(kind),
        severity: body.severity()?,
        revision: of.revision,
        state: body.state()?,
        lang,
        client: body.client.clone(),
        title,
        who,
        place,
        proof,
        to_do: kind.what_to_do(lang).to_owned(),
        site: of.registers.site.name.clone(),
        time_zone: of.registers.site.time_zone.clone(),
        since: body.span.start,
        until: body.span.end,
        recorded_at: of.recorded_at,
        link: of.public_url.map(|url| format!("{}/findings/{}", url.trim_end_matches('/'), of.finding)),
    })
}

/// The registers as they name things.
struct Named<'a> {
    registers: &'a Registers,
    lang: Lang,
}

impl Named<'_> {
    /// Everything of these sorts, in their order: `作業者 佐藤 花子 (op-01)、セッション vpn-1/7781`.
    fn list(&self, body: &FindingChangeBody, sorts: &[&str]) -> String {
        let of_sort =
            |sort: &&str| body.subjects.iter().filter(move |subject| subject.sort == **sort).collect::<Vec<_>>();
        let texts: Vec<String> = sorts.iter().flat_map(of_sort).map(|s| self.named(&s.sort, &s.value)).collect();
        texts.join(self.lang.pick("、", ", "))
    }

    fn named(&self, sort: &str, id: &str) -> String {
        let label = match sort {
            "person" => self.lang.pick("作業者", "person"),
            "account" => self.lang.pick("アカウント", "account"),
            "session" => self.lang.pick("セッション", "session"),
            "credential" => self.lang.pick("証", "credential"),
            "client" => self.lang.pick("契約先", "client"),
            "zone" => self.lang.pick("区画", "zone"),
            "door" => self.lang.pick("扉", "door"),
            "reader" => self.lang.pick("リーダー", "reader"),
            "terminal" => self.lang.pick("端末", "terminal"),
            "camera" => self.lang.pick("カメラ", "camera"),
            "segment" => self.lang.pick("ファイル", "file"),
            "order" => self.lang.pick("申請", "work order"),
            "source" => self.lang.pick("機器", "source"),
            "cause" => {
                let cause = kukaku_core::OutageCause::from_word(id);
                let text = cause.map_or(id, |cause| cause.label(self.lang));
                return format!("{}{}{text}", self.lang.pick("原因", "cause"), self.lang.pick("：", ": "));
            }
            other => other,
        };
        match self.name(sort, id) {
            Some(name) if name != id => format!("{label} {name} ({id})"),
            _ => format!("{label} {id}"),
        }
    }

    /// The newest name of an id.
    fn name(&self, sort: &str, id: &str) -> Option<&str> {
        fn newest<T>(entries: &[Entry<T>], is: impl Fn(&T) -> bool) -> Option<&T> {
            entries.iter().rev().map(|entry| &entry.row).find(|row| is(row))
        }
        let r = self.registers;
        match sort {
            "person" => newest(&r.operators, |o| o.id == id)
                .map(|o| o.name.as_str())
                .or_else(|| newest(&r.persons, |p| p.id == id).map(|p| p.name.as_str())),
            "client" => newest(&r.clients, |c| c.id == id).map(|c| c.name.as_str()),
            "zone" => newest(&r.zones, |z| z.id == id).map(|z| z.name.as_str()),
            "door" => newest(&r.doors, |d| d.id == id).and_then(|d| d.name.as_deref()),
            "camera" => newest(&r.cameras, |c| c.id == id).and_then(|c| c.name.as_deref()),
            "source" => newest(&r.sources, |s| s.id == id).and_then(|s| s.name.as_deref()),
            _ => None,
        }
    }

    /// One journal entry on a line: `記録 #41 2026-11-22T09:00:00+09:00 リーダー north-in … 許可`.
    fn proof(&self, seq: u64, said: Option<&Observation>) -> String {
        let Some(said) = said else {
            return format!("{} #{seq}", self.lang.pick("記録", "entry"));
        };
        let at = said.header().device_time.or_else(|| said.stated_span().map(|span| span.start));
        let at = at.map_or_else(String::new, |at| self.shown(at));
        format!("{} #{seq} {at} {}", self.lang.pick("記録", "entry"), self.said(said))
    }

    fn said(&self, said: &Observation) -> String {
        let lang = self.lang;
        match said {
            Observation::DoorReading(o) => format!(
                "{} {} {}",
                self.named("reader", o.reader.as_str()),
                self.named("credential", o.credential.as_str()),
                match o.result {
                    ReadingResult::Granted => lang.pick("許可", "granted"),
                    ReadingResult::Denied => lang.pick("拒否", "denied"),
                }
            ),
            Observation::DoorState(o) => format!("{} {}", self.named("door", o.door.as_str()), o.state.word()),
            Observation::ReaderStatus(o) => format!("{} {}", self.named("reader", o.reader.as_str()), o.status.word()),
            Observation::SessionStarted(o) => format!(
                "{} {}/{} {}{}",
                lang.pick("セッション開始", "session started"),
                o.source,
                o.session,
                self.named("account", o.account.as_str()),
                o.terminal.as_ref().map_or_else(String::new, |t| format!(" {}", self.named("terminal", t.as_str())))
            ),
            Observation::SessionAlive(o) => {
                format!("{} {}/{}", lang.pick("セッション継続", "session alive"), o.source, o.session)
            }
            Observation::SessionEnded(o) => {
                format!("{} {}/{}", lang.pick("セッション終了", "session ended"), o.source, o.session)
            }
            Observation::CameraHealth(o) => self.named("camera", o.camera.as_str()),
            Observation::Muster(o) => {
                let inside: Vec<String> =
                    o.inside.iter().map(|MusterEntry { person, zone }| format!("{person}={zone}")).collect();
                format!("{} {}", lang.pick("在室者の確定", "muster"), inside.join(" "))
            }
            Observation::SystemState(o) => o.note.as_ref().map_or_else(String::new, |note| note.as_str().to_owned()),
            Observation::OrderRevised(o) => {
                format!("{} {} {}", self.named("order", o.order.as_str()), o.state.label(lang), o.by)
            }
            Observation::FailureReported(o) => {
                format!("{} {} {}", lang.pick("障害報告", "failure report"), o.failure, o.stage.label(lang))
            }
            Observation::ManualEntry(o) => {
                let way = match o.direction {
                    ManualDirection::Entry => lang.pick("入室", "entry"),
                    ManualDirection::Exit => lang.pick("退室", "exit"),
                };
                format!("{} {}={} {way}", lang.pick("入退室帳", "entry book"), o.person, o.zone)
            }
            other => format!("{} {}", other.kind().word(), self.named("source", other.header().source.as_str())),
        }
    }

    fn shown(&self, at: UtcMicros) -> String {
        match SiteZone::named(&self.registers.site.time_zone) {
            Ok(zone) => zone.rfc3339(at),
            Err(_) => at.to_rfc3339_utc(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REGISTERS: &str = r#"
[site]
id = "sapporo-1"
name = "札幌保守センター"
[[client]]
id = "tomakomai"
name = "苫小牧市"
work_orders = false
[[zone]]
id = "zone-a"
name = "セキュリティ区画A"
[[operator]]
id = "op-01"
name = "佐藤 花子"
clients = ["tomakomai"]
"#;

    const CHANGE: &str = r#"{"kind":"finding","change":"opened","key":"absent|session:vpn-1/7781|2026-11-22T00:05:00Z",
        "finding":"absent","severity":"critical","at":"2026-11-22T00:05:50Z","span":{"start":"2026-11-22T00:05:00Z"},
        "subjects":[{"sort":"session","value":"vpn-1/7781"},{"sort":"person","value":"op-01"},
        {"sort":"zone","value":"zone-a"}],"client":"tomakomai","proofs":[7,8,9],"cause":"time"}"#;

    fn composed(lang: Lang) -> Alert {
        let registers = kukaku_schema::registers::parse(REGISTERS, "site.toml").unwrap();
        let started = kukaku_schema::parse_observation(
            br#"{"kind":"session.started","source":"vpn-1","device_time":"2026-11-22T09:05:00+09:00","session":"7781","account":"tmk-a01"}"#,
        )
        .unwrap();
        let body = FindingChangeBody::read(CHANGE).unwrap();
        compose(&Material {
            body: &body,
            revision: 1,
            finding: 12,
            recorded_at: UtcMicros(1),
            registers: &registers,
            lang,
            public_url: Some("https://kukaku.example.jp/"),
            proofs: &[(7, Some(started)), (8, None)],
        })
        .unwrap()
    }

    #[test]
    fn an_alert_says_who_where_since_when_what_proves_it_and_what_to_do() {
        let alert = composed(Lang::Ja);
        assert_eq!(alert.who, "作業者 佐藤 花子 (op-01)、セッション vpn-1/7781");
        assert_eq!(alert.place, "区画 セキュリティ区画A (zone-a)");
        assert!(alert.title.starts_with("在室なしセッション 作業者 佐藤 花子"), "{}", alert.title);
        assert_eq!(alert.since.to_rfc3339_utc(), "2026-11-22T00:05:00Z");
        assert_eq!(alert.until, None);
        assert_eq!(
            alert.proof,
            [
                "記録 #7 2026-11-22T09:05:00+09:00 セッション開始 vpn-1/7781 アカウント tmk-a01",
                "記録 #8",
                "ほか 1 件の記録"
            ]
        );
        assert!(!alert.to_do.is_empty());
        assert_eq!(alert.link.as_deref(), Some("https://kukaku.example.jp/findings/12"));
    }

    #[test]
    fn the_english_alert_says_the_same() {
        let alert = composed(Lang::En);
        assert_eq!(alert.who, "person 佐藤 花子 (op-01), session vpn-1/7781");
        assert!(alert.proof[0].contains("session started vpn-1/7781 account tmk-a01"), "{:?}", alert.proof);
    }

    #[test]
    fn a_change_of_a_newer_version_is_told_from_a_broken_one() {
        assert!(FindingChangeBody::read("{}").is_err());
        let unknown = CHANGE.replace("\"absent\",\"severity\"", "\"unheard_of\",\"severity\"");
        assert!(FindingChangeBody::read(&unknown).unwrap().kind().is_err());
    }
}
