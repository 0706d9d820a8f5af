//! What devices and strangers may send, on every page and in the table for spreadsheets.

use kukaku_web::{Access, routes};

use super::client::Client;
use super::site::{ADMIN, PASSWORD, Site, at};

/// Names as somebody would send them who wants them to run: markup, quotes, formulas, and letters
/// that turn text round as far as the wire format lets them in.
const NAMES: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</svg><svg onload=alert(1)>",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "{{7*7}}${7*7}",
    "\u{200F}evil\u{200B}\u{FEFF}",
];

/// Brings each name in at every place that an observation has for one.
async fn tell(site: &Site) {
    for (index, name) in NAMES.iter().enumerate() {
        site.pass_to(i64::try_from(index).unwrap() * 100).await;
        let now = at(i64::try_from(index).unwrap() * 100).to_rfc3339_utc();
        let tagged = format!("{name}{index}");
        let observations = [
            serde_json::json!({"kind": "door.reading", "source": tagged, "device_time": now, "reader": tagged, "credential": tagged, "result": "granted", "factors": [tagged], "reason": tagged}),
            serde_json::json!({"kind": "door.reading", "source": tagged, "event_id": "2", "device_time": now, "reader": "north-in", "credential": tagged, "result": "granted"}),
            serde_json::json!({"kind": "door.state", "source": tagged, "device_time": now, "door": tagged, "state": "opened"}),
            serde_json::json!({"kind": "reader.status", "source": tagged, "device_time": now, "reader": tagged, "status": "online"}),
            serde_json::json!({"kind": "session.started", "source": tagged, "epoch": tagged, "device_time": now, "session": tagged, "account": tagged, "terminal": tagged, "target": tagged, "via": tagged}),
            serde_json::json!({"kind": "camera.health", "source": tagged, "device_time": now, "camera": tagged, "reachable": true, "recording": true}),
        ];
        for observation in observations {
            site.observe(&observation.to_string()).await;
        }
        let bytes = format!("{name}\u{0}\u{1b}[31m\u{202E}");
        site.unreadable(&tagged, bytes.as_bytes(), &format!("unknown field `{name}`")).await;
    }
    site.pass_to(1000).await;
}

#[track_caller]
fn inert(path: &str, page: &str) {
    for live in [
        "<script>alert",
        "<img src=x",
        "onerror=alert(1)>",
        "<svg onload",
        "href=\"javascript:",
        "'onmouseover='",
        "\u{202E}",
        "\u{200F}",
        "\u{0}",
        "\u{1b}",
    ] {
        assert!(!page.contains(live), "{path} holds {live:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_from_devices_never_become_markup_on_any_page() {
    let site = Site::new().await;
    tell(&site).await;
    let mut client = Client::new(site.addr);
    client.sign_in(ADMIN, PASSWORD);
    let list = |client: &mut Client, path: &str| -> Vec<i64> {
        client.get(path).json()["rows"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    let sessions = list(&mut client, "/api/v1/sessions");
    let findings = list(&mut client, "/api/v1/findings?all=1");
    assert!(sessions.len() >= NAMES.len() && findings.len() >= NAMES.len());
    let mut paths: Vec<String> = routes()
        .iter()
        .filter(|route| route.method == "GET" && route.access != Access::Intake && !route.path.contains('{'))
        .filter(|route| {
            !route.path.starts_with("/live") && !route.path.starts_with("/api/") && !route.path.ends_with(".csv")
        })
        .map(|route| route.path.to_owned())
        .collect();
    paths.extend(sessions.iter().map(|id| format!("/sessions/{id}")));
    paths.extend(findings.iter().map(|id| format!("/findings/{id}")));
    paths.extend((0..60).map(|seq| format!("/journal/{seq}")));
    for name in NAMES {
        let typed = super::client::escape(name);
        for field in ["person", "zone", "door", "credential"] {
            paths.push(format!("/entries?{field}={typed}"));
        }
        for field in ["operator", "client", "source"] {
            paths.push(format!("/sessions?{field}={typed}"));
        }
        paths.push(format!("/login?next={typed}"));
        paths.push(format!("/nowhere/{typed}?{typed}={typed}"));
        paths.push(format!("/entries?{typed}=1"));
    }
    // Plain text, which no browser takes for a page: there a name ends no line and no label.
    paths.retain(|path| path != "/metrics");
    let numbers = client.get("/metrics");
    assert!(numbers.header("content-type").unwrap().starts_with("text/plain"));
    for line in numbers.text().lines() {
        assert!(line.starts_with("# ") || line.starts_with("kukaku_"), "{line}");
        assert!(line.starts_with("# ") || line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
    let mut seen = 0;
    for path in paths {
        let answer = client.get(&path);
        assert!(answer.status < 500, "{path}");
        let text = answer.text();
        inert(&path, &text);
        seen += usize::from(text.contains("&lt;script&gt;") || text.contains("&#60;script"));
    }
    assert!(seen > 10, "the names are shown as text, not left out: {seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_cell_of_the_table_runs_as_a_formula() {
    let site = Site::new().await;
    for (index, start) in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"].iter().enumerate() {
        let json = serde_json::json!({"kind": "door.reading", "source": start, "event_id": index.to_string(), "device_time": at(0).to_rfc3339_utc(), "reader": start, "credential": format!("{start}\"x"), "result": "denied"});
        site.observe(&json.to_string()).await;
    }
    let mut client = Client::new(site.addr);
    client.sign_in(ADMIN, PASSWORD);
    let csv = client.get("/entries.csv").text();
    let rows: Vec<&str> = csv.trim_start_matches('\u{FEFF}').split_terminator("\r\n").skip(1).collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        for cell in row[1..row.len() - 1].split("\",\"") {
            assert!(!cell.starts_with(['=', '+', '-', '@', '＝']), "{row}");
        }
    }
}
