//! Who signed, and how the answer is signed.

use super::client::{SECRET, response_authenticator, secret};
use super::sign::{Answer, answer, verify};
use super::*;

fn judge(bytes: &[u8], demands: bool) -> Result<Signed, Forged> {
    verify(&Packet::decode(bytes).unwrap(), &secret(), demands)
}

#[test]
fn a_signed_request_is_believed_with_and_without_message_authenticator() {
    let plain = Request::session(1, "7", 9);
    assert_eq!(judge(&plain.sign(), false), Ok(Signed { has_message_authenticator: false }));
    assert_eq!(judge(&plain.sign(), true), Err(Forged::Unsigned));
    for vouched in [plain.clone().vouched(), Request::empty(4).vouched().number(40, 1)] {
        assert_eq!(judge(&vouched.sign(), true), Ok(Signed { has_message_authenticator: true }));
    }
    assert_eq!(judge(&plain.sign_with(b"another"), false), Err(Forged::RequestAuthenticator));
}

#[test]
fn a_message_authenticator_that_does_not_fit_is_refused_even_where_none_is_demanded() {
    // Signed as a whole, but the inner signature is made up, cut or there twice.
    let made_up = Request::session(1, "7", 9).bytes(80, &[1; 16]);
    assert_eq!(judge(&made_up.sign(), false), Err(Forged::MessageAuthenticator));
    for unclear in [Request::new(1).bytes(80, &[2; 15]), Request::new(1).bytes(80, &[2; 16]).bytes(80, &[2; 16])] {
        assert_eq!(judge(&unclear.sign(), false), Err(Forged::Ambiguous));
    }
}

#[test]
fn a_status_server_is_believed_by_its_message_authenticator_alone() {
    let asked = Request::empty(12).random([9; 16]);
    assert_eq!(judge(&asked.clone().vouched().sign(), false), Ok(Signed { has_message_authenticator: true }));
    assert_eq!(judge(&asked.sign(), false), Err(Forged::Unsigned));
    assert_eq!(judge(&asked.vouched().sign_with(b"another"), false), Err(Forged::MessageAuthenticator));
    assert_eq!(judge(&Request::empty(1).random([9; 16]).sign(), false), Err(Forged::Code(1)));
}

#[test]
fn every_changed_bit_of_a_signed_packet_is_refused() {
    let whole = Request::session(1, "00000007", 1_795_300_000).vouched().bytes(33, b"proxy").sign();
    let asked = Request::empty(12).random([9; 16]).vouched().sign();
    for (bytes, demands) in [(&whole, true), (&whole, false), (&asked, true)] {
        assert!(judge(bytes, demands).is_ok());
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let verdict = Packet::decode(&changed).map(|packet| verify(&packet, &secret(), demands));
            assert!(!matches!(verdict, Ok(Ok(_))), "bit {bit} of {}", bytes.len() * 8);
        }
    }
}

#[test]
fn the_answer_is_signed_and_carries_the_proxies_state_in_order() {
    let request = Request::session(1, "7", 9).bytes(33, b"first").bytes(33, b"").bytes(33, b"third").sign();
    let packet = Packet::decode(&request).unwrap();
    let out = answer(&packet, judge(&request, false).unwrap(), &secret(), Answer::AccountingResponse);
    assert_eq!(out[..4], [5, 7, 0, 36]);
    assert_eq!(out[20..], *b"\x21\x07first\x21\x02\x21\x07third");
    assert_eq!(out[4..20], response_authenticator(&out, &request, SECRET));
}

#[test]
fn the_answer_to_a_vouched_request_is_vouched_for_before_all_else() {
    let request = Request::session(1, "7", 9).vouched().bytes(33, b"state").sign();
    let packet = Packet::decode(&request).unwrap();
    let out = answer(&packet, judge(&request, true).unwrap(), &secret(), Answer::AccountingResponse);
    assert_eq!((out[0], out.len(), &out[20..22]), (5, 45, &[80, 18][..]));
    assert_eq!(out[4..20], response_authenticator(&out, &request, SECRET));
    let asked = Request::empty(12).random([9; 16]).vouched().sign();
    let packet = Packet::decode(&asked).unwrap();
    let out = answer(&packet, judge(&asked, true).unwrap(), &secret(), Answer::AccessAccept);
    assert_eq!((out[0], out.len()), (2, 38));
    assert_eq!(out[4..20], response_authenticator(&out, &asked, SECRET));
}

#[test]
fn a_secret_shows_nothing_and_is_never_empty() {
    assert!(Secret::new(Vec::new()).is_err());
    assert_eq!(format!("{:?}", secret()), "Secret(…)");
    assert_eq!(Secret::radsec().length(), 6);
}
