//! Holds and agreements: what is kept, and who may let go of it.

use crate::house::{Site, exits, kukaku, kukaku_told};

const BOTH: &str = "Seven-green-boats-91\nEleven-quiet-rivers-7\n";

/// A site with two users.
fn site() -> Site {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    for (name, password) in [("hanako", "Seven-green-boats-91"), ("taro", "Eleven-quiet-rivers-7")] {
        users.create_with_password(name, password, kukaku::clock::now()).unwrap();
    }
    site
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&exits(&kukaku(args), 0)).unwrap()
}

#[test]
fn a_hold_is_placed_by_one_and_released_by_two() {
    let site = site();
    let dir = site.dir();
    let add = |what: &[&str], answers: &str| {
        kukaku_told(&[&["hold", dir, "add", "--by", "hanako", "--reason", "case 12"], what].concat(), answers)
    };
    let said = exits(&add(&["--client", "tomakomai"], "wrong\n"), 1);
    assert!(said.contains("hanako"), "{said}");
    let said = exits(&add(&["--client", "nowhere"], BOTH), 2);
    assert!(said.contains("nowhere"), "{said}");
    let said = exits(&add(&[], BOTH), 2);
    assert!(said.contains("--client"), "{said}");
    let from = ["--client", "tomakomai", "--from", "2026-01-01T00:00:00+09:00"];
    let said = exits(&add(&from, BOTH), 0);
    assert!(said.contains("hold-1 placed by hanako"), "{said}");
    let listed = exits(&kukaku(&["hold", dir, "list"]), 0);
    assert!(listed.contains("hold-1  client tomakomai  from 2026-01-01 00:00:00") && listed.contains("case 12"));

    let release = |by: [&str; 2], answers: &str| {
        let signed = ["--by", by[0], "--confirmed-by", by[1], "--reason", "closed"];
        kukaku_told(&[&["hold", dir, "release", "hold-1"][..], &signed].concat(), answers)
    };
    let said = exits(&release(["hanako", "hanako"], "Seven-green-boats-91\nSeven-green-boats-91\n"), 1);
    assert!(said.contains("two people"), "{said}");
    exits(&release(["hanako", "taro"], "Seven-green-boats-91\nwrong\n"), 1);
    assert_eq!(json(&["hold", dir, "list", "--json"])[0]["id"], "hold-1");
    let said = exits(&release(["hanako", "taro"], BOTH), 0);
    assert!(said.contains("released by hanako, confirmed by taro"), "{said}");
    let said = exits(&release(["hanako", "taro"], BOTH), 1);
    assert!(said.contains("released already"), "{said}");
    assert_eq!(json(&["hold", dir, "list", "--json"]), serde_json::json!([]));
    assert_eq!(json(&["hold", dir, "list", "--all", "--json"])[0]["released"]["confirmed_by"], "taro");

    let journal = site.journal();
    assert_eq!(journal.iter().filter(|kind| kind.starts_with("hold.")).count(), 2);
    exits(&kukaku(&["verify", dir]), 0);
    exits(&kukaku(&["replay", "--store", dir]), 0);
}

#[test]
fn keeping_records_for_less_time_needs_a_second_person() {
    let site = site();
    let dir = site.dir();
    let registers = exits(&kukaku(&["registers", dir, "export"]), 0);
    let agreed = |at_least: &str| {
        let row = "[[retention]]\nid = \"r1\"\nclient = \"tomakomai\"\nclass = \"entry\"\nerase = true\n";
        site.folder.write("site.toml", format!("{registers}\n{row}at_least = \"{at_least}\"\n"))
    };
    let import = |file: &std::path::Path, more: &[&str], answers: &str| {
        let file = crate::house::text(file);
        kukaku_told(&[&["registers", dir, "import", file, "--by", "hanako"], more].concat(), answers)
    };
    let file = agreed("2 years");
    let said = exits(&import(&file, &["--dry-run"], ""), 0);
    assert!(said.contains("needs --confirmed-by: tomakomai, entry: at least 3 years, never erased"), "{said}");
    let said = exits(&import(&file, &[], ""), 1);
    assert!(said.contains("becomes at least 2 years, then erased") && said.contains("second person"), "{said}");
    let said = exits(&import(&file, &["--confirmed-by", "hanako"], BOTH), 1);
    assert!(said.contains("two people"), "{said}");
    exits(&import(&file, &["--confirmed-by", "taro"], "wrong\n"), 1);
    assert_eq!(exits(&kukaku(&["registers", dir, "export"]), 0), registers, "nothing of it was kept");
    exits(&import(&file, &["--confirmed-by", "taro"], "Eleven-quiet-rivers-7\n"), 0);
    // More, or the same again, needs nobody.
    exits(&import(&agreed("3 years"), &[], ""), 0);
    let said = exits(&import(&agreed("35 months"), &[], ""), 1);
    assert!(said.contains("tomakomai, entry"), "{said}");
    // To withdraw it means three years again, and never.
    let file = site.folder.write("site.toml", &registers);
    exits(&import(&file, &[], ""), 0);
    let shorter = registers.replace("[policy]\n", "[policy]\nretention_notice = \"1d\"\n");
    let file = site.folder.write("site.toml", shorter);
    let said = exits(&import(&file, &[], ""), 1);
    assert!(said.contains("`retention_notice` from 7d to 1d"), "{said}");
    exits(&kukaku(&["verify", dir]), 0);
    exits(&kukaku(&["replay", "--store", dir]), 0);
}

#[test]
fn what_was_agreed_is_shown_against_what_is_held() {
    let site = site();
    let dir = site.dir();
    let shown = json(&["retention", dir, "show", "--json"]);
    let site_register = shown["standings"].as_array().unwrap().iter().find(|s| s["class"] == "register").unwrap();
    assert_eq!(site_register["records"], 1, "the opening registers");
    assert_eq!(site_register["agreed"], "at least 3 years, never erased (default)");
    assert!(shown["disk"]["free_bytes"].as_u64().unwrap() > 0 && shown["in_order"] == true);
    let plan = json(&["retention", dir, "plan", "--json"]);
    assert_eq!(plan["erase"], serde_json::json!([]));
    assert_eq!(plan["groups"][0]["waiting"][0]["why"], "not_agreed");
    let said = exits(&kukaku(&["retention", dir, "plan"]), 0);
    assert!(said.contains("nothing is erased now") && said.contains("nobody agreed"), "{said}");
    let said = exits(&kukaku(&["retention", dir, "show"]), 0);
    assert!(said.contains("MiB free"), "{said}");
}

#[test]
fn a_client_leaves_by_the_word_of_two_and_its_certificate_proves_itself() {
    let site = site();
    let dir = site.dir();
    let gateway = "[[source]]\nid = \"tmk-gw\"\nclass = \"A\"\nclient = \"tomakomai\"\n";
    let more = site.folder.write("more.toml", format!("{}{gateway}", crate::house::REGISTERS));
    let import = ["registers", dir, "import", crate::house::text(&more), "--by", "hanako", "--reason", "gateway"];
    exits(&kukaku(&import), 0);
    site.key("tmk-gw");
    let vpn = site.key("vpn-1");
    let daemon = site.run();
    let at = crate::house::ago(300);
    let line = |word: &str, rest: &str| {
        format!(r#"{{"kind":"session.{word}","source":"vpn-1","device_time":"{at}","session":"TSUBAME-1"{rest}}}"#)
    };
    daemon.post(&vpn, &line("started", r#","account":"tmk-a01","terminal":"term-1""#));
    site.wait_for("session.started");
    let file = site.folder.path("certificate.json");
    let leave = |really: &str, by: [&str; 2], answers: &str| {
        let what = ["offboard", dir, "--client", "tomakomai", "--really", really, "--reason", "契約終了"];
        let signed = ["--written-by", by[0], "--confirmed-by", by[1], "--out", crate::house::text(&file)];
        kukaku_told(&[&what[..], &signed].concat(), answers)
    };
    let said = exits(&leave("tomakoma", ["hanako", "taro"], BOTH), 2);
    assert!(said.contains("--really tomakomai"), "{said}");
    let said = exits(&leave("tomakomai", ["hanako", "taro"], BOTH), 1);
    assert!(said.contains("still goes on"), "{said}");
    daemon.post(&vpn, &line("ended", ""));
    site.wait_for("session.ended");
    let said = exits(&leave("tomakomai", ["hanako", "hanako"], "Seven-green-boats-91\nSeven-green-boats-91\n"), 1);
    assert!(said.contains("two people"), "{said}");
    assert!(!file.exists());
    let said = exits(&leave("tomakomai", ["hanako", "taro"], BOTH), 0);
    assert!(said.contains("削除証明書"), "{said}");
    let said = exits(&leave("tomakomai", ["hanako", "taro"], BOTH), 2);
    assert!(said.contains("is there already"), "{said}");
    assert!(daemon.stop().0.success());

    let verified = exits(&kukaku(&["verify", dir]), 0);
    assert!(verified.contains("values erased:"), "{verified}");
    exits(&kukaku(&["replay", "--store", dir]), 0);
    for name in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(site.dir.join(name)).unwrap_or_default();
        assert!(!bytes.windows(9).any(|w| w == b"TSUBAME-1"), "{name}");
    }
    let page = std::fs::read_to_string(file.with_extension("html")).unwrap();
    assert!(page.contains("苫小牧市") && page.contains("hanako、taro") && page.contains("契約終了"));

    // The city checks it with its own tool and the key that it was given.
    let key = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let key = kukaku_ledger::VerifierKey::parse(key.trim_end()).unwrap();
    let terms = |_: &str| vec![kukaku_ledger::KeyTerm::whole(key.clone())];
    let json = std::fs::read(&file).unwrap();
    let certified = kukaku_verify::check_certificate(&json, terms).unwrap();
    assert_eq!((certified.client.as_str(), certified.by.join(" ")), ("tomakomai", "hanako taro".to_owned()));
    assert!(String::from_utf8_lossy(&json).contains(r#"\"credentials\":1,"#), "{}", String::from_utf8_lossy(&json));
    assert!(certified.erased["session"] >= 2 && !certified.keys.is_empty(), "{certified:?}");
    let stranger = kukaku_ledger::SigningKey::from_seed(key.name(), &[9; 32]).unwrap().verifier().clone();
    let other = |_: &str| vec![kukaku_ledger::KeyTerm::whole(stranger.clone())];
    assert_eq!(kukaku_verify::check_certificate(&json, other).unwrap_err().exit_code(), 3);
    // Every byte counts: a changed letter is refused, or changes nothing of what is said.
    for place in 0..json.len() {
        let mut changed = json.clone();
        changed[place] ^= 1;
        if let Ok(said) = kukaku_verify::check_certificate(&changed, terms) {
            assert_eq!(said, certified, "byte {place}");
        }
    }
}
