//! What a city was told of a session and when, on the session's page and on a sheet to print.

use kukaku_store::notices::{NoticeRow, of_session};
use kukaku_store::{OutboxState, read_only};

use super::browser::{legible, no_complaints, sign_in};
use super::site::{ADMIN, PASSWORD, REGISTERS, Site, at};
use super::webdriver::Browser;

/// A session of a city that is told within ten minutes; it ends after half an hour.
async fn told() -> Site {
    let site = Site::new().await;
    let text = REGISTERS.replacen("work_orders = false", "work_orders = false\nnotify = [\"city@example.lg.jp\"]", 1);
    let registers = kukaku_schema::registers::parse(&text, "site.toml").unwrap();
    site.pass_to(-60).await;
    site.writer.import_registers(registers, "manager".to_owned(), "市への通知".to_owned()).await.unwrap();
    site.pass_to(0).await;
    site.read_card("north-in", "card:01").await;
    site.pass_to(300).await;
    site.session_starts("7781", "tmk-a01", "term-1").await;
    site
}

fn notices(site: &Site) -> Vec<NoticeRow> {
    of_session(&read_only(&site.store_file()).unwrap(), 1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_shows_when_the_city_was_told_and_prints_the_sheet() {
    let site = told().await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("notices");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    let page = format!("{address}/sessions/1");
    browser.open(&page);
    assert!(browser.text_of("main").contains("送信待ち"), "{}", browser.text_of("main"));
    // No checkpoint covers it yet: the sheet says so instead of carrying an older one.
    browser.open(&format!("{page}/notice?moment=start"));
    assert!(browser.text_of("main").contains("封印はまだありません"), "{}", browser.text_of("main"));

    site.pass_to(312).await;
    site.writer.checkpoint().await.unwrap();
    let start = notices(&site).remove(0);
    let delivered = NoticeRow {
        state: OutboxState::Delivered,
        delivered_at: Some(at(312)),
        told: Some("1 receivers".to_owned()),
        checkpoint_size: Some(start.covers),
        ..start
    };
    site.writer.note_notice(delivered.id, Some(delivered)).await.unwrap();
    site.pass_to(2100).await;
    site.session_ends("7781").await;
    site.pass_to(2800).await;
    sign_in(&browser, &address, ADMIN, PASSWORD);
    browser.open(&page);
    let shown = browser.text_of("main");
    assert!(shown.contains("12秒後") && shown.contains("期限内"), "{shown}");
    assert!(shown.contains("送信 まだ") && shown.contains("期限超過"), "{shown}");
    // Every page tells that a city waits.
    browser.open(&format!("{address}/entries"));
    assert!(browser.text_of("body").contains("市への開始・終了通知 1件が期限内に届いていません"));
    browser.open(&page);
    browser.picture("session-notices");
    legible(&browser, "session with notices");

    site.writer.checkpoint().await.unwrap();
    browser.open(&format!("{page}/notice?moment=end"));
    let sheet = browser.text_of("main");
    for part in ["苫小牧市 御中", "リモート保守 終了通知", "佐藤 花子 (op-01)", "受付番号", "署名", "KUKAKU PAPER 1"]
    {
        assert!(sheet.contains(part), "{part} is missing in {sheet}");
    }
    assert_eq!(browser.run("return document.querySelectorAll('main svg').length > 0"), true, "the code is drawn");
    browser.picture("notice");
    legible(&browser, "notice");
    browser.resize(360, 780);
    browser.open(&format!("{page}/notice?moment=end"));
    let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(over.as_i64().unwrap() <= 0, "the sheet is {over} pixels wider than a phone");
    no_complaints(&browser);
}
