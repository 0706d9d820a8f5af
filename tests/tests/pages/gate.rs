//! Signing in: what it takes, how long it lasts, and what ends it.

use super::client::Client;
use super::site::{ADMIN, PASSWORD, Site, at};

const WRONG: &str = "not the right one at all";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_wrong_passwords_lock_and_the_right_one_is_refused_with_the_same_words() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let mut client = Client::new(site.addr);
    let without_name = |client: &mut Client, name: &str, password: &str| {
        let answer = client.sign_in(name, password);
        let token = client.token("/login");
        (answer.status, answer.text().replace(&token, "").replace(name, ""))
    };
    let unknown = without_name(&mut client, "nobody", WRONG);
    let wrong: Vec<_> = (0..5).map(|_| without_name(&mut client, ADMIN, WRONG)).collect();
    let locked = without_name(&mut client, ADMIN, PASSWORD);
    assert_eq!(unknown.0, 401);
    for answer in wrong.iter().chain([&locked]) {
        assert_eq!(*answer, unknown, "nothing tells an unknown name, a wrong password and a lock apart");
    }
    site.clock.pass_to(at(15 * 60 - 1));
    assert_eq!(client.sign_in(ADMIN, PASSWORD).status, 401);
    site.clock.pass_to(at(15 * 60));
    assert_eq!(client.sign_in(ADMIN, PASSWORD).status, 303);
    // The console opens the door at once.
    let mut other = Client::new(site.addr);
    for _ in 0..5 {
        other.sign_in(ADMIN, WRONG);
    }
    site.users().enable(ADMIN).unwrap();
    assert_eq!(other.sign_in(ADMIN, PASSWORD).status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_spray_of_names_from_one_address_is_slowed_down() {
    let site = Site::new().await;
    let mut client = Client::new(site.addr);
    let token = client.token("/login");
    let mut statuses = vec![];
    for n in 0..22 {
        let name = format!("user{n}");
        statuses.push(client.post("/login", &[("token", &token), ("name", &name), ("password", WRONG)]).status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
    assert_eq!(statuses.last(), Some(&429));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sign_in_ends_with_idleness_with_time_and_with_the_password() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let signed_in = || {
        let mut client = Client::new(site.addr);
        assert_eq!(client.sign_in(ADMIN, PASSWORD).status, 303);
        client
    };
    let still = |client: &mut Client| client.get("/journal").status == 200;

    let mut idle = signed_in();
    site.clock.pass_to(at(15 * 60 - 1));
    assert!(still(&mut idle));
    site.clock.pass_to(at(2 * 15 * 60 - 2));
    assert!(still(&mut idle), "an act moves the idle time on");
    // What a page fetches by itself is no act.
    site.clock.pass_to(at(3 * 15 * 60 - 10));
    assert_eq!(idle.send("GET", "/?part=zones", &[("kukaku-live", "1")], b"").status, 200);
    site.clock.pass_to(at(3 * 15 * 60));
    assert_eq!(idle.send("GET", "/?part=zones", &[("kukaku-live", "1")], b"").status, 401);
    assert!(!still(&mut idle));

    let start = 3 * 15 * 60;
    let mut long = signed_in();
    for step in 1..72 {
        site.clock.pass_to(at(start + step * 600));
        assert!(still(&mut long), "after {step} times ten minutes");
    }
    site.clock.pass_to(at(start + 12 * 3600));
    assert!(!still(&mut long), "twelve hours are the most");

    let (mut one, mut two) = (signed_in(), signed_in());
    let token = one.token("/password");
    let fresh = "Ame no furu Yoru wa 7 shizuka";
    let form = [("token", token.as_str()), ("present", PASSWORD), ("new", fresh), ("again", fresh)];
    let old = one.clone();
    assert_eq!(one.post("/password", &form).header("location"), Some("/"));
    assert!(still(&mut one), "who changed it stays, under a new id");
    assert!(!still(&mut two), "every other sign-in of the user ends");
    assert!(!still(&mut old.clone()), "the id from before the change is void");

    let mut three = Client::new(site.addr);
    assert_eq!(three.sign_in(ADMIN, fresh).status, 303);
    let kept = three.clone();
    let token = three.token("/");
    assert_eq!(three.post("/logout", &[("token", &token)]).header("location"), Some("/login"));
    assert!(!still(&mut kept.clone()), "the cookie is worth nothing after signing out");

    let mut four = Client::new(site.addr);
    assert_eq!(four.sign_in(ADMIN, fresh).status, 303);
    site.users().create("second", kukaku_store::users::Role::Administrator, at(0)).unwrap();
    site.users().disable(ADMIN, at(0)).unwrap();
    assert!(!still(&mut four), "a disabled user is out at once");
    assert_eq!(four.sign_in(ADMIN, fresh).status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_cookie_does_not_become_a_sign_in() {
    let site = Site::new().await;
    let mut client = Client::new(site.addr);
    let planted = "A".repeat(43);
    client.cookies.insert("__Host-kukaku".to_owned(), planted.clone());
    assert_eq!(client.sign_in(ADMIN, PASSWORD).status, 303);
    assert_ne!(client.cookies["__Host-kukaku"], planted);
    let mut thief = Client::new(site.addr);
    thief.cookies.insert("__Host-kukaku".to_owned(), planted);
    assert_eq!(thief.get("/").header("location"), Some("/login?next=%2F"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_first_password_works_once_within_its_time_and_has_to_be_changed() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let first = site.users().create("sato", kukaku_store::users::Role::Manager, at(0)).unwrap();
    let late = site.users().create("late", kukaku_store::users::Role::Manager, at(0)).unwrap();
    let mut client = Client::new(site.addr);
    assert_eq!(client.sign_in("sato", &first).header("location"), Some("/password"));
    for path in ["/", "/sessions", "/entries.csv", "/wall", "/journal/1"] {
        assert_eq!(client.get(path).header("location"), Some("/password"), "{path}");
    }
    assert_eq!(client.get("/api/v1/status").status, 403);
    let mut second = Client::new(site.addr);
    assert_eq!(second.sign_in("sato", &first).status, 401, "it was used");
    let token = client.token("/password");
    for (new, again) in [
        ("short", "short"),
        ("sato is my own Name 7", "sato is my own Name 7"),
        ("Aa1-Aa1-Aa1-Aa1-Aa1-", "Aa1-Aa1-Aa1-Aa1-Aa1-"),
        ("no capitals in it at all 7", "no capitals in it at all 7"),
        (first.as_str(), first.as_str()),
        ("Yuki no Asa ni 7 saku", "another one entirely"),
    ] {
        assert_eq!(client.post("/password", &[("token", &token), ("new", new), ("again", again)]).status, 422, "{new}");
    }
    let new = "Yuki no Asa ni 7 saku";
    assert_eq!(
        client.post("/password", &[("token", &token), ("new", new), ("again", new)]).header("location"),
        Some("/")
    );
    assert_eq!(client.get("/").status, 200);
    site.clock.pass_to(at(72 * 3600));
    assert_eq!(Client::new(site.addr).sign_in("late", &late).status, 401, "nobody used it in three days");
    assert_eq!(Client::new(site.addr).sign_in("sato", new).status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_password_that_has_had_its_time_has_to_be_changed_before_anything_else() {
    let site = Site::new().await;
    let year = 365 * 24 * 3600;
    // It was chosen an hour before the site's day began.
    site.clock.pass_to(at(year - 3601));
    assert_eq!(Client::new(site.addr).sign_in(ADMIN, PASSWORD).header("location"), Some("/"));
    let mut open = Client::new(site.addr);
    open.sign_in(ADMIN, PASSWORD);
    site.clock.pass_to(at(year - 3600));
    assert_eq!(open.get("/sessions").header("location"), Some("/password"), "also who is signed in");
    let mut client = Client::new(site.addr);
    assert_eq!(client.sign_in(ADMIN, PASSWORD).header("location"), Some("/password"));
    let page = client.get("/password").text();
    assert!(page.contains("有効期間が過ぎました") && page.contains("name=\"present\""), "{page}");
    let token = client.token("/password");
    let fresh = "Ame no furu Yoru wa 7 shizuka";
    let post = |client: &mut Client, new: &str| {
        client.post("/password", &[("token", &token), ("present", PASSWORD), ("new", new), ("again", new)])
    };
    assert_eq!(post(&mut client, PASSWORD).status, 422, "not the same again");
    assert_eq!(post(&mut client, fresh).header("location"), Some("/"));
    assert_eq!(client.get("/sessions").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wall_display_shows_its_page_for_a_month_and_can_do_nothing() {
    let site = Site::new().await;
    site.pass_to(0).await;
    let mut client = Client::new(site.addr);
    client.sign_in(ADMIN, PASSWORD);
    let manager = client.clone();
    let token = client.token("/");
    assert_eq!(client.post("/wall/start", &[("token", &token)]).header("location"), Some("/wall"));
    assert_eq!(manager.clone().get("/").status, 303, "the full sign-in is over");
    site.clock.pass_to(at(29 * 24 * 3600));
    assert_eq!(client.get("/wall").status, 200);
    for path in ["/", "/sessions", "/entries.csv", "/password", "/registers"] {
        assert_eq!(client.get(path).header("location"), Some("/wall"), "{path}");
    }
    assert_eq!(client.get("/api/v1/sessions").status, 403);
    let token = client.token("/wall");
    assert_eq!(client.post("/registers", &[("token", &token), ("toml", ""), ("why", "x")]).status, 403);
    site.clock.pass_to(at(30 * 24 * 3600));
    assert_eq!(client.get("/wall").status, 303);
}
