//! A value cut at the wrong place names another user.

use crate::logs::read::{Format, is_path};

fn shown(format: &Format, text: &str) -> String {
    let fields = format.read(text).unwrap().shown();
    fields.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";")
}

#[test]
fn quoted_values_keep_their_blanks_and_escaped_quotes() {
    let blanks = Format::KeyValue { separator: None };
    assert_eq!(
        shown(&blanks, r#"[vpn] user="a b" x=1 y="\"q\\" empty="" last=z"#),
        r#"user=a b;x=1;y="q\;empty=;last=z"#
    );
    assert_eq!(shown(&blanks, "a= b=2"), "a=;b=2");
    assert_eq!(shown(&blanks, r#"a="never closed b=2"#), r#"a="never;b=2"#);
    let commas = Format::KeyValue { separator: Some(',') };
    assert_eq!(shown(&commas, r#"Group = G, Username = a b, IP="192.0.2.1""#), "Group=G;Username=a b;IP=192.0.2.1");
}

#[test]
fn cef_escapes_and_labels_are_read() {
    let text = r"CEF:0|Maker|Pro\|duct|1|7|Connect|3|suser=a b dst=192.0.2.9 msg=x\=1 and y cs1=S-1 cs1Label=SessionID";
    let fields = Format::Cef.read(text).unwrap();
    for (name, wanted) in [
        ("product", "Pro|duct"),
        ("id", "7"),
        ("suser", "a b"),
        ("dst", "192.0.2.9"),
        ("msg", "x=1 and y"),
        ("cs1", "S-1"),
        ("SessionID", "S-1"),
    ] {
        assert_eq!(fields.get(name).as_deref(), Some(wanted), "{name}");
    }
    assert!(Format::Cef.read("CEF:0|a|b").is_err());
}

#[test]
fn leef_with_its_own_delimiter() {
    assert_eq!(
        shown(&Format::Leef, "LEEF:2.0|M|P|1|login|^|usrName=a b^src=192.0.2.1"),
        "version=2.0;vendor=M;product=P;device_version=1;id=login;usrName=a b;src=192.0.2.1"
    );
    assert!(shown(&Format::Leef, "LEEF:1.0|M|P|1|login|a=1\tb=2").ends_with("a=1;b=2"));
}

#[test]
fn csv_columns_go_by_name_or_number() {
    let format = Format::Csv { delimiter: b',', columns: vec!["a".into(), String::new(), "c".into()] };
    assert_eq!(shown(&format, r#"1,2,"x, y",4"#), "a=1;2=2;c=x, y;4=4");
}

#[test]
fn json_paths_lead_through_lists_and_odd_keys() {
    let fields = Format::Json.read(r#"teleport: {"a":{"b":[{"c":7}]},"d.e":"x","n":null,"l":["p","q"]} rest"#).unwrap();
    for (path, wanted) in [
        ("$.a.b[0].c", Some("7")),
        ("$['d.e']", Some("x")),
        ("$.l", Some("p,q")),
        ("$.n", None),
        ("$.a", None),
        ("$.a.b[9].c", None),
    ] {
        assert_eq!(fields.get(path).as_deref(), wanted, "{path}");
    }
    assert!(is_path("$.a['b.c'][0]") && !is_path("$.a[x]") && !is_path("a") && !is_path("$..a"));
    assert!(Format::Json.read("no object").is_err());
}
