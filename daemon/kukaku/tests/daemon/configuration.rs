//! Every slip of the pen in `kukaku.toml` is refused at the start, with its line (fault 74).

use crate::house::{Site, exits, kukaku};

/// Text, the line that has to be named, and what has to be said of it.
const WRONG: &[(&str, usize, &str)] = &[
    ("lang = \"fr\"\n", 1, "ja"),
    ("log = \"=\"\n", 1, "log filter"),
    ("free_disk_mib = -1\n", 1, "free_disk_mib"),
    ("free_disk_mib = \"much\"\n", 1, "expected"),
    ("\nlangauge = \"ja\"\n", 2, "langauge"),
    ("lang = \"ja\"\nlang = \"en\"\n", 2, "duplicate"),
    ("[web]\nlisten = \"8420\"\n", 2, "web.listen"),
    ("[web]\nlisten = \"0.0.0.0:8420\"\n", 2, "needs TLS"),
    ("[web]\nlistne = \"127.0.0.1:0\"\n", 2, "listne"),
    ("[web]\npublic_url = \"kukaku.example.jp\"\n", 2, "public_url"),
    ("[web]\n[web.tls]\ncertificate = \"a.pem\"\n", 2, "missing field `key`"),
    ("[[network]]\nname = \"a\"\naddresses = []\n", 3, "192.0.2.0/24"),
    ("[[network]]\nname = \"a\"\naddresses = [\"192.0.2.1/24\"]\n", 3, "begins at 192.0.2.0"),
    ("[[network]]\nname = \"a\"\naddresses = [\"0.0.0.0/0\"]\n", 3, "loopback"),
    ("[[network]]\nname = \"\"\naddresses = [\"192.0.2.0/24\"]\n", 2, "one line"),
    (
        "[[network]]\nname = \"a\"\naddresses = [\"192.0.2.0/24\"]\n[[network]]\nname = \"a\"\naddresses = [\"::2\"]\n",
        5,
        "twice",
    ),
    ("[mqtt]\n", 1, "listen"),
    ("[mqtt]\nlisten = \"192.0.2.1:1883\"\n", 2, "needs TLS"),
    ("[mqtt]\nlisten = \"127.0.0.1:1883\"\nconnections_max = 0\n", 3, "1 or more"),
    ("[mqtt]\nlisten = \"127.0.0.1:1883\"\n[mqtt.rate]\nper_second = 0\n", 4, "1 or more"),
    ("[mqtt]\nlisten = \"127.0.0.1:1883\"\n[[mqtt.certificate]]\nname = \"p\"\nsources = [\"p\"]\n", 4, "client_ca"),
    ("[[broker]]\naddress = \"broker\"\nclient_id = \"k\"\n", 2, "name and port"),
    ("[[broker]]\naddress = \"broker.example.jp:1883\"\nclient_id = \"k\"\n", 2, "plain text"),
    ("[[broker]]\naddress = \"127.0.0.1:1883\"\nclient_id = \"\"\n", 3, "stays the same"),
    ("[[broker]]\naddress = \"127.0.0.1:1883\"\nclient_id = \"k\"\nuser = \"u\"\n", 4, "password_file"),
    ("[[serial]]\nport = \"/dev/ttyS0\"\nbaud = 0\n[serial.line]\nsource = \"p\"\n", 3, "baud"),
    ("[[serial]]\nport = \"/dev/ttyS0\"\n[serial.line]\nsource = \"p\"\nframing = \"crlf\"\n", 5, "framing"),
    ("[[footage]]\nsource = \"nvr\"\nroot = \"/srv\"\npattern = \"%Y/%m.mp4\"\n", 4, "%H"),
    ("[[footage]]\nsource = \"nvr\"\nroot = \"/srv\"\npattern = \"%Y%m%d%H%M%S.mp4\"\n", 1, "camera"),
    ("[[footage]]\nsource = \"nvr\"\nroot = \"srv\"\npattern = \"{camera}/%Y%m%d%H%M%S.mp4\"\n", 3, "absolute"),
    (
        "[alerts]\n[[alerts.tower]]\nid = \"t\"\naddress = \"192.0.2.1:10000\"\n[[alerts.rule]]\nto = [\"T\"]\n",
        6,
        "channel",
    ),
    ("[alerts]\n[[alerts.rule]]\nto = [\"nobody\"]\n", 3, "nobody"),
    ("[alerts.retry]\ngive_up = \"1h\"\n", 0, "give_up"),
];

#[test]
fn every_wrong_key_is_refused_with_its_line() {
    let site = Site::new();
    for (toml, line, part) in WRONG {
        site.configure(toml);
        let said = exits(&kukaku(&["check", site.dir()]), 2);
        assert!(said.contains(part), "{part:?} in what was said of\n{toml}\n{said}");
        if *line > 0 {
            assert!(
                said.contains(&format!("line {line},")) || said.contains(&format!("line {line}:")),
                "line {line} of\n{toml}\n{said}"
            );
        }
        exits(&kukaku(&["run", site.dir()]), 2);
    }
}

#[test]
fn the_written_configuration_is_right_in_both_languages_also_with_its_comments_taken_away() {
    for lang in [kukaku_schema::Lang::Ja, kukaku_schema::Lang::En] {
        let text = kukaku::config::sample(lang);
        kukaku::config::parse(&text, "kukaku.toml", std::path::Path::new(".")).unwrap();
        // Every commented line that is TOML; prose and trailing comments stay comments.
        let whole: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = kukaku::config::parse(&whole, "kukaku.toml", std::path::Path::new(".")).unwrap();
        assert_eq!(config.network.len(), 1, "{lang:?}");
        assert_eq!((config.broker.len(), config.serial.len(), config.footage.len()), (1, 1, 1), "{lang:?}");
        assert_eq!(config.alerts.rule.len(), 1);
        assert!(config.web.tls.is_some() && config.mqtt.unwrap().tls.is_some());
    }
}
