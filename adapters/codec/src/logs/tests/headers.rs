//! A header that is misread puts a session on the wrong host or at the wrong time.

use encoding_rs::SHIFT_JIS;

use super::*;

/// `host|process|pid|time|text` of a line that came on 2026-11-22 at noon in Tokyo.
fn shown(bytes: &[u8]) -> String {
    let (zone, received) = (zone(), noon());
    let line = header::read(bytes, received, &zone);
    let time = line.time.map_or(String::new(), |at| zone.rfc3339(at)[..19].to_owned());
    let part = |part: Option<&str>| part.unwrap_or("").to_owned();
    format!("{}|{}|{}|{time}|{}", part(line.host()), part(line.process()), part(line.pid()), line.text())
}

#[test]
fn standard_headers_are_taken_off() {
    for (line, wanted) in [
        ("<38>Nov 22 09:00:00 jump sshd[17]: Accepted x", "jump|sshd|17|2026-11-22T09:00:00|Accepted x"),
        (
            "<38>1 2026-11-22T00:00:00Z jump sshd 17 - - \u{FEFF}Accepted x",
            "jump|sshd|17|2026-11-22T09:00:00|Accepted x",
        ),
        ("<38>1 - - - - - - x y", "||||x y"),
        (
            r#"<165>1 2026-11-22T00:00:00.5Z gw app - ID [a@1 b="]\"c"][d e="f"] text"#,
            "gw|app||2026-11-22T09:00:00|text",
        ),
        ("2026-11-22T09:00:00+09:00 jump sshd[17]: Accepted x", "jump|sshd|17|2026-11-22T09:00:00|Accepted x"),
        ("2026-11-22T09:00:00+09:00 b1 proxy 4597 - - [RDP] x", "b1|proxy|4597|2026-11-22T09:00:00|[RDP] x"),
    ] {
        assert_eq!(shown(line.as_bytes()), wanted, "{line}");
    }
}

#[test]
fn what_devices_really_send_is_read_too() {
    for (line, wanted) in [
        ("<190>PP[ANONYMOUS01] Call detected", "||||PP[ANONYMOUS01] Call detected"),
        ("<190>Nov 22 09:00:00 rtx [L2TP] TUNNEL[1] up", "rtx|||2026-11-22T09:00:00|[L2TP] TUNNEL[1] up"),
        ("1980/01/01 09:02:49: IP Tunnel[1] Up", "|||1980-01-01T09:02:49|IP Tunnel[1] Up"),
        ("<166>Nov 22 2026 09:00:00: %ASA-6-1: x", "|||2026-11-22T09:00:00|%ASA-6-1: x"),
        ("<166>Nov 22 2026 09:00:00 fw1 : %ASA-6-1: x", "fw1|||2026-11-22T09:00:00|%ASA-6-1: x"),
        ("<166>:Nov 22 09:00:00 UTC: %FTD-6-1: x", "|||2026-11-22T18:00:00|%FTD-6-1: x"),
        ("<189>29: gw: 000031: *Nov 22 09:00:00.1 JST: %SYS-5-X: y", "gw|||2026-11-22T09:00:00|%SYS-5-X: y"),
        ("%ASA-6-1: 50 % of x", "||||%ASA-6-1: 50 % of x"),
        ("<134>Nov 22 09:01:00 relay Nov 22 09:00:00 gw vpn[2]: x", "gw|vpn|2|2026-11-22T09:00:00|x"),
        ("2026-11-22 09:00:00 op1/192.0.2.1:5 VERIFY OK: x", "|||2026-11-22T09:00:00|op1/192.0.2.1:5 VERIFY OK: x"),
        ("Sun Nov 22 09:00:00 2026 us=4 a: b", "|||2026-11-22T09:00:00|us=4 a: b"),
        ("<13>Nov 22 09:00:00 gw date=2026-11-22 x", "gw|||2026-11-22T09:00:00|date=2026-11-22 x"),
        ("date=2026-11-22 time=09:00:00", "||||date=2026-11-22 time=09:00:00"),
        ("<1>1", "||||1"),
        ("<999999>x: y", "||||<999999>x: y"),
        ("<13>Nov 22 09:00:00 gw", "|||2026-11-22T09:00:00|gw"),
        ("\u{FEFF}<13>Nov 22 09:00:00 gw a: 接続\r\n", "gw|a||2026-11-22T09:00:00|接続"),
        ("", "||||"),
    ] {
        assert_eq!(shown(line.as_bytes()), wanted, "{line}");
    }
}

#[test]
fn japanese_text_in_shift_jis_is_decoded_and_noise_is_kept() {
    let (bytes, _, _) = SHIFT_JIS.encode("<13>Nov 22 09:00:00 gw vpn: 利用者 田中 が接続");
    assert_eq!(shown(&bytes), "gw|vpn||2026-11-22T09:00:00|利用者 田中 が接続");
    assert!(shown(b"<13>x \xFF\xFE\xA0 y").ends_with(" y"));
}
