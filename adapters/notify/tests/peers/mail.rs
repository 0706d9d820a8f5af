//! Mail: the thread of a finding, TLS, passwords, dead addresses.

use std::process::Command;

use super::house::*;
use kukaku_notify::{AlertState, Channel, Channels, DeliveryError, Letter};

fn config(port: u16, more: &str) -> String {
    format!(
        "[[mail]]\nid = \"duty\"\nserver = \"127.0.0.1\"\nport = {port}\n\
         from = \"区画 <kukaku@example.jp>\"\nto = [\"当直 <duty@example.jp>\"]\n{more}\n"
    )
}

/// Reads a mail as a mail program does: python's own parser.
fn parsed(event: &serde_json::Value) -> serde_json::Value {
    let script = "import sys,json,base64,email,email.policy\n\
        m=email.message_from_bytes(base64.b64decode(sys.argv[1]),policy=email.policy.default)\n\
        print(json.dumps({'headers':[[k,str(v)] for k,v in m.items()],'body':m.get_content()}))";
    let output =
        Command::new("/usr/bin/python3").args(["-c", script, event["data"].as_str().unwrap()]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn header(mail: &serde_json::Value, name: &str) -> Option<String> {
    let headers = mail["headers"].as_array().unwrap();
    let found: Vec<_> = headers.iter().filter(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name)).collect();
    assert!(found.len() <= 1, "{name} stands twice: {headers:?}");
    found.first().map(|h| h[1].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_flaps_is_one_thread_of_mails() {
    let (server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let channels = channels(&config(port, "tls = \"none\""));
    let mut alert = alert();
    let mut mails = Vec::new();
    for (revision, state) in [(1, AlertState::Opened), (2, AlertState::Resolved), (3, AlertState::Opened)] {
        (alert.revision, alert.state) = (revision, state);
        let delivered = channels.messages[0].deliver(&alert, now()).await.unwrap();
        assert!(delivered.confirmed);
        mails.push(parsed(&server.event()));
    }
    let first = header(&mails[0], "Message-ID").unwrap();
    assert_eq!(header(&mails[0], "References"), None);
    assert_eq!(
        header(&mails[0], "Subject").unwrap(),
        "[kukaku 札幌保守センター] 重大 発生: 在室なしセッション 佐藤 花子"
    );
    assert_eq!(header(&mails[0], "From").unwrap(), "区画 <kukaku@example.jp>");
    assert_eq!(header(&mails[0], "Date").unwrap(), "Sun, 22 Nov 2026 00:06:00 +0000");
    assert_eq!(header(&mails[0], "Auto-Submitted").unwrap(), "auto-generated");
    for mail in &mails[1..] {
        assert_eq!(header(mail, "References").as_ref(), Some(&first));
        assert_eq!(header(mail, "In-Reply-To").as_ref(), Some(&first));
        assert_ne!(header(mail, "Message-ID").unwrap(), first);
    }
    let body = mails[0]["body"].as_str().unwrap();
    for part in [
        "対象：佐藤 花子",
        "場所：セキュリティ区画A",
        "いつから：2026-11-22T09:05:00+09:00",
        "根拠：",
        "入室記録なし",
        "対応：",
        "https://kukaku.example/findings/1",
    ] {
        assert!(body.contains(part), "{part} is missing in\n{body}");
    }
    // A repeated attempt is the same mail.
    alert.revision = 1;
    channels.messages[0].deliver(&alert, now()).await.unwrap();
    assert_eq!(header(&parsed(&server.event()), "Message-ID").unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_makes_no_header_and_no_receiver() {
    let (server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let channels = channels(&config(port, "tls = \"none\""));
    let mut alert = alert();
    alert.title = HOSTILE.to_owned();
    alert.site = HOSTILE.to_owned();
    alert.who = HOSTILE.to_owned();
    alert.finding = HOSTILE.to_owned();
    alert.proof = vec![format!(".\r\n.\r\nQUIT{HOSTILE}")];
    alert.link = Some(format!("https://x/{HOSTILE}"));
    channels.messages[0].deliver(&alert, now()).await.unwrap();
    let event = server.event();
    assert_eq!(event["receivers"], serde_json::json!(["duty@example.jp"]));
    let mail = parsed(&event);
    assert_eq!(header(&mail, "Bcc"), None);
    let body = mail["body"].as_str().unwrap();
    assert!(!body.contains('\u{1b}') && !body.contains('\u{202e}') && !body.contains('\u{2028}'));
    assert!(!body.lines().any(|line| line.starts_with("Bcc:") || line == "."), "{body}");
    assert!(!body.contains("https://x/"), "a broken link must not be sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_and_a_password_under_the_sites_own_ca() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "site");
    let (server, port) = Peer::script("smtp.py", &["starttls", &ca.cert, &ca.key, "kukaku", "geheim\u{e9}"]);
    let password = folder.secret("password", "geheim\u{e9}\n");
    let account = format!("account = {{ user = \"kukaku\", password_file = \"{password}\" }}\nca_file = \"{}\"", ca.ca);
    let good = channels(&config(port, &account));
    good.messages[0].deliver(&alert(), now()).await.unwrap();
    let event = server.event();
    assert_eq!((&event["tls"], &event["signed_in"]), (&true.into(), &true.into()));
    assert_eq!(event["hello"], "example.jp", "the machine's own name is nobody's business");

    let wrong = folder.secret("wrong", "other");
    let bad = channels(&config(port, &account.replace(&password, &wrong)));
    let error = bad.messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(error.is_refused(), "a wrong password is for a person to repair: {error}");

    // A server whose certificate another CA made is not spoken to.
    let stranger = Ca::new(&folder, "stranger");
    let bad = channels(&config(port, &account.replace(&ca.ca, &stranger.ca)));
    let error = bad.messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(server.unread().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_byte() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "site");
    let (server, port) = Peer::script("smtp.py", &["implicit", &ca.cert, &ca.key]);
    let channels = channels(&config(port, &format!("tls = \"implicit\"\nca_file = \"{}\"", ca.ca)));
    channels.messages[0].deliver(&alert(), now()).await.unwrap();
    assert_eq!(server.event()["tls"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_starttls_gets_no_alert() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "site");
    let (server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let channels = channels(&config(port, &format!("ca_file = \"{}\"", ca.ca)));
    channels.messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(server.unread().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_address_keeps_the_alert_from_nobody_else() {
    let (server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let text = config(port, "tls = \"none\"")
        .replace("\"当直 <duty@example.jp>\"", "\"duty@example.jp\", \"dead@example.jp\", \"chief@example.jp\"");
    let delivered = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap();
    assert!(delivered.note.contains("dead@example.jp") && !delivered.note.contains('\u{1b}'), "{}", delivered.note);
    assert_eq!(server.event()["receivers"], serde_json::json!(["duty@example.jp"]));
    assert_eq!(server.event()["receivers"], serde_json::json!(["chief@example.jp"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_mailbox_is_tried_again_and_a_dead_one_shown() {
    let (_server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let to = |address: &str| config(port, "tls = \"none\"").replace("当直 <duty@example.jp>", address);
    let later = channels(&to("later@example.jp")).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(later, DeliveryError::Retry(_)), "{later}");
    let dead = channels(&to("dead@example.jp")).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(dead.is_refused(), "{dead}");
    assert!(!dead.to_string().contains('\u{1b}'), "the server's answer reached the page raw: {dead:?}");
    let gone = channels(&config(free_port(), "tls = \"none\"")).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(gone, DeliveryError::Retry(_)), "{gone}");
}

#[test]
fn plain_text_over_a_network_and_readable_passwords_are_refused() {
    let open = |text: &str| Channels::open(&toml::from_str(text).unwrap()).unwrap_err().to_string();
    let folder = Folder::new();
    let text = config(25, "tls = \"none\"").replace("127.0.0.1", "mail.example.jp");
    assert!(open(&text).contains("allow_plain"), "{}", open(&text));
    let password = folder.write("password", "secret");
    let account = format!("tls = \"none\"\naccount = {{ user = \"u\", password_file = \"{password}\" }}");
    let error = open(&config(25, &account));
    assert!(error.contains("chmod 640") && !error.contains("secret\""), "{error}");
    let secret = folder.secret("kept", "secret");
    let text = config(25, &account.replace(&password, &secret).replace("account", "allow_plain = true\naccount"))
        .replace("127.0.0.1", "mail.example.jp");
    assert!(open(&text).contains("without TLS"), "{}", open(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_to_its_own_receivers_and_no_name_forges_a_line() {
    let (server, port) = Peer::script("smtp.py", &["plain", "-", "-"]);
    let channels = channels(&config(port, "tls = \"none\""));
    let Channel::Mail(mail) = &channels.messages[0] else { panic!("the channel is no mail") };
    let letter = Letter {
        key: "vpn-1||7781|0|start".to_owned(),
        to: vec!["city@example.lg.jp".to_owned()],
        subject: format!("開始通知{HOSTILE}"),
        lines: vec!["作業者：佐藤 花子".to_owned(), format!("端末：{HOSTILE}")],
    };
    mail.deliver_letter(&letter, now()).await.unwrap();
    let event = server.event();
    assert_eq!(event["receivers"], serde_json::json!(["city@example.lg.jp"]));
    let first = parsed(&event);
    assert_eq!(header(&first, "To").unwrap(), "city@example.lg.jp");
    assert_eq!(header(&first, "Bcc"), None);
    let body = first["body"].as_str().unwrap();
    let lines: Vec<&str> = body.lines().collect();
    assert!(lines.len() == 2 && lines[0] == "作業者：佐藤 花子" && lines[1].starts_with("端末：x"), "{body:?}");
    // A repeated attempt is the same mail; another notice is another.
    mail.deliver_letter(&letter, now()).await.unwrap();
    let id = |mail: &serde_json::Value| header(mail, "Message-ID").unwrap();
    assert_eq!(id(&parsed(&server.event())), id(&first));
    let other = Letter { key: "vpn-1||7781|0|end".to_owned(), ..letter.clone() };
    mail.deliver_letter(&other, now()).await.unwrap();
    assert_ne!(id(&parsed(&server.event())), id(&first));
    let nobody = Letter { to: vec!["a@b\nBcc: c@d".to_owned()], ..letter };
    assert!(mail.deliver_letter(&nobody, now()).await.unwrap_err().is_refused());
}
