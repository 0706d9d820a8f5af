//! One way to trust: the site's own CA file where one is named, else the machine's.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::{ChannelId, file_error, read_file};
use crate::error::ConfigError;

/// The certificates that a peer's chain may end in.
///
/// With a CA file, only those in it: a public CA can't speak for the site's mail server.
pub(crate) fn trusted(
    channel: &ChannelId,
    ca_file: Option<&Path>,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let reason = "this machine has no certificate authorities (package ca-certificates); name a ca_file";
            return Err(ConfigError::value(channel.as_str(), "ca_file", reason));
        }
        return Ok(found.certs);
    };
    let pem = read_file(channel, "ca_file", path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|e| file_error(channel, "ca_file", path, format!("not PEM: {e}")))?;
    if certificates.is_empty() {
        return Err(file_error(channel, "ca_file", path, "it holds no certificate in PEM".to_owned()));
    }
    Ok(certificates)
}

/// A client configuration that trusts those certificates: TLS 1.2 and 1.3, ring.
pub(crate) fn client(channel: &ChannelId, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, ConfigError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(trusted(channel, ca_file)?);
    if added == 0 {
        return Err(ConfigError::value(channel.as_str(), "ca_file", "no certificate in it can be used"));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| ConfigError::value(channel.as_str(), "ca_file", e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The one cryptography provider of the house.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
