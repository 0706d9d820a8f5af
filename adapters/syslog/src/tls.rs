//! TLS from files. TLS 1.2 and 1.3, one crypto provider for the whole house (ring).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::SyslogError;

/// TLS of the listener. With `client_ca`, every sender must show a certificate of that CA.
pub(crate) fn server(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, SyslogError> {
    let wrong = |e: &dyn std::fmt::Display| SyslogError::Tls(e.to_string());
    let chain = certificates(certificate, "the certificate of the listener")?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| file_error("the private key", key, &e))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let what = "the CA's certificate";
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca, what)? {
                roots.add(certificate).map_err(|e| file_error(what, ca, &e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| wrong(&e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(Arc::new(builder.with_single_cert(chain, key).map_err(|e| wrong(&e))?))
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, SyslogError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error(what, path, &e))?;
    if found.is_empty() {
        return Err(file_error(what, path, &"no PEM block CERTIFICATE in it"));
    }
    Ok(found)
}

fn file_error(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> SyslogError {
    SyslogError::TlsFile { what, path: path.to_owned(), why: why.to_string() }
}
