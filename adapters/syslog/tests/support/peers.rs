//! Real peers: `logger`, `rsyslogd`, and a certificate authority for one test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};

/// A directory of its own, gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-syslog-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `logger` to its end.
pub async fn logger(arguments: &[&str]) {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || Command::new("logger").args(arguments).output().expect("run logger: is bsdutils installed?");
    let output = super::soon("logger's end", tokio::task::spawn_blocking(run)).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

/// An rsyslogd that takes lines over TCP and passes them on.
pub struct Rsyslogd {
    child: Child,
    /// Where it takes lines.
    pub port: u16,
}

impl Rsyslogd {
    /// Starts one. `settings` stand before `action`, which stands for everything that is sent on.
    pub async fn start(folder: &Folder, settings: &str, action: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.write(
            "rsyslog.conf",
            &format!(
                "global(workDirectory=\"{}\")\n{settings}\nmodule(load=\"imtcp\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n{action}\n",
                folder.path().display()
            ),
        );
        let program = "/usr/sbin/rsyslogd";
        let mut child = Command::new(program)
            .arg("-n")
            .arg("-f")
            .arg(config)
            .arg("-i")
            .arg(folder.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("run rsyslogd: are rsyslog, rsyslog-relp and rsyslog-gnutls installed (tests/install.sh)?");
        // It tells nobody that it listens: knock until it opens.
        super::soon("rsyslogd's port", async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "rsyslogd ended at once");
                tokio::task::yield_now().await;
            }
        })
        .await;
        Self { child, port }
    }

    /// Hands it lines.
    pub async fn send(&self, lines: impl IntoIterator<Item = String>) {
        use tokio::io::AsyncWriteExt;
        let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let bytes: String = lines.into_iter().map(|line| format!("<13>Nov 22 09:00:00 gate vpn: {line}\n")).collect();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    }

    /// Waits until its queue on disk holds this.
    pub async fn has_stored(&self, folder: &Folder, text: &str) {
        let is_stored = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut queue = entries.filter_map(|entry| std::fs::read(entry.unwrap().path()).ok());
            queue.any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
        };
        super::soon("the queue on disk", async {
            while !is_stored() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ends it without a word, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        // One that was waited for already is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: PathBuf,
    folder: Folder,
}

/// A certificate and its key, as files.
pub struct Leaf {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let folder = Folder::new();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = folder.write("ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { issuer: Issuer::new(params, key), certificate, folder }
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn server(&self) -> Leaf {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name.push(DnType::CommonName, "localhost");
        self.leaf("server", &params)
    }

    /// A sender's certificate with this name.
    pub fn sender(&self, name: &str) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, name);
        self.leaf(name, &params)
    }

    fn leaf(&self, name: &str, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            certificate: self.folder.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.folder.write(&format!("{name}.key"), &key.serialize_pem()),
        }
    }
}
