//! `kukaku certificates`: renew, request, show.

use std::path::Path;

use jiff::Timestamp;

use crate::certificates::{LOOPBACK_NAMES, Made, make_request, make_server_certificate, read_certificate, warning};
use crate::cli::CertificatesAction;
use crate::config::{Config, load};
use crate::durable::{PUBLIC_MODE, SECRET_MODE, write_file};
use crate::failure::Failure;
use crate::say::say;
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// Which file can't be read, made or written.
pub fn run(action: &CertificatesAction) -> Result<(), Failure> {
    match action {
        CertificatesAction::Renew { dir, names } => renew(&SiteDir::find(dir.dir.as_deref())?, names),
        CertificatesAction::Request { dir, names } => request(&SiteDir::find(dir.dir.as_deref())?, names),
        CertificatesAction::Show { dir } => show(&SiteDir::find(dir.dir.as_deref())?),
    }
}

fn renew(dir: &SiteDir, names: &[String]) -> Result<(), Failure> {
    let tls = dir.tls();
    let (ca_path, ca_key_path) = (tls.join("ca.pem"), tls.join("ca.key"));
    if !ca_key_path.exists() {
        return Err(Failure::Failed(format!(
            "{} is missing: this site has no CA of its own; run `kukaku certificates request` and have your CA sign it",
            ca_key_path.display()
        )));
    }
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| Failure::io("read", path, &e));
    let ca = Made { pem: read(&ca_path)?, key_pem: read(&ca_key_path)? };
    let names = names_of(&tls.join("server.pem"), names);
    let now = Timestamp::now();
    let server = make_server_certificate(&names, &ca, now).map_err(Failure::Failed)?;
    put(&tls, "server", &server)?;
    let made = read_certificate(server.pem.as_bytes()).map_err(Failure::Failed)?;
    say(format!("{} holds for {} until {}", tls.join("server.pem").display(), names.join(", "), made.to));
    say("Restart the daemon to use it. Browsers that know the site's CA need nothing.");
    Ok(())
}

fn request(dir: &SiteDir, names: &[String]) -> Result<(), Failure> {
    let tls = dir.tls();
    let names = names_of(&tls.join("server.pem"), names);
    let request = make_request(&names).map_err(Failure::Failed)?;
    // The present key stays in use until the signed certificate is there.
    write_file(&tls.join("next.key"), request.key_pem.as_bytes(), SECRET_MODE)
        .and_then(|()| write_file(&tls.join("server.csr"), request.pem.as_bytes(), PUBLIC_MODE))
        .map_err(|e| Failure::io("write into", &tls, &e))?;
    say(format!("Have your CA sign {} (for {}).", tls.join("server.csr").display(), names.join(", ")));
    say(format!(
        "Put its answer with the chain at {}, then: mv {} {} and restart the daemon.",
        tls.join("server.pem").display(),
        tls.join("next.key").display(),
        tls.join("server.key").display()
    ));
    Ok(())
}

/// Writes certificate and key. The key goes first: a certificate without its key would keep the
/// daemon from starting, and until both are there the running one uses what it has read.
pub fn put(tls: &Path, name: &str, made: &Made) -> Result<(), Failure> {
    let (certificate, key) = (tls.join(format!("{name}.pem")), tls.join(format!("{name}.key")));
    write_file(&key, made.key_pem.as_bytes(), SECRET_MODE).map_err(|e| Failure::io("write", &key, &e))?;
    write_file(&certificate, made.pem.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &certificate, &e))
}

/// The names asked for, else those of the present certificate, else this machine's own.
fn names_of(present: &Path, asked: &[String]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let present = std::fs::read(present).ok().and_then(|pem| read_certificate(&pem).ok());
    present.map(|c| c.names).filter(|n| !n.is_empty()).unwrap_or_else(|| LOOPBACK_NAMES.map(str::to_owned).to_vec())
}

fn show(dir: &SiteDir) -> Result<(), Failure> {
    let config = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?.config;
    let now = Timestamp::now();
    for (path, used) in certificates_of(dir, &config) {
        let described = std::fs::read(&path)
            .map_err(|e| e.to_string())
            .and_then(|pem| read_certificate(&pem))
            .map(|c| {
                let days = c.days_left(now);
                let tail = warning("it", days).map_or_else(String::new, |w| format!(" -- {w}"));
                format!(
                    "{}; for {}; signed by {}; ends {} ({days} days){tail}",
                    c.subject,
                    c.names.join(", "),
                    c.issuer,
                    c.to
                )
            })
            .unwrap_or_else(|why| format!("can't be read: {why}"));
        say(format!("{} ({used}): {described}", path.display()));
    }
    Ok(())
}

/// The certificates of an installation, each once, with what they are for.
#[must_use]
pub fn certificates_of(dir: &SiteDir, config: &Config) -> Vec<(std::path::PathBuf, &'static str)> {
    let mut found: Vec<(std::path::PathBuf, &'static str)> = Vec::new();
    let mut add = |path: std::path::PathBuf, used| {
        if !found.iter().any(|(known, _)| *known == path) {
            found.push((path, used));
        }
    };
    if let Some(tls) = &config.web.tls {
        add(tls.certificate.clone(), "web.tls.certificate");
    }
    if let Some(tls) = config.mqtt.as_ref().and_then(|mqtt| mqtt.tls.as_ref()) {
        add(tls.certificate.clone(), "mqtt.tls.certificate");
        if let Some(ca) = &tls.client_ca {
            add(ca.clone(), "mqtt.tls.client_ca");
        }
    }
    for broker in &config.broker {
        if let Some(certificate) = broker.tls.as_ref().and_then(|tls| tls.certificate.as_ref()) {
            add(certificate.clone(), "broker.tls.certificate");
        }
    }
    for (name, used) in [("server.pem", "made at init"), ("ca.pem", "the site's CA")] {
        let path = dir.tls().join(name);
        if path.exists() {
            add(path, used);
        }
    }
    found
}

/// The certificates that end soon, have ended or can't be read: name and what is to be said.
#[must_use]
pub fn certificate_warnings(dir: &SiteDir, config: &Config) -> Vec<(String, String)> {
    let now = Timestamp::now();
    let warn = |(path, _): (std::path::PathBuf, _)| {
        let name = format!("certificate {}", path.display());
        let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| read_certificate(&pem));
        let said = match read {
            Ok(certificate) => warning(&name, certificate.days_left(now)),
            Err(why) => Some(format!("{name}: {why}")),
        };
        said.map(|said| (name, said))
    };
    certificates_of(dir, config).into_iter().filter_map(warn).collect()
}
