//! Syslog to rsyslogd (UDP, TCP) and to a TLS listener that reads RFC 5425 frames.

use std::fs::OpenOptions;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::house::*;
use kukaku_notify::DeliveryError;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// A real receiver on one port, UDP and TCP, which writes what it understood into a pipe.
fn rsyslogd(folder: &Folder) -> (Peer, Receiver<String>, u16) {
    let port = free_port();
    let pipe = folder.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap().to_owned();
    let config = folder.write(
        "rsyslog.conf",
        &format!(
            "module(load=\"imudp\")\nmodule(load=\"imtcp\")\n\
             global(workDirectory=\"{}\" processInternalMessages=\"on\" parser.escapeControlCharactersOnReceive=\"off\")\n\
             template(name=\"seen\" type=\"string\" string=\"%syslogfacility%|%syslogseverity%|%app-name%|%msgid%|%structured-data%|%timereported:::date-rfc3339%|%msg%\\n\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             action(type=\"ompipe\" pipe=\"{pipe}\" template=\"seen\")\n",
            folder.0.display()
        ),
    );
    // Opened for both, so that neither end waits for the other.
    let lines = lines_of(OpenOptions::new().read(true).write(true).open(&pipe).unwrap());
    let pid = folder.0.join("pid");
    let peer = Peer::start(Command::new("/usr/sbin/rsyslogd").args(["-n", "-f", &config, "-i"]).arg(pid));
    while !next_line(&lines).contains("start") {}
    (peer, lines, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslogd_reads_the_message_over_udp_and_tcp() {
    let folder = Folder::new();
    let (_peer, lines, port) = rsyslogd(&folder);
    for transport in ["udp", "tcp"] {
        let text = format!(
            "[[syslog]]\nid = \"log\"\naddress = \"127.0.0.1:{port}\"\ntransport = \"{transport}\"\nfacility = 10\n"
        );
        let mut alert = alert();
        alert.finding = "a\"b]c\\d".to_owned();
        let delivered = channels(&text).messages[0].deliver(&alert, now()).await.unwrap();
        assert!(!delivered.confirmed, "syslog proves nothing");
        let line = next_line(&lines);
        let fields: Vec<&str> = line.splitn(7, '|').collect();
        assert_eq!(fields[..4], ["10", "2", "kukaku", "absent"], "{line}");
        assert!(
            fields[4].starts_with("[kukaku@32473 delivery=\"") && fields[4].contains("finding=\"a\\\"b\\]c\\\\d\""),
            "{line}"
        );
        assert!(fields[5].starts_with("2026-11-22T00:06:00"), "{line}");
        assert!(
            fields[6].trim_start_matches(['\u{feff}', ' ']).starts_with("重大 発生: 在室なしセッション 佐藤 花子"),
            "{line}"
        );
        assert!(line.contains("対象=佐藤 花子") && line.contains("対応="), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_one_line_in_the_log() {
    let folder = Folder::new();
    let (_peer, lines, port) = rsyslogd(&folder);
    let text = format!("[[syslog]]\nid = \"log\"\naddress = \"127.0.0.1:{port}\"\ntransport = \"tcp\"\n");
    let channels = channels(&text);
    let mut hostile = alert();
    (hostile.title, hostile.who, hostile.finding) = (HOSTILE.to_owned(), HOSTILE.to_owned(), HOSTILE.to_owned());
    channels.messages[0].deliver(&hostile, now()).await.unwrap();
    channels.messages[0].deliver(&alert(), now()).await.unwrap();
    let first = next_line(&lines);
    assert!(first.starts_with("16|2|kukaku|absent|[kukaku@32473"), "{first}");
    assert!(first.contains("Bcc: spy") && !first.contains(['\u{1b}', '\u{2028}', '\u{202e}', '\0']), "{first:?}");
    // The next line is the next message: nothing in the first made one of its own.
    assert!(next_line(&lines).contains("absent/vpn-1/7781"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_under_tls_says_its_length() {
    let folder = Folder::new();
    let (ca, stranger) = (Ca::new(&folder, "site"), Ca::new(&folder, "stranger"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(&ca);
    let text = format!("[[syslog]]\nid = \"log\"\naddress = \"127.0.0.1:{port}\"\nca_file = \"{}\"\n", ca.ca);
    let good = channels(&text);
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        // The second caller trusts another CA: the handshake fails.
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
        bytes
    });
    good.messages[0].deliver(&alert(), now()).await.unwrap();
    let error = channels(&text.replace(&ca.ca, &stranger.ca)).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
    let bytes = served.await.unwrap();
    let space = bytes.iter().position(|b| *b == b' ').unwrap();
    let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
    let message = std::str::from_utf8(&bytes[space + 1..]).unwrap();
    assert_eq!(message.len(), length);
    assert!(message.starts_with("<130>1 2026-11-22T00:06:00Z - kukaku - absent [kukaku@32473 "), "{message}");
    assert!(message.contains("] \u{feff}重大"), "{message}");
}

fn acceptor(ca: &Ca) -> tokio_rustls::TlsAcceptor {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_file_iter(&ca.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&ca.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_is_tried_again() {
    let text = format!("[[syslog]]\nid = \"log\"\naddress = \"127.0.0.1:{}\"\ntransport = \"tcp\"\n", free_port());
    let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
}
