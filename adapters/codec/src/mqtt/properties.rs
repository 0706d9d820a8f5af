//! Properties of MQTT 5.0, section 2.2.2: each checked for its type, its place and its number.

use super::PROPERTIES_MAX;
use super::error::Malformed;
use super::scan::Scan;

/// The packet (or part of one) that properties stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Connect = 1,
    Will = 2,
    Publish = 4,
    Subscribe = 8,
    Unsubscribe = 16,
    Disconnect = 32,
}

/// What is read from properties; everything else is checked and passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties<'a> {
    pub(super) session_expiry_s: u32,
    pub(super) receive_maximum: Option<u16>,
    pub(super) maximum_packet_size: Option<u32>,
    pub(super) topic_alias: Option<u16>,
    pub(super) wants_problem_information: Option<bool>,
    pub(super) authentication_method: Option<&'a str>,
}

#[derive(Clone, Copy)]
enum Shape {
    Flag,
    Two,
    TwoNotZero,
    Four,
    FourNotZero,
    Variable,
    Binary,
    Text,
    Pair,
}

/// Identifier, shape and the places where it may stand (MQTT 5.0 table 2-4, packets from a client).
const TABLE: [(u8, Shape, u8); 18] = [
    (0x01, Shape::Flag, Place::Publish as u8 | Place::Will as u8),
    (0x02, Shape::Four, Place::Publish as u8 | Place::Will as u8),
    (0x03, Shape::Text, Place::Publish as u8 | Place::Will as u8),
    (0x08, Shape::Text, Place::Publish as u8 | Place::Will as u8),
    (0x09, Shape::Binary, Place::Publish as u8 | Place::Will as u8),
    (0x0B, Shape::Variable, Place::Subscribe as u8),
    (0x11, Shape::Four, Place::Connect as u8 | Place::Disconnect as u8),
    (0x15, Shape::Text, Place::Connect as u8),
    (0x16, Shape::Binary, Place::Connect as u8),
    (0x17, Shape::Flag, Place::Connect as u8),
    (0x18, Shape::Four, Place::Will as u8),
    (0x19, Shape::Flag, Place::Connect as u8),
    (0x1F, Shape::Text, Place::Disconnect as u8),
    (0x21, Shape::TwoNotZero, Place::Connect as u8),
    (0x22, Shape::Two, Place::Connect as u8),
    (0x23, Shape::TwoNotZero, Place::Publish as u8),
    (0x26, Shape::Pair, 0xFF),
    (0x27, Shape::FourNotZero, Place::Connect as u8),
];

/// Reads the properties at the head of `scan`, length included.
pub(super) fn read<'a>(scan: &mut Scan<'a>, place: Place) -> Result<Properties<'a>, Malformed> {
    let length = scan.variable("properties")?;
    let mut scan = Scan::new(scan.take(length, "properties")?);
    let mut found = Properties::default();
    let mut seen = 0_u64;
    let mut count = 0_usize;
    while !scan.is_empty() {
        count += 1;
        if count > PROPERTIES_MAX {
            return Err(Malformed::packet(format!("more than {PROPERTIES_MAX} properties in one packet")));
        }
        // Identifiers are variable byte integers, and all that are defined fit in one byte.
        let id = scan.byte("property")?;
        let Some((_, shape, places)) = TABLE.iter().find(|row| row.0 == id) else {
            return Err(Malformed::packet(format!("unknown property 0x{id:02X}")));
        };
        if places & place as u8 == 0 {
            return Err(Malformed::protocol(format!("property 0x{id:02X} doesn't belong in {place:?}")));
        }
        let bit = 1_u64 << id;
        if seen & bit != 0 && id != 0x26 {
            return Err(Malformed::protocol(format!("property 0x{id:02X} stands twice")));
        }
        seen |= bit;
        read_one(&mut scan, id, *shape, &mut found)?;
    }
    Ok(found)
}

fn read_one<'a>(scan: &mut Scan<'a>, id: u8, shape: Shape, found: &mut Properties<'a>) -> Result<(), Malformed> {
    let zero = || Malformed::protocol(format!("property 0x{id:02X} may not be zero"));
    match shape {
        Shape::Flag => {
            let flag = scan.byte("property")?;
            if flag > 1 {
                return Err(Malformed::protocol(format!("property 0x{id:02X} is {flag}, expected 0 or 1")));
            }
            if id == 0x17 {
                found.wants_problem_information = Some(flag == 1);
            }
        }
        Shape::Two | Shape::TwoNotZero => {
            let value = scan.two("property")?;
            // A topic alias of zero is answered like any other alias: by its own reason code.
            if value == 0 && matches!(shape, Shape::TwoNotZero) && id != 0x23 {
                return Err(zero());
            }
            match id {
                0x21 => found.receive_maximum = Some(value),
                0x23 => found.topic_alias = Some(value),
                _ => {}
            }
        }
        Shape::Four | Shape::FourNotZero => {
            let value = scan.four("property")?;
            if value == 0 && matches!(shape, Shape::FourNotZero) {
                return Err(zero());
            }
            match id {
                0x11 => found.session_expiry_s = value,
                0x27 => found.maximum_packet_size = Some(value),
                _ => {}
            }
        }
        Shape::Variable => {
            if scan.variable("property")? == 0 {
                return Err(zero());
            }
        }
        Shape::Binary => {
            scan.binary("property")?;
        }
        Shape::Text => {
            let text = scan.text("property")?;
            if id == 0x15 {
                found.authentication_method = Some(text);
            }
        }
        Shape::Pair => {
            scan.text("user property")?;
            scan.text("user property")?;
        }
    }
    Ok(())
}
