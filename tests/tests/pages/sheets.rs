//! Tables of the registers as CSV, and the list of companies.
//!
//! The harm if one fails: what a manager did not see coming is in force, or an inspector reads a
//! list that leaves somebody out.

use super::browser::{legible, no_complaints, sign_in};
use super::client::Client;
use super::day::{self, after, holds};
use super::site::{ADMIN, PASSWORD, Site};
use super::webdriver::Browser;

fn hand_in(client: &mut Client, table: &str, csv: &str, more: &[(&str, &str)]) -> super::client::Answer {
    let token = client.token("/registers");
    let mut fields = vec![("token", token.as_str()), ("table", table), ("csv", csv)];
    fields.extend(more);
    client.post("/registers/sheet", &fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_table_is_taken_out_changed_shown_and_only_then_taken_in() {
    let (_site, mut client) = after().await;
    let csv = client.get("/registers/sheet.csv?table=person");
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    let csv = csv.text();
    assert!(csv.starts_with("\u{FEFF}\"ID\",\"氏名\""), "{csv}");
    let same = hand_in(&mut client, "person", &csv, &[]);
    holds(&same.text(), &["変更はありません"]);
    let changed = csv.replace("田中 警備", "田中 警備員") + "staff-99,=新人,,\r\n";
    let shown = hand_in(&mut client, "person", &changed, &[]);
    assert_eq!(shown.status, 200);
    holds(
        &shown.text(),
        &["まだ変更されていません", "変更 person", "田中 警備員", "新規 person staff-99", "この差分を記録する"],
    );
    assert!(!client.get("/registers").text().contains("田中 警備員"), "nothing was changed");
    let keep = [("act", "keep"), ("why", "改名の届け出")];
    assert_eq!(hand_in(&mut client, "person", &changed, &keep[..1]).status, 422, "without a reason");
    let done = hand_in(&mut client, "person", &changed, &keep);
    assert_eq!(done.status, 200);
    holds(&done.text(), &["台帳を更新しました"]);
    holds(&client.get("/registers").text(), &["田中 警備員", "=新人", "改名の届け出"]);
    holds(&client.get("/registers/sheet.csv?table=person").text(), &["\"'=新人\""]);
    let wrong = hand_in(&mut client, "person", "id,氏名,色\nx,y,z\n", &keep);
    assert_eq!(wrong.status, 422);
    holds(&wrong.text(), &["台帳は変更されていません", "person.csv, line 1, column", "色"]);
    assert_eq!(client.get("/registers/sheet?table=nothing").status, 400);
    assert_eq!(client.get("/registers/sheet").status, 404);
    let token = client.token("/registers");
    assert_eq!(client.post("/registers/sheet", &[("token", &token), ("table", "nothing")]).status, 404);
    assert_eq!(client.post("/registers/sheet", &[("table", "person"), ("csv", "id\nx\n")]).status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_list_of_companies_shows_who_works_under_whom_and_by_which_consent() {
    let (_site, mut client) = after().await;
    holds(&client.get("/registers/companies").text(), &["再委託一覧", "この契約先の会社は登録されていません"]);
    let keep = [("act", "keep"), ("why", "再委託の届け出")];
    let companies = "id,名称,再委託元,契約先(複数),委託内容,代表者\n\
                     main,本社,,tomakomai,,\n\
                     third,孫請け,sub,tomakomai,監視,\n\
                     sub,再委託先,main,tomakomai,障害対応,千歳 一\n";
    assert_eq!(hand_in(&mut client, "company", companies, &keep).status, 200);
    let operator = hand_in(&mut client, "operator", "id,会社\nop-01,third\n", &keep);
    assert_eq!(operator.status, 200);
    let permit = "id,会社,契約先,番号,日付,期限(この日まで)\nc-1,sub,tomakomai,苫情第13号,2026/4/1,2027/3/31\n";
    assert_eq!(hand_in(&mut client, "permit", permit, &keep).status, 200);
    let page = client.get("/registers/companies").text();
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(place("<bdi>本社") < place("└ <bdi>再委託先") && place("└ <bdi>再委託先") < place("└ <bdi>孫請け"));
    holds(&page, &["苫情第13号 2026-04-01（2027-03-31まで）", "承諾なし", "千歳 一", "障害対応"]);
    holds(&client.get("/registers").text(), &["孫請け"]);
    let circle = hand_in(&mut client, "company", "id,再委託元\nmain,third\n", &keep);
    assert_eq!(circle.status, 422);
    holds(&circle.text(), &["leads back to itself"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_as_excel_in_japan_saves_it_is_chosen_in_the_browser() {
    let site = Site::new().await;
    day::tell(&site).await;
    let address = format!("http://localhost:{}", site.addr.port());
    let browser = Browser::start("sheets");
    browser.resize(1440, 1000);
    sign_in(&browser, &address, ADMIN, PASSWORD);
    browser.open(&format!("{address}/registers/sheet?table=person"));
    let file = std::env::temp_dir().join(format!("kukaku-sheet-{}.csv", std::process::id()));
    // "ID,氏名" and "v-9,山田" in Shift_JIS.
    std::fs::write(&file, b"ID,\x8E\x81\x96\xBC\r\nv-9,\x8E\x52\x93\x63\r\n").unwrap();
    browser.type_into("#file", file.to_str().unwrap());
    browser.wait_for("document.querySelector('#csv').value.includes('山田')");
    std::fs::remove_file(&file).unwrap();
    browser.follow("form:last-of-type button.act");
    let shown = browser.text_of("main");
    assert!(shown.contains("新規 person v-9") && shown.contains("山田"), "{shown}");
    legible(&browser, "sheet-tried");
    browser.type_into("#why", "来訪者の登録");
    browser.follow("form:first-of-type button.act");
    let done = browser.text_of("main");
    assert!(done.contains("台帳を更新しました"), "{done}");
    no_complaints(&browser);
}
