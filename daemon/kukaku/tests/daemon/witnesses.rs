//! Witnesses of a running daemon. What they cosign is tested with the real witness program in
//! `daemon/verify/tests/witnessed.rs`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::house::{PATIENCE, Site, ago, exits, kukaku};

/// The public key of the examples.
const KEY: &str = include_str!("../../../../schema/vectors/cosignature-v1.vkey");

fn status(site: &Site) -> serde_json::Value {
    serde_json::from_str(&exits(&kukaku(&["status", site.dir(), "--json"]), 0)).unwrap()
}

#[test]
fn a_witness_that_knows_a_longer_journal_is_told_aloud_and_recording_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 8192]);
            let answer = "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 7\r\n\r\n999999\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let witness = format!("[[witness]]\nname = \"the city\"\nurl = \"http://{address}\"\nkey = \"{}\"\n", KEY.trim());
    let site = Site::with_alerts(&witness);
    let key = site.key("vpn-1");
    let daemon = site.run();
    let deadline = std::time::Instant::now() + PATIENCE;
    while status(&site)["witnesses"]["each"][0]["contradicts"] != true {
        assert!(std::time::Instant::now() < deadline, "{}", status(&site));
    }
    let alive = format!(r#"{{"kind":"source.alive","source":"vpn-1","device_time":"{}"}}"#, ago(1));
    assert!(daemon.post(&key, &alive).contains("kept"));
    let said = exits(&kukaku(&["status", site.dir(), "--lang", "en"]), 0);
    assert!(said.contains("Witnesses: none has cosigned yet; not witnessed: all "), "{said}");
    assert!(
        said.contains("Witness the city refuses to cosign") && said.contains("it cosigned 999999 entries"),
        "{said}"
    );
    let (ended, log) = daemon.stop();
    assert!(ended.success() && log.contains("the city knows another journal"), "{log}");
}
