//! Every link of the configuration reaches the journal: a serial line, a recorder's folder, an
//! existing broker.

use std::process::{Command, Stdio};

use crate::house::{PATIENCE, Site, ago, exits, kukaku, lines_of, text};

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
fn a_folder_of_operation_logs_is_followed_and_a_log_written_over_is_found() {
    let site = Site::new();
    let root = site.folder.path("oplog");
    std::fs::create_dir_all(root.join("term-1")).unwrap();
    let log = root.join("term-1/2026-11-20.log");
    let write = |text: &str, hours: u64| {
        std::fs::write(&log, text).unwrap();
        let at = std::time::SystemTime::now() - std::time::Duration::from_secs(3600 * hours);
        std::fs::File::options().write(true).open(&log).unwrap().set_modified(at).unwrap();
    };
    write("rm -rf /secret\n", 2);
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[oplogs]]\nsource = \"oplog-1\"\nroot = \"{}\"\n\
         pattern = \"{{terminal}}/%Y-%m-%d.log\"\nsettle = \"100ms\"\n",
        text(&root)
    ));
    for _ in 0..2 {
        let daemon = site.run();
        site.wait_for("oplog.segment");
        assert!(daemon.stop().0.success());
    }
    assert_eq!(site.journal().iter().filter(|kind| *kind == "oplog.segment").count(), 1, "not told twice");
    // As many bytes as before, while nobody looked.
    write("ls -la /secret\n", 1);
    let daemon = site.run();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let found = exits(&kukaku(&["status", site.dir(), "--json"]), 0);
        let status: serde_json::Value = serde_json::from_str(&found).unwrap();
        if status["findings"]["critical"] == 1 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the change was never found");
    }
    assert!(daemon.stop().0.success());
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

/// A CA of the devices, and a device's certificate by it.
fn device_papers(site: &Site, name: &str) -> [std::path::PathBuf; 3] {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "devices");
    let ca_paper = ca.self_signed(&ca_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut device = rcgen::CertificateParams::new(Vec::new()).unwrap();
    device.distinguished_name.push(rcgen::DnType::CommonName, name);
    device.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let paper = device.signed_by(&key, &rcgen::Issuer::from_params(&ca, &ca_key)).unwrap();
    [
        site.folder.write("devices.pem", ca_paper.pem()),
        site.folder.write(&format!("{name}.pem"), paper.pem()),
        site.folder.secret(&format!("{name}.key"), &key.serialize_pem()),
    ]
}

#[test]
fn a_device_with_a_certificate_speaks_for_its_own_source_alone() {
    let site = Site::new();
    let [ca, paper, key] = device_papers(&site, "panel-device");
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[mqtt.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"tls/server.pem\"\n\
         key = \"tls/server.key\"\nclient_ca = \"{}\"\n[[mqtt.certificate]]\nname = \"panel-device\"\n\
         sources = [\"panel\"]\n",
        text(&ca)
    ));
    let daemon = site.run();
    let address = daemon.mqtt_tls();
    let port = address.rsplit(':').next().unwrap();
    let server_ca = site.dir.join("tls/ca.pem");
    let publish = |source: &str, papers: &[&str]| {
        let message = format!(r#"{{"kind":"source.alive","source":"{source}","device_time":"{}"}}"#, ago(1));
        let topic = format!("kukaku/v1/{source}/alive");
        let fixed =
            ["-q", "1", "-h", "localhost", "-p", port, "--cafile", text(&server_ca), "-t", &topic, "-m", &message];
        let published = Command::new("mosquitto_pub").args(fixed).args(papers).stderr(Stdio::null()).status();
        published.unwrap().success()
    };
    let signed = ["--cert", text(&paper), "--key", text(&key)];
    assert!(!publish("panel", &[]), "without a certificate nobody gets in");
    assert!(publish("vpn-1", &signed), "it is answered, and kept as what it is not allowed to say");
    site.wait_for("unreadable");
    assert!(!site.journal().iter().any(|kind| kind == "source.alive"));
    assert!(publish("panel", &signed));
    site.wait_for("source.alive");
    assert!(daemon.stop().0.success());
}
