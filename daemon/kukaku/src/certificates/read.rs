//! Reads what a certificate says of itself.

use std::net::IpAddr;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

/// What is read of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject as text.
    pub subject: String,
    /// Who signed it, as text.
    pub issuer: String,
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    /// The host names and addresses it is for.
    pub names: Vec<String>,
}

impl Certificate {
    /// Whole days until it ends; negative once it has.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        (self.to.as_second() - now.as_second()).div_euclid(86_400)
    }
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// A sentence: what it is instead.
pub fn read_certificate(pem: &[u8]) -> Result<Certificate, String> {
    let first = Pem::iter_from_buffer(pem)
        .next()
        .ok_or("it holds no PEM block (-----BEGIN CERTIFICATE-----)")?
        .map_err(|e| format!("it is no PEM text: {e}"))?;
    if first.label != "CERTIFICATE" {
        return Err(format!("it holds a {:?}, not a CERTIFICATE", first.label));
    }
    let x509 = first.parse_x509().map_err(|e| format!("it is no X.509 certificate: {e}"))?;
    let instant = |s: i64| Timestamp::from_second(s).map_err(|e| format!("its dates are out of range: {e}"));
    let names = match x509.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name_of).collect(),
        Ok(None) => Vec::new(),
        Err(e) => return Err(format!("its names can't be read: {e}")),
    };
    Ok(Certificate {
        subject: x509.subject().to_string(),
        issuer: x509.issuer().to_string(),
        from: instant(x509.validity().not_before.timestamp())?,
        to: instant(x509.validity().not_after.timestamp())?,
        names,
    })
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}
