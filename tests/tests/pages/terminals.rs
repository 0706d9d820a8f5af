//! When a terminal was on, held against the city's orders; its operation logs, and their absence.

use kukaku::writer::Clock as _;

use super::browser::{legible, no_complaints, sign_in};
use super::site::{ADMIN, PASSWORD, REGISTERS, Site, at};
use super::webdriver::Browser;

/// The city allows an order, now.
async fn approved(site: &Site, order: &str, from: i64, to: i64) {
    let order = serde_json::json!({
        "kind": "order.revised", "source": "kukaku", "device_time": site.clock.read().wall.to_rfc3339_utc(),
        "order": order, "client": "tomakomai", "act": "approve", "state": "approved", "by": "hanako",
        "side": "paper", "paper": "総務第12号", "from": at(from).to_rfc3339_utc(), "to": at(to).to_rfc3339_utc(),
        "purpose": "定期保守", "content": "ログの確認", "operators": ["op-01"], "responsible": "鈴木 一郎",
    });
    site.tell_itself(&order.to_string()).await;
}

/// A terminal of one city, whose work needs orders and is logged.
async fn told() -> Site {
    let site = Site::new().await;
    let text = REGISTERS
        .replacen("work_orders = false", "work_orders = true", 1)
        .replace("id = \"term-1\"\n", "id = \"term-1\"\noplog = true\noplog_keep = \"90d\"\n");
    assert!(text.contains("oplog = true"), "{text}");
    let registers = kukaku_schema::registers::parse(&text, "site.toml").unwrap();
    site.pass_to(-900).await;
    site.writer.import_registers(registers, "manager".to_owned(), "操作ログ".to_owned()).await.unwrap();
    site.pass_to(-850).await;
    approved(&site, "R8-0123", 0, 3600).await;
    // A quarter of an hour before the order begins, and again within it.
    for (seconds, state) in [(-800, "on"), (-700, "off"), (200, "on")] {
        site.pass_to(seconds).await;
        let power = serde_json::json!({
            "kind": "terminal.power", "source": "pdu-1", "device_time": at(seconds).to_rfc3339_utc(),
            "terminal": "term-1", "state": state,
        });
        site.observe(&power.to_string()).await;
    }
    site.read_card("north-in", "card:01").await;
    for (seconds, id) in [(300, "7781"), (700, "7782")] {
        site.pass_to(seconds).await;
        site.session_starts(id, "tmk-a01", "term-1").await;
        site.pass_to(seconds + 200).await;
        site.session_ends(id).await;
    }
    let log = serde_json::json!({
        "kind": "oplog.segment", "source": "oplog-1", "device_time": at(600).to_rfc3339_utc(), "terminal": "term-1",
        "path": "term-1/2026-11-22.log", "start": at(0).to_rfc3339_utc(), "end": at(600).to_rfc3339_utc(),
        "bytes": 48211, "sha256": "ab".repeat(32),
    });
    site.observe(&log.to_string()).await;
    site.pass_to(1000).await;
    // Allowed only now, for the whole day: it makes nothing right that was before.
    approved(&site, "R8-0999", -7200, 3600).await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn power_outside_orders_and_sessions_without_a_log_stand_out() {
    let site = told().await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("terminals");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    browser.open(&format!("{address}/sessions/1"));
    let shown = browser.text_of("main");
    for part in ["操作ログあり", "term-1/2026-11-22.log", "申請 R8-0123 の期間内", "承認された申請の期間:"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    browser.picture("session-terminal");
    legible(&browser, "session with its terminal");
    browser.open(&format!("{address}/sessions/2"));
    let shown = browser.text_of("main");
    assert!(shown.contains("操作ログなし"), "{shown}");

    browser.open(&format!("{address}/sources"));
    browser.follow("a[href='/terminals']");
    let shown = browser.text_of("main");
    for part in ["承認された申請の期間外", "申請 R8-0123 の期間内", "7782", "保存・照合値あり"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert_eq!(shown.matches("承認された申請の期間外").count(), 1, "{shown}");
    let unlogged =
        browser.run("return [...document.querySelectorAll('main a[href^=\"/sessions/\"]')].map(a => a.textContent)");
    assert_eq!(unlogged, serde_json::json!(["7782"]));
    browser.picture("terminals");
    legible(&browser, "terminals");
    browser.resize(360, 780);
    browser.open(&format!("{address}/terminals"));
    let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(over.as_i64().unwrap() <= 0, "the terminals are {over} pixels wider than a phone");
    no_complaints(&browser);
}
