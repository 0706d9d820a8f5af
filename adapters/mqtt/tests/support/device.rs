//! A device of our own, byte by byte: what a decent client library wouldn't do can be done.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

pub struct Device {
    stream: TcpStream,
}

fn text(text: &str) -> Vec<u8> {
    let mut out = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    while length > 127 {
        out.push(u8::try_from(length & 0x7F).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(body);
    out
}

/// CONNECT with a user and its password.
pub fn connect(level: u8, client_id: &str, user: &str, password: &str, keep_alive_s: u16) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend_from_slice(&[level, 0xC2]);
    body.extend_from_slice(&keep_alive_s.to_be_bytes());
    if level == 5 {
        body.push(0);
    }
    packet(0x10, &[body, text(client_id), text(user), text(password)].concat())
}

/// PUBLISH; `packet_id` 0 is QoS 0.
pub fn publish(level: u8, topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if packet_id != 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(if packet_id == 0 { 0x30 } else { 0x32 }, &body)
}

impl Device {
    pub async fn dial(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Connects and signs in as `panel` with its right password.
    pub async fn sign_in(address: SocketAddr, level: u8, client_id: &str) -> Self {
        Self::sign_in_as(address, level, client_id, "panel").await
    }

    pub async fn sign_in_as(address: SocketAddr, level: u8, client_id: &str, user: &str) -> Self {
        let mut device = Self::dial(address).await;
        device.send(&connect(level, client_id, user, &format!("{user}-secret"), 60)).await;
        let (first, body) = device.hear().await.unwrap();
        assert_eq!((first, body[0], body[1]), (0x20, 0, 0), "CONNACK {body:02X?}");
        device
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        soon("a write", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Sends what a peer that has closed already may not take any more.
    pub async fn send_into_the_void(&mut self, bytes: &[u8]) {
        let _ = soon("a write", self.stream.write_all(bytes)).await;
    }

    /// The next packet: its first byte and its body; none when the other side closed.
    #[track_caller]
    pub fn hear(&mut self) -> impl Future<Output = Option<(u8, Vec<u8>)>> {
        soon("a packet", async move {
            let first = self.stream.read_u8().await.ok()?;
            let mut length = 0_usize;
            for shift in [0, 7, 14, 21] {
                let byte = self.stream.read_u8().await.ok()?;
                length |= usize::from(byte & 0x7F) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((first, body))
        })
    }

    /// The numbers of the next `count` acknowledgements.
    pub async fn acknowledged(&mut self, count: usize) -> Vec<u16> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let (first, body) = self.hear().await.unwrap();
            assert_eq!(first, 0x40, "PUBACK {body:02X?}");
            ids.push(u16::from_be_bytes([body[0], body[1]]));
        }
        ids
    }

    /// Asks for a sign of life; whatever was answered before it is returned.
    pub async fn answers_before_a_ping(&mut self) -> Vec<u8> {
        self.send(&[0xC0, 0]).await;
        let mut firsts = Vec::new();
        loop {
            let (first, _) = self.hear().await.unwrap();
            if first == 0xD0 {
                return firsts;
            }
            firsts.push(first);
        }
    }

    /// Cuts the line without a word.
    pub fn cut(self) {
        drop(self);
    }
}
