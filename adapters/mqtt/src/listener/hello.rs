//! CONNECT and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::mqtt::{self, ConnAck, Connect, Decoded, Decoder, PACKET_MAX_BYTES, Packet, Reason, Version};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::reader::Buffer;
use super::signin::Shown;
use super::users::Known;
use super::{RECEIVE_MAXIMUM, Shared};
use crate::arrival::quoted;
use crate::event::{Counters, LinkEvent};

/// The keep-alive that counts for a client that promised none, in seconds: after one and a half
/// times this, an hour, a dead connection gives its place back. An MQTT 5 client is told, also in
/// place of a longer promise; an MQTT 3.1.1 client can't be told, and a longer promise of it holds.
const KEEP_ALIVE_DEFAULT_S: u16 = 2400;

/// What CONNECT said, owned.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) wants_reasons: bool,
    pub(super) packet_max: usize,
    is_assigned_id: bool,
    keep_alive_s: u16,
    is_keep_alive_ours: bool,
    wants_session: bool,
}

impl Hello {
    fn new(connect: &Connect<'_>, peer: SocketAddr) -> Self {
        let is_assigned_id = connect.client_id.is_empty();
        let is_keep_alive_ours = match connect.version {
            Version::V311 => connect.keep_alive_s == 0,
            Version::V5 => connect.keep_alive_s == 0 || connect.keep_alive_s > KEEP_ALIVE_DEFAULT_S,
        };
        Self {
            version: connect.version,
            // No two connections of a listener have the same peer at the same time.
            client_id: if is_assigned_id { format!("kukaku-{peer}") } else { connect.client_id.to_owned() },
            wants_reasons: connect.wants_reasons,
            packet_max: connect.maximum_packet_size.map_or(PACKET_MAX_BYTES, |max| max as usize),
            is_assigned_id,
            keep_alive_s: if is_keep_alive_ours { KEEP_ALIVE_DEFAULT_S } else { connect.keep_alive_s },
            is_keep_alive_ours,
            wants_session: connect.session_expiry_s > 0,
        }
    }

    /// Longest silence that is taken for life: one and a half keep-alives (section 3.1.2.10).
    pub(super) fn silence_max(&self) -> Duration {
        Duration::from_millis(u64::from(self.keep_alive_s) * 1500)
    }

    fn connack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let ack = ConnAck {
            receive_maximum: RECEIVE_MAXIMUM,
            assigned_client_id: self.is_assigned_id.then_some(self.client_id.as_str()),
            keep_alive_s: self.is_keep_alive_ours.then_some(self.keep_alive_s),
            refuses_session: self.wants_session,
        };
        mqtt::encode_connack(&mut out, self.version, &ack);
        out
    }
}

/// Reads CONNECT, checks it and answers it. None: the connection is over, and that is reported.
pub(super) async fn sign_in<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: &mut S,
    (buffer, decoder): (&mut Buffer, &mut Decoder),
    peer: SocketAddr,
    certificate_names: Vec<String>,
    deadline: Instant,
) -> Option<(Hello, Arc<Known>)> {
    let (hello, mut shown) = match await_connect(stream, (buffer, decoder), peer, deadline).await {
        Ok(heard) => heard,
        Err(why) => return refused(shared, peer, None, why),
    };
    shown.certificate_names = certificate_names;
    let user = shown.user.clone();
    let now = shared.started.elapsed();
    let checked = timeout_at(deadline, shared.signin.check(&shared.users, shown, now)).await;
    let (reason, told, why) = match checked {
        Ok(Ok(known)) => {
            return match write(stream, &hello.connack(), deadline).await {
                Ok(()) => Some((hello, known)),
                Err(why) => refused(shared, peer, user, format!("its CONNACK: {why}")),
            };
        }
        // The same words for every cause: a stranger learns nothing about users.
        Ok(Err(no)) => (no.reason, "the sign-in was refused", no.why),
        Err(_) => (Reason::ServerBusy, "no time to check the sign-in", "too many sign-ins at once"),
    };
    say_refusal(stream, hello.version, reason, told).await;
    refused(shared, peer, user, why.to_owned())
}

/// Reports that a connection was not let in.
pub(super) fn refused<T>(shared: &Shared, peer: SocketAddr, user: Option<String>, why: String) -> Option<T> {
    Counters::add(&shared.counters.refused);
    (shared.report)(LinkEvent::Refused { peer, user: user.map(|user| shown_name(&user)), why });
    None
}

/// A name from outside for the log: as it is where it is short and plain, else quoted and cut.
pub(super) fn shown_name(name: &str) -> String {
    let quoted = quoted(name);
    if quoted.len() == name.len() + 2 { name.to_owned() } else { quoted }
}

async fn await_connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    (buffer, decoder): (&mut Buffer, &mut Decoder),
    peer: SocketAddr,
    deadline: Instant,
) -> Result<(Hello, Shown), String> {
    loop {
        let needed = match decoder.decode(buffer.unread()) {
            Ok(Decoded::More(needed)) => needed,
            Ok(Decoded::Packet { packet: Packet::Connect(connect), used }) => {
                let shown = Shown {
                    address: peer.ip(),
                    user: connect.user.map(str::to_owned),
                    password: connect.password.map(<[u8]>::to_vec),
                    certificate_names: Vec::new(),
                };
                let hello = Hello::new(&connect, peer);
                buffer.consume(used);
                return Ok((hello, shown));
            }
            Ok(_) => return Err("a packet before CONNECT".to_owned()),
            Err(malformed) => {
                let version = match malformed.reason {
                    // Bytes that are no MQTT get no answer (section 4.13).
                    Reason::MalformedPacket | Reason::ProtocolError | Reason::PacketTooLarge => None,
                    Reason::QosNotSupported | Reason::BadAuthenticationMethod => Some(Version::V5),
                    // A version that isn't served is told in the form of 3.1.1, which all know.
                    _ => Some(Version::V311),
                };
                if let Some(version) = version {
                    say_refusal(stream, version, malformed.reason, &malformed.what).await;
                }
                return Err(malformed.what);
            }
        };
        buffer.fill(stream, needed, deadline).await.map_err(|end| format!("before CONNECT: {end}"))?;
    }
}

async fn say_refusal<S: AsyncWrite + Unpin>(stream: &mut S, version: Version, reason: Reason, why: &str) {
    let mut out = Vec::new();
    mqtt::encode_refusal(&mut out, version, reason, why);
    last_word(stream, &out).await;
}

/// Writes a last word and closes. Whether it arrives is up to a peer that we part with.
pub(super) async fn last_word<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) {
    const LAST_WORD_MAX: Duration = Duration::from_secs(1);
    let deadline = Instant::now() + LAST_WORD_MAX;
    if write(stream, bytes, deadline).await.is_ok() {
        let _ = timeout_at(deadline, stream.shutdown()).await;
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], deadline: Instant) -> Result<(), String> {
    let written = timeout_at(deadline, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it didn't take it in time".to_owned()),
    }
}
