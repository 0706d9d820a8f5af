//! A working day, and what the pages say of it.

use kukaku_schema::UtcMicros;

use super::client::Client;
use super::site::{ADMIN, PASSWORD, Site, at};

/// A day with a bit of everything: sessions with and without their operator, a late reading, a
/// dead reader, an unknown card, something unreadable, footage with a hole.
///
/// Ends at 10:00, with two sessions open: one of an operator who is inside, one of one who isn't.
pub async fn tell(site: &Site) {
    // The day before: everybody was read leaving, so that absence is known.
    for (seconds, reader, card) in [
        (-3000, "north-in", "card:01"),
        (-2900, "north-in", "card:02"),
        (-2800, "south-in", "card:03"),
        (-2400, "north-out", "card:01"),
        (-2300, "north-out", "card:02"),
        (-2200, "south-out", "card:03"),
    ] {
        site.pass_to(seconds).await;
        site.read_card(reader, card).await;
    }
    for seconds in [-1800, -1300, -800, -300] {
        site.pass_to(seconds).await;
        site.everything_lives().await;
    }
    site.pass_to(0).await;
    site.read_card("north-in", "card:01").await;
    site.pass_to(60).await;
    site.read_card("south-in", "card:90").await;
    site.everything_lives().await;
    site.pass_to(300).await;
    site.session_starts("7781", "tmk-a01", "term-1").await;
    // Nobody of that account is inside; his reading comes late.
    site.pass_to(400).await;
    site.session_starts("7782", "tmk-a02", "term-1").await;
    site.pass_to(500).await;
    site.everything_lives().await;
    site.pass_to(700).await;
    footage(site, 0, 600).await;
    site.read_card_at("north-in", "card:02", at(390), "granted").await;
    site.pass_to(900).await;
    site.everything_lives().await;
    site.pass_to(1000).await;
    site.session_starts("7783", "nobody-knows", "term-1").await;
    site.read_card_at("north-in", "card:0BAD", at(1000), "denied").await;
    site.pass_to(1100).await;
    site.session_ends("7783").await;
    site.unreadable(
        "panel-2",
        b"{\"kind\":\"door.reading\",\"source\":\"panel-2\",\"colour\":\"red\"}",
        "unknown field `colour`",
    )
    .await;
    site.pass_to(1400).await;
    site.everything_lives().await;
    footage(site, 600, 1200).await;
    site.read_card("north-out", "card:02").await;
    site.pass_to(1500).await;
    site.session_ends("7782").await;
    site.pass_to(1900).await;
    site.everything_lives().await;
    let offline = format!(
        r#"{{"kind":"reader.status","source":"panel-2","seq":{},"device_time":"{}","reader":"south-in","status":"offline"}}"#,
        site.next_number("panel-2"),
        at(1900).to_rfc3339_utc()
    );
    site.observe(&offline).await;
    for (seconds, state) in [(2000, "opened"), (2010, "closed")] {
        site.pass_to(seconds).await;
        let json = format!(
            r#"{{"kind":"door.state","source":"panel-1","seq":{},"device_time":"{}","door":"north","state":"{state}"}}"#,
            site.next_number("panel-1"),
            at(seconds).to_rfc3339_utc()
        );
        site.observe(&json).await;
    }
    for seconds in [2300, 2700, 3100, 3500] {
        site.pass_to(seconds).await;
        site.everything_lives().await;
    }
    site.pass_to(3520).await;
    site.session_starts("7784", "cts-b03", "term-1").await;
    site.pass_to(3600).await;
    site.everything_lives().await;
    site.writer.checkpoint().await.unwrap();
}

async fn footage(site: &Site, from: i64, to: i64) {
    let (start, end): (UtcMicros, UtcMicros) = (at(from), at(to));
    let json = serde_json::json!({
        "kind": "footage.segment", "source": "nvr-1", "device_time": end.to_rfc3339_utc(), "camera": "cam-1",
        "path": format!("2026-11-22/09/cam-1/{:02}.{:02}.mp4", from / 60, from % 60), "start": start.to_rfc3339_utc(),
        "end": end.to_rfc3339_utc(), "bytes": 1_048_576, "sha256": "ab".repeat(32),
    });
    site.observe(&json.to_string()).await;
}

/// A site after its day, and a browser that is signed in.
pub async fn after() -> (Site, Client) {
    let site = Site::new().await;
    tell(&site).await;
    let failure = serde_json::json!({
        "kind": "failure.reported", "source": "kukaku", "device_time": at(3600).to_rfc3339_utc(), "failure": "1",
        "client": "tomakomai", "stage": "first", "sort": "defect", "detected_at": at(700).to_rfc3339_utc(),
        "systems": ["kihon-db01"], "symptom": "帳票の文字が欠ける", "reported_by": "鈴木 一郎", "by": ADMIN,
    });
    site.tell_itself(&failure.to_string()).await;
    let mut client = Client::new(site.addr);
    let answer = client.sign_in(ADMIN, PASSWORD);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    (site, client)
}

#[track_caller]
pub fn holds(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text:?} is not on the page:\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_board_says_who_is_inside_and_which_session_lacks_its_operator() {
    let (_site, mut client) = after().await;
    let board = client.get("/").text();
    holds(
        &board,
        &["札幌保守センター", "セキュリティ区画A", "佐藤 花子", "09:00:00", "在室確認済", "在室なし", "高橋 美咲"],
    );
    holds(&board, &["リーダー停止", "入退室盤1", "重大な検知", "セッション記録の欠測"]);
    // Who left is not inside any more: he is on the board as nobody.
    let zones = client.get("/?part=zones").text();
    assert!(zones.contains("佐藤 花子") && !zones.contains("鈴木 一郎"), "{zones}");
    assert!(!zones.contains("<html"), "a part is no page");
    let wall = client.get("/wall").text();
    holds(&wall, &["class=\"wall\"", "佐藤 花子", "在室なし"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_late_reading_revises_the_verdict_and_the_page_tells_why() {
    let (_site, mut client) = after().await;
    let list = client.get("/sessions").text();
    holds(&list, &["7781", "7782", "7783", "7784", "未登録アカウント", "セッション記録の欠測"]);
    let bad = client.get("/sessions?verdict=attention&part=list").text();
    assert!(bad.contains("7784") && bad.contains("7783") && !bad.contains(">7781<"), "{bad}");
    let rows = client.get("/api/v1/sessions").json();
    let id = rows["rows"].as_array().unwrap().iter().find(|row| row["session"] == "7782").unwrap()["id"].clone();
    let detail = client.get(&format!("/api/v1/sessions/{id}")).json();
    let mut verdicts: Vec<&str> =
        detail["revisions"].as_array().unwrap().iter().map(|r| r["verdict"].as_str().unwrap()).collect();
    // He left while it went on, and had come before his reading did.
    verdicts.dedup();
    assert_eq!(verdicts, ["partial", "present", "absent", "pending"], "{detail}");
    let page = client.get(&format!("/sessions/{id}")).text();
    holds(
        &page,
        &[
            "<svg class=\"time\"",
            "鈴木 一郎",
            "在室なしセッション",
            "cam-1",
            "番号では確かめられません",
            "A（認証あり・番号あり）",
        ],
    );
    let cause = detail["revisions"][0]["cause"]["journal_seq"].as_i64();
    if let Some(seq) = cause {
        assert!(page.contains(&format!("/journal/{seq}")), "the page links what caused the revision");
        assert_eq!(client.get(&format!("/journal/{seq}")).status, 200);
    }
    let found = client.get("/sessions/find?source=vpn-1&session=7782&at=2026-11-22T09:10:00%2B09:00");
    assert_eq!(found.header("location"), Some(format!("/sessions/{id}").as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_are_searched_by_person_zone_door_card_and_time() {
    let (_site, mut client) = after().await;
    let all = client.get("/entries").text();
    holds(&all, &["佐藤 花子", "card:0BAD", "未登録", "拒否"]);
    let count = |client: &mut Client, query: &str| {
        client.get(&format!("/api/v1/entries?{query}")).json()["rows"].as_array().unwrap().len()
    };
    assert_eq!(count(&mut client, "person=op-01"), 3);
    assert_eq!(count(&mut client, "person=%E4%BD%90%E8%97%A4"), 3, "by a part of the name");
    assert_eq!(count(&mut client, "person=nobody"), 0);
    assert_eq!(count(&mut client, "zone=zone-b"), 3);
    assert_eq!(count(&mut client, "door=north&from=2026-11-22T09:00"), 4);
    assert_eq!(count(&mut client, "credential=card:0BAD"), 1);
    assert_eq!(count(&mut client, "denied=1"), 1);
    assert_eq!(count(&mut client, "unregistered=1"), 1);
    assert_eq!(count(&mut client, "from=2026-11-22T09:00:00%2B09:00&to=2026-11-22T09:00:01%2B09:00"), 1);
    // Page by page, everything comes once.
    let (mut seen, mut path) = (vec![], "/api/v1/entries?limit=4".to_owned());
    loop {
        let page = client.get(&path).json();
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["journal_seq"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/entries?limit=4&after={next}");
    }
    let total = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((total, seen.len()), (11, 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_table_for_spreadsheets_holds_what_the_search_found() {
    let (_site, mut client) = after().await;
    let csv = client.get("/entries.csv?person=op-01");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(&csv.body[..3], b"\xEF\xBB\xBF");
    let text = csv.text();
    let lines: Vec<&str> = text.trim_start_matches('\u{FEFF}').split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("\"発生日時\""));
    assert!(lines[1].contains("\"2026-11-22 09:00:00\"") && lines[1].contains("\"佐藤 花子\""), "{}", lines[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_finding_tells_who_where_since_when_and_what_to_do() {
    let (_site, mut client) = after().await;
    let holding = client.get("/api/v1/findings?kind=absent").json();
    let finding = &holding["rows"][0];
    let id = finding["id"].as_i64().unwrap();
    let page = client.get(&format!("/findings/{id}")).text();
    holds(
        &page,
        &[
            "在室なしセッション",
            "高橋 美咲",
            "作業者本人の所在を確認し",
            "証拠となる記録",
            "送信待ち",
            "/sessions/find?",
        ],
    );
    let resolved = client.get("/api/v1/findings?kind=absent&all=1").json();
    assert!(
        resolved["rows"].as_array().unwrap().len() > holding["rows"].as_array().unwrap().len(),
        "the cleared one keeps its history"
    );
    assert_eq!(client.get("/findings/999999").status, 404);
    assert_eq!(client.get("/findings/x").status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_other_pages_show_what_they_are_for_in_both_languages() {
    let (_site, mut client) = after().await;
    let pages = [
        ("/sources", "保守回線装置", "Last heard"),
        ("/registers", "媒体保管庫", "Clients"),
        ("/rights", "役割と権限", "Roles and rights"),
        ("/journal", "最新の署名", "Newest signature"),
        ("/unreadable", "unknown field `colour`", "Unreadable"),
        ("/retention", "3年以上（削除しない）（既定）", "at least 3 years, never erased (default)"),
        ("/failures", "障害を報告する", "Report a failure"),
        ("/failures/show?id=1", "報告の内容", "What is reported"),
        ("/failures/sheet?id=1", "障害報告書（第一報）", "Failure report (first report)"),
        ("/certificate", "証明書", "certificate"),
        ("/password", "新しいパスワード", "New password"),
    ];
    for (path, ja, _) in pages {
        holds(&client.get(path).text(), &["lang=\"ja\"", ja]);
    }
    let token = client.token("/");
    assert_eq!(
        client.post("/language", &[("token", &token), ("to", "en"), ("back", "/sources")]).header("location"),
        Some("/sources")
    );
    for (path, _, en) in pages {
        holds(&client.get(path).text(), &["lang=\"en\"", en]);
    }
    holds(&client.get("/").text(), &["Zones and who is inside", "Present", "session records missing"]);
    let toml = client.get("/registers.toml");
    kukaku_schema::registers::parse(&toml.text(), "registers.toml").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registers_are_changed_on_their_page_with_a_reason() {
    let (_site, mut client) = after().await;
    let toml = client.get("/registers.toml").text();
    let changed = toml.replace("田中 警備", "田中 警備員");
    assert_ne!(toml, changed);
    let token = client.token("/registers");
    let refused = client.post("/registers", &[("token", &token), ("toml", &changed), ("why", "")]);
    assert_eq!(refused.status, 422);
    let broken =
        client.post("/registers", &[("token", &token), ("toml", "[site]\nid = \"x\"\ncolour = 1\n"), ("why", "x")]);
    assert_eq!(broken.status, 422);
    holds(&broken.text(), &["colour", "台帳は変更されていません"]);
    let done = client.post("/registers", &[("token", &token), ("toml", &changed), ("why", "改名の届け出")]);
    assert_eq!(done.status, 200);
    holds(&done.text(), &["台帳を更新しました", "改名の届け出", ADMIN, "田中 警備員"]);
}
