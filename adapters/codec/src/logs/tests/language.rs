//! The language itself: what a rule can say, and how a wrong one is refused.

use super::*;
use crate::logs::{LogLine, Note, Why};
use kukaku_schema::Lang;

const HEAD: &str = "[log]\nname = \"t\"\n";

fn rules(text: &str) -> Rules {
    Rules::parse(&format!("{HEAD}{text}"), "t.toml").unwrap_or_else(|e| panic!("{e}"))
}

fn refused(text: &str) -> String {
    Rules::parse(&format!("{HEAD}{text}"), "t.toml").unwrap_err().to_string()
}

#[test]
fn the_example_of_the_user_page_reads_its_own_lines() {
    let page = include_str!("../../../../../docs/mappings.md");
    let part = |fence: &str| page.split(fence).nth(1).unwrap().split("```").next().unwrap();
    let rules = Rules::parse(part("```toml log\n"), "example.toml").unwrap_or_else(|e| panic!("{e}"));
    let lines: Vec<&str> = part("```text\n").lines().collect();
    assert_eq!(
        told(&mut reader(rules), &lines),
        [
            "held",
            "-",
            "2026-11-22T09:00:02 start 17 account=tanaka address=203.0.113.9 target=records",
            "2026-11-22T09:40:00 end 17 account=tanaka reason=idle",
        ]
    );
}

#[test]
fn a_power_strip_says_when_a_terminal_was_on() {
    let rules = rules(
        "[[rule]]\nregex = 'outlet (?<outlet>\\d+) (?<state>on|off|fault)$'\nemit = \"power\"\n\
         fields = { terminal = { template = \"{outlet}\", map = { 1 = \"term-1\" } }, state = \"{state}\" }\n",
    );
    let mut reader = reader(rules);
    let mut read = |text: &str| {
        let line = format!("<14>1 2026-11-22T08:58:00+09:00 pdu1 pdu - - - {text}");
        let line = crate::logs::header::read(line.as_bytes(), noon(), &zone());
        format!("{:?}", reader.take(&line, noon()))
    };
    let on = read("outlet 1 on");
    assert!(on.contains("TerminalPower") && on.contains("term-1") && on.contains("state: On"), "{on}");
    assert!(read("outlet 1 fault").contains("Refused"), "a third state is none");
    assert!(!read("fan 2 on").contains("TerminalPower"));
}

#[test]
fn a_wrong_rule_is_named_by_line_and_key() {
    for (text, wanted) in [
        ("[[rule]]\nemit = \"opened\"", "line 4, `rule.emit`: unknown variant `opened`"),
        ("[[rule]]\nemit = \"started\"\nregx = 'x'", "line 5, `rule.regx`: unknown field `regx`"),
        ("[[rule]]\nemit = \"hold\"", "line 3, `rule`: emit = \"hold\" needs `remember`"),
        ("[[rule]]\nregex = '('\nemit = \"ignore\"", "line 4, `rule.regex`: \"(\" is no regular expression"),
        ("[[rule]]\nemit = \"ended\"\nfields = { session = \"{x}\" }", "nothing gives \"x\"; there are: host, process"),
        (
            "[[rule]]\nemit = \"ended\"\nfields = { session = \"{text}\", via = \"a\" }",
            "unknown field `via`, expected one of",
        ),
        ("[[rule]]\nemit = \"started\"\nfields = { session = \"{text}\" }", "missing a rule for `account`"),
        (
            "[[rule]]\nread = \"json\"\nemit = \"ended\"\nfields = { session = \"{a}\" }",
            "\"a\" is no path, like $.user.name",
        ),
        ("[[rule]]\nemit = \"ended\"\nfields = { session = \"{held.a}\" }", "\"held.a\" needs `recall`"),
        (
            "[[rule]]\nemit = \"ended\"\nrecall = { name = \"n\" }\nfields = { session = \"{text}\" }",
            "no rule remembers \"n\"",
        ),
        ("[[rule]]\nemit = \"ignore\"\nwhen = { host = { like = \"a\" } }", "unknown field `like`"),
        ("[[rule]]\nemit = \"ignore\"\ncontains = []", "expected a text that stands in the line"),
        ("[[rule]]\nemit = \"ignore\"\nseparator = \",\"", "`separator` and `columns` need `read`"),
        ("", "expected 1 to 128 tables [[rule]], found 0"),
        ("[[rule]]\nemit = \"hold\"\nremember = { name = \"n\", within = \"90d\" }", "at most 31 days"),
        (
            "[[rule]]\nemit = \"ended\"\n[rule.fields]\nsession = \"{text}\"\ndevice_time = { template = \"{text}\", format = \"%H\" }",
            "does not name a whole date",
        ),
    ] {
        let told = refused(text);
        assert!(told.starts_with("read mapping t.toml: line ") && told.contains(wanted), "{text}\n{told}");
    }
}

#[test]
fn values_are_translated_before_they_are_taken() {
    let rules = rules(
        r#"none = ["-"]
[[rule]]
read = "key_value"
when = { act = ["in", "login"], user = { exists = true } }
unless = { net = { matches = '^lan' } }
emit = "started"
[rule.fields]
session = "{id}@{host}"
account = { template = "{user}", take = '([^\\]+)$', narrow = true, lower = true }
target = { template = "{sys}", map = { 1 = "records", 2 = "ledger" }, default = "unknown" }
terminal = ["{pc}", "{alt}"]
via = "jump"
factors = ["password", { template = "{otp}", map = { yes = "otp" } }]
device_time = [{ template = "{t}", format = "unix_auto" }, { template = "{d} {c}", format = "%Y-%m-%d %H:%M" }]
"#,
    );
    let mut reader = reader(rules);
    let lines = [
        r"<13>Nov 22 08:00:00 gw act=in user=EX\Ｔanaka id=1 sys=1 alt=pc9 otp=yes t=1795305600",
        "<13>Nov 22 08:00:00 gw act=login user=b id=2 d=2026-11-22 c=09:30 t=-",
        "<13>Nov 22 08:00:00 gw act=login user=- id=2",
        "<13>Nov 22 08:00:00 gw act=login user=b id=2 net=lan1",
        "act=in user=b id=3",
        "<13>Nov 22 08:00:00 gw act=in user=b id=3 otp=no",
    ];
    let told = told(&mut reader, &lines);
    assert_eq!(told[0], "2026-11-22T09:00:00 start 1@gw account=tanaka target=records");
    assert_eq!(told[1], "2026-11-22T09:30:00 start 2@gw account=b target=unknown");
    assert_eq!((told[2].as_str(), told[3].as_str()), ("-", "-"));
    assert_eq!(told[4], "refused `session` is empty");
    assert_eq!(told[5], r#"refused `factors`: "no" is not in the map; it knows yes"#);
    let line = header::read(lines[0].as_bytes(), noon(), &zone());
    let Outcome::Observations(list) = reader.take(&line, noon()) else { panic!() };
    let Observation::SessionStarted(start) = &list[0] else { panic!() };
    assert_eq!(start.factors.iter().map(Name::as_str).collect::<Vec<_>>(), ["password", "otp"]);
    assert_eq!(start.terminal.as_ref().unwrap().as_str(), "pc9");
}

#[test]
fn only_the_next_line_of_the_host_is_adjacent() {
    let text = r#"
[[rule]]
regex = '^from (?<ip>\S+)$'
emit = "hold"
remember = { name = "from", adjacent = true }
[[rule]]
regex = '^login (?<user>\S+)$'
emit = "started"
recall = { name = "from", forget = true }
fields = { session = "{user}", account = "{user}", address = "{held.ip}" }
"#;
    let told = told(
        &mut reader(rules(text)),
        &[
            "Nov 22 09:00:00 a from 192.0.2.1",
            "Nov 22 09:00:00 b something else",
            "Nov 22 09:00:00 a login x",
            "Nov 22 09:00:00 a from 192.0.2.2",
            "Nov 22 09:00:00 a something else",
            "Nov 22 09:00:00 a login y",
        ],
    );
    assert_eq!(told[2], "2026-11-22T09:00:00 start x account=x address=192.0.2.1");
    assert_eq!(told[5], "2026-11-22T09:00:00 start y account=y");
}

#[test]
fn the_same_words_on_another_day_are_another_event() {
    let id = |reader: &mut LogReader, line: &[u8], received: UtcMicros| {
        let line = header::read(line, received, &zone());
        match reader.take(&line, received) {
            Outcome::Observations(list) => list[0].header().event_id.unwrap().to_string(),
            other => panic!("{other:?}"),
        }
    };
    let mut reader = shipped("sshd");
    let later = UtcMicros(noon().0 + 60_000_000);
    let direct = b"<38>Nov 22 09:00:00 jump sshd[7]: Accepted password for a from 192.0.2.1 port 5 ssh2";
    let first = id(&mut reader, direct, noon());
    assert_eq!(first.len(), 32);
    assert_eq!(id(&mut reader, direct, later), first, "delivered twice");
    let relayed =
        b"<30>Nov 22 09:00:03 relay Nov 22 09:00:00 jump sshd[7]: Accepted password for a from 192.0.2.1 port 5 ssh2";
    assert_eq!(id(&mut reader, relayed, later), first, "by a relay");
    let next = b"<38>Nov 22 09:00:01 jump sshd[7]: Accepted password for a from 192.0.2.1 port 5 ssh2";
    assert_ne!(id(&mut reader, next, later), first);
    let bare = b"Accepted password for a from 192.0.2.1 port 5 ssh2";
    assert_eq!(id(&mut reader, bare, noon()), id(&mut reader, bare, noon()));
    assert_ne!(id(&mut reader, bare, noon()), id(&mut reader, bare, later));
}

#[test]
fn why_a_line_became_what_it_became_is_told_in_both_languages() {
    let mut reader = shipped("yamaha-rtx");
    let line = LogLine::of_text("PP[ANONYMOUS01] Call detected from user 'a'");
    let (outcome, told) = reader.explain(&line, noon());
    assert!(matches!(&outcome, Outcome::Observations(list) if list.len() == 1));
    assert_eq!(told.steps, [(0, Why::Lacks(vec!["connected from".into()])), (1, Why::Fits)]);
    assert_eq!(told.fields, [("pp".into(), "ANONYMOUS01".into()), ("user".into(), "a".into())]);
    assert_eq!(told.notes, [Note::NothingHeld, Note::NoTime]);
    let english = told.text(reader.rules(), Lang::En);
    assert!(english.contains("rule \"user known\": fits") && english.contains("user = \"a\""), "{english}");
    let japanese = told.text(reader.rules(), Lang::Ja);
    assert!(japanese.contains("ルール「user known」: 一致しました") && japanese.contains("受信時刻"), "{japanese}");
    assert!(outcome.text(reader.rules(), Lang::En).starts_with(r#"{"kind":"session.started""#));
    let (outcome, told) = reader.explain(&LogLine::of_text("LAN1: link up"), noon());
    assert_eq!(outcome.text(reader.rules(), Lang::Ja), "どのルールにも一致しません");
    assert_eq!(told.steps.len(), reader.rules().len());
}
