//! TLS from files, for both ends. TLS 1.2 and 1.3, one crypto provider for the whole house (ring).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::MqttError;

/// A certificate with its key, both PEM files, shown to a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS of the listener. With `client_ca`, a client may show a certificate of that CA; whether one
/// is demanded is said user by user.
///
/// # Errors
/// Names the file that can't be used, and why.
pub fn server_tls(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>, MqttError> {
    let chain = certificates(certificate, "the certificate of the listener")?;
    let key = private_key(key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| MqttError::Tls(e.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated()
                .build()
                .map_err(|e| MqttError::Tls(e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(|e| MqttError::Tls(e.to_string()))?;
    Ok(Arc::new(config))
}

/// TLS of the client: the broker must show a certificate of `ca`.
///
/// # Errors
/// Names the file that can't be used, and why.
pub fn client_tls(ca: &Path, identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, MqttError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| MqttError::Tls(e.to_string()))?
        .with_root_certificates(roots(ca)?);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate, "the certificate shown to the broker")?;
            builder
                .with_client_auth_cert(chain, private_key(&identity.key)?)
                .map_err(|e| MqttError::Tls(e.to_string()))?
        }
    };
    Ok(Arc::new(config))
}

fn roots(path: &Path) -> Result<RootCertStore, MqttError> {
    let what = "the CA's certificate";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, what)? {
        roots.add(certificate).map_err(|e| file_error(what, path, &e))?;
    }
    Ok(roots)
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, MqttError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error(what, path, &e))?;
    if found.is_empty() {
        return Err(file_error(what, path, &"no PEM block CERTIFICATE in it"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, MqttError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| file_error("the private key", path, &e))
}

fn file_error(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> MqttError {
    MqttError::TlsFile { what, path: path.to_owned(), why: why.to_string() }
}
