//! The papers of the day: the work orders and what is done with each, and the failure report.
//!
//! They are made by the same code as at a real site, which refuses what can't be.

use std::collections::BTreeMap;

use kukaku_schema::failure::{FailureForm, FailureKnown};
use kukaku_schema::observation::{FailureReported, OrderReport, OrderRevised, Remark};
use kukaku_schema::order::{OrderForm, OrderStep};
use kukaku_schema::{FailureSort, FailureStage, Name, Observation, OrderAct, OrderSide, Registers, UtcMicros};

use super::scenario::{Device, Event, Says};

use OrderAct::{Accept, Approve, Begin, Report, Submit, Write};

/// A day, in seconds.
const DAY_S: i64 = 86_400;

/// A work order, as its form says it.
struct Order {
    id: &'static str,
    client: &'static str,
    /// Its period, in seconds of the day.
    period: (i64, i64),
    emergency: bool,
    purpose: &'static str,
    content: &'static str,
    operators: &'static [&'static str],
}

const ORDERS: &[Order] = &[
    // Of ten days ago: the work was allowed, and nobody reported it.
    Order {
        id: "R8-0099",
        client: "tomakomai",
        period: (-10 * DAY_S, -10 * DAY_S + 7_200),
        emergency: false,
        purpose: "証明書の更新",
        content: "サーバ証明書の入替え",
        operators: &["op-01"],
    },
    Order {
        id: "R8-0101",
        client: "tomakomai",
        period: (10, 265),
        emergency: false,
        purpose: "定期保守",
        content: "ログの確認、更新プログラムの適用",
        operators: &["op-01", "op-02", "op-03", "op-06"],
    },
    Order {
        id: "R8-0102",
        client: "tomakomai",
        period: (275, 345),
        emergency: false,
        purpose: "検索が遅い件の調査",
        content: "データベースの調査と索引の再作成",
        operators: &["op-02", "op-03"],
    },
    // It runs out while t-12 goes on.
    Order {
        id: "R8-0103",
        client: "tomakomai",
        period: (360, 385),
        emergency: false,
        purpose: "定期保守の続き",
        content: "更新後の確認",
        operators: &["op-02"],
    },
    // An emergency: the city has not said yes yet.
    Order {
        id: "R8-0104",
        client: "tomakomai",
        period: (500, 540),
        emergency: true,
        purpose: "夜間処理の異常終了",
        content: "原因の調査と再実行",
        operators: &["op-01"],
    },
    Order {
        id: "R8-0201",
        client: "chitose",
        period: (35, 205),
        emergency: false,
        purpose: "定期保守",
        content: "税システムの月次点検",
        operators: &["op-03", "op-04", "op-05"],
    },
    Order {
        id: "R8-0202",
        client: "chitose",
        period: (415, 455),
        emergency: false,
        purpose: "帳票の改修",
        content: "帳票プログラムの入替え",
        operators: &["op-04"],
    },
];

const fn act(at_s: i64, order: &'static str, act: OrderAct) -> Event {
    Event { at_s, late_s: 0, device: Device::Desk, says: Says::Order(order, act) }
}

/// Done on another day, and entered in the second `entered_s` of this one.
const fn entered(at_s: i64, entered_s: i64, order: &'static str, act: OrderAct) -> Event {
    Event { at_s, late_s: entered_s - at_s, device: Device::Desk, says: Says::Order(order, act) }
}

const fn failed(at_s: i64, stage: FailureStage) -> Event {
    Event { at_s, late_s: 0, device: Device::Desk, says: Says::Failure(stage) }
}

/// What is done with them, each order in its own order of time.
pub(super) const PAPERS: &[Event] = &[
    entered(-11 * DAY_S, 2, "R8-0099", Write),
    entered(-11 * DAY_S + 60, 2, "R8-0099", Submit),
    entered(-11 * DAY_S + 3_600, 2, "R8-0099", Approve),
    act(2, "R8-0101", Write),
    act(3, "R8-0101", Submit),
    act(5, "R8-0101", Approve),
    act(12, "R8-0101", Begin),
    act(268, "R8-0101", Report),
    act(300, "R8-0101", Accept),
    act(3, "R8-0201", Write),
    act(4, "R8-0201", Submit),
    act(6, "R8-0201", Approve),
    act(208, "R8-0201", Report),
    act(260, "R8-0102", Write),
    act(262, "R8-0102", Submit),
    act(270, "R8-0102", Approve),
    act(350, "R8-0102", Report),
    act(346, "R8-0103", Write),
    act(348, "R8-0103", Submit),
    act(356, "R8-0103", Approve),
    act(403, "R8-0202", Write),
    act(405, "R8-0202", Submit),
    act(412, "R8-0202", Approve),
    act(458, "R8-0202", Report),
    act(498, "R8-0104", Write),
    act(500, "R8-0104", Submit),
    // What failed while t-11 worked is told at once, and again when it is over.
    failed(322, FailureStage::First),
    failed(360, FailureStage::Final),
];

/// The failure's number.
pub(super) const FAILURE: &str = "F8-0007";

/// The desk: what stands there of each order and of the failure so far.
pub(super) struct Papers<'a> {
    registers: &'a Registers,
    start: UtcMicros,
    orders: BTreeMap<&'static str, OrderRevised>,
    failure: Option<FailureReported>,
}

impl<'a> Papers<'a> {
    /// An empty desk, on the day that begins at `start`.
    pub(super) fn new(registers: &'a Registers, start: UtcMicros) -> Self {
        Self { registers, start, orders: BTreeMap::new(), failure: None }
    }

    /// Does what an event says with an order.
    pub(super) fn order(&mut self, id: &'static str, act: OrderAct, at: UtcMicros) -> Observation {
        let order = ORDERS.iter().find(|order| order.id == id).expect("the list names orders that stand above it");
        let side = if act.is_the_citys() { OrderSide::Paper } else { OrderSide::Vendor };
        let step = OrderStep {
            act,
            side,
            by: name("kanri-1"),
            paper: (side == OrderSide::Paper).then(|| name(&format!("{id} {}書", act.label(kukaku_schema::Lang::Ja)))),
            answer: None,
            at,
            form: (act == Write).then(|| self.form(order)),
            report: (act == Report).then(|| self.report(order)),
        };
        let revised = step
            .take(name(Device::Desk.source()), self.orders.get(id), self.registers, at)
            .expect("what the list does with an order is possible then");
        self.orders.insert(id, revised.clone());
        Observation::OrderRevised(Box::new(revised))
    }

    /// Hands the report on the failure in.
    pub(super) fn failed(&mut self, stage: FailureStage, at: UtcMicros) -> Observation {
        let is_over = stage == FailureStage::Final;
        let over = |text: &str| is_over.then(|| remark(text));
        let form = FailureForm {
            id: name(FAILURE),
            client: name("tomakomai"),
            stage,
            sort: FailureSort::Failure,
            occurred_at: Some(self.at(312)),
            detected_at: self.at(318),
            recovered_at: is_over.then(|| self.at(338)),
            systems: vec![name("kihon-db01")],
            symptom: remark("住民記録の検索画面が応答しない"),
            impact: Some(remark("窓口での検索が待たされた")),
            cause: over("索引の再作成が検索と競合した"),
            measures: over("再作成を止め、業務時間後に回した"),
            prevention: over("索引の再作成は業務時間外に限る手順にした"),
            operators: vec![name("op-03")],
            order: Some(name("R8-0102")),
            session: Some(name("t-11")),
            reported_by: name("鈴木 一郎"),
        };
        let client = self.orders.get("R8-0102").map(|order| order.client.clone());
        let known = FailureKnown {
            registers: self.registers,
            newest: self.failure.as_ref(),
            order_client: client.as_ref(),
            // The scenario's own word: t-11 has begun by then.
            has_session: true,
        };
        let report = form
            .take(name(Device::Desk.source()), name("kanri-1"), known, at)
            .expect("the scenario's report is one that a real site takes");
        self.failure = Some(report.clone());
        Observation::FailureReported(Box::new(report))
    }

    fn at(&self, second: i64) -> UtcMicros {
        UtcMicros(self.start.0 + second * 1_000_000)
    }

    fn form(&self, order: &Order) -> OrderForm {
        OrderForm {
            id: name(order.id),
            client: name(order.client),
            from: self.at(order.period.0),
            to: self.at(order.period.1),
            emergency: order.emergency,
            purpose: remark(order.purpose),
            content: remark(order.content),
            targets: vec![name("kihon-db01")],
            operators: order.operators.iter().map(|operator| name(operator)).collect(),
            responsible: name("鈴木 一郎"),
            notes: None,
            files: Vec::new(),
        }
    }

    fn report(&self, order: &Order) -> OrderReport {
        let failure = order.id == "R8-0102";
        let result = if failure {
            "調査中に検索が止まった。障害報告を別に提出"
        } else {
            "予定どおり完了。異常なし"
        };
        OrderReport {
            from: self.at(order.period.0),
            to: self.at(order.period.1),
            operators: order.operators.iter().map(|operator| name(operator)).collect(),
            result: remark(result),
            continuing: None,
            approved_by: name("鈴木 一郎"),
            failure,
        }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the scenario's words are names")
}

fn remark(text: &str) -> Remark {
    Remark::new(text).expect("the scenario's texts are short")
}
