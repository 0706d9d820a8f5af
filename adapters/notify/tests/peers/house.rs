//! What the tests share: a folder, a CA, peers as processes, an alert.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use kukaku_notify::{Alert, AlertKind, AlertState, AlertsConfig, Channels};
use kukaku_schema::{FindingKind, Lang, Severity, UtcMicros};

/// How long a peer may take before the test fails; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes when the test does.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-notify-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A file that only its owner may read.
    pub fn secret(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A CA of the site and a certificate for `127.0.0.1` from it, as files.
pub struct Ca {
    pub ca: String,
    pub cert: String,
    pub key: String,
}

impl Ca {
    pub fn new(folder: &Folder, name: &str) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{name} CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(params, ca_key);
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, format!("{name} peer"));
        let leaf_key = KeyPair::generate().unwrap();
        let cert = leaf.signed_by(&leaf_key, &issuer).unwrap();
        Self {
            ca: folder.write(&format!("{name}-ca.pem"), &ca.pem()),
            cert: folder.write(&format!("{name}-cert.pem"), &cert.pem()),
            key: folder.write(&format!("{name}-key.pem"), &leaf_key.serialize_pem()),
        }
    }
}

/// A peer as a process of its own, whose output is read line by line.
pub struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("start {name}: {e}"));
        let lines = lines_of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// As `start`, for a program that speaks on standard error.
    pub fn start_on_stderr(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("start {name}: {e}"));
        let lines = lines_of(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// One of the scripts beside the tests. Debian's own python, which sees Debian's packages.
    pub fn script(name: &str, args: &[&str]) -> (Self, u16) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(name);
        let peer = Self::start(Command::new("/usr/bin/python3").arg(script).args(args));
        let port = peer.event()["port"].as_u64().unwrap();
        (peer, u16::try_from(port).unwrap())
    }

    pub fn line(&self) -> String {
        next_line(&self.lines)
    }

    pub fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(part) {
                return line;
            }
        }
    }

    pub fn event(&self) -> serde_json::Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// What it has said until now and nobody read.
    pub fn unread(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The lines of a stream, read by a thread.
pub fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

pub fn next_line(lines: &Receiver<String>) -> String {
    lines.recv_timeout(PATIENCE).expect("the peer said nothing: is its package installed (tests/install.sh)?")
}

/// A port that was free a moment ago, for peers that can't choose one themselves.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn channels(toml_text: &str) -> Channels {
    let config: AlertsConfig = toml::from_str(toml_text).unwrap();
    Channels::open(&config).unwrap()
}

pub fn at(text: &str) -> UtcMicros {
    UtcMicros::parse_rfc3339(text).unwrap()
}

/// A critical alert about a session without its operator.
pub fn alert() -> Alert {
    Alert {
        finding: "absent/vpn-1/7781".to_owned(),
        kind: AlertKind::Finding(FindingKind::Absent),
        severity: Severity::Critical,
        revision: 1,
        state: AlertState::Opened,
        lang: Lang::Ja,
        client: Some("tomakomai".to_owned()),
        title: "在室なしセッション 佐藤 花子".to_owned(),
        who: "佐藤 花子（tmk-a01）".to_owned(),
        place: "セキュリティ区画A 端末 term-1".to_owned(),
        proof: vec!["セッション 7781 開始 09:05（記録 1841）".to_owned(), "入室記録なし".to_owned()],
        to_do: FindingKind::Absent.what_to_do(Lang::Ja).to_owned(),
        site: "札幌保守センター".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
        since: at("2026-11-22T09:05:00+09:00"),
        until: None,
        recorded_at: at("2026-11-22T09:05:51+09:00"),
        link: Some("https://kukaku.example/findings/1".to_owned()),
    }
}

/// When the tests send.
pub fn now() -> UtcMicros {
    at("2026-11-22T09:06:00+09:00")
}

/// Names that try to be something else: a header, a log line, a terminal command, another text.
pub const HOSTILE: &str = "x\r\nBcc: spy@evil.example\n<0>1 \u{1b}[2J\u{2028}\u{202e}\u{0}\"]\\ y";
