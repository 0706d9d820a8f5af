//! A failure is reported in the browser, reported again as more is known, and printed for the city.
//!
//! Harm: the city is told of a failure by word of mouth alone; a later report hides the first one; what
//! was typed in a hurry is lost by one wrong field.

use super::browser::{legible, no_complaints, sign_in};
use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::webdriver::Browser;

/// Fills the least that a first report says.
fn fill(browser: &Browser, id: &str) {
    browser.type_into("#id", id);
    browser.run("document.querySelector('#client').value = 'tomakomai'");
    browser.run("document.querySelector('#stage').value = 'first'");
    browser.run("document.querySelector('#detected_at').value = '2026-11-22T09:10:00'");
    browser.type_into("#systems", "kihon-db01");
    browser.type_into("#symptom", "応答なし <script>alert(1)</script>");
    browser.type_into("#reported_by", "鈴木 一郎");
    browser.click("input[name='op:op-01']");
}

/// An order of the day, whose work was reported with a failure.
async fn work(site: &Site) {
    day::tell(site).await;
    site.pass_to(3650).await;
    let order = serde_json::json!({
        "kind": "order.revised", "source": "kukaku", "device_time": at(3650).to_rfc3339_utc(), "order": "R8-0123",
        "client": "tomakomai", "act": "report", "state": "reported", "by": "hanako", "side": "vendor",
        "from": at(0).to_rfc3339_utc(), "to": at(3600).to_rfc3339_utc(), "purpose": "定期保守",
        "content": "ログの確認", "operators": ["op-01"], "responsible": "鈴木 一郎",
        "report": {"from": at(300).to_rfc3339_utc(), "to": at(3600).to_rfc3339_utc(), "operators": ["op-01"],
                   "result": "作業中に応答が止まった", "approved_by": "鈴木 一郎", "failure": true},
    });
    site.tell_itself(&order.to_string()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failure_is_reported_from_its_session_again_when_more_is_known_and_on_paper() {
    let site = Site::new().await;
    work(&site).await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("failures");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    browser.open(&format!("{address}/failures"));
    assert!(browser.text_of("main").contains("障害報告はまだありません"));
    assert_eq!(browser.text_of("nav [aria-current=page]"), "障害報告");
    // The order says that one is owed.
    browser.open(&format!("{address}/orders/show?id=R8-0123"));
    assert!(browser.text_of("main").contains("障害報告がまだありません"), "{}", browser.text_of("main"));
    browser.open(&format!("{address}/sessions/1"));
    browser.follow("main a[href^='/failures?client=tomakomai&session=7781']");
    let named =
        browser.run("return [document.querySelector('#order').value, document.querySelector('#session').value]");
    assert_eq!(named, serde_json::json!(["R8-0123", "7781"]));

    // One wrong field, and nothing that was typed is lost.
    fill(&browser, "F8-0012");
    browser.run("document.querySelector('#occurred_at').value = '2026-11-22T09:20:00'");
    browser.follow("#write form button.act");
    let alert = browser.text_of("[role=alert]");
    assert!(alert.contains("検知日時が発生日時より前です"), "{alert}");
    for (field, value) in [("id", "F8-0012"), ("client", "tomakomai"), ("session", "7781"), ("systems", "kihon-db01")] {
        assert_eq!(browser.run(&format!("return document.querySelector('#{field}').value")), value, "{field}");
    }
    assert_eq!(browser.run("return document.querySelector(\"input[name='op:op-01']\").checked"), true);
    browser.run("document.querySelector('#occurred_at').value = '2026-11-22T09:05:00'");
    browser.follow("#write form button.act");
    let shown = browser.text_of("main");
    for part in
        ["F8-0012", "第一報", "検知の50分50秒後", "未復旧", "未確認", "佐藤 花子", "<script>", "R8-0123", "7781"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    legible(&browser, "failure");

    // The final report wants all of it, and keeps number, client and what was said.
    site.pass_to(3700).await;
    browser.click("#write summary");
    browser.run("document.querySelector('#stage').value = 'final'");
    browser.follow("#write form button.act");
    let alert = browser.text_of("[role=alert]");
    assert!(alert.contains("最終報告には「復旧日時」「原因」「処置」「再発防止策」が必要です"), "{alert}");
    browser.run("document.querySelector('#recovered_at').value = '2026-11-22T09:40:00'");
    for (field, said) in [("cause", "記憶装置の満杯"), ("measures", "ログを削除"), ("prevention", "残量の監視")]
    {
        browser.type_into(&format!("#{field}"), said);
    }
    browser.follow("#write form button.act");
    let shown = browser.text_of("main");
    assert!(shown.contains("最終報告") && shown.contains("第一報") && shown.contains("記憶装置の満杯"), "{shown}");
    let stages = browser.run("return [...document.querySelectorAll('#stage option')].map(o => o.value)");
    assert_eq!(stages, serde_json::json!(["final"]), "it doesn't go back");
    browser.picture("failure");
    browser.click("#write summary");
    browser.picture("failure-form");
    legible(&browser, "failure with its form");
    on_paper(&browser, &site, &address).await;
    in_its_places(&browser, &address);
    no_complaints(&browser);
}

async fn on_paper(browser: &Browser, site: &Site, address: &str) {
    // No checkpoint covers it yet: the sheet says so instead of carrying an older one.
    browser.open(&format!("{address}/failures/sheet?id=F8-0012"));
    assert!(browser.text_of("main").contains("封印はまだありません"), "{}", browser.text_of("main"));
    site.writer.checkpoint().await.unwrap();
    browser.open(&format!("{address}/failures/show?id=F8-0012"));
    // The first report is still there to be read, as it was.
    browser.follow("main td a[href^='/failures/sheet']");
    let sheet = browser.text_of("main");
    for part in ["苫小牧市 御中", "障害報告書（第一報）", "未復旧", "受付番号", "KUKAKU PAPER 1"]
    {
        assert!(sheet.contains(part), "{part} is missing in {sheet}");
    }
    assert!(!sheet.contains("記憶装置の満杯"), "{sheet}");
    browser.open(&format!("{address}/failures/sheet?id=F8-0012"));
    let sheet = browser.text_of("main");
    assert!(sheet.contains("障害報告書（最終報告）") && sheet.contains("残量の監視"), "{sheet}");
    assert_eq!(browser.run("return document.querySelectorAll('main svg').length > 0"), true, "the code is drawn");
    browser.picture("failure-sheet");
    legible(browser, "failure on paper");
}

fn in_its_places(browser: &Browser, address: &str) {
    for page in ["/orders/show?id=R8-0123", "/sessions/1"] {
        browser.open(&format!("{address}{page}"));
        let shown = browser.text_of("main");
        assert!(shown.contains("F8-0012") && !shown.contains("障害報告がまだありません"), "{page}: {shown}");
        legible(browser, page);
    }
    browser.picture("session-failures");
    // What names neither the session nor an order of its operator is not shown there.
    browser.open(&format!("{address}/sessions/2"));
    assert!(!browser.text_of("main").contains("F8-0012"), "{}", browser.text_of("main"));
    for (width, name) in [(1440, "failures"), (360, "failures-phone")] {
        browser.resize(width, 900);
        browser.open(&format!("{address}/failures"));
        let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert!(over.as_i64().unwrap() <= 0, "the failures are {over} pixels too wide at {width}");
        browser.picture(name);
        legible(browser, name);
    }
    // Without a mouse: the form opens and is reached by keyboard alone.
    browser.run("document.querySelector('#write summary').focus()");
    let tabbable = "return [...document.querySelectorAll('#write form [name]:not([type=hidden])')].every(f => \
                    f.tabIndex === 0 && (f.labels && f.labels.length > 0))";
    assert_eq!(browser.run(tabbable), true, "every field has its label and is reached");
    browser.resize(1440, 1000);
}
