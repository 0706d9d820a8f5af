//! Makes keys, certificates and requests.

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::{CA_DAYS, SERVER_DAYS};

/// A certificate (or request) and its private key, both as PEM text.
pub struct Made {
    /// The certificate or request.
    pub pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

/// Makes a CA for a site.
///
/// # Errors
/// A sentence: what could not be made.
pub fn make_site_ca(site: &str, now: Timestamp) -> Result<Made, String> {
    let mut params = CertificateParams::default();
    // The day of making is part of the name, so that a CA made anew is another one to a browser
    // that still holds the old.
    params.distinguished_name = subject(&format!("kukaku CA {site} {}", day(now, 0)?));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    hold(&mut params, now, CA_DAYS)?;
    let key = new_key()?;
    let certificate = params.self_signed(&key).map_err(|e| format!("make the site's CA: {e}"))?;
    Ok(Made { pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// Makes a server certificate for `names` (host names and addresses), signed by the site's CA.
///
/// # Errors
/// A name that is none, or a CA that can't be read.
pub fn make_server_certificate(names: &[String], ca: &Made, now: Timestamp) -> Result<Made, String> {
    let ca_key = KeyPair::from_pem(&ca.key_pem).map_err(|e| format!("read the CA's key: {e}"))?;
    let issuer = Issuer::from_ca_cert_pem(&ca.pem, ca_key).map_err(|e| format!("read the CA's certificate: {e}"))?;
    let mut params = server_params(names)?;
    params.use_authority_key_identifier_extension = true;
    hold(&mut params, now, SERVER_DAYS)?;
    let key = new_key()?;
    let certificate = params.signed_by(&key, &issuer).map_err(|e| format!("make the server certificate: {e}"))?;
    Ok(Made { pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// Makes a request (PKCS#10) for the customer's own CA.
///
/// # Errors
/// A name that is none.
pub fn make_request(names: &[String]) -> Result<Made, String> {
    let key = new_key()?;
    let request = server_params(names)?
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .map_err(|e| format!("make the certificate request: {e}"))?;
    Ok(Made { pem: request, key_pem: key.serialize_pem() })
}

fn server_params(names: &[String]) -> Result<CertificateParams, String> {
    let first = names.first().ok_or("a certificate needs at least one name")?;
    for name in names {
        let is_host = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'*');
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        if !is_address && (name.is_empty() || name.len() > 253 || !name.bytes().all(is_host)) {
            return Err(format!("{name:?} is no host name or address (a-z 0-9 . -, or 192.0.2.1, or 2001:db8::1)"));
        }
    }
    let mut params = CertificateParams::new(names.to_vec()).map_err(|e| format!("names {names:?}: {e}"))?;
    params.distinguished_name = subject(&format!("kukaku server {first}"));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A subject of one common name; X.509 allows it 64 characters.
fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    subject
}

fn new_key() -> Result<KeyPair, String> {
    KeyPair::generate().map_err(|e| format!("make a private key: {e}"))
}

/// From the day before `now`, so that a client whose clock is a little behind accepts it.
fn hold(params: &mut CertificateParams, now: Timestamp, days: i64) -> Result<(), String> {
    let date = |d: Date| {
        let part = |n: i8| u8::try_from(n).expect("jiff's months and days are positive");
        date_time_ymd(i32::from(d.year()), part(d.month()), part(d.day()))
    };
    params.not_before = date(day(now, -1)?);
    params.not_after = date(day(now, days)?);
    Ok(())
}

fn day(now: Timestamp, later: i64) -> Result<Date, String> {
    now.to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .checked_add(Span::new().days(later))
        .map_err(|e| format!("the clock says {now}, for which no certificate can be made: {e}"))
}
