//! A session that two sources tell of, in the browser: one line in the list, both records on its page.

use super::browser::{legible, no_complaints, sign_in};
use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::webdriver::Browser;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_line_and_the_desktop_behind_it_are_shown_as_one_with_the_reason() {
    let site = Site::new().await;
    day::tell(&site).await;
    let time = |seconds: i64| at(seconds).to_rfc3339_utc();
    site.pass_to(4000).await;
    let told = [
        serde_json::json!({"kind": "session.started", "source": "vpn-1", "device_time": time(3800), "session": "9001",
            "account": "tmk-a01", "terminal": "term-1", "address": "192.0.2.7", "inner_address": "10.8.0.5",
            "factors": ["password", "certificate"]}),
        serde_json::json!({"kind": "session.started", "source": "kihon-srv", "device_time": time(3830),
            "session": "SV01 <b>7</b>", "account": "tmk-a01", "address": "10.8.0.5", "target": "kihon-db01"}),
        serde_json::json!({"kind": "session.ended", "source": "vpn-1", "device_time": time(3950), "session": "9001"}),
    ];
    for one in &told {
        site.observe(&one.to_string()).await;
    }
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("joined");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    // Either source's id leads to the one session.
    let find = |source: &str, session: &str| {
        browser.open(&format!("{address}/sessions/find?source={source}&session={session}&at={}", time(3990)));
        browser.address()
    };
    let page = find("kihon-srv", "SV01%20%3Cb%3E7%3C%2Fb%3E");
    assert_eq!(find("vpn-1", "9001"), page);
    let shown = browser.text_of("section[aria-labelledby=h-parts]");
    for part in [
        "この1件を示す記録",
        "回線が払い出したアドレスからの接続",
        "10.8.0.5",
        "kihon-db01",
        "終了の記録なし",
        "SV01 <b>7</b>",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    legible(&browser, "session-joined");
    browser.picture("session-joined");
    browser.resize(360, 780);
    let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(over.as_i64().unwrap() <= 0, "{over} pixels wider than a phone");
    browser.resize(1440, 1000);
    browser.open(&format!("{address}/sessions?source=kihon-srv"));
    let rows = browser.run("return document.querySelectorAll('table tbody tr').length");
    assert_eq!(rows, 1, "{}", browser.text_of("main"));
    assert!(browser.text_of("table").contains("9001"), "{}", browser.text_of("table"));
    no_complaints(&browser);
}
