//! What the city signs with its own tool: taken in once, for the order as it was signed, or not
//! at all.

use kukaku_ledger::SigningKey;
use kukaku_pack::{OrderAnswer, OrderSheet};
use kukaku_schema::UtcMicros;

use crate::house::{REGISTERS, Site, exits, kukaku, kukaku_told, text};

const HANAKO: &str = "Seven-green-boats-91\n";

fn key() -> SigningKey {
    SigningKey::from_seed("tomakomai-soumu", &[5; 32]).unwrap()
}

/// A site where an order waits for the city, whose key is registered.
fn site() -> Site {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    users.create_with_password("hanako", "Seven-green-boats-91", kukaku::clock::now()).unwrap();
    drop(users);
    let line = format!("id = \"tomakomai\"\ncity_keys = [\"{}\"]", key().verifier());
    let registers = REGISTERS.replacen("id = \"tomakomai\"", &line, 1);
    let file = site.folder.write("with-key.toml", registers);
    let import = ["registers", site.dir(), "import", text(&file), "--by", "hanako", "--reason", "市の鍵"];
    exits(&kukaku(&import), 0);
    let form = exits(&kukaku(&["order", "template"]), 0).replace("op-01\", \"op-03", "op-01");
    let form = site.folder.write("order.toml", form);
    exits(&kukaku_told(&["order", site.dir(), "write", text(&form), "--submit", "--by", "hanako"], HANAKO), 0);
    site
}

fn sheet(site: &Site, name: &str) -> OrderSheet {
    let file = site.dir.join(name);
    exits(&kukaku(&["order", site.dir(), "sheet", "R8-0123", "--out", text(&file)]), 0);
    OrderSheet::parse(&std::fs::read(file).unwrap()).unwrap()
}

fn signed(sheet: &OrderSheet, act: &str, after_s: i64) -> String {
    let at = kukaku::clock::now().0 + after_s * 1_000_000;
    OrderAnswer::new(sheet, act, at, "総務 太郎", Some("夜間は不可")).sign(&key()).unwrap()
}

#[track_caller]
fn take(site: &Site, answer: &str, code: i32) -> String {
    let file = site.folder.write("answer.txt", answer);
    exits(&kukaku_told(&["order", site.dir(), "take", text(&file), "--by", "hanako"], HANAKO), code)
}

fn unreadable(site: &Site) -> i64 {
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    conn.query_row("SELECT count(*) FROM unreadable", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_city_allows_with_its_own_key_once_and_the_journal_keeps_what_it_signed() {
    let site = site();
    let first = sheet(&site, "order.json");
    let answer = signed(&first, "approve", 0);
    // A mail program's line ends change nothing.
    let said = take(&site, &format!("\r\n{}\r\n", answer.replace('\n', "\r\n")), 0);
    assert!(said.contains("order R8-0123 is approved (approve by 総務 太郎, signed with tomakomai-soumu)"), "{said}");
    let said = take(&site, &answer, 0);
    assert!(said.contains("was taken in before"), "{said}");
    let steps = exits(&kukaku(&["order", site.dir(), "show", "R8-0123", "--json"]), 0);
    let steps: Vec<serde_json::Value> = serde_json::from_str(&steps).unwrap();
    assert_eq!(steps.len(), 3, "the answer counted once");
    assert_eq!((&steps[2]["side"], &steps[2]["by"]), (&"city".into(), &"総務 太郎".into()));
    assert_eq!(steps[2]["answer"]["note"].as_str().unwrap(), answer.trim_end());
    assert_eq!(steps[2]["answer"]["taken_by"], "hanako");
    let shown = exits(&kukaku(&["order", site.dir(), "show", "R8-0123"]), 0);
    assert!(shown.contains("市の署名 tomakomai-soumu"), "{shown}");
    // Nothing waits for the city now.
    let out = site.dir.join("again.json");
    let said = exits(&kukaku(&["order", site.dir(), "sheet", "R8-0123", "--out", text(&out)]), 2);
    assert!(said.contains("doesn't wait for the city"), "{said}");
    exits(&kukaku_told(&["order", site.dir(), "begin", "R8-0123", "--by", "hanako"], HANAKO), 0);
    let steps = exits(&kukaku(&["order", site.dir(), "show", "R8-0123", "--json"]), 0);
    let steps: Vec<serde_json::Value> = serde_json::from_str(&steps).unwrap();
    assert!(steps[3].get("answer").is_none() && steps[3].get("event_id").is_none(), "the vendor's act is its own");
    assert_eq!(unreadable(&site), 0);
    exits(&kukaku(&["verify", site.dir()]), 0);
    exits(&kukaku(&["replay", "--store", site.dir()]), 0);
}

#[test]
fn what_the_city_did_not_sign_of_this_order_is_refused_with_the_reason_and_kept() {
    let site = site();
    let first = sheet(&site, "order.json");
    let strange = OrderAnswer::new(&first, "approve", kukaku::clock::now().0, "太郎", None);
    let strange = strange.sign(&SigningKey::from_seed("tomakomai-soumu", &[6; 32]).unwrap()).unwrap();
    assert!(take(&site, &strange, 2).contains("is none of the city's keys"));
    let answer = signed(&first, "approve", 0);
    assert!(take(&site, &answer.replace("太郎", "次郎"), 2).contains("signature doesn't hold"));
    assert!(take(&site, "yes, go ahead", 2).contains("no answer that kukaku-verify made"));
    assert!(take(&site, &signed(&first, "approve", 3600), 2).contains("lies in the future"));
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    let handed_in = UtcMicros::parse_rfc3339(body["device_time"].as_str().unwrap()).unwrap();
    let before = OrderAnswer::new(&first, "approve", handed_in.0 - 1, "太郎", None).sign(&key()).unwrap();
    assert!(take(&site, &before, 2).contains("before the order's"));
    assert!(take(&site, &signed(&first, "approve", -3600), 2).contains("no key of client tomakomai holds"));
    let said = take(&site, &signed(&first, "accept", 0), 2);
    assert!(said.contains("the order is submitted"), "{said}");
    let elsewhere: OrderSheet =
        serde_json::from_str(&first.to_json().replace(&format!("\"site\": \"{}\"", first.site), "\"site\": \"x\""))
            .unwrap();
    assert!(take(&site, &signed(&elsewhere, "approve", 0), 2).contains("an answer to site \"x\""));
    // The vendor writes something else under the number that the city has before it.
    let form = exits(&kukaku(&["order", "template"]), 0).replace("op-01\", \"op-03", "op-01");
    let form = site.folder.write("other.toml", form.replacen("ログの確認", "全件の書き出し", 1));
    exits(&kukaku_told(&["order", site.dir(), "write", text(&form), "--submit", "--by", "hanako"], HANAKO), 0);
    let said = take(&site, &answer, 2);
    assert!(said.contains("was changed after the city's sheet was made"), "{said}");
    let steps = exits(&kukaku(&["order", site.dir(), "show", "R8-0123", "--json"]), 0);
    assert!(!steps.contains("approve"), "{steps}");
    assert_eq!(unreadable(&site), 9, "each is kept and counted");
    // What the city is shown now, it can reject.
    let said = take(&site, &signed(&sheet(&site, "second.json"), "reject", 0), 0);
    assert!(said.contains("is rejected"), "{said}");
}

#[test]
fn a_key_that_was_taken_back_signs_nothing_whatever_date_it_writes() {
    let site = site();
    let answer = signed(&sheet(&site, "order.json"), "approve", 0);
    let file = site.folder.write("without-key.toml", REGISTERS);
    let import = ["registers", site.dir(), "import", text(&file), "--by", "hanako", "--reason", "紛失"];
    exits(&kukaku(&import), 0);
    assert!(take(&site, &answer, 2).contains("no key of client tomakomai holds both then and now"));
}
