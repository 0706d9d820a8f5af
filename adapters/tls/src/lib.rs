//! TLS from files, for every link. TLS 1.2 and 1.3, one crypto provider for the whole house (ring).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Why TLS can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error("read {what} from {}: {why}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The files don't go together.
    #[error("set up TLS: {0}")]
    Setup(String),
}

/// Whether those who connect show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients<'a> {
    /// None is asked for.
    NotAsked,
    /// They may show one of this CA.
    MayShow(&'a Path),
    /// They have to.
    MustShow(&'a Path),
}

/// A certificate with its key, both PEM files, shown to the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

fn setup(error: impl std::fmt::Display) -> TlsError {
    TlsError::Setup(error.to_string())
}

/// TLS of a listener.
///
/// # Errors
/// Names the file that can't be used, and why.
pub fn server(certificate: &Path, key: &Path, clients: Clients<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate, "the certificate of the listener")?;
    let key = private_key(key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(setup)?;
    let verifier = |ca| Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider));
    let builder = match clients {
        Clients::NotAsked => builder.with_no_client_auth(),
        Clients::MayShow(ca) => {
            builder.with_client_cert_verifier(verifier(ca)?.allow_unauthenticated().build().map_err(setup)?)
        }
        Clients::MustShow(ca) => builder.with_client_cert_verifier(verifier(ca)?.build().map_err(setup)?),
    };
    Ok(Arc::new(builder.with_single_cert(chain, key).map_err(setup)?))
}

/// TLS of a client: the other side must show a certificate of `ca`.
///
/// # Errors
/// Names the file that can't be used, and why.
pub fn client(ca: &Path, identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(roots(ca)?);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate, "the certificate shown to the broker")?;
            builder.with_client_auth_cert(chain, private_key(&identity.key)?).map_err(setup)?
        }
    };
    Ok(Arc::new(config))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let what = "the CA's certificate";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, what)? {
        roots.add(certificate).map_err(|e| file_error(what, path, &e))?;
    }
    Ok(roots)
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error(what, path, &e))?;
    if found.is_empty() { Err(file_error(what, path, &"no PEM block CERTIFICATE in it")) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| file_error("the private key", path, &e))
}

fn file_error(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { what, path: path.to_owned(), why: why.to_string() }
}

/// The names that a certificate carries: common names, then the alternative names. For one that
/// the handshake verified.
#[must_use]
pub fn certificate_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(str::to_owned).collect();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        }));
    }
    names
}
