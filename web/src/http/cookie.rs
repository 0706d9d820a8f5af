//! Cookies, and the form tokens that are derived from them.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use kukaku_schema::Lang;
use sha2::Sha256;

/// The cookie of a sign-in. The prefix makes browsers refuse it from a neighbouring host, without
/// `Secure`, or for a part of the site.
pub(crate) const SESSION: &str = "__Host-kukaku";
/// The cookie that ties forms to a browser that is not signed in.
pub(crate) const FORM: &str = "__Host-kukaku-form";
/// The cookie of the language.
pub(crate) const LANGUAGE: &str = "__Host-kukaku-lang";

/// How long a browser remembers the language, in seconds.
const LANGUAGE_KEPT_S: u32 = 365 * 24 * 3600;
/// Longest cookie value that is looked at.
const VALUE_MAX_BYTES: usize = 128;

/// The value of a cookie. Where a browser sends two of one name, none is trusted.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
            {
                if found.is_some() || value.len() > VALUE_MAX_BYTES {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    found
}

/// The language of the cookie; Japanese where there is none.
pub(crate) fn language(headers: &HeaderMap) -> Lang {
    value(headers, LANGUAGE).and_then(Lang::from_tag).unwrap_or_default()
}

/// Sets a cookie until the browser closes; scripts can't read it, other sites can't send it.
pub(crate) fn set(name: &str, value: &str) -> HeaderValue {
    header_of(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"))
}

/// Keeps the language for a year.
pub(crate) fn set_language(lang: Lang) -> HeaderValue {
    header_of(format!(
        "{LANGUAGE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={LANGUAGE_KEPT_S}",
        lang.tag()
    ))
}

/// Takes a cookie away.
pub(crate) fn clear(name: &str) -> HeaderValue {
    header_of(format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"))
}

fn header_of(text: String) -> HeaderValue {
    HeaderValue::from_str(&text).expect("cookie values are base64 or a language tag")
}

/// 256 random bits as text, for a cookie.
pub(crate) fn random_value() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The token that forms carry for the browser with `cookie`: only who can read the cookie or the
/// page can make it, and another site can do neither.
pub(crate) fn form_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(token_mac(cookie).finalize().into_bytes())
}

/// Whether `token` is the one of `cookie`, in constant time.
pub(crate) fn token_fits(cookie: &str, token: &str) -> bool {
    URL_SAFE_NO_PAD.decode(token).is_ok_and(|bytes| token_mac(cookie).verify_slice(&bytes).is_ok())
}

fn token_mac(cookie: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(cookie.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"kukaku form token v1");
    mac
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn a_planted_second_cookie_voids_both() {
        assert_eq!(value(&headers("a=1; __Host-kukaku=x; b=2"), SESSION), Some("x"));
        assert_eq!(value(&headers("__Host-kukaku=x; __Host-kukaku=y"), SESSION), None);
        assert_eq!(value(&headers("x__Host-kukaku=x"), SESSION), None);
    }

    #[test]
    fn a_token_of_another_browser_does_not_fit() {
        let token = form_token("mine");
        assert!(token_fits("mine", &token));
        assert!(!token_fits("yours", &token));
        assert!(!token_fits("mine", ""));
        assert!(!token_fits("mine", &token[1..]));
    }
}
