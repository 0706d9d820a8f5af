//! The second factor: set up and used on the pages.
//!
//! Harm: whoever saw a password typed is in; a code that was seen is good twice; somebody who may
//! not have a phone can't sign in at all.

use kukaku_store::users::{PasswordRules, Role, Roles, Token, TokenSort};
use kukaku_web::{Access, routes};

use super::browser;
use super::client::Client;
use super::day;
use super::site::{ADMIN, PASSWORD, Site, at};
use super::webdriver::Browser;

fn strict() -> PasswordRules {
    PasswordRules { second_factor: Roles::PRIVILEGED.into_iter().collect(), ..PasswordRules::default() }
}

/// Signs in with a password and, where it is asked for, a code.
fn sign_in(client: &mut Client, name: &str, code: &str) -> (u16, u16) {
    let first = client.sign_in(name, PASSWORD);
    assert!(first.header("location").is_none_or(|to| to.starts_with("/login/code")), "{first:?}");
    (first.status, give(client, code))
}

fn give(client: &mut Client, code: &str) -> u16 {
    let token = client.token("/login/code");
    client.post("/login/code", &[("token", &token), ("code", code), ("next", "/sessions")]).status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_password_alone_opens_nothing_and_a_code_opens_once() {
    let site = Site::new().await;
    let codes = site.users().print_codes(ADMIN).unwrap();
    let mut client = Client::new(site.addr);
    let half = client.sign_in(ADMIN, PASSWORD);
    assert_eq!((half.status, half.header("location")), (303, Some("/login/code?next=%2F")));
    for route in routes() {
        let path = route.path.replace("{id}", "1").replace("{order}", "1").replace("{seq}", "1");
        if !matches!(route.access, Access::Full | Access::Change | Access::Wall) {
            continue;
        }
        let answer = client.clone().send(route.method, &path, &[], b"");
        let to_the_door = answer.header("location").is_some_and(|to| to.starts_with("/login"));
        assert!(to_the_door || answer.status == 401, "{path}: {}", answer.status);
    }
    assert_eq!(client.post("/login/code", &[("code", &codes[0])]).status, 403, "without the form's token");
    assert_eq!(give(&mut client, "AAAA-BBBB-CCCC-DDDD"), 401);
    assert_eq!(give(&mut client, &codes[0]), 303);
    assert_eq!(client.get("/sessions").status, 200);
    assert_eq!(client.get("/login/code").header("location"), Some("/"));
    let mut again = Client::new(site.addr);
    assert_eq!(sign_in(&mut again, ADMIN, &codes[0]), (303, 401), "it was used");
    // It waits for five minutes, and no longer.
    site.clock.pass_to(at(300));
    assert_eq!(again.get("/login/code").header("location"), Some("/login?next=%2Flogin%2Fcode"));
    assert_eq!(sign_in(&mut again, ADMIN, &codes[1]), (303, 303));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_needs_a_second_factor_reaches_the_page_that_sets_it_up_and_nothing_else() {
    let site = Site::with_rules(strict()).await;
    let mut client = Client::new(site.addr);
    assert_eq!(client.sign_in(ADMIN, PASSWORD).status, 303);
    for path in ["/", "/sessions", "/registers"] {
        assert_eq!(client.get(path).header("location"), Some("/factor"), "{path}");
    }
    assert_eq!(client.get("/api/v1/sessions").status, 403);
    let page = client.get("/factor").text();
    day::holds(&page, &["二つ目の認証が必要です", "印刷した符号", "認証アプリ"]);
    let token = client.token("/factor");
    let list = client.post("/factor/codes", &[("token", &token)]).text();
    let (_, rest) = list.split_once("<li class=\"mono\">").unwrap();
    let code = rest.split('<').next().unwrap().to_owned();
    assert_eq!(client.get("/sessions").status, 200, "he has one now");
    // From here on he changes it with a code of it, and nobody does who found his browser open.
    let token = client.token("/factor");
    assert_eq!(client.post("/factor/codes", &[("token", &token), ("code", "x")]).status, 422);
    assert_eq!(client.post("/factor/begin", &[("token", &token)]).status, 422);
    assert_eq!(client.post("/factor/begin", &[("token", &token), ("code", &code)]).status, 303);
    // An auditor changes nothing, and needs none here.
    site.users().create_with_password("kansa", PASSWORD, at(-3600)).unwrap();
    site.users().set_role("kansa", Role::Auditor).unwrap();
    let mut auditor = Client::new(site.addr);
    assert_eq!(auditor.sign_in("kansa", PASSWORD).status, 303);
    assert_eq!(auditor.get("/sessions").status, 200);
    day::holds(&auditor.get("/rights").text(), &["二つ目の認証", "あり", "なし"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hardware_token_signs_in_and_wrong_codes_lock_with_the_same_words() {
    let site = Site::new().await;
    let seed = b"12345678901234567890".to_vec();
    let token = Token { seed, sort: TokenSort::Count { next: 0 }, digits: 6 };
    site.users().set_token(ADMIN, &token, at(0)).unwrap();
    let mut client = Client::new(site.addr);
    assert_eq!(sign_in(&mut client, ADMIN, "755 224"), (303, 303));
    let mut thief = Client::new(site.addr);
    thief.sign_in(ADMIN, PASSWORD);
    let wrong = |client: &mut Client, code: &str| {
        let token = client.token("/login/code");
        let answer = client.post("/login/code", &[("token", &token), ("code", code)]);
        // The form token differs from page to page.
        (answer.status, answer.text().replace(&token, ""))
    };
    let first = wrong(&mut thief, "000000");
    assert_eq!(first.0, 401);
    for _ in 1..5 {
        assert_eq!(wrong(&mut thief, "000000"), first);
    }
    assert_eq!(wrong(&mut thief, "287082"), first, "locked: the right one is refused in the same words");
}

/// Faults 76 and 78, SE-35: who signed in or failed to, and what was done with users, is in the
/// journal, also what was done on the machine while nothing ran.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_done_with_users_is_in_the_journal_and_nobody_can_leave_it_out() {
    let site = Site::new().await;
    let users = site.users().acting_at(at(-60));
    let initial = users.create("sato", Role::Manager, at(-60)).unwrap();
    users.set_role("sato", Role::Auditor).unwrap();
    let mut client = Client::new(site.addr);
    for _ in 0..5 {
        assert_eq!(client.sign_in("sato", "wrong").status, 401);
    }
    users.enable("sato").unwrap();
    assert_eq!(client.sign_in("sato", &initial).status, 303);
    users.disable("sato", at(0)).unwrap();
    users.create_key("盤", &["panel-1".to_owned()], false, at(0)).unwrap();
    assert!(users.set_role("nobody", Role::Auditor).is_err());
    assert_eq!(site.writer.note_accounts().await.unwrap(), 12);
    assert_eq!(site.writer.note_accounts().await.unwrap(), 0, "each once");
    client.sign_in(ADMIN, PASSWORD);
    let page = client.get("/accounts/events?user=sato").text();
    day::holds(
        &page,
        &[
            "登録",
            "役割の変更",
            "監査担当者",
            "サインイン失敗",
            "失敗が続きロック",
            "有効化",
            "無効化",
            "この機械の操作",
        ],
    );
    assert!(!page.contains("wrong") && !page.contains(&initial), "a password is never told");
    let conn = kukaku_store::read_only(&site.store_file()).unwrap();
    let acts: Vec<String> = conn
        .prepare("SELECT act FROM account_event WHERE user_name = 'sato' ORDER BY entry")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let wanted =
        ["made", "role", "refused", "refused", "refused", "refused", "locked", "enabled", "signed_in", "disabled"];
    assert_eq!(acts, wanted);
}

/// SE-16, UC-1-04: from where a role may come.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_role_comes_from_its_addresses_and_is_told_nothing_elsewhere() {
    let site = Site::new().await;
    site.users().create_with_password("kansa", PASSWORD, at(-3600)).unwrap();
    site.users().set_role("kansa", Role::Auditor).unwrap();
    let (mut auditor, mut admin) = (Client::new(site.addr), Client::new(site.addr));
    assert_eq!((auditor.sign_in("kansa", PASSWORD).status, admin.sign_in(ADMIN, PASSWORD).status), (303, 303));
    site.closed.lock().unwrap().push(Role::Auditor);
    assert_eq!(auditor.get("/sessions").status, 303, "where it was carried to, it ends");
    assert_eq!(admin.get("/sessions").status, 200);
    let words = |answer: super::client::Answer| {
        (answer.status, answer.text().split("role=\"alert\"").nth(1).map(|rest| rest[..200].to_owned()))
    };
    let elsewhere = words(auditor.sign_in("kansa", PASSWORD));
    let wrong = words(auditor.sign_in("nobody", "wrong"));
    assert_eq!(elsewhere, wrong);
    site.closed.lock().unwrap().clear();
    assert_eq!(auditor.get("/sessions").status, 303, "it stays ended");
    assert_eq!(auditor.sign_in("kansa", PASSWORD).status, 303);
    site.writer.note_accounts().await.unwrap();
    assert!(admin.get("/accounts/events?user=kansa").text().contains("許可されていない接続元"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_app_is_set_up_in_a_browser() {
    let site = Site::with_rules(strict()).await;
    let browser = Browser::start("factor");
    browser.resize(1440, 1000);
    let address = format!("http://localhost:{}", site.addr.port());
    browser::sign_in(&browser, &address, ADMIN, PASSWORD);
    assert_eq!(browser.address(), format!("{address}/factor"));
    browser.follow("form[action='/factor/begin'] button");
    browser.wait_for("document.querySelector('.qr svg')");
    browser::legible(&browser, "factor");
    browser.picture("factor");
    let seed = browser.text_of("#seed").replace(' ', "");
    assert_eq!(seed.len(), 32, "160 bits in base 32");
    browser.type_into("#code", "000000");
    browser.follow("form[action='/factor/confirm'] button");
    assert!(browser.text_of("[role=alert]").contains("確認符号が違います"));
    browser.type_into("#code", &kukaku_store::users::code_at(&seed, at(-3600)).unwrap());
    browser.follow("form[action='/factor/confirm'] button");
    assert_eq!(browser.address(), format!("{address}/"));
    browser.follow("form[action='/logout'] button");
    browser::sign_in(&browser, &address, ADMIN, PASSWORD);
    assert!(browser.text_of("h1").contains("確認符号"));
    browser::legible(&browser, "code");
    browser.picture("code");
    // Half a minute later its next code is shown.
    site.clock.pass_to(at(-3540));
    browser.type_into("#code", &kukaku_store::users::code_at(&seed, at(-3540)).unwrap());
    browser.follow("main button.act");
    assert_eq!(browser.address(), format!("{address}/"));
    browser::no_complaints(&browser);
}
