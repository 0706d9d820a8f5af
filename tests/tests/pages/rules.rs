//! One rule for every route: the table is walked, so a new route can't be forgotten.

use kukaku_web::{Access, routes};

use super::client::{Client, form};
use super::day;
use super::site::{ADMIN, PASSWORD, Site};

fn concrete(path: &str) -> String {
    path.replace("{id}", "1").replace("{order}", "1").replace("{seq}", "1").replace("{file}", "style.css")
}

/// The line of events never ends by itself, so it is not read to its end here.
const ENDLESS: &str = "/live";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_binds_the_browser() {
    let (_site, mut signed_in) = day::after().await;
    let mut stranger = Client::new(signed_in.addr());
    let mut paths: Vec<(String, String)> = routes()
        .into_iter()
        .filter(|route| route.path != ENDLESS)
        .map(|route| (route.method.to_owned(), concrete(route.path)))
        .collect();
    paths.extend(
        [
            ("GET", "/nowhere"),
            ("GET", "/api/v1/nowhere"),
            ("DELETE", "/sessions"),
            ("TRACE", "/"),
            ("PUT", "/login"),
            ("BREW", "/"),
        ]
        .map(|(m, p)| (m.to_owned(), p.to_owned())),
    );
    for (method, path) in paths {
        for client in [&mut stranger, &mut signed_in] {
            let answer = client.send(&method, &path, &[], b"");
            let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{method} {path} has no {name}"));
            let policy = header("content-security-policy");
            for part in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{method} {path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{method} {path}: {policy}");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("referrer-policy"), "same-origin");
            assert_eq!(header("cross-origin-opener-policy"), "same-origin");
            if !path.starts_with("/static/") {
                assert_eq!(header("cache-control"), "no-store", "{method} {path}");
            }
            assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{method} {path}");
            assert!(answer.status < 500, "{method} {path}: {}", answer.status);
            if path.starts_with("/api/") && answer.status >= 400 {
                assert_eq!(header("content-type"), "application/problem+json", "{method} {path}");
                assert_eq!(answer.json()["status"], answer.status);
            }
            if matches!(method.as_str(), "DELETE" | "TRACE" | "PUT" | "BREW") {
                assert_eq!(answer.status, 405, "{method} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stranger_gets_nothing_but_the_door() {
    let (site, _) = day::after().await;
    let mut stranger = Client::new(site.addr);
    stranger.get("/login");
    for route in routes() {
        let path = concrete(route.path);
        let answer = stranger.send(route.method, &path, &[], b"");
        match (route.access, route.method) {
            (Access::Open, "GET") => {
                assert!(answer.status < 400 || path.ends_with("site-ca.pem"), "{path}: {}", answer.status)
            }
            (Access::Open, _) => assert!(answer.status >= 400, "{path}: no token"),
            (Access::Intake, _) => assert_eq!(answer.status, 401, "{path}"),
            (_, "GET") if !(path.starts_with("/api/") || path == "/metrics") => {
                assert_eq!(answer.status, 303, "{path}");
                assert!(answer.header("location").unwrap().starts_with("/login?next="), "{path}");
            }
            _ => assert_eq!(answer.status, 401, "{path}"),
        }
        for secret in ["佐藤", "tmk-a01", "kihon-db01", "セキュリティ区画A"] {
            assert!(!answer.text().contains(secret), "{path} tells a stranger {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_site_can_not_act_through_the_managers_browser() {
    let site = Site::new().await;
    let mut client = Client::new(site.addr);
    client.sign_in(ADMIN, PASSWORD);
    let before = site.users().list().unwrap();
    let token = client.token("/");
    let here = format!("http://{}", site.addr);
    for route in routes()
        .into_iter()
        .filter(|route| route.method == "POST" && route.access != Access::Code && route.access != Access::Intake)
    {
        let with = |token: &str| {
            form(&[
                ("token", token),
                ("to", "en"),
                ("toml", "x"),
                ("why", "x"),
                ("name", ADMIN),
                ("password", PASSWORD),
            ])
        };
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let tries = [
            ("without a token", vec![kind, ("Origin", &here)], form(&[("to", "en")])),
            ("with another's token", vec![kind, ("Origin", &here)], with(&"A".repeat(43))),
            ("from another origin", vec![kind, ("Origin", "https://evil.example")], with(&token)),
            ("from a hidden origin", vec![kind, ("Origin", "null")], with(&token)),
            ("from a neighbouring port", vec![kind, ("Origin", "http://127.0.0.1:1")], with(&token)),
            ("cross-site", vec![kind, ("Sec-Fetch-Site", "cross-site")], with(&token)),
            ("same-site", vec![kind, ("Sec-Fetch-Site", "same-site")], with(&token)),
        ];
        for (what, headers, body) in tries {
            let mut fresh = client.clone();
            let answer = fresh.send("POST", route.path, &headers, body.as_bytes());
            assert_eq!(answer.status, 403, "{} {what}", route.path);
        }
        let mut fresh = client.clone();
        let plain = fresh.send(
            "POST",
            route.path,
            &[("Content-Type", "text/plain"), ("Origin", &here)],
            with(&token).as_bytes(),
        );
        assert_eq!(plain.status, 415, "{}", route.path);
    }
    let mut fresh = client.clone();
    assert_eq!(fresh.get("/").status, 200, "nobody signed the manager out");
    assert_eq!(site.users().list().unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_foreign_name_for_this_machine_is_refused() {
    let site = Site::new().await;
    let mut client = Client::new(site.addr);
    for host in ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "192.0.2.1", ""] {
        assert_eq!(client.send("GET", "/login", &[("Host", host)], b"").status, 421, "{host}");
    }
    for host in ["localhost", "localhost:8420", "127.0.0.1:1", "[::1]:8420", "kukaku.localhost"] {
        assert_eq!(client.send("GET", "/login", &[("Host", host)], b"").status, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn malformed_and_endless_requests_are_cut_off_and_others_are_served() {
    let site = Site::new().await;
    let mut client = Client::new(site.addr);
    let raw = |text: String| String::from_utf8_lossy(&client.raw(text.as_bytes())).into_owned();
    let many: String = (0..100_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let refused = [
        ("100,000 header lines", format!("GET /login HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")),
        ("a head of 1 MB", format!("GET /login HTTP/1.1\r\nHost: localhost\r\nx: {}\r\n\r\n", "y".repeat(1 << 20))),
        ("a path of 1 MB", format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "y".repeat(1 << 20))),
        ("two lengths", "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned()),
        ("a broken chunk", "POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZ\r\nab\r\n".to_owned()),
        ("no HTTP", "\u{16}\u{3}\u{1}\r\n\r\n".to_owned()),
    ];
    for (what, text) in refused {
        let answer = raw(text);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer:.60}");
    }
    // Half a head, from many: they wait, the next one is served.
    let slow: Vec<std::net::TcpStream> = (0..60)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(site.addr).unwrap();
            std::io::Write::write_all(&mut stream, b"GET /login HTTP/1.1\r\nHost: loc").unwrap();
            stream
        })
        .collect();
    assert_eq!(client.get("/login").status, 200);
    drop(slow);
    let token = client.token("/login");
    let long = form(&[("token", &token), ("name", "x"), ("password", &"x".repeat(3 << 20))]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(client.send("POST", "/login", &headers, long.as_bytes()).status, 413);
}
