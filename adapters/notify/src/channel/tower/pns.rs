//! PNS commands: the bytes on the wire.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::error::DeliveryError;

/// The product class of the NH series.
const HEADER: [u8; 2] = [0x58, 0x58];
const TAKEN: u8 = 0x06;
const NOT_TAKEN: u8 = 0x15;

/// What can go wrong while speaking PNS.
pub(super) enum PnsError {
    Io(std::io::Error),
    NotTaken,
    Strange(u8),
}

impl PnsError {
    pub(super) fn of(self, what: &str) -> DeliveryError {
        match self {
            Self::Io(error) => DeliveryError::Retry(format!("{what}: {error}")),
            Self::NotTaken => DeliveryError::Refused(format!(
                "{what}: the command was not taken (15H); check that PNS commands are switched on in the tower"
            )),
            Self::Strange(byte) => {
                DeliveryError::Refused(format!("{what}: answered {byte:02X}H, which no PNS tower says"))
            }
        }
    }
}

impl From<std::io::Error> for PnsError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn command(letter: u8, data: &[u8]) -> Vec<u8> {
    let size = u16::try_from(data.len()).expect("no command has more than six bytes of data");
    let mut bytes = HEADER.to_vec();
    bytes.extend([letter, 0]);
    bytes.extend(size.to_be_bytes());
    bytes.extend(data);
    bytes
}

/// Sets lights and buzzer; all off is the clear command, which also ends what inputs started.
pub(super) async fn write(link: &mut (impl AsyncRead + AsyncWrite + Unpin), values: [u8; 6]) -> Result<(), PnsError> {
    let bytes = if values == [0; 6] { command(b'C', &[]) } else { command(b'S', &values) };
    link.write_all(&bytes).await?;
    match link.read_u8().await? {
        TAKEN => Ok(()),
        NOT_TAKEN => Err(PnsError::NotTaken),
        byte => Err(PnsError::Strange(byte)),
    }
}

/// Reads the six values back; a lone `15` is a refusal, because no light has that value.
pub(super) async fn read(link: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<[u8; 6], PnsError> {
    link.write_all(&command(b'G', &[])).await?;
    let mut values = [0; 6];
    link.read_exact(&mut values[..1]).await?;
    match values[0] {
        NOT_TAKEN => return Err(PnsError::NotTaken),
        0..=9 => {}
        byte => return Err(PnsError::Strange(byte)),
    }
    link.read_exact(&mut values[1..]).await?;
    match values.iter().find(|value| **value > 9) {
        Some(byte) => Err(PnsError::Strange(*byte)),
        None => Ok(values),
    }
}
