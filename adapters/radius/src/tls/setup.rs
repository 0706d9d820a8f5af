//! TLS from files: 1.2 and 1.3, one crypto provider for the whole house (ring).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::RadiusError;
use crate::config::TlsConfig;

/// TLS of the listener: a peer without a certificate of the CA is not let in.
pub(crate) fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, RadiusError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    let what = "the CA's certificate";
    for certificate in certificates(&config.client_ca, what)? {
        roots.add(certificate).map_err(|error| file_error(what, &config.client_ca, &error))?;
    }
    let tls = |error: &dyn std::fmt::Display| RadiusError::Tls(error.to_string());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.build().map_err(|error| tls(&error))?;
    let chain = certificates(&config.certificate, "the certificate of the listener")?;
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| file_error("the private key", &config.key, &error))?;
    let built = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| tls(&error))?;
    Ok(Arc::new(built))
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, RadiusError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(what, path, &error))?;
    if found.is_empty() { Err(file_error(what, path, &"no PEM block CERTIFICATE in it")) } else { Ok(found) }
}

fn file_error(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> RadiusError {
    RadiusError::File { what, path: path.to_owned(), why: why.to_string() }
}

/// The names that a certificate carries: common names, then the alternative names. Called only
/// with one that the handshake verified.
pub(crate) fn certificate_names(certificate: &CertificateDer<'_>) -> Vec<String> {
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
