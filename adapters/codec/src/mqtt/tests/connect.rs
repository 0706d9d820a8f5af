//! Signing in.

use super::*;

#[test]
fn a_sign_in_is_read_in_both_versions() {
    let bytes = connect_v4();
    let Ok(Decoded::Packet { packet: Packet::Connect(read), .. }) = Decoder::new().decode(&bytes) else { panic!() };
    assert_eq!((read.version, read.client_id, read.keep_alive_s), (Version::V311, "panel-1", 60));
    assert_eq!((read.user, read.password), (Some("panel"), Some(&b"secret"[..])));
    assert!(!format!("{read:?}").contains("secret"), "a password is never shown");

    let bytes = connect_v5();
    let Ok(Decoded::Packet { packet: Packet::Connect(read), .. }) = Decoder::new().decode(&bytes) else { panic!() };
    assert_eq!((read.version, read.session_expiry_s), (Version::V5, 3600));
    assert_eq!((read.maximum_packet_size, read.wants_reasons), (Some(256), false));
}

#[test]
fn a_will_is_read_over() {
    let v4 = connect(4, 0x2E, &[text("c"), text("dead"), text("x")].concat());
    assert!(matches!(Decoder::new().decode(&v4), Ok(Decoded::Packet { .. })));
    let v5 = connect(5, 0x0E, &[vec![0], text("c"), vec![5, 0x18, 0, 0, 0, 9], text("dead"), text("x")].concat());
    assert!(matches!(Decoder::new().decode(&v5), Ok(Decoded::Packet { .. })));
    let qos_2 = connect(5, 0x16, &[vec![0], text("c"), vec![0], text("dead"), text("x")].concat());
    assert_eq!(refused_connect(&qos_2), Reason::QosNotSupported);
}

#[test]
fn a_sign_in_that_breaks_the_rules_is_refused_with_its_reason() {
    let id = [text("c")].concat();
    for (why, bytes, reason) in [
        ("level 3", connect(3, 2, &id), Reason::UnsupportedVersion),
        ("level 6", connect(6, 2, &id), Reason::UnsupportedVersion),
        ("reserved flag", connect(4, 3, &id), Reason::MalformedPacket),
        ("password without user", connect(4, 0x42, &[id.clone(), text("p")].concat()), Reason::MalformedPacket),
        ("will QoS 3", connect(4, 0x1E, &id), Reason::MalformedPacket),
        ("will flags without will", connect(4, 0x0A, &id), Reason::MalformedPacket),
        ("empty id, kept session", connect(4, 0, &text("")), Reason::ClientIdNotValid),
        ("bytes at the end", connect(4, 2, &[id.clone(), vec![0]].concat()), Reason::MalformedPacket),
        ("no client id", connect(4, 2, &[]), Reason::MalformedPacket),
        ("id with NUL", connect(4, 2, &text("a\0b")), Reason::MalformedPacket),
        ("id not UTF-8", connect(4, 2, &[0, 2, 0xC3, 0x28]), Reason::MalformedPacket),
        (
            "authentication",
            connect(5, 2, &[vec![6, 0x15, 0, 3, b'f', b'o', b'o'], id.clone()].concat()),
            Reason::BadAuthenticationMethod,
        ),
        ("receive maximum 0", connect(5, 2, &[vec![3, 0x21, 0, 0], id.clone()].concat()), Reason::ProtocolError),
        ("a property twice", connect(5, 2, &[vec![4, 0x17, 1, 0x17, 1], id.clone()].concat()), Reason::ProtocolError),
        ("a property of PUBLISH", connect(5, 2, &[vec![2, 0x01, 1], id.clone()].concat()), Reason::ProtocolError),
        ("unknown property", connect(5, 2, &[vec![2, 0x7F, 1], id.clone()].concat()), Reason::MalformedPacket),
        ("PUBLISH first", publish(2, &[], b"x"), Reason::ProtocolError),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), Reason::ProtocolError),
        ("TLS hello to the plain port", vec![0x16, 3, 1, 2, 0], Reason::MalformedPacket),
        (
            "flags of CONNECT",
            {
                let mut c = connect_v4();
                c[0] = 0x11;
                c
            },
            Reason::MalformedPacket,
        ),
        ("a stranger's 17 KiB", packet(0x10, &[0; 17 * 1024]), Reason::PacketTooLarge),
        ("a stranger's 256 MiB", vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F], Reason::PacketTooLarge),
        ("a length of five bytes", vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], Reason::MalformedPacket),
        ("a length with a needless byte", vec![0x10, 0x80, 0x00], Reason::MalformedPacket),
    ] {
        assert_eq!(refused_connect(&bytes), reason, "{why}");
    }
}
