//! The API: its intake, its answers, and its description.

use kukaku_schema::UtcMicros;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::day;
use super::site::{Site, at};

const PATH: &str = "/api/v1/observations";

struct Sender {
    client: Client,
    bearer: String,
}

impl Sender {
    fn new(site: &Site, sources: &[&str]) -> Self {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let key = site.users().create_key("test", &sources, false, at(0)).unwrap();
        Self { client: Client::new(site.addr), bearer: format!("Bearer {key}") }
    }

    fn send(&mut self, sort: &str, body: &[u8]) -> Answer {
        let bearer = self.bearer.clone();
        self.client.send("POST", PATH, &[("Authorization", &bearer), ("Content-Type", sort)], body)
    }

    fn lines(&mut self, body: &str) -> Answer {
        self.send("application/x-ndjson", body.as_bytes())
    }
}

fn reading(source: &str, seq: u32, when: UtcMicros) -> String {
    json!({"kind": "door.reading", "source": source, "seq": seq, "device_time": when.to_rfc3339_utc(), "reader": "north-in", "credential": "card:01", "result": "granted"}).to_string()
}

fn statuses(answer: &Answer) -> Vec<String> {
    let answers = answer.json()["answers"].clone();
    answers.as_array().unwrap().iter().map(|a| a["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_line_is_answered_after_its_commit() {
    let site = Site::new().await;
    let mut panel = Sender::new(&site, &["panel-1"]);
    let one = panel.send("application/json", reading("panel-1", 1, at(0)).as_bytes());
    assert_eq!((one.status, statuses(&one)), (200, vec!["kept".to_owned()]));
    let seq = one.json()["answers"][0]["journal_seq"].as_i64().unwrap();

    let body = [
        reading("panel-1", 1, at(0)),
        String::new(),
        reading("panel-1", 2, at(60)),
        "{\"kind\":\"door.reading\",\"colour\":1}".to_owned(),
        reading("panel-9", 3, at(0)),
        "{".to_owned(),
    ]
    .join("\n");
    let many = panel.lines(&body);
    assert_eq!(many.status, 200);
    assert_eq!(statuses(&many), ["duplicate", "kept", "unreadable", "refused", "unreadable"]);
    let answers = many.json()["answers"].clone();
    assert_eq!(answers[0]["journal_seq"], seq, "a duplicate names the first one's entry");
    assert_eq!(
        answers.as_array().unwrap().iter().map(|a| a["line"].as_i64().unwrap()).collect::<Vec<_>>(),
        [1, 3, 4, 5, 6]
    );
    assert!(answers[2]["error"].as_str().unwrap().contains("colour"), "{answers}");
    assert!(answers[3]["error"].as_str().unwrap().contains("panel-9") && answers[3]["journal_seq"].is_null());

    let as_json = panel.send("application/json", body.as_bytes());
    assert_eq!(statuses(&as_json), ["duplicate", "duplicate", "unreadable", "refused", "unreadable"]);
    let again = panel.lines(&body);
    assert_eq!(statuses(&again), ["duplicate", "duplicate", "unreadable", "refused", "unreadable"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_line_of_ten_megabytes_is_kept_as_unreadable_and_the_others_go_in() {
    let site = Site::new().await;
    let mut panel = Sender::new(&site, &["panel-1"]);
    let body = format!("{}\n{}\n{}", reading("panel-1", 1, at(0)), "x".repeat(10 << 20), reading("panel-1", 2, at(1)));
    let answer = panel.lines(&body);
    assert_eq!(statuses(&answer), ["kept", "unreadable", "kept"]);
    assert!(answer.json()["answers"][1]["error"].as_str().unwrap().contains("10485760"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_taken_says_why() {
    let site = Site::new().await;
    let mut panel = Sender::new(&site, &["panel-1"]);
    let fine = reading("panel-1", 1, at(0));
    assert_eq!(panel.send("text/plain", fine.as_bytes()).status, 415);
    assert_eq!(panel.send("application/x-www-form-urlencoded", fine.as_bytes()).status, 415);
    assert_eq!(panel.lines("\n \n").status, 400);
    assert_eq!(panel.lines(&"{}\n".repeat(20_001)).status, 400);
    assert_eq!(panel.send("application/json", &vec![b' '; (16 << 20) + 1]).status, 413);
    let foreign = panel.send("application/json", reading("panel-2", 1, at(0)).as_bytes());
    assert_eq!(foreign.status, 403);
    // A kind that only the daemon makes is kept as what it is: something that was not understood.
    let forged =
        json!({"kind": "watch.started", "source": "panel-1", "device_time": at(0).to_rfc3339_utc()}).to_string();
    assert_eq!(statuses(&panel.lines(&forged)), ["unreadable"]);

    for bearer in [
        "",
        "Bearer ",
        "Bearer kk_",
        "Bearer kk_0123_abc",
        "Basic a2s6",
        &panel.bearer[..panel.bearer.len() - 1],
        "Bearer kk_%00_%00",
    ] {
        let mut client = Client::new(site.addr);
        let answer = client.send(
            "POST",
            PATH,
            &[("Authorization", bearer), ("Content-Type", "application/json")],
            fine.as_bytes(),
        );
        assert_eq!(answer.status, 401, "{bearer}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let id = site.users().keys().unwrap()[0].id.clone();
    site.users().revoke_key(&id, at(0)).unwrap();
    assert_eq!(panel.send("application/json", fine.as_bytes()).status, 401, "revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_acknowledged_when_the_writer_is_gone() {
    let site = Site::new().await;
    let mut panel = Sender::new(&site, &["panel-1"]);
    site.writer.stop().await.unwrap();
    let answer = panel.send("application/json", reading("panel-1", 1, at(0)).as_bytes());
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.json()["detail"].as_str().unwrap().contains("again later"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_reads_only_if_it_may_and_a_sign_in_hands_nothing_in() {
    let (site, mut manager) = day::after().await;
    let reading_key = site.users().create_key("dashboard", &[], true, at(0)).unwrap();
    let mut reader = Client::new(site.addr);
    let bearer = format!("Bearer {reading_key}");
    let mut read = |path: &str| reader.send("GET", path, &[("Authorization", &bearer)], b"");
    assert_eq!(read("/api/v1/sessions").json()["rows"].as_array().unwrap().len(), 4);
    assert_eq!(read("/sessions").status, 303, "a key opens no pages");
    let mut panel = Sender::new(&site, &["panel-1"]);
    let bearer = panel.bearer.clone();
    assert_eq!(panel.client.send("GET", "/api/v1/sessions", &[("Authorization", &bearer)], b"").status, 403);
    let by_cookie =
        manager.send("POST", PATH, &[("Content-Type", "application/json")], reading("panel-1", 1, at(0)).as_bytes());
    assert_eq!(by_cookie.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_description_is_true_of_every_route_and_answer() {
    let (site, mut client) = day::after().await;
    let key = site.users().create_key("orders", &["kukaku".to_owned()], false, at(0)).unwrap();
    let form = json!({
        "id": "R8-1", "client": "tomakomai", "from": at(0).to_rfc3339_utc(), "to": at(60).to_rfc3339_utc(),
        "purpose": "p", "content": "c", "operators": ["op-01"], "responsible": "r", "notes": "n", "targets": ["t"],
        "files": [{"name": "f", "sha256": "ab".repeat(32)}], "emergency": true,
    });
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let written = Client::new(site.addr).send("POST", "/api/v1/orders?submit", &headers, form.to_string().as_bytes());
    assert_eq!(written.status, 201, "{}", written.text());
    let description = client.get("/api/v1/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let described: Vec<String> = description["paths"].as_object().unwrap().keys().cloned().collect();
    let served: Vec<String> =
        kukaku_web::routes().iter().map(|r| r.path.to_owned()).filter(|p| p.starts_with("/api/")).collect();
    let served: Vec<String> = std::collections::BTreeSet::from_iter(served).into_iter().collect();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(described), sorted(served));
    let acted = &description["paths"]["/api/v1/orders"]["post"]["responses"]["201"]["content"]["application/json"];
    fits(&description, &acted["schema"], &written.json(), "a written order");
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = &path.replace("{order}", "R8-1");
        let Some(operation) = operations.get("get") else { continue };
        let answer = client.get(&path.replace("{id}", "1"));
        assert_eq!(answer.status, 200, "{path}");
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        fits(&description, schema, &answer.json(), path);
        // Each refusal that can be provoked from outside is described, and answered as described.
        let described = |status: u16| operation["responses"].get(status.to_string()).is_some();
        if path != "/api/v1/openapi.json" {
            let mut stranger = Client::new(client.addr());
            assert!(described(401) && stranger.get(&path.replace("{id}", "1")).status == 401, "{path}");
            assert!(described(400), "{path}");
        }
        let wrong = client.get(&format!("{}?colour=red", path.replace("{id}", "1")));
        assert_eq!(wrong.status, 400, "{path}");
        fits(&description, &json!({"$ref": "#/components/schemas/Problem"}), &wrong.json(), path);
        if path.contains("R8-1") {
            assert!(described(404) && client.get(&path.replace("R8-1", "R8-9")).status == 404, "{path}");
        }
        if path.contains("{id}") {
            assert!(described(404) && client.get(&path.replace("{id}", "999999")).status == 404, "{path}");
        }
        for parameter in operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "query") {
            let value = match &parameter["schema"] {
                shape if shape["enum"].is_array() => shape["enum"][0].as_str().unwrap().to_owned(),
                shape if shape["format"] == "date-time" => "2026-11-22T00:00:00Z".to_owned(),
                shape if shape["type"] == "integer" => "1".to_owned(),
                _ => "x".to_owned(),
            };
            let name = parameter["name"].as_str().unwrap();
            assert_eq!(client.get(&format!("{path}?{name}={value}")).status, 200, "{path} {name}");
        }
    }
    for schema in description["components"]["schemas"].as_object().unwrap().values() {
        references_lead_somewhere(&description, schema);
    }
}

fn target<'a>(description: &'a Value, reference: &str) -> &'a Value {
    let found = description.pointer(reference.trim_start_matches('#'));
    found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn references_lead_somewhere(description: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                target(description, reference);
            }
            fields.values().for_each(|field| references_lead_somewhere(description, field));
        }
        Value::Array(items) => items.iter().for_each(|item| references_lead_somewhere(description, item)),
        _ => {}
    }
}

/// Whether a value is as a schema says, for the parts of JSON Schema that our types use: every
/// field is described, every required one there, and of its type.
#[track_caller]
fn fits(description: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(description, target(description, reference), value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = if value.is_null() {
            choices.iter().find(|c| c["type"] == "null")
        } else {
            choices.iter().find(|c| c["type"] != "null")
        };
        return fits(description, choice.unwrap_or_else(|| panic!("{at}: no choice for {value}")), value, at);
    }
    // One word of a list, each with its meaning.
    if let Some(words) = schema["oneOf"].as_array() {
        assert!(words.iter().any(|word| word["const"] == *value), "{at}: {value} is no {schema}");
        return;
    }
    let sort = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if schema == &json!(true) || schema.as_object().is_some_and(|s| s.keys().all(|k| k == "description")) {
        return; // Any value.
    }
    let named = match &schema["type"] {
        Value::Array(sorts) => sorts.iter().any(|s| s == sort),
        one => one == sort,
    };
    assert!(named, "{at}: {value} is no {schema}");
    if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            fits(description, &schema["items"], item, &format!("{at}[{index}]"));
        }
    }
    if let (Value::Object(fields), Some(properties)) = (value, schema["properties"].as_object()) {
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{at}: {required} is missing");
        }
        for (name, field) in fields {
            let described = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
            fits(description, described, field, &format!("{at}.{name}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_prometheus_reads_numbers_and_no_names_of_people() {
    let (site, _) = day::after().await;
    let key = site.users().create_key("prometheus", &[], true, at(0)).unwrap();
    let bearer = format!("Bearer {key}");
    let mut client = Client::new(site.addr);
    assert_eq!(client.get("/metrics").status, 401);
    let answer = client.send("GET", "/metrics", &[("Authorization", &bearer)], b"");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let mut known = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, sort) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter"].contains(&sort) && known.insert(name.to_owned()), "{line}");
            assert_eq!(sort == "counter", name.ends_with("_total"), "{line}");
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(known.contains(sample.split('{').next().unwrap()), "{line}");
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        }
    }
    for told in [
        "kukaku_findings_on_desk{desk=\"new\"}",
        "kukaku_sessions_open{verdict=\"absent\"} 1",
        "kukaku_source_unreadable_total{source=\"panel-2\"} 1",
        "kukaku_doors_not_watched 1",
        "kukaku_part_working{part=\"mqtt 127.0.0.1:1883\"} 1",
    ] {
        assert!(text.contains(told), "{told}\n{text}");
    }
    assert!(!text.contains("op-0") && !text.contains("佐藤"), "{text}");
}
