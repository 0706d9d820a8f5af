//! The form of a work order, and what an act makes of it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OrderAct, OrderRefused, OrderSide, OrderState};
use crate::instant::{SiteZone, UtcMicros};
use crate::observation::{CityAnswer, Name, OrderFile, OrderReport, OrderRevised, Remark};
use crate::registers::{Entry, Operator, Registers};

/// What is asked for (リモート保守申請), as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderForm {
    /// Its number.
    pub id: Name,
    /// The client (市) whose systems it is about.
    pub client: Name,
    /// The first instant at which work is to be allowed.
    pub from: UtcMicros,
    /// The first instant after it.
    pub to: UtcMicros,
    /// Work begins before the city has allowed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// What the work is for.
    pub purpose: Remark,
    /// What is done.
    pub content: Remark,
    /// The systems that are worked on; empty: any of the client's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Name>,
    /// Who works: operators, as registered.
    pub operators: Vec<Name>,
    /// The vendor's responsible person, who asks for it.
    pub responsible: Name,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Remark>,
    /// The files that are to be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OrderFile>,
}

/// Most operators, targets and files of one order: what a person can read and answer for.
pub const ORDER_LIST_MAX: usize = 100;

/// The longest period of one order, in days: a fiscal year.
const PERIOD_DAYS_MAX: i64 = 366;

/// Somebody does something with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStep {
    /// What.
    pub act: OrderAct,
    /// Whose act it is.
    pub side: OrderSide,
    /// The signed-in user who does it, or enters it.
    pub by: Name,
    /// The paper on which the city did it.
    pub paper: Option<Name>,
    /// What the city signed.
    pub answer: Option<CityAnswer>,
    /// When: now, or the day on the paper.
    pub at: UtcMicros,
    /// What is asked for, where it is written.
    pub form: Option<OrderForm>,
    /// The report, where one is handed in.
    pub report: Option<OrderReport>,
}

impl OrderStep {
    /// The order as it stands after the step; `newest` is how it stood before, none where there is
    /// no such order yet.
    ///
    /// # Errors
    /// What is wrong and what was expected.
    pub fn take(
        self,
        source: Name,
        newest: Option<&OrderRevised>,
        registers: &Registers,
        now: UtcMicros,
    ) -> Result<OrderRevised, OrderRefused> {
        let state = self.act.apply(newest.map(|order| order.state), self.side)?;
        if self.at > now {
            return Err(OrderRefused::new(
                "日時が未来です。",
                format!("{} lies in the future", self.at.to_rfc3339_utc()),
            ));
        }
        if newest.is_some_and(|order| self.at < order.device_time) {
            return Err(OrderRefused::new(
                "その後に申請が変わっています。最後の操作より前の日時にはできません。",
                "the order has changed since then; an act can't be dated before the last one",
            ));
        }
        if (self.side == OrderSide::Paper) != self.paper.is_some() {
            return Err(OrderRefused::new(
                "市が書面で行ったときだけ、書面の番号を入力してください。",
                "what the city did on paper names the paper, and nothing else does",
            ));
        }
        if (self.side == OrderSide::City) != self.answer.is_some() {
            return Err(OrderRefused::new(
                "市の操作には市の署名が必要です。",
                "what the city did itself bears its signature, and nothing else does",
            ));
        }
        let revised = match (self.form, newest) {
            (Some(form), _) if self.act == OrderAct::Write => {
                check(&form, registers)?;
                if newest.is_some_and(|order| order.client != form.client) {
                    return Err(OrderRefused::new(
                        format!("申請 {} は別の契約先のものです。", form.id),
                        format!("order {} is another client's", form.id),
                    )
                    .of("client"));
                }
                OrderRevised {
                    source,
                    epoch: None,
                    seq: None,
                    event_id: None,
                    device_time: self.at,
                    order: form.id,
                    client: form.client,
                    act: self.act,
                    state,
                    by: self.by,
                    side: self.side,
                    paper: self.paper,
                    answer: None,
                    from: form.from,
                    to: form.to,
                    emergency: form.emergency,
                    purpose: form.purpose,
                    content: form.content,
                    targets: form.targets,
                    operators: form.operators,
                    responsible: form.responsible,
                    notes: form.notes,
                    files: form.files,
                    report: None,
                }
            }
            (_, None) => return Err(OrderRefused::new("申請の内容がありません。", "the form of the order is missing")),
            (_, Some(_)) if self.act == OrderAct::Write => {
                return Err(OrderRefused::new("申請の内容がありません。", "the form of the order is missing"));
            }
            (_, Some(before)) => OrderRevised {
                source,
                device_time: self.at,
                act: self.act,
                state,
                by: self.by,
                // Its identity is what was signed: the same answer never counts twice.
                event_id: self.answer.as_ref().map(CityAnswer::identity),
                side: self.side,
                paper: self.paper,
                answer: self.answer,
                ..before.clone()
            },
        };
        self.report.map_or_else(
            || {
                if state == OrderState::Reported {
                    Err(OrderRefused::new("作業報告がありません。", "the report is missing"))
                } else {
                    Ok(revised.clone())
                }
            },
            |report| {
                if state != OrderState::Reported {
                    return Err(OrderRefused::new(
                        "作業報告は「報告」のときだけ提出できます。",
                        "a report belongs to the act of reporting",
                    ));
                }
                if report.from > report.to {
                    return Err(
                        OrderRefused::new("作業の終了が開始より前です。", "the work ends before it begins").of("to")
                    );
                }
                if report.to > now {
                    return Err(OrderRefused::new(
                        "作業の終了が未来です。終わってから報告してください。",
                        "the work ends in the future; report it when it is over",
                    )
                    .of("to"));
                }
                known_operators(&report.operators, revised.client.as_str(), report.from, registers)?;
                Ok(OrderRevised { report: Some(report), ..revised.clone() })
            },
        )
    }
}

impl OrderForm {
    /// What an order asks for, as a form.
    #[must_use]
    pub fn of(order: &OrderRevised) -> Self {
        let order = order.clone();
        Self {
            id: order.order,
            client: order.client,
            from: order.from,
            to: order.to,
            emergency: order.emergency,
            purpose: order.purpose,
            content: order.content,
            targets: order.targets,
            operators: order.operators,
            responsible: order.responsible,
            notes: order.notes,
            files: order.files,
        }
    }

    /// Whether it can be an order on this site.
    ///
    /// # Errors
    /// What is wrong and what was expected.
    pub fn check(&self, registers: &Registers) -> Result<(), OrderRefused> {
        check(self, registers)
    }
}

fn check(form: &OrderForm, registers: &Registers) -> Result<(), OrderRefused> {
    if form.from >= form.to {
        return Err(OrderRefused::new("期間の終わりが始まりより前です。", "the period ends before it begins").of("to"));
    }
    if form.to.since(form.from).0 > PERIOD_DAYS_MAX * 86_400_000_000 {
        return Err(OrderRefused::new(
            format!("期間が {PERIOD_DAYS_MAX}日を超えています。1年ごとに申請してください。"),
            format!("the period is longer than {PERIOD_DAYS_MAX} days; write one order a year"),
        )
        .of("to"));
    }
    let lists = [("targets", form.targets.len()), ("operators", form.operators.len()), ("files", form.files.len())];
    if let Some((field, _)) = lists.into_iter().find(|(_, length)| *length > ORDER_LIST_MAX) {
        return Err(OrderRefused::new(
            format!("作業者・対象・ファイルは {ORDER_LIST_MAX}件までです。申請を分けてください。"),
            format!("more than {ORDER_LIST_MAX} operators, targets or files; split the order"),
        )
        .of(field));
    }
    if form.operators.is_empty() {
        return Err(OrderRefused::new("作業者を選んでください。", "name the operators who work").of("operators"));
    }
    let client = form.client.as_str();
    if !registers.clients.iter().any(|entry| entry.row.id == client && entry.valid.end > form.from) {
        let known: BTreeSet<&str> = registers.clients.iter().map(|entry| entry.row.id.as_str()).collect();
        let known: Vec<&str> = known.into_iter().take(KNOWN_MAX).collect();
        return Err(OrderRefused::new(
            format!("契約先「{client}」は台帳にありません（{}）。", known.join("、")),
            format!("client {client:?} is not registered; expected one of {}", known.join(", ")),
        )
        .of("client"));
    }
    known_operators(&form.operators, client, form.from, registers)
}

/// Operators have to be registered for the client at the beginning.
fn known_operators(operators: &[Name], client: &str, at: UtcMicros, registers: &Registers) -> Result<(), OrderRefused> {
    for operator in operators {
        let holds = registers.operators.iter().any(|entry| {
            entry.row.id == operator.as_str()
                && entry.valid.contains(at)
                && entry.row.clients.iter().any(|of| of == client)
        });
        if !holds {
            return Err(unknown_operator(operator.as_str(), client, at, registers).of("operators"));
        }
    }
    Ok(())
}

/// Most ids that a refusal lists.
const KNOWN_MAX: usize = 20;

/// Why an operator can't be named: nobody has that id, he is not this client's, or not at that time.
fn unknown_operator(operator: &str, client: &str, at: UtcMicros, registers: &Registers) -> OrderRefused {
    // A zone that can't be found any more leaves the times in UTC.
    let zone = SiteZone::named(&registers.site.time_zone).ok();
    let shown = |at: UtcMicros| zone.as_ref().map_or_else(|| at.to_rfc3339_utc(), |zone| zone.shown(at));
    let of_that_id = || registers.operators.iter().filter(|entry| entry.row.id == operator);
    let of_client = |entry: &&Entry<Operator>| entry.row.clients.iter().any(|of| of == client);
    if of_that_id().next().is_none() {
        let known: BTreeSet<&str> =
            registers.operators.iter().filter(of_client).map(|entry| entry.row.id.as_str()).collect();
        let known: Vec<&str> = known.into_iter().take(KNOWN_MAX).collect();
        return OrderRefused::new(
            format!("作業者「{operator}」は台帳にありません。{client}の作業者の番号：{}。", known.join("、")),
            format!("operator {operator:?} is not registered; expected one of those of {client}: {}", known.join(", ")),
        );
    }
    let when = shown(at);
    let periods: Vec<String> = of_that_id()
        .filter(of_client)
        .map(|entry| {
            let bound =
                |at: UtcMicros| if at == UtcMicros::MIN || at == UtcMicros::MAX { String::new() } else { shown(at) };
            format!("{} 〜 {}", bound(entry.valid.start), bound(entry.valid.end))
        })
        .collect();
    if periods.is_empty() {
        return OrderRefused::new(
            format!("作業者「{operator}」は{client}の作業者として登録されていません。先に台帳に登録してください。"),
            format!("operator {operator:?} is registered, but not for {client}; register him for it first"),
        );
    }
    OrderRefused::new(
        format!("作業者「{operator}」の登録期間は {} です。申請は {when} に始まります。", periods.join("、")),
        format!(
            "operator {operator:?} is registered for {client} from {}, and this begins at {when}; \
             begin later, or register him from an earlier time on (`valid_from`)",
            periods.join(", ").replace('〜', "to")
        ),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn registers() -> Registers {
        let text = "[site]\nid = \"s\"\nname = \"s\"\n[[client]]\nid = \"city\"\nname = \"市\"\n\
                    [[operator]]\nid = \"a\"\nname = \"佐藤\"\nclients = [\"city\"]\n[[operator]]\nid = \"b\"\nname = \"鈴木\"\n\
                    [[operator]]\nid = \"c\"\nname = \"高橋\"\nclients = [\"city\"]\nvalid_from = \"2026-11-24T00:00:00+09:00\"\n";
        crate::registers::parse(text, "test").unwrap()
    }

    fn at(text: &str) -> UtcMicros {
        UtcMicros::parse_rfc3339(text).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn form() -> OrderForm {
        serde_json::from_value(serde_json::json!({
            "id": "2026-001", "client": "city", "from": "2026-11-23T09:00:00+09:00", "to": "2026-11-23T12:00:00+09:00",
            "purpose": "定期保守", "content": "ログの確認", "operators": ["a"], "responsible": "suzuki"
        }))
        .unwrap()
    }

    fn step(act: OrderAct, side: OrderSide, time: &str) -> OrderStep {
        let paper = (side == OrderSide::Paper).then(|| name("受付12号"));
        let form = (act == OrderAct::Write).then(form);
        OrderStep { act, side, by: name("suzuki"), paper, answer: None, at: at(time), form, report: None }
    }

    fn take(step: OrderStep, newest: Option<&OrderRevised>) -> Result<OrderRevised, OrderRefused> {
        step.take(name("kukaku"), newest, &registers(), at("2026-11-24T00:00:00Z"))
    }

    #[test]
    fn each_step_keeps_the_form_and_says_who_did_it() {
        let written = take(step(OrderAct::Write, OrderSide::Vendor, "2026-11-22T00:00:00Z"), None).unwrap();
        let asked = take(step(OrderAct::Submit, OrderSide::Vendor, "2026-11-22T01:00:00Z"), Some(&written)).unwrap();
        let allowed = take(step(OrderAct::Approve, OrderSide::Paper, "2026-11-22T02:00:00Z"), Some(&asked)).unwrap();
        assert_eq!((allowed.state, allowed.content.as_str()), (OrderState::Approved, "ログの確認"));
        assert_eq!(allowed.paper, Some(name("受付12号")));
        let mut report = step(OrderAct::Report, OrderSide::Vendor, "2026-11-23T04:00:00Z");
        assert_eq!(take(report.clone(), Some(&allowed)).unwrap_err().to_string(), "the report is missing");
        report.report = Some(OrderReport {
            from: at("2026-11-23T00:00:00Z"),
            to: at("2026-11-23T02:00:00Z"),
            operators: vec![name("a")],
            result: Remark::new("異常なし").unwrap(),
            continuing: None,
            approved_by: name("suzuki"),
            failure: false,
        });
        let reported = take(report, Some(&allowed)).unwrap();
        assert_eq!(reported.state, OrderState::Reported);
        let changed = take(step(OrderAct::Write, OrderSide::Vendor, "2026-11-22T03:00:00Z"), Some(&allowed)).unwrap();
        assert_eq!(changed.state, OrderState::Drafted, "what the city allowed is not what stands there now");
    }

    #[test]
    fn what_can_be_no_order_is_refused_with_what_was_expected() {
        let wrong = |change: fn(&mut OrderForm)| {
            let mut step = step(OrderAct::Write, OrderSide::Vendor, "2026-11-22T00:00:00Z");
            change(step.form.as_mut().unwrap());
            take(step, None).unwrap_err().to_string()
        };
        assert!(wrong(|form| form.to = form.from).contains("ends before it begins"));
        assert!(wrong(|form| form.operators.clear()).contains("name the operators"));
        assert!(wrong(|form| form.operators = vec![name("b")]).contains("is registered, but not for city"));
        assert!(wrong(|form| form.operators = vec![name("x")]).contains("expected one of those of city: a, c"));
        let late = wrong(|form| form.operators = vec![name("c")]);
        assert!(
            late.contains("registered for city from 2026-11-24 00:00") && late.contains("begins at 2026-11-23"),
            "{late}"
        );
        assert!(wrong(|form| form.client = name("town")).contains("expected one of city"));
        assert!(wrong(|form| form.to = form.to.plus(crate::DurationUs::from_secs(400 * 86_400))).contains("366 days"));
        let late = step(OrderAct::Write, OrderSide::Vendor, "2026-11-25T00:00:00Z");
        assert!(take(late, None).unwrap_err().to_string().contains("lies in the future"));
        let mut paperless = step(OrderAct::Approve, OrderSide::Paper, "2026-11-22T02:00:00Z");
        paperless.paper = None;
        let written = take(step(OrderAct::Write, OrderSide::Vendor, "2026-11-22T00:00:00Z"), None).unwrap();
        let asked = take(step(OrderAct::Submit, OrderSide::Vendor, "2026-11-22T01:00:00Z"), Some(&written)).unwrap();
        assert!(take(paperless, Some(&asked)).unwrap_err().to_string().contains("names the paper"));
        let before = step(OrderAct::Withdraw, OrderSide::Vendor, "2026-11-21T00:00:00Z");
        assert!(take(before, Some(&asked)).unwrap_err().to_string().contains("dated before the last one"));
    }
}
