//! `kukaku-verify`: the city's own tool.

mod order_commands;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use kukaku_ledger::{AddCheckpoint, Cosigner, Hash, NOTE_MAX_BYTES, Paper, VerifierKey};
use kukaku_verify::{
    CERTIFICATE_MAX_BYTES, Crossed, Finding, Lang, Memory, MemoryError, challenge, check_answer, check_certificate,
    compare_paper, cross_check, looks_signed, read_other, serve, tell_certificate, verify_pack,
};

const HELP_JA: &str = include_str!("help.ja.txt");
const HELP_EN: &str = include_str!("help.en.txt");

#[derive(Parser)]
#[command(name = "kukaku-verify", version, disable_help_flag = true, disable_help_subcommand = true)]
struct Arguments {
    #[arg(long, global = true)]
    lang: Option<String>,
    #[arg(long, global = true)]
    memory: Option<PathBuf>,
    #[arg(long, short, global = true)]
    help: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Trust {
        vkey: String,
        #[arg(long)]
        fingerprint: Option<String>,
        #[arg(long, default_value_t = 0)]
        from_size: u64,
    },
    Remember {
        file: PathBuf,
        #[arg(long)]
        proof: Option<PathBuf>,
    },
    CrossCheck {
        other: PathBuf,
    },
    Show,
    Pack {
        file: PathBuf,
    },
    Certificate {
        file: PathBuf,
    },
    Paper {
        file: PathBuf,
    },
    Challenge,
    CheckAnswer {
        #[arg(required = true)]
        answer: Vec<String>,
        #[arg(long)]
        size: Option<u64>,
        #[arg(long)]
        site: Option<String>,
    },
    OrderKey {
        #[arg(long)]
        name: String,
        #[arg(long)]
        key: PathBuf,
    },
    Approve(order_commands::OrderAct),
    Reject(order_commands::OrderAct),
    Accept(order_commands::OrderAct),
    WitnessInit {
        #[arg(long)]
        name: String,
        #[arg(long)]
        key: PathBuf,
    },
    Witness {
        #[arg(long)]
        listen: String,
        #[arg(long)]
        key: PathBuf,
    },
}

/// What ends the program early: the exit code and what to say.
type Failure = (u8, String);

fn main() -> ExitCode {
    let variable = std::env::var("LANG").ok();
    let arguments = match Arguments::try_parse_from(with_pack_command(std::env::args_os().collect())) {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayVersion => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let lang = Lang::choose(None, variable.as_deref());
            let hint = lang.pick("使い方: kukaku-verify --help", "Usage: kukaku-verify --help --lang en");
            eprintln!("{error}\n{hint}");
            return ExitCode::from(1);
        }
    };
    let lang = Lang::choose(arguments.lang.as_deref(), variable.as_deref());
    let Some(command) = arguments.command.filter(|_| !arguments.help) else {
        print!("{}", lang.pick(HELP_JA, HELP_EN));
        return ExitCode::SUCCESS;
    };
    match run(command, arguments.memory, lang) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, text)) => {
            eprintln!("{text}");
            ExitCode::from(code)
        }
    }
}

/// `kukaku-verify pack.zip` is `kukaku-verify pack pack.zip`: a file that is dropped on the program.
fn with_pack_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_pack = |argument: &OsString| {
        Path::new(argument).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
    };
    if arguments.get(1).is_some_and(is_pack) {
        arguments.insert(1, "pack".into());
    }
    arguments
}

fn default_memory() -> Option<PathBuf> {
    if let Some(local) = std::env::var_os("LOCALAPPDATA") {
        return Some(PathBuf::from(local).join("kukaku-verify"));
    }
    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/kukaku-verify"))
}

fn run(command: Command, memory: Option<PathBuf>, lang: Lang) -> Result<(), Failure> {
    let failed = |error: MemoryError| (error.exit_code(), error.say(lang));
    let open = || {
        let no_folder = lang.pick("--memory で保管先を指定してください", "say where to remember with --memory");
        let folder = memory.clone().or_else(default_memory).ok_or((1, no_folder.to_owned()))?;
        Memory::open(&folder).map_err(failed)
    };
    match command {
        Command::Trust { vkey, fingerprint, from_size } => {
            let key = VerifierKey::parse(vkey.trim()).map_err(|error| failed(error.into()))?;
            confirm(&key, fingerprint, lang)?;
            open()?.trust(&key, from_size).map_err(failed)?;
            println!("{}: {}", lang.pick("公開鍵を登録しました", "Trusted"), key.name());
        }
        Command::Remember { file, proof } => {
            let bytes = read(&file, lang)?;
            let proof = proof.map(|path| read(&path, lang)).transpose()?;
            let form = |error: kukaku_ledger::WitnessRefusal| failed(error.into());
            let (note, proof): (Vec<u8>, Option<(u64, Vec<Hash>)>) = if bytes.starts_with(b"old ") {
                let request = AddCheckpoint::parse(&bytes).map_err(form)?;
                (request.note.to_text().into_bytes(), Some((request.old, request.proof)))
            } else {
                let proof = proof.map(|text| AddCheckpoint::parse_proof(&text)).transpose().map_err(form)?;
                (bytes, proof)
            };
            let finding = open()?.remember(&note, proof.as_ref(), now()).map_err(failed)?;
            return tell(&finding, lang);
        }
        Command::CrossCheck { other } => {
            let notes = read_other(&other).map_err(failed)?;
            let crossed = cross_check(&mut open()?, &notes, now()).map_err(failed)?;
            return tell_crossed(&crossed, lang);
        }
        Command::Show => show(&open()?, lang),
        Command::Certificate { file } => {
            let mut bytes = Vec::new();
            let read = std::fs::File::open(&file).and_then(|f| f.take(CERTIFICATE_MAX_BYTES).read_to_end(&mut bytes));
            read.map_err(|error| (1, format!("{}: {error}", file.display())))?;
            let mut memory = open()?;
            let said = check_certificate(&bytes, |origin| memory.terms(origin))
                .map_err(|error| (error.exit_code(), error.say(lang)))?;
            let finding = memory.remember(said.checkpoint.as_bytes(), None, now()).map_err(failed)?;
            if !matches!(finding, Finding::Fork { .. } | Finding::ForkedBefore) {
                println!("{}", tell_certificate(&said, lang));
            }
            return tell(&finding, lang);
        }
        Command::Pack { file } => {
            let report =
                verify_pack(&file, &mut open()?, now()).map_err(|error| (error.exit_code(), error.say(lang)))?;
            // A pack of a forked site proves the fork, and nothing else.
            if !matches!(report.finding, Finding::Fork { .. } | Finding::ForkedBefore) {
                report.say(lang).iter().for_each(|line| println!("{line}"));
            }
            return tell(&report.finding, lang);
        }
        Command::Paper { file } => return paper(&read(&file, lang)?, &mut open()?, lang),
        Command::Challenge => {
            let memory = open()?;
            let nonce = challenge(&memory).map_err(|error| (error.exit_code(), error.say(lang)))?;
            println!("{}: {}", lang.pick("拠点に伝える番号", "Say to the site"), nonce.to_text());
            for site in memory.sites() {
                let Some(head) = site.newest else { continue };
                println!("  {}: kukaku answer {} --size {}", site.origin, nonce.to_text(), head.size);
            }
        }
        Command::CheckAnswer { answer, size, site } => {
            let memory = open()?;
            let sites = memory.sites();
            let origin = match (site, &sites[..]) {
                (Some(site), _) => site,
                (None, [only]) => only.origin.clone(),
                (None, _) => return Err((1, lang.pick("--site で拠点を指定", "name the site with --site").to_owned())),
            };
            let head = check_answer(&memory, &origin, size, &answer.join(" "))
                .map_err(|error| (error.exit_code(), error.say(lang)))?;
            let (ja, en) = ("件の答えは記憶と一致します", "entries: the answer is that of the remembered tree");
            println!("{} {}", head.size, lang.pick(ja, en));
        }
        Command::OrderKey { name, key } => return order_commands::make_key(&name, &key),
        Command::Approve(given) => return order_commands::act("approve", &given, lang),
        Command::Reject(given) => return order_commands::act("reject", &given, lang),
        Command::Accept(given) => return order_commands::act("accept", &given, lang),
        Command::WitnessInit { name, key } => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| (1, error.to_string()))?;
            let cosigner = Cosigner::from_seed(&name, &seed).map_err(|error| failed(error.into()))?;
            write_key(&key, &cosigner.to_secret_text()).map_err(|e| (1, format!("{}: {e}", key.display())))?;
            println!("{}", cosigner.key());
        }
        Command::Witness { listen, key } => {
            let text = String::from_utf8_lossy(&read(&key, lang)?).into_owned();
            let cosigner = Cosigner::parse(text.trim_end()).map_err(|error| failed(error.into()))?;
            let memory = open()?;
            let heard = TcpListener::bind(&listen).map_err(|error| (1, format!("{listen}: {error}")))?;
            let address = heard.local_addr().map_err(|error| (1, error.to_string()))?;
            println!("{} http://{address}/add-checkpoint", lang.pick("待ち受け中:", "Listening on"));
            serve(&heard, memory, cosigner).map_err(|error| (1, error.to_string()))?;
        }
    }
    Ok(())
}

/// A signed note that was scanned is a checkpoint like any other; typed paper is compared.
fn paper(bytes: &[u8], memory: &mut Memory, lang: Lang) -> Result<(), Failure> {
    if looks_signed(bytes) {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let finding = memory.remember(format!("{}\n", text.trim_end()).as_bytes(), None, now());
        return tell(&finding.map_err(|error| (error.exit_code(), error.say(lang)))?, lang);
    }
    let said = Paper::parse(&String::from_utf8_lossy(bytes)).map_err(|error| {
        (1, format!("{} ({error})", lang.pick("紙の封印として読めません", "not readable as a paper checkpoint")))
    })?;
    let compared = compare_paper(&said, memory);
    match compared.exit_code() {
        0 => {
            println!("{}", compared.say(lang));
            Ok(())
        }
        code => Err((code, compared.say(lang))),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads a file, or the standard input for `-`; never more than a note may hold.
fn read(path: &Path, lang: Lang) -> Result<Vec<u8>, Failure> {
    read_up_to(path, NOTE_MAX_BYTES as u64 + 1, lang)
}

fn read_up_to(path: &Path, limit: u64, lang: Lang) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let cannot = lang.pick("読み込めません", "can't be read");
    done.map(|_| bytes).map_err(|error| (1, format!("{}: {cannot} ({error})", path.display())))
}

fn write_key(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()
}

fn confirm(key: &VerifierKey, typed: Option<String>, lang: Lang) -> Result<(), Failure> {
    let expected = key.fingerprint();
    let typed = if let Some(typed) = typed {
        typed
    } else {
        let ask = lang.pick(
            "紙などで別に受け取った公開鍵と一字ずつ照合し、一致したら次の指紋を入力してください",
            "Compare the key with the one you got on paper, then type this fingerprint",
        );
        println!("{key}\n{ask}: {expected}");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(|error| (1, error.to_string()))?;
        line
    };
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '\r', '\n'], "");
    if plain(&typed) == plain(&expected) {
        return Ok(());
    }
    Err((
        3,
        lang.pick("指紋が一致しません。登録しませんでした。", "The fingerprint differs; nothing was trusted.")
            .to_owned(),
    ))
}

/// Says what was found; anything but a known or connected checkpoint has its own exit code.
fn tell(finding: &Finding, lang: Lang) -> Result<(), Failure> {
    let say = |ja: String, en: String| if lang == Lang::Ja { ja } else { en };
    let text = match finding {
        Finding::First(head) => say(
            format!("{} 件の封印を、この拠点の最初の封印として記憶しました。", head.size),
            format!("Remembered {} entries: the first checkpoint of this site.", head.size),
        ),
        Finding::Known(head) => {
            say(format!("{} 件の封印は記憶と一致します。", head.size), format!("{} entries: as remembered.", head.size))
        }
        Finding::Connected(head) => say(
            format!("{} 件の封印は記憶とつながっています。変更や切り捨てはありません。", head.size),
            format!("{} entries: connected to what is remembered; nothing was changed or cut.", head.size),
        ),
        Finding::Unconnected { head, largest } if head.size < *largest => {
            let ja = format!(
                "注意: {} 件の封印は、記憶している {largest} 件より小さく、まだつながっていません。巻き戻しの疑いがあります。証明を取り寄せ --proof で確認してください。",
                head.size
            );
            let en = format!(
                "Careful: {} entries are fewer than the {largest} remembered, and not yet connected: a rollback? Ask for a proof.",
                head.size
            );
            return Err((4, say(ja, en)));
        }
        Finding::Unconnected { head, largest } => say(
            format!(
                "{} 件の封印を記憶しました。記憶している {largest} 件とはまだつながっていません(証明なし)。",
                head.size
            ),
            format!("Remembered {} entries; not yet connected to the {largest} remembered (no proof).", head.size),
        ),
        Finding::ProofFails(head) => {
            let ja = format!(
                "{} 件の封印は記憶しましたが、証明は記憶とつながりません。正しい証明を求めてください。",
                head.size
            );
            let en = format!(
                "Remembered {} entries, but the proof doesn't connect them. Ask for the right proof.",
                head.size
            );
            return Err((4, say(ja, en)));
        }
        Finding::Fork { size, evidence } => {
            let ja = format!("分岐: 同じ {size} 件に二つの異なる封印があります。証拠: {}", evidence.display());
            let en = format!("Fork: two different checkpoints of {size} entries. Evidence: {}", evidence.display());
            return Err((2, say(ja, en)));
        }
        Finding::ForkedBefore => {
            let ja = "この拠点には分岐の証拠があり、今後も受け入れません。".to_owned();
            return Err((2, say(ja, "This site has forked before; it is refused for ever.".to_owned())));
        }
    };
    println!("{text}");
    Ok(())
}

/// Says what two memories have in common; a contradiction and a comparison that nothing decides
/// have exit codes of their own.
fn tell_crossed(crossed: &Crossed, lang: Lang) -> Result<(), Failure> {
    let say = |ja: String, en: String| if lang == Lang::Ja { ja } else { en };
    let Crossed { same, new, unknown, owed, forks } = crossed;
    println!(
        "{}",
        say(
            format!("一致 {same}、こちらになかった封印 {new}(記憶しました)、鍵の未登録な拠点 {unknown}"),
            format!("{same} the same, {new} not known here (remembered now), {unknown} of sites without a trusted key"),
        )
    );
    for (origin, from, to) in owed {
        println!(
            "{}",
            say(
                format!("  {origin}: {from} 件から {to} 件への証明を拠点に求めてください"),
                format!("  {origin}: ask the site for the proof from {from} to {to} entries"),
            )
        );
    }
    if !forks.is_empty() {
        let lines = forks.iter().map(|(size, evidence)| {
            let path = evidence.display();
            say(
                format!("分岐: {size} 件に二つの異なる封印があります。証拠: {path}"),
                format!("Fork: two different checkpoints of {size} entries. Evidence: {path}"),
            )
        });
        return Err((2, lines.collect::<Vec<_>>().join("\n")));
    }
    if *same == 0 {
        let nothing = "共通する件数の封印がなく、何も確かめられていません。";
        return Err((4, lang.pick(nothing, "No checkpoint in common: nothing was shown.").to_owned()));
    }
    Ok(())
}

fn show(memory: &Memory, lang: Lang) {
    for site in memory.sites() {
        println!("{}", site.origin);
        for key in site.keys {
            println!("  {}: {key}", lang.pick("公開鍵", "key"));
        }
        let (kept, open) = (site.checkpoints, site.unlinked);
        println!("  {}: {kept} ({}: {open})", lang.pick("封印", "checkpoints"), lang.pick("未接続", "not connected"));
        if let Some(head) = site.newest {
            println!("  {}: {} {}", lang.pick("最大", "largest"), head.size, head.root);
        }
        if site.forked {
            println!("  {}", lang.pick("分岐の証拠あり。受け入れません。", "FORKED: refused for ever."));
        }
    }
}
