//! The daemon's side and the real witness program together.
//!
//! Harm: a rewritten journal goes on unnoticed because nobody outside keeps its heads; or a
//! witness that is away stops the recording.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use kukaku::config::WitnessConfig;
use kukaku::witnesses::{Witness, turn};
use kukaku::writer::{Purpose, SimClock, Writer, WriterConfig};
use kukaku_ledger::{Cosigner, SigningKey};
use kukaku_schema::{DurationUs, Lang, UtcMicros};
use kukaku_store::{Store, WitnessNote, cosigned_note, newest_checkpoint, read_only, witnessing};
use kukaku_verify::Memory;

const LOG: &str = "kukaku.example/sapporo-1";

fn key() -> SigningKey {
    SigningKey::from_seed(LOG, &[7; 32]).unwrap()
}

fn cosigner() -> Cosigner {
    Cosigner::from_seed("witness.example/city", &[9; 32]).unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn nine() -> UtcMicros {
    UtcMicros::parse_rfc3339("2026-11-22T00:00:00Z").unwrap()
}

fn shown(at: UtcMicros) -> String {
    at.to_rfc3339_utc()
}

/// `kukaku-verify witness`.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(folder: &Path, listen: &str) -> Self {
        std::fs::write(folder.join("key"), cosigner().to_secret_text()).unwrap();
        let memory = folder.join("memory");
        if !memory.exists() {
            Memory::open(&memory).unwrap().trust(key().verifier(), 0).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"))
            .args(["witness", "--listen", listen, "--lang", "en", "--key"])
            .arg(folder.join("key"))
            .arg("--memory")
            .arg(memory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
        Self { url: format!("http://{address}"), child }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A watched site.
struct Site {
    store: PathBuf,
    clock: SimClock,
    writer: Writer,
}

impl Site {
    async fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (store, clock) = (folder.join("store.db"), SimClock::new(nine()));
        drop(Store::create(&store, nine()).unwrap());
        let start = |purpose| {
            Writer::start(WriterConfig {
                store: store.clone(),
                key: key(),
                key_files: None,
                checkpoint_file: folder.join("checkpoint"),
                purpose,
                clock: Arc::new(clock.clone()),
                route: Box::new(|_| vec![]),
            })
            .unwrap()
        };
        let registers = format!("[site]\nid = \"sapporo-1\"\nname = \"{name}\"\n");
        let registers = kukaku_schema::registers::parse(&registers, "site.toml").unwrap();
        let opening = start(Purpose::Command);
        opening.import_registers(registers, "manager".to_owned(), "opening".to_owned()).await.unwrap();
        opening.stop().await.unwrap();
        let writer = start(Purpose::Watch { program: "11".repeat(32), configuration: "22".repeat(32) });
        Self { store, clock, writer }
    }

    async fn configure(&self, url: &str) -> Arc<Witness> {
        let key = cosigner().key().to_string();
        let config =
            WitnessConfig { name: "札幌市".to_owned(), url: url.to_owned(), key: key.clone(), ca_file: None };
        self.writer.note_witness(WitnessNote::Configured(vec![(config.name.clone(), key)])).await.unwrap();
        Arc::new(Witness::open(&config).unwrap())
    }

    /// Minutes pass, each with its sign of life and its checkpoint.
    async fn pass(&self, minutes: i64) {
        for _ in 0..minutes {
            let now = self.now().plus(DurationUs::from_secs(60));
            self.clock.pass_to(now);
            self.writer.checkpoint().await.unwrap();
        }
    }

    fn now(&self) -> UtcMicros {
        use kukaku::writer::Clock as _;
        self.clock.read().wall
    }

    async fn ask(&self, witness: &Arc<Witness>) -> Result<(), String> {
        turn(witness, &self.store, &self.writer, self.now()).await
    }

    fn state(&self) -> kukaku_core::witnessing::Witnessing {
        witnessing(&read_only(&self.store).unwrap()).unwrap()
    }

    fn size(&self) -> u64 {
        newest_checkpoint(&read_only(&self.store).unwrap()).unwrap().unwrap().head.size
    }

    fn alarm(&self) -> Option<String> {
        self.state().alarm(self.now(), Lang::Ja, &shown)
    }
}

#[tokio::test]
async fn a_checkpoint_is_cosigned_and_the_cosignature_kept_beside_it() {
    let folder = folder("witnessed");
    let program = Program::start(&folder, "127.0.0.1:0");
    let site = Site::new(&folder, "site").await;
    site.pass(1).await;
    assert_eq!(site.state().line(Lang::Ja, &shown), format!("証人なし・未証人 全{}件", site.size()));
    let witness = site.configure(&program.url).await;
    site.ask(&witness).await.unwrap();
    let (state, size) = (site.state(), site.size());
    assert_eq!((state.witnessed(), state.unwitnessed()), (size, 0));
    let conn = read_only(&site.store).unwrap();
    let (note, keys) = cosigned_note(&conn, &newest_checkpoint(&conn).unwrap().unwrap()).unwrap();
    let note = kukaku_ledger::SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(keys, [cosigner().key().to_string()]);
    assert!(cosigner().key().cosigned_at(&note).is_ok(), "whoever gets the note can verify it");
    // The program's clock is the real one, the site's stands in 2026: that is told, and kept.
    let doubt = state.witnesses[0].trouble.clone();
    assert!(doubt.is_none_or(|doubt| doubt.what.contains("apart")));
    // Nothing new: it isn't bothered, and needn't be there.
    drop(program);
    site.ask(&witness).await.unwrap();
}

#[tokio::test]
async fn hours_without_a_witness_stop_nothing_are_told_and_caught_up_with_one_proof() {
    let folder = folder("away");
    let program = Program::start(&folder, "127.0.0.1:0");
    let site = Site::new(&folder, "site").await;
    site.pass(1).await;
    let witness = site.configure(&program.url).await;
    site.ask(&witness).await.unwrap();
    let before = site.size();
    let listen = program.url.strip_prefix("http://").unwrap().to_owned();
    drop(program);
    site.pass(180).await;
    let failed = site.ask(&witness).await.unwrap_err();
    assert!(site.size() >= before + 180, "it records without its witness");
    let state = site.state();
    assert_eq!(state.witnessed(), before);
    let since = state.unwitnessed_since.unwrap();
    assert!(since <= nine().plus(DurationUs::from_secs(180)), "{since:?}");
    let alarm = site.alarm().unwrap();
    assert!(alarm.contains("証人の連署が届いていません") && alarm.contains(&failed), "{alarm}");
    assert!(alarm.contains(&format!("未証人 {}件", state.unwitnessed())), "{alarm}");
    let line = state.line(Lang::Ja, &shown);
    assert!(line.starts_with(&format!("証人: {before}件まで")) && line.contains(&shown(since)), "{line}");
    // It comes back where it was; one question is enough.
    let _program = Program::start(&folder, &listen);
    site.ask(&witness).await.unwrap();
    assert_eq!((site.state().unwitnessed(), site.alarm()), (0, None));
    let lines = std::fs::read_to_string(folder.join("memory/memory.log")).unwrap();
    assert_eq!(lines.matches("\"cosigned\"").count(), 2, "the three hours were one step");
}

#[tokio::test]
async fn a_witness_that_stands_elsewhere_is_asked_once_more_from_there() {
    let folder = folder("elsewhere");
    let program = Program::start(&folder, "127.0.0.1:0");
    let site = Site::new(&folder, "site").await;
    site.pass(1).await;
    let witness = site.configure(&program.url).await;
    // Its answer was lost on the way: it has cosigned, and we don't know.
    witness.ask(&site.store, nine()).unwrap();
    assert_eq!(site.state().witnessed(), 0);
    site.pass(1).await;
    site.ask(&witness).await.unwrap();
    assert_eq!(site.state().unwitnessed(), 0);
    // It lost its memory: it cosigns, and that it forgot is told.
    drop(program);
    std::fs::remove_dir_all(folder.join("memory")).unwrap();
    let program = Program::start(&folder, "127.0.0.1:0");
    let witness = site.configure(&program.url).await;
    site.pass(1).await;
    site.ask(&witness).await.unwrap();
    let state = site.state();
    assert_eq!(state.unwitnessed(), 0);
    assert!(state.witnesses[0].trouble.as_ref().unwrap().what.contains("knew of 0 only"), "{state:?}");
}

#[tokio::test]
async fn a_witness_that_knows_another_history_refuses_and_that_stays_told() {
    let folder = folder("other");
    let program = Program::start(&folder, "127.0.0.1:0");
    let (truth, rebuilt) = (Site::new(&folder, "truth").await, Site::new(&folder, "rebuilt").await);
    truth.pass(5).await;
    let witness = truth.configure(&program.url).await;
    truth.ask(&witness).await.unwrap();
    // The same key signs a shorter journal: a rollback.
    let witness = rebuilt.configure(&program.url).await;
    rebuilt.pass(2).await;
    let refused = rebuilt.ask(&witness).await.unwrap_err();
    assert!(refused.contains(&format!("it cosigned {} entries", truth.size())), "{refused}");
    let alarm = rebuilt.alarm().unwrap();
    assert!(alarm.contains("証人「札幌市」が連署を拒んでいます") && alarm.contains(&refused), "{alarm}");
    // A longer one of other entries: its proof leads elsewhere, and convicts the site.
    if truth.size().is_power_of_two() {
        truth.pass(1).await;
        truth.ask(&truth.configure(&program.url).await).await.unwrap();
    }
    rebuilt.pass(10).await;
    let refused = rebuilt.ask(&witness).await.unwrap_err();
    assert!(refused.contains("422"), "{refused}");
    assert_eq!(rebuilt.state().witnessed(), 0);
    // Both are refused from now on; and a line that breaks doesn't hide why.
    truth.pass(1).await;
    assert!(truth.ask(&witness).await.unwrap_err().contains("two histories"));
    drop(program);
    assert!(truth.ask(&witness).await.is_err());
    let alarm = truth.alarm().unwrap();
    assert!(alarm.contains("two histories"), "{alarm}");
}

/// A witness that answers every question with this.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn a_word_that_is_not_the_witness_s_is_not_kept() {
    let folder = folder("liar");
    let site = Site::new(&folder, "site").await;
    site.pass(1).await;
    let forged = "— witness.example/city AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    for answer in ["", "OK\n", forged] {
        let witness = site.configure(&answering(answer)).await;
        let refused = site.ask(&witness).await.unwrap_err();
        assert!(refused.contains("no cosignature by"), "{refused}");
        let state = site.state();
        assert_eq!(state.witnessed(), 0);
        assert!(!state.witnesses[0].trouble.as_ref().unwrap().contradicts, "a bad answer proves nothing");
    }
}
