//! Work orders over the API: a vendor's own system hands them in, and nothing counts twice.

use kukaku_ledger::SigningKey;
use kukaku_pack::{OrderAnswer, OrderSheet};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::site::{REGISTERS, Site, at};

const ORDERS: &str = "/api/v1/orders";

struct Vendor {
    client: Client,
    bearer: String,
}

impl Vendor {
    fn new(site: &Site, source: &str, may_read: bool) -> Self {
        let key = site.users().create_key("申請システム", &[source.to_owned()], may_read, at(0)).unwrap();
        Self { client: Client::new(site.addr), bearer: format!("Bearer {key}") }
    }

    fn send(&mut self, method: &str, path: &str, sort: &str, body: &[u8]) -> Answer {
        let bearer = self.bearer.clone();
        self.client.send(method, path, &[("Authorization", &bearer), ("Content-Type", sort)], body)
    }

    fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    fn get(&mut self, path: &str) -> Value {
        let answer = self.send("GET", path, "", b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    #[track_caller]
    fn refused(&mut self, path: &str, body: &Value, field: Option<&str>) -> String {
        let answer = self.post(path, body);
        let said = answer.json();
        assert_eq!((answer.status, said["field"].as_str()), (422, field), "{said}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(!said["detail_ja"].as_str().unwrap().is_ascii());
        said["detail"].as_str().unwrap().to_owned()
    }

    fn entries(&mut self) -> i64 {
        self.get("/api/v1/status")["journal_size"].as_i64().unwrap()
    }
}

fn form(id: &str) -> Value {
    json!({
        "id": id, "client": "tomakomai", "from": "2026-11-22T12:00:00+09:00", "to": "2026-11-22T15:00:00+09:00",
        "purpose": "定期保守", "content": "ログの確認", "targets": ["kihon-db01"], "operators": ["op-01"],
        "responsible": "鈴木 一郎", "files": [{"name": "patch.zip", "sha256": "ab".repeat(32)}],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_goes_its_way_over_the_api_and_what_is_sent_again_counts_once() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let mut vendor = Vendor::new(&site, "kukaku", true);
    let before = vendor.entries();
    // A trial writes nothing.
    let tried = vendor.post(&format!("{ORDERS}?dry_run&submit"), &form("R8/1"));
    let said = tried.json();
    assert_eq!((tried.status, &said["state"], &said["journal_seq"]), (200, &json!("submitted"), &Value::Null));
    assert!(said["new"] == true && said["changes"].as_array().unwrap().iter().any(|c| c["field"] == "purpose"));
    assert_eq!(vendor.entries(), before);
    assert_eq!(vendor.get(ORDERS)["rows"], json!([]));

    let written = vendor.post(ORDERS, &form("R8/1"));
    assert_eq!((written.status, written.header("location")), (201, Some("/api/v1/orders/R8%2F1")));
    assert_eq!(written.json()["journal_seq"], before, "the entry is in the journal");
    // The answer was lost: the sender sends again, and asks for a little more.
    // Time has passed, so that the journal alone would not know it for the same.
    site.pass_to(60).await;
    let again = vendor.post(ORDERS, &form("R8/1")).json();
    assert_eq!((&again["journal_seq"], &again["changes"]), (&json!(before), &json!([])));
    let submitted = vendor.post(&format!("{ORDERS}?submit=1"), &form("R8/1"));
    assert_eq!((submitted.status, &submitted.json()["state"]), (200, &json!("submitted")));
    let size = vendor.entries();
    let again = vendor.post(&format!("{ORDERS}?submit=1"), &form("R8/1")).json();
    assert_eq!((&again["state"], &again["journal_seq"]), (&json!("submitted"), &submitted.json()["journal_seq"]));
    assert_eq!(vendor.entries(), size);

    // A change is shown before it is made.
    let mut changed = form("R8/1");
    changed["purpose"] = json!("障害対応");
    let said = vendor.post(&format!("{ORDERS}?dry_run=1"), &changed).json();
    assert_eq!(said["changes"], json!([{"field": "purpose", "before": "定期保守", "after": "障害対応"}]));
    assert_eq!((&said["state"], &said["new"]), (&json!("drafted"), &json!(false)));
    assert_eq!(vendor.entries(), size);

    let shown = vendor.get(&format!("{ORDERS}/R8%2F1"));
    assert_eq!((&shown["state"], &shown["waits_for_city"]), (&json!("submitted"), &json!(true)));
    assert_eq!(shown["form"]["files"], form("R8/1")["files"]);
    let step = &shown["steps"][0]["step"];
    assert!(step["by"].as_str().unwrap().starts_with("申請システム (key "), "{step}");
    assert_eq!((&step["side"], &step["act"]), (&json!("vendor"), &json!("write")));
    let possible: Vec<&str> = shown["possible"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(possible, ["write", "withdraw"]);

    // The list, by state and client, in pages.
    assert_eq!(vendor.post(ORDERS, &form("R8-2")).status, 201);
    let ids = |page: Value| -> Vec<String> {
        page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(vendor.get("/api/v1/orders?state=submitted")), ["R8/1"]);
    assert_eq!(ids(vendor.get("/api/v1/orders?state=drafted&client=tomakomai")), ["R8-2"]);
    assert!(ids(vendor.get("/api/v1/orders?client=chitose")).is_empty());
    let first = vendor.get("/api/v1/orders?limit=1");
    let next = first["next"].as_str().unwrap().to_owned();
    let second = vendor.get(&format!("/api/v1/orders?limit=1&after={next}"));
    let mut both = [ids(first), ids(second)].concat();
    both.sort();
    assert_eq!(both, ["R8-2", "R8/1"]);

    // Taken back; then nothing more can be done.
    let gone = vendor.post("/api/v1/orders/R8-2/withdraw?dry_run", &Value::Null);
    assert_eq!((gone.status, &gone.json()["state"]), (200, &json!("withdrawn")));
    assert_eq!(vendor.post("/api/v1/orders/R8-2/withdraw", &Value::Null).status, 200);
    let said = vendor.refused("/api/v1/orders/R8-2/submit", &Value::Null, None);
    assert!(said.contains("the order is withdrawn"), "{said}");
    let said = vendor.refused("/api/v1/orders/R9/begin", &Value::Null, None);
    assert!(said.contains("there is no such order"), "{said}");
    assert_eq!(vendor.send("GET", "/api/v1/orders/R9", "", b"").status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_can_be_no_order_is_refused_by_its_field_and_only_a_key_for_orders_acts() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let mut vendor = Vendor::new(&site, "kukaku", true);
    let before = vendor.entries();
    let with = |field: &str, value: Value| {
        let mut form = form("R8-1");
        form[field] = value;
        form
    };
    let cases = [
        ("to", json!("2026-11-22T11:00:00+09:00"), "to", "ends before it begins"),
        ("to", json!("soon"), "to", "soon"),
        ("client", json!("town"), "client", "expected one of"),
        ("operators", json!([]), "operators", "name the operators"),
        ("operators", json!(["op-99"]), "operators", "\"op-99\" is not registered"),
        ("files", json!([{"name": "x", "sha256": "1"}]), "files[0].sha256", "no SHA-256"),
        ("id", json!("a\u{202e}b"), "id", "U+202E"),
        ("colour", json!("red"), "colour", "unknown field"),
        ("state", json!("approved"), "state", "unknown field"),
    ];
    for (field, value, named, why) in cases {
        for path in [ORDERS, "/api/v1/orders?dry_run"] {
            let said = vendor.refused(path, &with(field, value.clone()), Some(named));
            assert!(said.contains(why), "{field}: {said}");
        }
    }
    for (sort, body, status) in [
        ("text/plain", form("a").to_string(), 415),
        ("application/json", "[]".to_owned(), 400),
        ("application/json", "{".to_owned(), 400),
        ("application/json", format!("{{\"id\":\"{}\"}}", "x".repeat(70_000)), 413),
    ] {
        assert_eq!(vendor.send("POST", ORDERS, sort, body.as_bytes()).status, status, "{sort} {body:.40}");
    }
    let wrong = vendor.post("/api/v1/orders?dry_run=no", &form("R8-1"));
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (400, Some("dry_run")), "never taken for a real one");
    assert_eq!(vendor.entries(), before, "nothing was written");

    // A panel's key and a reading key act on nothing; a sign-in needs the pages.
    for mut other in [Vendor::new(&site, "panel-1", true), Vendor::new(&site, "panel-1", false)] {
        assert_eq!(other.post(ORDERS, &form("R8-1")).status, 403);
        assert_eq!(other.post("/api/v1/orders/R8-1/report", &json!({})).status, 403);
        assert_eq!(other.post("/api/v1/orders/R8-1/submit", &json!({})).status, 403);
        assert_eq!(other.send("POST", "/api/v1/orders/R8-1/answer", "text/plain", b"x").status, 403);
    }
    let mut writer = Vendor::new(&site, "kukaku", false);
    assert_eq!(writer.send("GET", ORDERS, "", b"").status, 403, "a key for orders reads only if it may");
    // Nor does it speak as the site: what kukaku says of itself is no line of anybody's.
    let line = json!({"kind": "source.alive", "source": "kukaku", "device_time": at(0).to_rfc3339_utc()});
    assert_eq!(writer.post("/api/v1/observations", &line).status, 403);
    assert_eq!(vendor.entries(), before);

    site.writer.stop().await.unwrap();
    let lost = vendor.post(ORDERS, &form("R8-1"));
    assert_eq!(lost.status, 503, "no 201 without an entry: {}", lost.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_citys_answer_and_the_report_come_over_the_api() {
    let site = Site::new().await;
    let city = SigningKey::from_seed("tomakomai-soumu", &[5; 32]).unwrap();
    let line = format!("id = \"tomakomai\"\ncity_keys = [\"{}\"]", city.verifier());
    let registers = kukaku_schema::registers::parse(&REGISTERS.replacen("id = \"tomakomai\"", &line, 1), "t").unwrap();
    site.writer.import_registers(registers, "kanri".to_owned(), "市の鍵".to_owned()).await.unwrap();
    site.pass_to(3600 * 3).await;
    let mut vendor = Vendor::new(&site, "kukaku", true);
    for id in ["R8-1", "R8-2"] {
        assert_eq!(vendor.post(&format!("{ORDERS}?submit"), &form(id)).status, 201);
    }
    let store = site.store_file();
    let sheet = kukaku::answers::sheet(&store, "R8-1", at(3600 * 3 + 10)).unwrap();
    let sheet = OrderSheet::parse(sheet.to_json().as_bytes()).unwrap();
    site.pass_to(3600 * 3 + 60).await;
    let answer = OrderAnswer::new(&sheet, "approve", at(3600 * 3 + 30).0, "総務 太郎", None).sign(&city).unwrap();
    let send = |vendor: &mut Vendor, id: &str, body: &str| {
        vendor.send("POST", &format!("/api/v1/orders/{id}/answer"), "text/plain; charset=utf-8", body.as_bytes())
    };
    let other = send(&mut vendor, "R8-2", &answer);
    assert_eq!(other.status, 422);
    assert!(other.json()["detail"].as_str().unwrap().contains("an answer to order \"R8-1\", not to \"R8-2\""));
    assert_eq!(send(&mut vendor, "R8-1", &answer.replace("太郎", "次郎")).status, 422, "the city signed nothing so");
    let taken = send(&mut vendor, "R8-1", &answer);
    let said = taken.json();
    assert_eq!((taken.status, &said["state"], &said["duplicate"]), (200, &json!("approved"), &json!(false)));
    let again = send(&mut vendor, "R8-1", &answer).json();
    assert_eq!((&again["journal_seq"], &again["duplicate"]), (&said["journal_seq"], &json!(true)));
    let shown = vendor.get("/api/v1/orders/R8-1");
    let step = &shown["steps"][2]["step"];
    assert_eq!(
        (&step["side"], &step["by"], &step["key"]),
        (&json!("city"), &json!("総務 太郎"), &json!("tomakomai-soumu"))
    );
    assert_eq!(vendor.get("/api/v1/orders/R8-2")["state"], "submitted");

    assert_eq!(vendor.post("/api/v1/orders/R8-1/begin", &Value::Null).json()["state"], "in_progress");
    site.pass_to(3600 * 6).await;
    let mut report = json!({
        "from": "2026-11-22T12:10:00+09:00", "to": "2026-11-22T18:10:00+09:00", "operators": ["op-01"],
        "result": "異常なし", "approved_by": "鈴木 一郎",
    });
    let path = "/api/v1/orders/R8-1/report";
    assert!(vendor.refused(path, &report, Some("to")).contains("ends in the future"));
    report["to"] = json!("2026-11-22T14:00:00+09:00");
    report["operators"] = json!(["nobody"]);
    assert!(vendor.refused(path, &report, Some("operators")).contains("not registered"));
    report["operators"] = json!(["op-01"]);
    let tried = vendor.post(&format!("{path}?dry_run"), &report).json();
    assert_eq!((&tried["state"], &tried["journal_seq"]), (&json!("reported"), &Value::Null));
    let done = vendor.post(path, &report);
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("reported")));
    site.pass_to(3600 * 6 + 60).await;
    assert_eq!(vendor.post(path, &report).json()["journal_seq"], done.json()["journal_seq"], "sent again: once");
    assert_eq!(vendor.get("/api/v1/orders/R8-1")["report"]["result"], "異常なし");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_order_sent_eight_times_at_once_is_written_once() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let gate = std::sync::Arc::new(std::sync::Barrier::new(8));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            // Each with a key of its own, so that the journal knows none for the other.
            let (gate, mut vendor) = (std::sync::Arc::clone(&gate), Vendor::new(&site, "kukaku", false));
            std::thread::spawn(move || {
                gate.wait();
                vendor.post(&format!("{ORDERS}?submit"), &form("R8-1")).status
            })
        })
        .collect();
    let mut statuses: Vec<u16> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    statuses.sort_unstable();
    let mut vendor = Vendor::new(&site, "kukaku", true);
    let steps = vendor.get("/api/v1/orders/R8-1")["steps"].as_array().unwrap().len();
    assert_eq!((steps, statuses[7], statuses[0]), (2, 201, 200), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
}
