//! Bytes that are made up.

use std::net::{IpAddr, Ipv4Addr};

use kukaku_schema::{Name, UtcMicros};
use proptest::prelude::*;

use super::client::secret;
use super::sign::{Answer, answer, verify};
use super::*;
use crate::mutation::{acts, mutated};

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

    /// Accounting of real forms, spoiled within and sent as a NAS signs it: what comes of it can be
    /// said on the wire.
    #[test]
    fn a_spoiled_request_is_understood_or_not(
        requests in proptest::collection::vec((1_u32..9, 0_u32..3, acts(), acts(), acts()), 1..6)
    ) {
        let mut memory = Accounting::new(UtcMicros(-1_000_000_000_000_000));
        let source = Name::new("vpn-1").unwrap();
        for (status, id, name, address, vendor) in requests {
            let text = |valid: &str, acts: &[_]| {
                let mut bytes = mutated(valid.as_bytes(), b"192.0.2.7", acts);
                bytes.truncate(253);
                bytes
            };
            let request = Request::session(status, &format!("0000{id}"), 1_795_305_600)
                .without(1)
                .bytes(1, &text("EXAMPLE\\a01", &name))
                .bytes(31, &text("203.0.113.9", &address))
                .bytes(26, &text("\0\0\x0c\x04\x42\x0b192.0.2.7", &vendor))
                .bytes(8, &[10, 9, 0, 7]);
            let signed = request.sign();
            let packet = Packet::decode(&signed).unwrap();
            let sender = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let heard = Heard { packet, source: &source, sender, received: UtcMicros(1_795_305_600_000_000) };
            if let Ok(outcome) = memory.hear(heard) {
                for said in &outcome.observations {
                    let read = kukaku_schema::parse_observation(&serde_json::to_vec(said).unwrap());
                    prop_assert_eq!(read.map_err(|e| e.to_string()), Ok(said.clone()));
                }
                memory.settle(outcome.effect, true);
            }
            // And as somebody spoils it on its way.
            take(&mut memory, &mutated(&signed, &signed, &name));
        }
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
