//! `kukaku check`: everything that would keep the daemon from starting or from keeping its word.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use kukaku_notify::Channels;
use kukaku_store::users::PasswordProfile;

use super::certificates::certificates_of;
use super::networks;
use crate::certificates::{read_certificate, warning};
use crate::cli::CheckArgs;
use crate::clock;
use crate::config::{Config, load};
use crate::control;
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::secrets;
use crate::site_dir::SiteDir;
use crate::time_state::{self, TimeState};

/// How one thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// As it should be.
    Fine(String),
    /// Works today; somebody should look at it.
    Note(String),
    /// Has to be repaired.
    Problem(String),
}

/// Runs the command.
///
/// # Errors
/// `Written`: the configuration is wrong. `Failed`: problems were found.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let (dir, file) = match &args.config {
        Some(file) => (None, file.clone()),
        None => {
            let dir = SiteDir::find(args.dir.dir.as_deref())?;
            let file = dir.config();
            (Some(dir), file)
        }
    };
    let config = load(&file).map_err(|e| Failure::Written(e.to_string()))?.config;
    let mut lines = vec![Line::Fine(format!("configuration {}", file.display()))];
    lines.extend(channels(&config));
    lines.extend(secret_files(&config));
    if let Some(dir) = &dir {
        let running = control::ask_daemon(dir, &control::Request::Rooms).ok().flatten();
        lines.push(store(dir));
        lines.push(registers(dir));
        lines.extend(key_modes(dir));
        lines.extend(certificates(dir, &config));
        let heard = kukaku_store::read_only(&dir.store()).and_then(|conn| kukaku_store::query::session_sources(&conn));
        let registers = super::registers::present(dir).ok();
        lines.extend(super::gateways::lines(&config, registers.as_ref(), &heard.unwrap_or_default()));
        if let Some(registers) = &registers {
            lines.extend(nobody_tells(&config, registers).map(Line::Problem));
            lines.extend(not_ready(dir, registers).into_iter().map(Line::Note));
        }
        lines.push(disk(dir.path(), config.free_disk_mib));
        match running {
            Some(_) => lines.push(Line::Fine("ports: held by the daemon that runs".to_owned())),
            None => lines.extend(ports(&config)),
        }
    } else {
        lines.extend(super::gateways::lines(&config, None, &[]));
        lines.extend(ports(&config));
    }
    lines.extend(networks::lines(&config));
    lines.extend(passwords(&config));
    lines.push(time());
    let problems = lines.iter().filter(|line| matches!(line, Line::Problem(_))).count();
    for line in &lines {
        say(match line {
            Line::Fine(what) => format!("ok       {}", shown(what)),
            Line::Note(what) => format!("note     {}", shown(what)),
            Line::Problem(what) => format!("PROBLEM  {}", shown(what)),
        });
    }
    match problems {
        0 => Ok(()),
        n => Err(Failure::Failed(format!("{n} problem(s) found"))),
    }
}

/// What keeps the daemon from starting though the configuration is well formed: secrets that
/// others can read, or that stand in manuals, and listeners that are open to two networks.
#[must_use]
pub fn refusals(dir: &SiteDir, config: &Config) -> Vec<String> {
    let lines = secret_files(config).into_iter().chain(key_modes(dir)).chain(networks::refused(config));
    lines
        .filter_map(|line| match line {
            Line::Problem(what) => Some(what),
            Line::Fine(_) | Line::Note(_) => None,
        })
        .collect()
}

fn channels(config: &Config) -> Vec<Line> {
    match Channels::open(&config.alerts) {
        Err(error) => vec![Line::Problem(format!("alerts: {error}"))],
        Ok(channels) if channels.messages.is_empty() && channels.towers.is_empty() => {
            vec![Line::Note("alerts: no channel is configured; findings show on the pages alone".to_owned())]
        }
        Ok(_) if config.alerts.rule.is_empty() => {
            vec![Line::Problem("alerts: there are channels but no [[alerts.rule]], so nothing goes out".to_owned())]
        }
        Ok(channels) => {
            vec![Line::Fine(format!("alerts: {} channel(s)", channels.messages.len() + channels.towers.len()))]
        }
    }
}

/// Cities that are to be told of each session, and no channel that tells them.
fn nobody_tells(config: &Config, registers: &kukaku_schema::Registers) -> Option<String> {
    let now = clock::now();
    let told = registers.clients.iter().filter(|e| e.valid.contains(now) && !e.row.notify.is_empty());
    let names: Vec<&str> = told.map(|e| e.row.id.as_str()).collect();
    (!names.is_empty() && config.alerts.notices.is_none()).then(|| {
        format!(
            "notices: {} is to be told of each session by mail (`notify` in the registers), and no channel does it: \
             name one, `[alerts] notices = \"...\"` in kukaku.toml",
            names.join(", ")
        )
    })
}

/// What a site that is being set up still lacks.
fn not_ready(dir: &SiteDir, registers: &kukaku_schema::Registers) -> Vec<String> {
    let now = clock::now();
    let mut out = Vec::new();
    if !registers.operators.iter().any(|e| e.valid.contains(now)) {
        out.push("registers: no operator yet; every session will be of nobody who is registered".to_owned());
    }
    let sources = registers.sources.iter().filter(|e| e.valid.contains(now));
    let read =
        |id: &str| registers.readers.iter().any(|e| e.valid.contains(now) && e.row.source.as_deref() == Some(id));
    let unwatched = sources.clone().filter(|e| e.row.alive_every.is_none() && read(&e.row.id));
    let unwatched: Vec<&str> = unwatched.map(|e| e.row.id.as_str()).collect();
    if !unwatched.is_empty() {
        out.push(format!(
            "sources: {} read doors without saying how often they give a sign of life: when one falls silent nobody \
             is told, and its doors count as watched; set `alive_every`",
            unwatched.join(", ")
        ));
    }
    let heard = kukaku_store::read_only(&dir.store()).and_then(|conn| kukaku_store::query::sources(&conn));
    if let Ok(heard) = heard {
        let silent = sources.filter(|e| heard.iter().all(|row| row.source != e.row.id));
        let silent: Vec<&str> = silent.map(|e| e.row.id.as_str()).collect();
        if !silent.is_empty() {
            out.push(format!(
                "sources: nothing was ever heard of {}; see that each is connected, and has its key, its password or \
                 its listener",
                silent.join(", ")
            ));
        }
    }
    out
}

fn passwords(config: &Config) -> Option<Line> {
    (config.passwords.rules().profile == PasswordProfile::Nist).then(|| {
        Line::Note(
            "passwords: profile nist asks for no classes of characters and no end; it needs the cities' agreement in writing"
                .to_owned(),
        )
    })
}

/// Secrets in files of their own: readable for their owner alone, and no samples.
fn secret_files(config: &Config) -> Vec<Line> {
    let alerts = &config.alerts;
    let accounts = alerts
        .mail
        .iter()
        .filter_map(|c| c.account.as_ref())
        .chain(alerts.mqtt.iter().filter_map(|c| c.account.as_ref()));
    let files = accounts
        .map(|account| &account.password_file)
        .chain(alerts.webhook.iter().map(|c| &c.key_file))
        .chain(config.broker.iter().filter_map(|b| b.password_file.as_ref()));
    let radius = config.radius.iter().flat_map(|radius| &radius.clients).map(|client| &client.secret_file);
    let guacamole = config.guacamole.iter().map(|guacamole| &guacamole.password_file);
    files.chain(radius).chain(guacamole).map(|path| secret_file(path)).collect()
}

fn secret_file(path: &Path) -> Line {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned(),
        Err(error) => return Line::Problem(format!("secret {}: {error}", path.display())),
    };
    if let Some(why) = secrets::weakness(&text) {
        return Line::Problem(format!("secret {}: {why}; choose another on both sides", path.display()));
    }
    mode(path)
}

fn mode(path: &Path) -> Line {
    match std::fs::metadata(path).map(|m| m.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => Line::Fine(format!("{} is readable for its owner alone", path.display())),
        Ok(mode) => Line::Problem(format!("{} has mode {mode:o}, others can read it: chmod 600 {0}", path.display())),
        Err(error) => Line::Problem(format!("{}: {error}", path.display())),
    }
}

fn store(dir: &SiteDir) -> Line {
    match kukaku_store::read_only(&dir.store()) {
        Ok(_) => Line::Fine(format!("store {}", dir.store().display())),
        Err(error) => Line::Problem(error.to_string()),
    }
}

fn registers(dir: &SiteDir) -> Line {
    match super::registers::present(dir) {
        Err(failure) => Line::Problem(failure.to_string()),
        Ok(registers) if registers.doors.is_empty() => {
            Line::Note("registers: no door yet; import them with `kukaku registers import site.toml`".to_owned())
        }
        Ok(registers) => Line::Fine(format!(
            "registers of {}: {} zone(s), {} door(s), {} operator(s), {} source(s)",
            registers.site.name,
            registers.zones.len(),
            registers.doors.len(),
            registers.operators.len(),
            registers.sources.len()
        )),
    }
}

fn key_modes(dir: &SiteDir) -> Vec<Line> {
    let mut lines = vec![mode(&dir.signing_key())];
    for path in [dir.mqtt_passwords(), dir.tls().join("ca.key"), dir.tls().join("server.key")] {
        if path.exists() {
            lines.push(mode(&path));
        }
    }
    lines
}

fn certificates(dir: &SiteDir, config: &Config) -> Vec<Line> {
    let now = Timestamp::now();
    certificates_of(dir, config)
        .into_iter()
        .map(|(path, used)| {
            let name = format!("certificate {} ({used})", path.display());
            let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| read_certificate(&pem));
            match read {
                Err(why) => Line::Problem(format!("{name}: {why}")),
                Ok(certificate) => {
                    let days = certificate.days_left(now);
                    match warning(&name, days) {
                        // One that nothing uses yet may end without harm.
                        Some(warning) if used == "made at init" || days > 7 => Line::Note(warning),
                        Some(warning) => Line::Problem(warning),
                        None => Line::Fine(format!("{name} holds for {days} days")),
                    }
                }
            }
        })
        .collect()
}

/// Free space of the disk under a folder, in MiB.
///
/// # Errors
/// What the operating system says.
pub fn free_mib(folder: &Path) -> Result<u64, String> {
    Ok(free_bytes(folder)? / (1024 * 1024))
}

/// Bytes free for us on the disk of `folder`.
///
/// # Errors
/// What the operating system says.
pub fn free_bytes(folder: &Path) -> Result<u64, String> {
    let disk = rustix::fs::statvfs(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn disk(folder: &Path, wanted_mib: u64) -> Line {
    match free_mib(folder) {
        Ok(free) if free < wanted_mib => Line::Problem(format!(
            "disk of {}: {free} MiB free, less than free_disk_mib = {wanted_mib}; make room before it is full",
            folder.display()
        )),
        Ok(free) => Line::Fine(format!("disk of {}: {free} MiB free", folder.display())),
        Err(why) => Line::Problem(format!("disk of {why}")),
    }
}

/// Every address for TCP that the daemon will listen on, with its key.
#[must_use]
pub fn addresses(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    let streams = networks::listeners(config).into_iter().filter(|listener| !listener.is_udp);
    streams.map(|listener| (listener.key, listener.address)).collect()
}

/// Every address for UDP that it will, with its key.
#[must_use]
pub fn datagram_addresses(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    let datagrams = networks::listeners(config).into_iter().filter(|listener| listener.is_udp);
    datagrams.map(|listener| (listener.key, listener.address)).collect()
}

/// What works today, yet has to be repaired, and is told at each start.
#[must_use]
pub fn warnings(config: &Config) -> Vec<String> {
    networks::routing_problem(config).into_iter().collect()
}

fn ports(config: &Config) -> Vec<Line> {
    let line = |key, address, bound: std::io::Result<()>| match bound {
        Ok(()) => Line::Fine(format!("port {address} ({key}) is free")),
        Err(error) => Line::Problem(cannot_listen(key, address, &error)),
    };
    let streams = addresses(config).into_iter().map(|(key, at)| line(key, at, TcpListener::bind(at).map(drop)));
    let datagrams = datagram_addresses(config).into_iter();
    streams.chain(datagrams.map(|(key, at)| line(key, at, UdpSocket::bind(at).map(drop)))).collect()
}

/// Why an address can't be listened on, with the key to change.
#[must_use]
pub fn cannot_listen(key: &str, address: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let why = match error.kind() {
        ErrorKind::AddrInUse => format!("port {} is in use by another program; stop it, or change", address.port()),
        ErrorKind::AddrNotAvailable => format!("{} is no address of this machine; change", address.ip()),
        ErrorKind::PermissionDenied => format!("port {} needs more rights; take one above 1023 for", address.port()),
        _ => format!("{error}; change"),
    };
    format!("listen on {address}: {why} `{key}` in kukaku.toml")
}

fn time() -> Line {
    match time_state::now() {
        TimeState::Synchronised(by) => Line::Fine(format!("this machine's clock is synchronised ({by})")),
        TimeState::Adrift(by) => Line::Problem(format!(
            "this machine's clock is not synchronised ({by}): give it a time server, or verdicts rest on a clock nobody checks"
        )),
        TimeState::Unknown => Line::Note(
            "whether this machine's clock is synchronised is not known: neither timedatectl nor chronyc answered"
                .to_owned(),
        ),
    }
}
