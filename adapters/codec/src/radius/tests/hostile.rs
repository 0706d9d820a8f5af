//! Bytes that are made up.

use std::net::{IpAddr, Ipv4Addr};

use kukaku_schema::{Name, UtcMicros};
use proptest::prelude::*;

use super::client::secret;
use super::sign::{Answer, answer, verify};
use super::*;

/// Everything that a link does with bytes, with the signature believed.
fn take(memory: &mut Accounting, bytes: &[u8]) {
    let Ok(packet) = Packet::decode(bytes) else { return };
    let _ = verify(&packet, &secret(), false);
    let out = answer(&packet, Signed { has_message_authenticator: true }, &secret(), Answer::AccountingResponse);
    assert!(out.len() <= bytes.len() + 18);
    let source = Name::new("vpn-1").unwrap();
    let sender = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Ok(outcome) = memory.hear(Heard { packet, source: &source, sender, received: UtcMicros(0) }) {
        memory.settle(outcome.effect, true);
    }
}

fn attribute() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let kind = prop_oneof![
        any::<u8>(),
        proptest::sample::select(vec![1, 4, 8, 31, 32, 33, 40, 41, 44, 46, 49, 55, 66, 80, 95, 97, 168])
    ];
    (kind, prop_oneof![proptest::collection::vec(any::<u8>(), 0..=253), proptest::collection::vec(0_u8..10, 4)])
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        take(&mut Accounting::new(UtcMicros(0)), &bytes);
    }

    #[test]
    fn no_attributes_make_it_panic_and_all_come_back(
        requests in proptest::collection::vec(proptest::collection::vec(attribute(), 0..12), 1..4)
    ) {
        let mut memory = Accounting::new(UtcMicros(-1_000_000_000_000_000));
        for attributes in requests {
            let make = |request: Request, (kind, value): &(u8, Vec<u8>)| request.bytes(*kind, value);
            let bytes = attributes.iter().fold(Request::new(2), make).sign();
            let packet = Packet::decode(&bytes).unwrap();
            let came: Vec<_> = packet.attributes().skip(1).map(|a| (a.kind, a.value.len())).collect();
            let sent: Vec<_> = attributes.iter().map(|(kind, value)| (*kind, value.len())).collect();
            prop_assert_eq!(came, sent);
            take(&mut memory, &bytes);
        }
    }
}
