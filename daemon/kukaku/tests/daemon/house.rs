//! What the stories share: a site in a temporary folder, the program, a running daemon.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long anything may take before the test fails; reached only when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A small site whose verdicts come two seconds after a session began.
pub const REGISTERS: &str = r#"
[site]
id = "sapporo-1"
name = "札幌保守センター"
[policy]
grace_before = "1s"
settle = "1s"
[[client]]
id = "tomakomai"
name = "苫小牧市"
work_orders = false
[[zone]]
id = "zone-a"
name = "セキュリティ区画A"
[[door]]
id = "north"
outer = "outside"
inner = "zone-a"
[[reader]]
id = "north-in"
door = "north"
direction = "entry"
[[reader]]
id = "north-out"
door = "north"
direction = "exit"
[[terminal]]
id = "term-1"
zone = "zone-a"
[[operator]]
id = "op-01"
name = "佐藤 花子"
clients = ["tomakomai"]
[[credential]]
id = "card:0123456789ABCDEF"
operator = "op-01"
[[account]]
id = "tmk-a01"
operator = "op-01"
client = "tomakomai"
[[source]]
id = "panel"
[[source]]
id = "vpn-1"
"#;

/// A folder that goes when the test does.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-daemon-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A file that only its owner may read.
    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, in English whatever the machine speaks.
pub fn kukaku(arguments: &[&str]) -> Output {
    kukaku_told(arguments, "")
}

/// The same, with answers on its standard input.
pub fn kukaku_told(arguments: &[&str], answers: &str) -> Output {
    use std::io::Write as _;
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let written = child.stdin.take().unwrap().write_all(answers.as_bytes());
    // A program that refuses before it reads all of them has closed its end.
    assert!(written.is_ok() || written.is_err_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe));
    child.wait_with_output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku"));
    command.args(arguments).env("LC_ALL", "en_US.UTF-8").env_remove("KUKAKU_DIR").env_remove("KUKAKU_LOG");
    command
}

/// The program on a machine of its own: a network namespace whose addresses a shell's lines set up.
pub fn on_machine(setup: &str, arguments: &[&str]) -> Command {
    let can = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).status();
    assert!(
        can.is_ok_and(|status| status.success()),
        "network namespaces are needed: run as root (CAP_SYS_ADMIN, CAP_NET_ADMIN), with util-linux and iproute2"
    );
    let mut command = Command::new("unshare");
    // Nothing forks: the child becomes the program, and gets its signals.
    command.args(["--net", "sh", "-ec", &format!("{setup}\nexec \"$@\""), "sh", env!("CARGO_BIN_EXE_kukaku")]);
    command.args(arguments).env("LC_ALL", "en_US.UTF-8").env_remove("KUKAKU_DIR").env_remove("KUKAKU_LOG");
    command
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Demands an exit code; shows what was printed where it is another.
#[track_caller]
pub fn exits(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", out(output), err(output));
    format!("{}{}", out(output), err(output))
}

/// An installation whose listeners take free ports.
pub struct Site {
    pub folder: Folder,
    pub dir: PathBuf,
}

impl Site {
    pub fn new() -> Self {
        Self::with_alerts("")
    }

    /// A site with more in its configuration.
    pub fn with_alerts(more: &str) -> Self {
        Self::with_registers(REGISTERS, more)
    }

    /// The same, with registers of its own.
    pub fn with_registers(registers: &str, more: &str) -> Self {
        let folder = Folder::new();
        let registers = folder.write("site.toml", registers);
        let dir = folder.path("kukaku");
        let made = kukaku(&["init", text(&dir), "--lang", "en", "--registers", text(&registers)]);
        exits(&made, 0);
        let site = Self { folder, dir };
        site.configure(&format!("[web]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n{more}"));
        site
    }

    pub fn configure(&self, toml: &str) {
        std::fs::write(self.dir.join("kukaku.toml"), toml).unwrap();
    }

    pub fn dir(&self) -> &str {
        text(&self.dir)
    }

    /// A bearer key for a source.
    pub fn key(&self, source: &str) -> String {
        let made = exits(&kukaku(&["sources", self.dir(), "key", "add", source]), 0);
        let start = made.find("kk_").unwrap();
        made[start..].split_whitespace().next().unwrap().to_owned()
    }

    pub fn run(&self) -> Daemon {
        Daemon::start(self, &[])
    }

    /// Runs it as a service manager does.
    pub fn run_under(&self, environment: &[(&str, &str)]) -> Daemon {
        Daemon::start(self, environment)
    }

    /// Runs it on a machine of its own, as `on_machine` has it.
    pub fn run_on_machine(&self, setup: &str) -> Daemon {
        Daemon::of(on_machine(setup, &["run", self.dir()]))
    }

    /// Runs it with every write and sync of it told in `trace`.
    pub fn run_traced(&self, trace: &Path) -> Daemon {
        let mut command = Command::new("strace");
        // The tracer goes aside (-D): the child is the daemon itself, and gets its signals.
        command.args(["-D", "-f", "-y", "-xx", "-s", "1000000", "-o", text(trace), "-e"]);
        command.arg("trace=write,writev,sendto,pwrite64,ftruncate,openat,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync");
        command.args([env!("CARGO_BIN_EXE_kukaku"), "run", self.dir()]);
        command.env("LC_ALL", "en_US.UTF-8").env_remove("KUKAKU_DIR").env_remove("KUKAKU_LOG");
        Daemon::of(command)
    }

    /// Runs it, to be killed when a thread enters its call `number` of these calls. None: it was
    /// killed before it was ready.
    pub fn run_killed_at(&self, calls: &str, number: u32) -> Option<Daemon> {
        self.run_failing(calls, &format!("signal=KILL:when={number}"), &[]).ok()
    }

    /// Runs it on a disk whose sync number `number` fails with an I/O error, once.
    pub fn run_on_bad_disk(&self, number: u32) -> Option<Daemon> {
        self.run_failing("fsync,fdatasync", &format!("error=EIO:when={number}"), &[]).ok()
    }

    /// Runs it with these system calls failing as strace's `inject` says; with names of files, only
    /// on these. strace counts the calls of each thread apart, and tells of them in `trace()`. What
    /// the daemon said, where it was not ready.
    pub fn run_failing(&self, calls: &str, fault: &str, files: &[&str]) -> Result<Daemon, String> {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-o", text(&self.trace())]);
        for file in files {
            command.args(["-P", text(&self.dir.join(file))]);
        }
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")]);
        command.args([env!("CARGO_BIN_EXE_kukaku"), "run", self.dir()]);
        command.env("LC_ALL", "en_US.UTF-8").env_remove("KUKAKU_DIR").env_remove("KUKAKU_LOG");
        Daemon::started(command)
    }

    /// Where the calls are told that were watched last.
    pub fn trace(&self) -> PathBuf {
        self.folder.path("trace")
    }

    /// Waits until the journal holds an entry of a kind.
    pub fn wait_for(&self, kind: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !self.whole_journal().iter().any(|found| found == kind) {
            assert!(std::time::Instant::now() < deadline, "no {kind} came into the journal");
        }
    }

    /// The kinds of all journal entries, but for what was done with users: that comes in seconds
    /// after the start, between anything.
    pub fn journal(&self) -> Vec<String> {
        let mut kinds = self.whole_journal();
        kinds.retain(|kind| kind != "account.event");
        kinds
    }

    /// The kinds of all journal entries.
    pub fn whole_journal(&self) -> Vec<String> {
        let conn = kukaku_store::read_only(&self.dir.join("store.db")).unwrap();
        let size = kukaku_store::query::head(&conn).unwrap().journal_size;
        (0..size).map(|seq| kukaku_store::query::journal_entry(&conn, seq).unwrap().unwrap().kind).collect()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A daemon that said it was ready.
pub struct Daemon {
    child: Child,
    pub ready: String,
    errors: std::thread::JoinHandle<String>,
}

impl Daemon {
    fn start(site: &Site, environment: &[(&str, &str)]) -> Self {
        let mut command = command(&["run", site.dir()]);
        command.envs(environment.iter().copied());
        Self::of(command)
    }

    fn of(command: Command) -> Self {
        Self::started(command).unwrap_or_else(|said| panic!("the daemon was not ready:\n{said}"))
    }

    fn started(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        match lines.recv_timeout(PATIENCE) {
            Ok(ready) => Ok(Self { child, ready, errors }),
            Err(_) => {
                let _ = child.kill();
                Err(errors.join().unwrap())
            }
        }
    }

    /// The address of the pages.
    pub fn web(&self) -> String {
        let address = self.address("web http");
        address.trim_start_matches('s').trim_start_matches("://").trim_end_matches('/').to_owned()
    }

    /// The address of the MQTT listener.
    pub fn mqtt(&self) -> String {
        self.address("mqtt ")
    }

    /// The address of the MQTT listener with TLS.
    pub fn mqtt_tls(&self) -> String {
        self.address("mqtt tls ")
    }

    fn address(&self, after: &str) -> String {
        let start = self.ready.find(after).unwrap() + after.len();
        self.ready[start..].split([',', ' ']).next().unwrap().to_owned()
    }

    /// Posts observations, one a line; what the API answered.
    pub fn post(&self, key: &str, observations: &str) -> String {
        let url = format!("http://{}/api/v1/observations", self.web());
        let mut answer = ureq::post(&url)
            .header("Authorization", &format!("Bearer {key}"))
            .header("Content-Type", "application/x-ndjson")
            .send(observations)
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// Hands an observation in; whether it was acknowledged.
    pub fn is_acknowledged(&self, key: &str, observation: &str) -> bool {
        self.hand_in(key, observation).is_ok()
    }

    /// Hands observations in, one a line; the answer where they were not acknowledged: the status
    /// and what was said, 0 where there was no answer.
    pub fn hand_in(&self, key: &str, observations: &str) -> Result<(), (u16, String)> {
        let url = format!("http://{}/api/v1/observations", self.web());
        let answer = ureq::post(&url)
            .config()
            .http_status_as_error(false)
            .build()
            .header("Authorization", &format!("Bearer {key}"))
            .header("Content-Type", "application/x-ndjson")
            .send(observations);
        let mut answer = answer.map_err(|error| (0, error.to_string()))?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            status => Err((status, answer.body_mut().read_to_string().unwrap_or_default())),
        }
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it had logged, once it has ended by itself.
    pub fn log(mut self) -> String {
        std::mem::replace(&mut self.errors, std::thread::spawn(String::new)).join().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGTERM; how it ended and what it had logged.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.wait().unwrap();
        let errors = std::mem::replace(&mut self.errors, std::thread::spawn(String::new));
        (status, errors.join().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a process prints, as they come.
pub fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// An instant as sources write it, this much before now.
pub fn ago(seconds: i64) -> String {
    let now = kukaku::clock::now();
    now.minus(kukaku_schema::DurationUs::from_secs(seconds)).to_rfc3339_utc()
}
