//! Real peers: mosquitto's broker and its client.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of its own, gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-mqtt-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
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

/// Runs `mosquitto_pub` to its end.
pub async fn mosquitto_pub(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    super::soon(
        "mosquitto_pub's end",
        tokio::task::spawn_blocking(move || {
            Command::new("mosquitto_pub")
                .args(arguments)
                .output()
                .expect("run mosquitto_pub: is mosquitto-clients installed?")
        }),
    )
    .await
    .unwrap()
}

#[track_caller]
pub fn succeeded(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

/// A mosquitto broker on loopback.
pub struct Broker {
    child: Child,
    pub port: u16,
    folder: Folder,
}

impl Broker {
    /// Starts one on a free port. `settings` are added to its configuration.
    pub fn start(settings: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(port, Folder::new(), settings)
    }

    fn start_at(port: u16, folder: Folder, settings: &str) -> Self {
        let mut text = format!("user root\nlistener {port} 127.0.0.1\nset_tcp_nodelay true\nlog_dest stderr\n");
        writeln!(text, "persistence true\npersistence_location {}/", folder.path().display()).unwrap();
        text.push_str(settings);
        let file = folder.write("mosquitto.conf", &text);
        let mut child = Command::new(mosquitto())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("run mosquitto: is it installed?");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("running") {
            let before = said.len();
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "mosquitto ended: {said}");
            assert!(!said[before..].contains("Error"), "{said}");
        }
        // Read on, or it stops when the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, port, folder }
    }

    /// Stops it in order, so that it stores what it holds, and starts it again at the same port.
    pub fn restart(mut self, settings: &str) -> Self {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.unwrap().success());
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, Folder::new());
        Self::start_at(self.port, folder, settings)
    }

    /// Publishes at QoS 1.
    pub async fn publish(&self, topic: &str, payload: &str) {
        let port = self.port.to_string();
        let output = mosquitto_pub(&["-p", &port, "-q", "1", "-t", topic, "-m", payload]).await;
        succeeded(&output);
    }

    /// Publishes the content of a file at QoS 1.
    pub async fn publish_file(&self, topic: &str, payload: &[u8]) {
        let file = self.folder.path().join("payload");
        std::fs::write(&file, payload).unwrap();
        let (port, file) = (self.port.to_string(), file.display().to_string());
        let output = mosquitto_pub(&["-p", &port, "-q", "1", "-t", topic, "-f", &file]).await;
        succeeded(&output);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that was waited for already is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian puts it where only root's path looks.
fn mosquitto() -> &'static str {
    if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" }
}
