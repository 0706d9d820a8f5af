//! The pages in a real browser. With `KUKAKU_SCREENSHOTS` set to a folder, a picture of each page
//! is kept there.

use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::webdriver::Browser;

pub fn sign_in(browser: &Browser, address: &str, name: &str, password: &str) {
    browser.open(&format!("{address}/login"));
    browser.type_into("#name", name);
    browser.type_into("#password", password);
    browser.follow("main button.act");
}

#[track_caller]
pub fn no_complaints(browser: &Browser) {
    let complaints: Vec<String> = browser
        .complaints()
        .into_iter()
        .filter(|line| !line.contains("401 (Unauthorized)") && !line.contains("422 (Unprocessable Entity)"))
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_manager_signs_in_for_the_first_time_and_sees_the_board_change_without_reloading() {
    let site = Site::new().await;
    day::tell(&site).await;
    let initial = site.users().create("sato", kukaku_store::users::Role::Manager, at(3600)).unwrap();
    let address = format!("http://127.0.0.1:{}", site.addr.port());
    let browser = Browser::start("first");
    browser.resize(1440, 1000);

    sign_in(&browser, &address, "sato", "something else altogether");
    assert!(browser.text_of("[role=alert]").contains("サインインできません"));
    browser.picture("login");
    sign_in(&browser, &address, "sato", &initial);
    assert_eq!(browser.address(), format!("{address}/password"), "the cookie with its prefix is taken on loopback");
    browser.picture("password");
    // Nothing else is shown before the password is changed.
    browser.open(&format!("{address}/sessions"));
    assert_eq!(browser.address(), format!("{address}/password"));
    browser.type_into("#new", "Yuki no Asa ni 7 saku");
    browser.type_into("#again", "Yuki no Asa ni 7 saku");
    browser.follow("main button.act");
    assert_eq!(browser.address(), format!("{address}/"));
    browser.wait_for("document.querySelectorAll('.zone').length === 3");
    browser.run("window.theSamePage = true");
    assert!(browser.text_of("main").contains("佐藤 花子"));

    // Somebody goes in: the board shows him, on the same page, with the focus where it was.
    browser.run("document.querySelector('a.more').focus()");
    site.pass_to(3605).await;
    site.read_card("south-in", "card:03").await;
    browser.wait_for("[...document.querySelectorAll('.zone')].some(z => z.textContent.includes('区画B') && z.textContent.includes('高橋 美咲'))");
    assert_eq!(browser.run("return window.theSamePage && document.activeElement.className"), "more");
    // What is announced to a screen reader is what became of the site.
    site.session_starts("7790", "nobody", "term-1").await;
    site.pass_to(3700).await;
    browser.wait_for("document.querySelector('main').textContent.includes('未登録アカウント')");
    browser.wait_for("document.getElementById('told').textContent.length > 0");

    browser.follow("header.top form button");
    browser.wait_for("document.documentElement.lang === 'en'");
    assert!(browser.text_of("h1").contains("Status"));
    browser.follow("header.top form button");
    browser.wait_for("document.documentElement.lang === 'ja'");

    // The sign-in ends elsewhere: the page leaves by itself.
    site.users().disable("sato", at(3700)).unwrap();
    browser.wait_for("location.pathname === '/login'");
    no_complaints(&browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_page_can_be_read_on_a_desk_on_a_phone_and_on_the_wall() {
    let site = Site::new().await;
    day::tell(&site).await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("every");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    assert_eq!(browser.address(), format!("{address}/"));

    let session = "/sessions/find?source=vpn-1&session=7782&at=2026-11-22T09:10:00%2B09:00";
    let pages = [
        ("board", "/"),
        ("sessions", "/sessions"),
        ("session", session),
        ("entries", "/entries"),
        ("findings", "/findings"),
        ("finding", "/findings/1"),
        ("orders", "/orders"),
        ("failures", "/failures"),
        ("sources", "/sources"),
        ("registers", "/registers"),
        ("rights", "/rights"),
        ("sheet", "/registers/sheet?table=operator"),
        ("companies", "/registers/companies"),
        ("journal", "/journal"),
        ("journal-entry", "/journal/12"),
        ("retention", "/retention"),
        ("unreadable", "/unreadable"),
        ("certificate", "/certificate"),
    ];
    for (name, path) in pages {
        browser.resize(1440, 1000);
        browser.open(&format!("{address}{path}"));
        browser.picture(name);
        legible(&browser, name);
        browser.resize(360, 780);
        let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert!(over.as_i64().unwrap() <= 0, "{name} is {over} pixels wider than a phone");
        if ["board", "sessions", "session", "entries"].contains(&name) {
            browser.picture(&format!("{name}-phone"));
        }
    }
    // The check sees what it is for.
    browser.run("document.querySelector('h1').style.color = '#8a8f98'; document.querySelector('main').append(document.createElement('select'))");
    assert_eq!(faults(&browser).as_array().unwrap().len(), 2, "{}", faults(&browser));

    browser.resize(1440, 1000);
    browser.dark(true);
    for (name, path) in [("board-dark", "/"), ("session-dark", session)] {
        browser.open(&format!("{address}{path}"));
        legible(&browser, name);
        browser.picture(name);
    }
    browser.dark(false);

    browser.open(&format!("{address}/entries?person=op-01"));
    browser.click("#csv");
    let csv = std::fs::read(browser.downloaded("csv")).unwrap();
    assert!(csv.starts_with("\u{FEFF}\"発生日時\"".as_bytes()));

    // A wall display shows its one page, large, and nothing else.
    browser.resize(1920, 1080);
    browser.open(&format!("{address}/"));
    browser.follow("form[action='/wall/start'] button");
    browser.wait_for("location.pathname === '/wall'");
    let size = browser.run("return parseFloat(getComputedStyle(document.querySelector('.zone .name')).fontSize)");
    assert!(size.as_f64().unwrap() >= 30.0, "letters of {size} pixels can't be read from three metres");
    let over = browser.run("return document.documentElement.scrollHeight - document.documentElement.clientHeight");
    assert!(over.as_i64().unwrap() <= 0, "nobody scrolls a wall display, and it is {over} pixels too high");
    browser.picture("wall");
    browser.open(&format!("{address}/entries"));
    assert_eq!(browser.address(), format!("{address}/wall"));
    no_complaints(&browser);
}

/// WCAG 2.2 AA, as far as a machine can tell: contrast of every text, a name for every control,
/// one heading, a language, no positive tab order.
#[track_caller]
pub fn legible(browser: &Browser, name: &str) {
    assert_eq!(faults(browser), serde_json::json!([]), "{name}");
}

fn faults(browser: &Browser) -> serde_json::Value {
    browser.run(
        r#"
        const out = [];
        const parts = (c) => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
        const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
          return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
        const ground = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
          if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let n = walk.nextNode(); n; n = walk.nextNode()) {
          const e = n.parentElement; if (!n.data.trim() || e.closest("svg,script,style,noscript,option,.sr,.stale,.skip,thead.sr") || !e.offsetParent) continue;
          const style = getComputedStyle(e); if (style.visibility === "hidden") continue;
          const [a, b] = [light(parts(style.color)), light(ground(e))];
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (contrast < 4.5) out.push("contrast " + contrast.toFixed(2) + ": " + n.data.trim().slice(0, 30));
        }
        for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
          if (!e.labels.length && !e.getAttribute("aria-label")) out.push("no label: " + e.name);
        for (const e of document.querySelectorAll("a,button")) if (!e.textContent.trim() && !e.getAttribute("aria-label")) out.push("no name: " + e.outerHTML.slice(0, 60));
        for (const e of document.querySelectorAll("th:not([scope])")) out.push("th without scope: " + e.textContent);
        if (document.querySelectorAll("h1").length !== 1) out.push("headings: " + document.querySelectorAll("h1").length);
        if (!document.documentElement.lang || !document.title) out.push("no language or title");
        if (document.querySelector("[tabindex]:not([tabindex='0']):not([tabindex='-1'])")) out.push("tab order");
        const ids = [...document.querySelectorAll("[id]")].map(e => e.id); const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
        if (twice.length) out.push("ids twice: " + twice);
        if (parseFloat(getComputedStyle(document.body).fontSize) < 16) out.push("small letters");
        return out;"#,
    )
}
