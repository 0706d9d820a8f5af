//! A report that can't be true, or that hides an earlier one, would be believed for years.

use super::*;

fn registers() -> Registers {
    let text = "[site]\nid = \"s\"\nname = \"s\"\n[[client]]\nid = \"city\"\nname = \"市\"\n[[client]]\nid = \"town\"\n\
                name = \"町\"\n[[operator]]\nid = \"a\"\nname = \"佐藤\"\nclients = [\"city\"]\n[[operator]]\nid = \"b\"\n\
                name = \"鈴木\"\nclients = [\"town\"]\n";
    crate::registers::parse(text, "test").unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn text(text: &str) -> Option<Remark> {
    Some(Remark::new(text).unwrap())
}

fn at(text: &str) -> UtcMicros {
    UtcMicros::parse_rfc3339(text).unwrap()
}

fn form() -> FailureForm {
    serde_json::from_value(serde_json::json!({
        "id": "F-1", "client": "city", "stage": "first", "sort": "failure", "occurred_at": "2026-11-22T09:00:00+09:00",
        "detected_at": "2026-11-22T09:10:00+09:00", "systems": ["kihon-db01"], "symptom": "応答なし",
        "operators": ["a"], "reported_by": "鈴木 一郎"
    }))
    .unwrap()
}

struct Known {
    newest: Option<FailureReported>,
    order: Option<Name>,
    has_session: bool,
}

const NOTHING: Known = Known { newest: None, order: None, has_session: false };

fn take(form: FailureForm, known: &Known) -> Result<FailureReported, String> {
    let registers = registers();
    let known = FailureKnown {
        registers: &registers,
        newest: known.newest.as_ref(),
        order_client: known.order.as_ref(),
        has_session: known.has_session,
    };
    form.take(name("kukaku"), name("hanako"), known, at("2026-11-22T12:00:00+09:00")).map_err(|why| why.to_string())
}

fn refused(change: impl FnOnce(&mut FailureForm), known: &Known) -> String {
    let mut form = form();
    change(&mut form);
    take(form, known).unwrap_err()
}

#[test]
fn what_can_be_no_report_is_refused_with_what_was_expected() {
    assert!(take(form(), &NOTHING).is_ok());
    type Change = fn(&mut FailureForm);
    let cases: [(Change, &str); 9] = [
        (|f| f.detected_at = at("2026-11-22T08:59:59+09:00"), "noticed before it happened"),
        (|f| f.detected_at = at("2026-11-23T00:00:00+09:00"), "detected_at: 2026-11-22T15:00:00Z lies in the future"),
        (|f| f.recovered_at = Some(at("2026-11-22T08:00:00+09:00")), "over before it happened"),
        (|f| f.systems.clear(), "systems: name what is affected"),
        (|f| f.systems = vec![name("x"); ORDER_LIST_MAX + 1], "more than 100"),
        (|f| f.client = name("village"), "expected one of city, town"),
        (|f| f.operators = vec![name("b")], "operator \"b\" is not registered for city"),
        (|f| f.order = Some(name("R8-1")), "the client has no order \"R8-1\""),
        (|f| f.session = Some(name("7781")), "the client has no session \"7781\""),
    ];
    for (change, part) in cases {
        let said = refused(change, &NOTHING);
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_order_of_another_client_is_no_order_of_this_one() {
    let order = |client: &str| Known { order: Some(name(client)), ..NOTHING };
    assert!(refused(|f| f.order = Some(name("R8-1")), &order("town")).contains("has no order"));
    let mut named = form();
    named.order = Some(name("R8-1"));
    let kept = take(named, &order("city")).unwrap();
    // Erased since: what was named is still named.
    let mut again = form();
    again.order = Some(name("R8-1"));
    assert!(take(again, &Known { newest: Some(kept), ..NOTHING }).is_ok());
}

#[test]
fn a_later_report_goes_forward_and_stays_with_its_client() {
    let mut interim = form();
    interim.stage = FailureStage::Interim;
    let newest = take(interim, &NOTHING).unwrap();
    let known = Known { newest: Some(newest), ..NOTHING };
    assert!(refused(|_| (), &known).contains("the interim is in already"));
    assert!(
        refused(
            |f| {
                f.client = name("town");
                f.operators.clear();
            },
            &known
        )
        .contains("another client's")
    );
    let mut more = form();
    more.stage = FailureStage::Interim;
    assert!(take(more, &known).is_ok(), "a second interim report, or a correction");
}

#[test]
fn a_final_report_leaves_nothing_open() {
    let said = refused(|f| f.stage = FailureStage::Final, &NOTHING);
    assert!(said.contains("recovered_at, cause, measures, prevention"), "{said}");
    let mut whole = form();
    whole.stage = FailureStage::Final;
    whole.recovered_at = Some(at("2026-11-22T09:40:00+09:00"));
    (whole.cause, whole.measures) = (text("記憶装置の満杯"), text("不要なログを削除"));
    assert!(
        take(whole.clone(), &NOTHING).unwrap_err().ends_with("needs prevention; what can't be known is written so")
    );
    whole.prevention = text("残量の監視");
    let kept = take(whole, &NOTHING).unwrap();
    assert_eq!(
        (kept.stage, kept.by, kept.device_time),
        (FailureStage::Final, name("hanako"), at("2026-11-22T03:00:00Z"))
    );
}
