//! What each role sees and may do, against a table that is written down here and not in the code.
//!
//! Harm: an auditor who can change what he audits; a form for somebody who may not use it.

use kukaku_store::users::{Extent, Role};
use kukaku_web::{Access, routes};

use super::client::Client;
use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};

/// Who of the site may post where; who sees only what is his may nowhere. A route that isn't here
/// has no rule yet.
const ACTS: [(&str, [bool; 4]); 9] = [
    // administrator, manager, security, auditor
    ("/wall/start", [true, true, true, true]),
    ("/findings/act", [true, true, true, false]),
    ("/orders", [true, true, false, false]),
    ("/orders/take", [true, true, false, false]),
    ("/orders/paper", [true, true, true, false]),
    ("/orders/act", [true, true, false, false]),
    ("/failures", [true, true, false, false]),
    ("/registers", [true, true, false, false]),
    ("/registers/sheet", [true, true, false, false]),
];

/// Whom a role has to look for.
fn extent(role: Role) -> Extent {
    Extent {
        clients: role.is_of_clients().then(|| "tomakomai".to_owned()).into_iter().collect(),
        person: (role == Role::Operator).then(|| "op-01".to_owned()),
        valid_until: role.is_of_clients().then(|| at(86_400)),
        ..Extent::default()
    }
}

fn signed_in(site: &Site, role: Role) -> Client {
    let name = role.word();
    let users = site.users();
    users.create_with_password(name, PASSWORD, at(-3600)).unwrap();
    users.set_role_for(name, role, &extent(role)).unwrap();
    let mut client = Client::new(site.addr);
    assert_eq!(client.sign_in(name, PASSWORD).status, 303, "{name}");
    client
}

fn entries(site: &Site) -> i64 {
    let conn = kukaku_store::read_only(&site.store_file()).unwrap();
    conn.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_role_may_do_what_is_written_here_and_nothing_else() {
    let (site, _) = day::after().await;
    for (place, role) in Role::ALL.into_iter().enumerate() {
        let mut client = signed_in(&site, role);
        let token = client.token("/");
        for route in routes().into_iter().filter(|route| route.method == "GET" && route.access == Access::Full) {
            let path = route.path.replace("{id}", "1").replace("{seq}", "1");
            let of_site =
                ["/sources", "/unreadable", "/metrics", "/accounts/events", "/api/v1/sources", "/api/v1/status"]
                    .contains(&route.path);
            let may = role.sees_the_site() || !of_site;
            assert_eq!(client.get(&path).status != 403, may, "{path} as {}", role.word());
        }
        let mut acts: Vec<_> =
            routes().into_iter().filter(|route| route.method == "POST" && route.access == Access::Full).collect();
        // A wall display takes the place of the sign-in that starts it.
        acts.sort_by_key(|route| route.path == "/wall/start");
        for route in acts {
            let (_, table) = ACTS
                .iter()
                .find(|(path, _)| *path == route.path)
                .unwrap_or_else(|| panic!("who may post to {}? write it into the table", route.path));
            let may = |place: usize| table.get(place).copied().unwrap_or(false);
            let before = entries(&site);
            // Signed in, from the right page, with the right token: only the role is in the way.
            let answer = client.clone().post(route.path, &[("token", &token)]);
            assert_eq!(answer.status != 403, may(place), "{} as {}: {}", route.path, role.word(), answer.status);
            if !may(place) {
                assert!(answer.text().contains("権限一覧"), "it says where the rights are listed");
                assert_eq!(entries(&site), before, "{} as {} left something", route.path, role.word());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_offered_a_form_that_is_not_for_him() {
    let (site, _) = day::after().await;
    let mut shown = Vec::new();
    for role in Role::ALL {
        let mut client = signed_in(&site, role);
        let mut of = |path: &str, form: &str| client.get(path).text().contains(&format!("action=\"{form}\""));
        shown.push([
            of("/orders", "/orders"),
            of("/failures", "/failures"),
            of("/registers", "/registers"),
            of("/registers/sheet?table=operator", "/registers/sheet"),
        ]);
    }
    assert_eq!(shown, [[true; 4], [true; 4], [false; 4], [false; 4], [false; 4], [false; 4], [false; 4]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_role_ends_the_sign_ins_and_the_last_administrator_stays() {
    let site = Site::new().await;
    let mut client = signed_in(&site, Role::Manager);
    assert_eq!(client.get("/orders").status, 200);
    site.users().set_role("manager", Role::Auditor).unwrap();
    assert_eq!(client.get("/orders").status, 303, "he signs in again");
    let users = site.users();
    assert!(users.set_role(ADMIN, Role::Manager).unwrap_err().to_string().contains("last administrator"));
    assert!(users.disable(ADMIN, at(0)).unwrap_err().to_string().contains("last administrator"));
    users.set_role("manager", Role::Administrator).unwrap();
    users.disable(ADMIN, at(0)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_list_of_rights_names_roles_users_and_who_is_dormant() {
    let site = Site::new().await;
    let mut auditor = signed_in(&site, Role::Auditor);
    let _manager = signed_in(&site, Role::Manager);
    let page = auditor.get("/rights").text();
    for word in ["システム管理者", "施設管理者", "セキュリティ責任者", "監査担当者", ADMIN, "台帳の変更"]
    {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("90日以上未使用"));
    let list = auditor.get("/rights.csv");
    let line = |name: &str| {
        let text = list.text();
        text.lines().find(|line| line.contains(&format!("\"{name}\""))).unwrap().to_owned()
    };
    assert!(line("auditor").ends_with("\"○\",\"○\",\"\",\"\",\"\",\"\""), "{}", line("auditor"));
    assert!(line("manager").ends_with("\"○\",\"○\",\"○\",\"○\",\"○\",\"○\""), "{}", line("manager"));
    site.clock.pass_to(at(91 * 86_400));
    assert_eq!(auditor.sign_in("auditor", PASSWORD).status, 303);
    let page = auditor.get("/rights").text();
    let of = |name: &str| page.lines().find(|line| line.contains(&format!("<bdi>{name}</bdi>"))).unwrap();
    assert!(of("manager").contains("90日以上未使用") && !of("auditor").contains("90日以上未使用"));
}
