//! A facility manager hands in a work order and reports the work, in the browser.

use kukaku_ledger::SigningKey;
use kukaku_pack::{OrderAnswer, OrderSheet};

use super::browser::{legible, no_complaints, sign_in};
use super::day;
use super::site::{ADMIN, PASSWORD, REGISTERS, Site, at};
use super::webdriver::Browser;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_is_written_handed_in_allowed_on_paper_and_reported() {
    let site = Site::new().await;
    day::tell(&site).await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("orders");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);

    browser.open(&format!("{address}/orders"));
    assert!(browser.text_of("main").contains("申請はまだありません"));
    browser.type_into("#id", "R8-0123");
    browser.run("document.querySelector('#from').value = '2026-11-24T12:00'");
    browser.run("document.querySelector('#to').value = '2026-11-24T09:00'");
    browser.run("document.querySelector('#client').value = 'tomakomai'");
    browser.type_into("#purpose", "定期保守");
    browser.type_into("#content", "ログの確認 <script>alert(1)</script>");
    browser.type_into("#targets", "kihon-db01");
    browser.type_into("#responsible", "鈴木 一郎");
    browser.click("input[name='op:op-01']");
    let hash = "ab".repeat(32);
    browser.run(&format!("document.querySelector('#files').value = '{hash}  a.zip\\nzip'"));
    browser.follow("#write form button[value='1']");
    // What is wrong stands beside its field, tied to it for a screen reader, and above as a link to it.
    assert!(browser.text_of("#files-wrong").contains("2行目を読み取れません"), "{}", browser.text_of("main"));
    assert_eq!(browser.run("return document.querySelector('#files').getAttribute('aria-invalid')"), "true");
    let tied = "return document.querySelector('#files').getAttribute('aria-describedby')";
    assert_eq!(browser.run(tied), "files-wrong files-hint");
    assert_eq!(browser.run("return document.querySelectorAll('[role=alert] a[href=\"#files\"]').length"), 1);
    assert_eq!(browser.run("return document.querySelectorAll('[aria-invalid]').length"), 1);
    legible(&browser, "orders");
    browser.picture("orders-refused");
    browser.run(&format!("document.querySelector('#files').value = '{hash}  a.zip\\n{hash} *更新 <b>.msi'"));
    browser.follow("#write form button[value='1']");
    assert!(browser.text_of("#to-wrong").contains("期間の終わりが始まりより前です"));
    assert!(browser.text_of("[role=alert]").contains("期間の終わりが始まりより前です"), "{}", browser.text_of("main"));
    assert_eq!(browser.run("return document.querySelector('#id').value"), "R8-0123", "what was typed is not lost");
    assert_eq!(browser.run("return document.querySelector(\"input[name='op:op-01']\").checked"), true);
    browser.run("document.querySelector('#to').value = '2026-11-24T15:00'");
    browser.follow("#write form button[value='1']");
    let shown = browser.text_of("main");
    assert!(
        shown.contains("申請済") && shown.contains("市の操作を待っています") && shown.contains("<script>"),
        "{shown}"
    );
    assert!(shown.contains(&hash) && shown.contains("更新 <b>.msi"), "the files to apply: {shown}");
    legible(&browser, "order");
    browser.picture("order-waits");
    // A new order begun from this one: all but its number, its period and the approval.
    browser.follow("a[href='/orders?like=R8-0123#write']");
    assert!(browser.text_of("#write [role=status]").contains("R8-0123"));
    let field = |id: &str| browser.run(&format!("return document.querySelector('#{id}').value"));
    for (id, value) in [
        ("id", ""),
        ("from", ""),
        ("to", ""),
        ("client", "tomakomai"),
        ("purpose", "定期保守"),
        ("content", "ログの確認 <script>alert(1)</script>"),
        ("targets", "kihon-db01"),
        ("responsible", "鈴木 一郎"),
        ("files", &format!("{hash}  a.zip\n{hash}  更新 <b>.msi\n")),
    ] {
        assert_eq!(field(id), value, "{id}");
    }
    assert_eq!(browser.run("return document.querySelector(\"input[name='op:op-01']\").checked"), true);
    legible(&browser, "orders");
    browser.picture("orders-like");
    browser.type_into("#id", "R8-0124");
    browser.run("document.querySelector('#from').value = '2026-12-24T12:00'");
    browser.run("document.querySelector('#to').value = '2026-12-24T15:00'");
    browser.follow("#write form button[value='0']");
    assert!(browser.text_of("h1").contains("R8-0124") && browser.text_of("h1").contains("作成中"));
    assert!(browser.text_of("main").contains("更新 <b>.msi"));
    browser.open(&format!("{address}/orders/show?id=R8-0123"));
    // What is no signature of the city is refused on the page, and kept.
    browser.type_into("#answer", "承認します");
    browser.follow("form[action='/orders/take'] button");
    let alert = browser.text_of("[role=alert]");
    assert!(alert.contains("kukaku-verify の作った回答") && alert.contains("読めなかった記録"), "{alert}");

    // The city's paper takes two: the one who is signed in and another one.
    site.pass_to(3650).await;
    site.users().create_with_password("hanako", "Seven-green-boats-91", at(3650)).unwrap();
    let enter = |who: &str, password: &str| {
        browser.run("document.querySelector('#paper').open = true");
        browser.click("input[name='act'][value='approve']");
        browser.type_into("#paper_number", "総務第12号");
        browser.type_into("#confirmed_by", who);
        browser.type_into("#password", password);
        browser.follow("form[action='/orders/paper'] button");
        browser.text_of("main")
    };
    assert!(enter(ADMIN, PASSWORD).contains("別の二人でなければなりません"));
    let shown = enter("hanako", "seven red boats");
    assert!(shown.contains("パスワードが違うか") && !shown.contains("総務第12号"), "{shown}");
    browser.run("document.querySelector('#paper').open = true");
    legible(&browser, "order");
    browser.picture("order-paper");
    site.users().create_with_password("kansa", "Seven-green-boats-91", at(3650)).unwrap();
    site.users().set_role("kansa", kukaku_store::users::Role::Auditor).unwrap();
    assert!(enter("kansa", "Seven-green-boats-91").contains("署名する権限がありません"));
    let shown = enter("hanako", "Seven-green-boats-91");
    assert!(!shown.contains("市の操作を待っています"), "{shown}");
    browser.open(&format!("{address}/orders/show?id=R8-0123"));
    let shown = browser.text_of("main");
    assert!(shown.contains("総務第12号") && shown.contains("業者入力"), "{shown}");
    browser.follow("form[action='/orders/act'] button[value='begin']");
    assert!(browser.text_of("h1").contains("作業中"));
    browser.run("document.querySelector('#report').open = true");
    browser.run("document.querySelector('#from').value = '2026-11-22T09:00'");
    browser.run("document.querySelector('#to').value = '2026-11-22T09:30'");
    browser.type_into("#result", "異常なし");
    browser.type_into("#approved_by", "鈴木 一郎");
    browser.picture("order");
    browser.follow("#report form button");
    // A session of that operator is still open on this day.
    assert!(browser.text_of("[role=alert]").contains("セッションがまだ続いています"), "{}", browser.text_of("main"));
    site.pass_to(3660).await;
    site.session_ends("7781").await;
    browser.run("document.querySelector('#report').open = true");
    browser.run("document.querySelector('#from').value = '2026-11-22T09:00'");
    browser.run("document.querySelector('#to').value = '2026-11-22T09:30'");
    browser.type_into("#result", "異常なし");
    browser.type_into("#approved_by", "鈴木 一郎");
    browser.follow("#report form button");
    let shown = browser.text_of("main");
    assert!(shown.contains("報告済") && shown.contains("異常なし"), "{shown}");
    browser.open(&format!("{address}/orders"));
    assert!(browser.text_of("table").contains("R8-0123") && browser.text_of("table").contains("報告済"));
    browser.resize(360, 780);
    browser.open(&format!("{address}/orders/show?id=R8-0123"));
    let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(over.as_i64().unwrap() <= 0, "the order is {over} pixels wider than a phone");
    no_complaints(&browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_citys_signature_is_taken_in_on_the_page_and_shown_as_the_citys() {
    let site = Site::new().await;
    day::tell(&site).await;
    let city = SigningKey::from_seed("tomakomai-soumu", &[5; 32]).unwrap();
    let line = format!("id = \"tomakomai\"\ncity_keys = [\"{}\"]", city.verifier());
    let registers = REGISTERS.replacen("id = \"tomakomai\"", &line, 1);
    let registers = kukaku_schema::registers::parse(&registers, "test").unwrap();
    site.writer.import_registers(registers, "kanri".to_owned(), "市の鍵".to_owned()).await.unwrap();
    let form = serde_json::json!({
        "kind": "order.revised", "source": "kukaku", "device_time": at(3650).to_rfc3339_utc(), "order": "R8-0200",
        "client": "tomakomai", "act": "submit", "state": "submitted", "by": "hanako", "side": "vendor",
        "from": "2026-11-24T12:00:00+09:00", "to": "2026-11-24T15:00:00+09:00",
        "purpose": "定期保守", "content": "ログの確認", "operators": ["op-01"], "responsible": "鈴木 一郎",
    });
    site.pass_to(3650).await;
    site.tell_itself(&form.to_string()).await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("answers");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    browser.open(&format!("{address}/orders/show?id=R8-0200"));
    // The file as the page gives it.
    let asked = "return fetch('/orders/sheet.json?id=R8-0200').then(answer => answer.text())";
    let sheet = OrderSheet::parse(browser.run(asked).as_str().unwrap().as_bytes()).unwrap();
    site.pass_to(3700).await;
    let answer = OrderAnswer::new(&sheet, "reject", at(3690).0, "総務 太郎", Some("月末は避けてください <b>"));
    let text = serde_json::json!(answer.sign(&city).unwrap());
    browser.run(&format!("document.querySelector('#answer').value = {text}"));
    browser.follow("form[action='/orders/take'] button");
    let shown = browser.text_of("main");
    for part in ["却下", "総務 太郎", "市の署名 tomakomai-soumu", "月末は避けてください <b>"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("市の操作を待っています"));
    legible(&browser, "order");
    browser.picture("order-signed");
    no_complaints(&browser);
}
