//! A site for a benchmark: a folder of its own and the real program over it.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kukaku::writer::{Purpose, SimClock, Writer, WriterConfig};
use kukaku_ledger::SigningKey;
use kukaku_schema::UtcMicros;
use kukaku_store::Store;

use super::at;

/// A folder that goes with the benchmark.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    ///
    /// # Errors
    /// It can't be made.
    pub fn new(name: &str) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kukaku-bench-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(at("make", &path))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program that is measured: it lies beside this one.
///
/// # Errors
/// It is not built.
pub fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| format!("find this program: {e}"))?;
    let path = own.with_file_name("kukaku");
    if path.is_file() { Ok(path) } else { Err(format!("{} is not built; use `make bench`", path.display())) }
}

/// A figure in kilobytes from a `/proc` status text.
#[must_use]
pub fn kilobytes(status: &str, key: &str) -> f64 {
    let line = status.lines().find_map(|l| l.strip_prefix(key));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
}

/// Runs the program to its end; returns what it printed.
///
/// # Errors
/// It can't be started or failed.
pub fn call(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("start kukaku {arguments:?}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("kukaku {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A free port on loopback, as of now.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|e| format!("find a free port: {e}"))?;
    listener.local_addr().map(|a| a.port()).map_err(|e| format!("find a free port: {e}"))
}

/// An installation.
pub struct Site {
    folder: Scratch,
    /// Where its MQTT listener is.
    pub mqtt: u16,
    /// Where its pages are.
    pub web: u16,
}

impl Site {
    /// Makes an installation with `registers` on free ports.
    ///
    /// # Errors
    /// A step fails.
    pub fn new(name: &str, registers: &str) -> Result<Self, String> {
        let folder = Scratch::new(name)?;
        let file = folder.path().join("registers.toml");
        std::fs::write(&file, registers).map_err(at("write", &file))?;
        let dir = folder.path().join("site");
        call(&["init", &dir.to_string_lossy(), "--registers", &file.to_string_lossy()])?;
        let (web, mqtt) = (free_port()?, free_port()?);
        let config = dir.join("kukaku.toml");
        let text = std::fs::read_to_string(&config).map_err(at("read", &config))?;
        let text = text.replace("127.0.0.1:8420", &format!("127.0.0.1:{web}"));
        // One source stands for all of a site here: its rate is no limit.
        let text = text.replace(
            "listen = \"127.0.0.1:1883\"",
            &format!("listen = \"127.0.0.1:{mqtt}\"\nrate = {{ per_second = 1000000, burst = 1000000 }}"),
        );
        std::fs::write(&config, text).map_err(at("write", &config))?;
        Ok(Self { folder, mqtt, web })
    }

    /// Its folder, as an argument.
    #[must_use]
    pub fn dir(&self) -> String {
        self.folder.path().join("site").to_string_lossy().into_owned()
    }

    /// Makes the site one that was opened and watched at `since`, and no more after that.
    ///
    /// # Errors
    /// A step fails.
    pub fn opened_at(&self, since: UtcMicros, registers: &str) -> Result<(), String> {
        let dir = PathBuf::from(self.dir());
        let (store, checkpoint) = (dir.join("store.db"), dir.join("checkpoint.note"));
        for path in [store.clone(), dir.join("store.db-wal"), dir.join("store.db-shm"), checkpoint.clone()] {
            let gone = std::fs::remove_file(&path);
            gone.or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })
                .map_err(at("remove", &path))?;
        }
        drop(Store::create(&store, since).map_err(|e| e.to_string())?);
        let key = dir.join("keys").join("checkpoint.key");
        let key = std::fs::read_to_string(&key).map_err(at("read", &key))?;
        let registers = kukaku_schema::registers::parse(registers, "registers.toml").map_err(|e| e.to_string())?;
        let start = |purpose| {
            Writer::start(WriterConfig {
                store: store.clone(),
                key: SigningKey::parse(key.trim_end()).map_err(|e| e.to_string())?,
                key_files: None,
                checkpoint_file: checkpoint.clone(),
                purpose,
                clock: Arc::new(SimClock::new(since)),
                route: Box::new(|_| Vec::new()),
            })
            .map_err(|e| e.to_string())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let opening = start(Purpose::Command)?;
            let kept = opening.import_registers(registers, "bench".to_owned(), "opening".to_owned()).await;
            kept.map_err(|e| e.to_string())?;
            opening.stop().await.map_err(|e| e.to_string())?;
            let watching = start(Purpose::Watch { program: String::new(), configuration: String::new() })?;
            watching.stop().await.map_err(|e| e.to_string())
        })
    }

    /// Adds `text` to the configuration.
    ///
    /// # Errors
    /// It can't be written.
    pub fn configure(&self, text: &str) -> Result<(), String> {
        let config = Path::new(&self.dir()).join("kukaku.toml");
        let before = std::fs::read_to_string(&config).map_err(at("read", &config))?;
        std::fs::write(&config, before + text).map_err(at("write", &config))
    }

    /// Lets `source` sign in to the MQTT listener.
    ///
    /// # Errors
    /// The program fails.
    pub fn set_password(&self, source: &str, password: &str) -> Result<(), String> {
        let mut child = Command::new(program()?)
            .args(["sources", &self.dir(), "password", source, "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("start kukaku sources: {e}"))?;
        let mut input = child.stdin.take().expect("standard input was asked for");
        writeln!(input, "{password}").map_err(|e| format!("give the password: {e}"))?;
        drop(input);
        let status = child.wait().map_err(|e| format!("wait for kukaku sources: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("kukaku sources password: {status}")) }
    }

    /// Starts the daemon; returns it with the time it took until it was ready.
    ///
    /// # Errors
    /// It ends before it is ready.
    pub fn start(&self) -> Result<(Daemon, Duration), String> {
        let began = Instant::now();
        let mut child = Command::new(program()?)
            .args(["run", &self.dir()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("start kukaku run: {e}"))?;
        let out = child.stdout.take().expect("standard output was asked for");
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line).map_err(|e| format!("hear kukaku run: {e}"))?;
        let daemon = Daemon(child);
        if read == 0 { Err("kukaku run ended before it was ready".to_owned()) } else { Ok((daemon, began.elapsed())) }
    }
}

/// A running daemon; ended with its benchmark.
pub struct Daemon(Child);

impl Daemon {
    /// Its memory in MB.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory_mb(&self) -> Result<f64, String> {
        let path = PathBuf::from(format!("/proc/{}/status", self.0.id()));
        let status = std::fs::read_to_string(&path).map_err(at("read", &path))?;
        Ok(kilobytes(&status, "VmRSS:") / 1000.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
