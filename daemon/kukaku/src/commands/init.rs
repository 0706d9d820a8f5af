//! `kukaku init`: a whole installation, or nothing.
//!
//! Everything is made in a hidden folder, synced, and put in place as the last step: a crash
//! before leaves nothing that a command takes for an installation.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kukaku_ledger::SigningKey;
use kukaku_schema::Lang;
use kukaku_schema::registers::{Registers, parse};
use kukaku_store::Store;
use kukaku_store::users::{Role, Users};

use super::certificates::put;
use super::users::failure;
use crate::certificates::{LOOPBACK_NAMES, make_request, make_server_certificate, make_site_ca};
use crate::cli::InitArgs;
use crate::clock;
use crate::config::sample;
use crate::durable::{PUBLIC_MODE, SECRET_MODE, sync_folder, write_file};
use crate::failure::Failure;
use crate::say::say;
use crate::secrets;
use crate::site_dir::SiteDir;
use crate::start;

/// The ending of what is not yet an installation.
const PART: &str = ".init.part";

/// The registers of a site of which nothing is known yet.
const EMPTY_SITE: &str = "[site]\nid = \"site\"\nname = \"（名称未設定）\"\n";

/// Runs the command.
///
/// # Errors
/// `Written`: the folder is not empty, or the registers are wrong. Otherwise what could not be made.
pub fn run(args: &InitArgs) -> Result<(), Failure> {
    tell(args, &install(args)?);
    Ok(())
}

/// Makes the installation and says nothing.
///
/// # Errors
/// As `run`.
pub fn install(args: &InitArgs) -> Result<Made, Failure> {
    refuse_occupied(&args.dir)?;
    let (registers, file) = registers_of(args)?;
    let place = Place::of(&args.dir)?;
    let part = &place.part;
    let made = make(&SiteDir::at(part), args, &registers, &file).and_then(|made| place.put().map(|()| made));
    // Best effort: what stays behind is named so that nobody takes it for an installation.
    let _ = std::fs::remove_dir_all(part);
    made
}

/// Where everything is made before it is put in its place.
struct Place {
    dir: PathBuf,
    part: PathBuf,
    /// The folder is there already, perhaps as the one place where this user may write.
    is_there: bool,
}

impl Place {
    fn of(dir: &Path) -> Result<Self, Failure> {
        let is_there = dir.is_dir();
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let beside = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = match (is_there, name) {
            (true, _) => dir.join(PART),
            (false, Some(name)) => {
                std::fs::create_dir_all(beside).map_err(|e| Failure::io("make folder", beside, &e))?;
                beside.join(format!(".{name}.{}{PART}", std::process::id()))
            }
            (false, None) => {
                return Err(Failure::Written(format!("{} names no folder; give one like /srv/kukaku", dir.display())));
            }
        };
        if is_there && part.exists() {
            std::fs::remove_dir_all(&part).map_err(|e| Failure::io("remove what an earlier init left", &part, &e))?;
        }
        Ok(Self { dir: dir.to_owned(), part, is_there })
    }

    /// A new folder gets its name in one step. Into one that is there, the configuration goes
    /// last: without it no command takes the folder for an installation.
    fn put(&self) -> Result<(), Failure> {
        let wrong = |e: std::io::Error| Failure::io("put in place", &self.dir, &e);
        if !self.is_there {
            std::fs::rename(&self.part, &self.dir).map_err(wrong)?;
            let beside = self.dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return sync_folder(beside).map_err(|e| Failure::io("sync", beside, &e));
        }
        let configuration = SiteDir::at(&self.part).config();
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.part).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path != configuration {
                entries.push(path);
            }
        }
        for path in entries.into_iter().chain([configuration]) {
            let name = path.file_name().expect("what was listed has a name");
            std::fs::rename(&path, self.dir.join(name)).map_err(wrong)?;
        }
        sync_folder(&self.dir).map_err(|e| Failure::io("sync", &self.dir, &e))
    }
}

/// What was made, as far as it is told.
#[derive(Debug)]
pub struct Made {
    /// The first administrator's one-time password.
    pub password: String,
    /// The key that verifies the records.
    pub verifier: String,
    /// What people compare of it.
    pub fingerprint: String,
}

fn refuse_occupied(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir) {
        Ok(entries) => match entries.flatten().find(|entry| entry.file_name() != PART) {
            None => Ok(()),
            Some(_) => Err(Failure::Written(format!(
                "{} is not empty; nothing was changed, give a folder that doesn't exist",
                dir.display()
            ))),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::Written(format!("{} can't be an installation: {e}", dir.display()))),
    }
}

/// The registers to begin with, checked before anything is made.
fn registers_of(args: &InitArgs) -> Result<(Registers, String), Failure> {
    let (text, file) = match &args.registers {
        None => (EMPTY_SITE.to_owned(), "init".to_owned()),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|e| Failure::Written(format!("read registers {}: {e}", path.display())))?;
            (text, path.display().to_string())
        }
    };
    let registers = parse(&text, &file).map_err(|e| Failure::Written(e.to_string()))?;
    Ok((registers, file))
}

fn make(part: &SiteDir, args: &InitArgs, registers: &Registers, file: &str) -> Result<Made, Failure> {
    for folder in [part.path().to_owned(), part.keys(), part.tls()] {
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|e| Failure::io("make folder", &folder, &e))?;
    }
    let write = |path: PathBuf, text: &str, mode| {
        write_file(&path, text.as_bytes(), mode).map_err(|e| Failure::io("write", &path, &e))
    };
    write(part.config(), &sample(args.lang), PUBLIC_MODE)?;
    let seed = secrets::random::<32>().map_err(Failure::Failed)?;
    let key = SigningKey::from_seed(&origin(&registers.site.id)?, &seed)
        .map_err(|e| Failure::Failed(format!("make the signing key: {e}")))?;
    let verifier = key.verifier().to_string();
    write(part.signing_key(), &format!("{}\n", key.to_secret_text()), SECRET_MODE)?;
    write(part.verifier_key(), &format!("{verifier}\n"), PUBLIC_MODE)?;
    certificates(part, args, &registers.site.id)?;
    let now = clock::now();
    let store_failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    drop(Store::create(&part.store(), now).map_err(store_failure)?);
    start::writer::keep_first_registers(part, registers, file)?;
    let password = Users::open(&part.store())
        .and_then(|users| users.create(&args.admin, Role::Administrator, now))
        .map_err(failure)?;
    for folder in [part.keys(), part.tls(), part.path().to_owned()] {
        sync_folder(&folder).map_err(|e| Failure::io("sync", &folder, &e))?;
    }
    Ok(Made { password, verifier, fingerprint: key.verifier().fingerprint() })
}

/// The name under which checkpoints are signed: one of its own for each installation, so that two
/// logs are never taken for one.
fn origin(site: &str) -> Result<String, Failure> {
    let plain: String = site.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let tail: String =
        secrets::random::<4>().map_err(Failure::Failed)?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("kukaku/{plain}-{tail}"))
}

fn certificates(part: &SiteDir, args: &InitArgs, site: &str) -> Result<(), Failure> {
    let names: Vec<String> =
        if args.names.is_empty() { LOOPBACK_NAMES.map(str::to_owned).to_vec() } else { args.names.clone() };
    let tls = part.tls();
    if args.csr {
        let request = make_request(&names).map_err(Failure::Written)?;
        let (csr, key) = (tls.join("server.csr"), tls.join("server.key"));
        write_file(&csr, request.pem.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &csr, &e))?;
        return write_file(&key, request.key_pem.as_bytes(), SECRET_MODE).map_err(|e| Failure::io("write", &key, &e));
    }
    let now = Timestamp::now();
    let ca = make_site_ca(site, now).map_err(Failure::Failed)?;
    let server = make_server_certificate(&names, &ca, now).map_err(Failure::Written)?;
    put(&tls, "ca", &ca)?;
    put(&tls, "server", &server)
}

fn tell(args: &InitArgs, made: &Made) {
    let dir = args.dir.display();
    let user = &args.admin;
    let Made { password, verifier, fingerprint } = made;
    say(match args.lang {
        Lang::Ja => format!(
            "設置しました：{dir}\n\n\
             利用者：          {user}\n\
             初期パスワード：  {password}\n\
             （表示は今回限り。72時間以内に一度だけ使え、最初のサインインで変更が必要です。続いて二つ目の認証を設定します）\n\n\
             記録の検証鍵（市に渡してください。指紋は紙や口頭で別に伝えます）：\n  {verifier}\n  指紋 {fingerprint}\n\n\
             次の手順：\n  kukaku check {dir}\n  kukaku run {dir}"
        ),
        Lang::En => format!(
            "Made {dir}\n\n\
             user:              {user}\n\
             one-time password: {password}\n\
             (shown this once; holds for 72 hours and must be changed at the first sign-in; then a second factor is set up)\n\n\
             Key that verifies the records (hand it to your clients, the fingerprint by another way):\n  {verifier}\n  fingerprint {fingerprint}\n\n\
             Next:\n  kukaku check {dir}\n  kukaku run {dir}"
        ),
    });
    if args.csr {
        let tls = args.dir.join("tls");
        let (csr, pem) = (tls.join("server.csr"), tls.join("server.pem"));
        say(args.lang.pick(
            format!("\n{} に貴社の認証局の署名を受け、{} に置いてください。", csr.display(), pem.display()),
            format!("\nHave your CA sign {} and put its answer at {}.", csr.display(), pem.display()),
        ));
    }
}
