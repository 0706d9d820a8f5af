//! Every link of the configuration reaches the journal: a serial line, a recorder's folder, an
//! existing broker.

use std::process::{Command, Stdio};

use crate::house::{PATIENCE, Site, ago, lines_of, text};

#[test]
fn a_reader_on_a_serial_line_is_heard() {
    let site = Site::new();
    let (here, there) = (site.folder.path("device"), site.folder.path("port"));
    let mut wire = Command::new("socat")
        .arg(format!("pty,raw,echo=0,link={}", text(&here)))
        .arg(format!("pty,raw,echo=0,link={}", text(&there)))
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while !(here.exists() && there.exists()) {
        assert!(std::time::Instant::now() < deadline, "socat made no line");
    }
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[serial]]\nport = \"{}\"\n[serial.line]\nsource = \"panel\"\n\
         [[serial.line.messages]]\npattern = '^(?<reader>\\S+) (?<card>[0-9A-F]+) (?<result>OK|NG)$'\n\
         [serial.line.messages.fields]\nreader = {{ group = \"reader\" }}\ncredential = {{ template = \"card:{{card}}\" }}\n\
         result = {{ group = \"result\", map = {{ OK = \"granted\", NG = \"denied\" }} }}\n",
        text(&there)
    ));
    let daemon = site.run();
    std::fs::write(&here, "north-in 0123456789ABCDEF OK\nnonsense\n").unwrap();
    site.wait_for("door.reading");
    site.wait_for("unreadable");
    assert!(daemon.stop().0.success());
    let _ = wire.kill();
    let _ = wire.wait();
}

#[test]
fn a_recorders_folder_is_followed_and_not_told_twice() {
    let site = Site::new();
    let root = site.folder.path("nvr");
    std::fs::create_dir_all(root.join("cam-1")).unwrap();
    std::fs::write(root.join("cam-1/20261120090000.mp4"), vec![0; 4096]).unwrap();
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[footage]]\nsource = \"nvr-1\"\nroot = \"{}\"\n\
         pattern = \"{{camera}}/%Y%m%d%H%M%S.mp4\"\nsettle = \"100ms\"\nsegment_length = \"10s\"\n",
        text(&root)
    ));
    for _ in 0..2 {
        let daemon = site.run();
        site.wait_for("footage.segment");
        assert!(daemon.stop().0.success());
    }
    assert_eq!(site.journal().iter().filter(|kind| *kind == "footage.segment").count(), 1);
}

#[test]
fn what_an_existing_broker_holds_comes_in() {
    let site = Site::new();
    // Port 0 is no port for mosquitto: a free one is asked for and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let conf = site.folder.write("mosquitto.conf", format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let mut broker = Command::new("mosquitto").args(["-v", "-c", text(&conf)]).stderr(Stdio::piped()).spawn().unwrap();
    let log = lines_of(broker.stderr.take().unwrap());
    let wait_for = |part: &str| {
        while !log.recv_timeout(PATIENCE).expect("the broker said nothing more").contains(part) {}
    };
    wait_for("running");
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[broker]]\naddress = \"127.0.0.1:{port}\"\nclient_id = \"kukaku-test\"\n"
    ));
    let daemon = site.run();
    wait_for("Sending SUBACK to kukaku-test");
    let message = format!(r#"{{"kind":"source.alive","source":"panel","device_time":"{}"}}"#, ago(1));
    let published = Command::new("mosquitto_pub")
        .args(["-q", "1", "-p", &port.to_string(), "-t", "kukaku/v1/panel/alive", "-m", &message])
        .status()
        .unwrap();
    assert!(published.success());
    site.wait_for("source.alive");
    assert!(daemon.stop().0.success());
    let _ = broker.kill();
    let _ = broker.wait();
}
