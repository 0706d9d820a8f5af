//! Measuring an MQTT listener: a client that sends as fast as it is acknowledged, and a bare
//! listener to compare with.
//!
//! Both are minimal on purpose: MQTT 3.1.1, QoS 1, one connection, loopback. The bare listener
//! does the least that keeps the promise "acknowledged means durable": one row a message, one
//! commit for what came meanwhile. Absolute figures swing with the machine; the ratio of the two
//! in one run is what counts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes read at once by either side.
const READ_BYTES: usize = 64 * 1024;

/// Rows of one commit at most, as the real writer has a limit too.
const COMMIT_ROWS_MAX: usize = 1024;

/// Batches between the bare listener's reader and its writer.
const QUEUE_MAX: usize = 256;

/// What to send, and to whom.
#[derive(Debug, Clone)]
pub struct Load {
    /// The listener.
    pub address: SocketAddr,
    /// Signs in with this client identifier.
    pub client_id: String,
    /// Signs in as this user.
    pub user: String,
    /// With this password.
    pub password: String,
    /// Every message goes to this topic.
    pub topic: String,
    /// How many messages.
    pub messages: u32,
    /// How many may wait for their acknowledgement at once.
    pub in_flight: u16,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Messages sent and acknowledged.
    pub messages: u32,
    /// From the first byte sent to the last acknowledgement.
    pub elapsed: Duration,
    /// Half of the messages were acknowledged within this.
    pub ack_p50: Duration,
    /// 99 of 100 were.
    pub ack_p99: Duration,
}

impl Measured {
    /// Messages a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        f64::from(self.messages) / self.elapsed.as_secs_f64()
    }
}

/// Sends `load`; `payload` makes each message from its number, before the clock starts.
///
/// # Errors
/// The socket fails, the sign-in is refused, or acknowledgements come out of order.
pub fn run(load: &Load, mut payload: impl FnMut(u32) -> Vec<u8>) -> io::Result<Measured> {
    let mut packets = Vec::new();
    let mut ends = Vec::with_capacity(load.messages as usize);
    for number in 0..load.messages {
        put_publish(&mut packets, &load.topic, packet_id(number), &payload(number));
        ends.push(packets.len());
    }
    let mut stream = TcpStream::connect(load.address)?;
    stream.set_nodelay(true)?;
    sign_in(&mut stream, load)?;

    let mut sent_at = Vec::with_capacity(ends.len());
    let mut latencies = Vec::with_capacity(ends.len());
    let mut answers = [0; READ_BYTES];
    let mut have = 0;
    let mut written = 0;
    let start = Instant::now();
    while latencies.len() < ends.len() {
        let upto = ends.len().min(latencies.len() + usize::from(load.in_flight));
        if upto > sent_at.len() {
            let now = Instant::now();
            sent_at.resize(upto, now);
            let end = ends[upto - 1];
            stream.write_all(&packets[written..end])?;
            written = end;
        }
        let read = stream.read(&mut answers[have..])?;
        if read == 0 {
            return Err(other(format!("the listener closed after {} acknowledgements", latencies.len())));
        }
        have += read;
        let whole = have - have % 4;
        let now = Instant::now();
        for ack in answers[..whole].chunks_exact(4) {
            let number = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
            let [high, low] = packet_id(number).to_be_bytes();
            if *ack != [0x40, 2, high, low] {
                return Err(other(format!("{ack:02X?} in place of the acknowledgement of message {number}")));
            }
            latencies.push(now - sent_at[latencies.len()]);
        }
        answers.copy_within(whole..have, 0);
        have -= whole;
    }
    let elapsed = start.elapsed();
    stream.write_all(&[0xE0, 0])?;
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    Ok(Measured { messages: load.messages, elapsed, ack_p50: at(50), ack_p99: at(99) })
}

fn packet_id(number: u32) -> u16 {
    u16::try_from(number % u32::from(u16::MAX) + 1).unwrap_or(u16::MAX)
}

fn sign_in(stream: &mut TcpStream, load: &Load) -> io::Result<()> {
    let mut body = Vec::new();
    put_text(&mut body, "MQTT");
    body.extend_from_slice(&[4, 0xC2, 0, 60]);
    for text in [&load.client_id, &load.user, &load.password] {
        put_text(&mut body, text);
    }
    let mut connect = Vec::new();
    put_packet(&mut connect, 0x10, &body);
    stream.write_all(&connect)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer == [0x20, 2, 0, 0] { Ok(()) } else { Err(other(format!("the sign-in was answered {answer:02X?}"))) }
}

fn put_publish(out: &mut Vec<u8>, topic: &str, packet_id: u16, payload: &[u8]) {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    put_text(&mut body, topic);
    body.extend_from_slice(&packet_id.to_be_bytes());
    body.extend_from_slice(payload);
    put_packet(out, 0x32, &body);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_packet(out: &mut Vec<u8>, first: u8, body: &[u8]) {
    out.push(first);
    let mut length = body.len();
    while length > 0x7F {
        out.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
}

fn other(what: String) -> io::Error {
    io::Error::other(what)
}

/// A message as the bare listener keeps it.
type Row = (u16, Vec<u8>);

/// The bare listener: it serves one connection and checks nothing.
pub struct Yardstick {
    /// Where it listens.
    pub address: SocketAddr,
    reader: JoinHandle<io::Result<()>>,
    writer: JoinHandle<io::Result<u64>>,
}

impl Yardstick {
    /// Starts one with a new database at `database`.
    ///
    /// # Errors
    /// The database can't be made, or no port is free.
    pub fn start(database: &Path) -> io::Result<Self> {
        let connection = open(database).map_err(io::Error::other)?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (rows, to_keep) = mpsc::sync_channel(QUEUE_MAX);
        let (socket, to_answer) = mpsc::sync_channel(1);
        let reader = std::thread::spawn(move || read(&listener, &socket, &rows));
        let writer = std::thread::spawn(move || match to_answer.recv() {
            Ok(stream) => keep(connection, &to_keep, stream),
            Err(_) => Ok(0),
        });
        Ok(Self { address, reader, writer })
    }

    /// Waits until its client is gone; returns how many rows it kept.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn finish(self) -> io::Result<u64> {
        let ended = |_| other("the bare listener panicked".to_owned());
        self.reader.join().map_err(ended)??;
        self.writer.join().map_err(ended)?
    }
}

fn open(database: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")?;
    Ok(connection)
}

fn read(listener: &TcpListener, socket: &SyncSender<TcpStream>, rows: &SyncSender<Vec<Row>>) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut have = 0;
    let mut is_signed_in = false;
    loop {
        let read = stream.read(&mut buffer[have..])?;
        if read == 0 {
            return Ok(());
        }
        have += read;
        let mut at = 0;
        let mut batch = Vec::new();
        while let Some((first, body, used)) = packet(&buffer[at..have]) {
            match first {
                0x10 if !is_signed_in => {
                    is_signed_in = true;
                    stream.write_all(&[0x20, 2, 0, 0])?;
                    // From here on only the writer answers.
                    socket.send(stream.try_clone()?).map_err(|e| other(e.to_string()))?;
                }
                0x32 => batch.push(row(body)?),
                _ => return Ok(()),
            }
            at += used;
        }
        buffer.copy_within(at..have, 0);
        have -= at;
        if !batch.is_empty() {
            rows.send(batch).map_err(|e| other(e.to_string()))?;
        }
    }
}

/// The first whole packet: its first byte, its body, and how many bytes it took.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let mut length = 0;
    for index in 0..4 {
        let byte = *bytes.get(1 + index)?;
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let start = 2 + index;
            return Some((bytes[0], bytes.get(start..start + length)?, start + length));
        }
    }
    None
}

fn row(body: &[u8]) -> io::Result<Row> {
    let short = || other("a PUBLISH that ends early".to_owned());
    let (topic_bytes, rest) = body.split_first_chunk::<2>().ok_or_else(short)?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*topic_bytes))..).ok_or_else(short)?;
    let (id, payload) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    Ok((u16::from_be_bytes(*id), payload.to_vec()))
}

/// Commits at once when idle; what comes while a commit is under way shares the next.
fn keep(mut connection: rusqlite::Connection, rows: &Receiver<Vec<Row>>, mut stream: TcpStream) -> io::Result<u64> {
    let mut kept = 0;
    let mut answers = Vec::new();
    while let Ok(mut batch) = rows.recv() {
        while batch.len() < COMMIT_ROWS_MAX {
            let Ok(more) = rows.try_recv() else { break };
            batch.extend(more);
        }
        insert(&mut connection, &batch).map_err(io::Error::other)?;
        answers.clear();
        for (id, _) in &batch {
            let [high, low] = id.to_be_bytes();
            answers.extend_from_slice(&[0x40, 2, high, low]);
        }
        stream.write_all(&answers)?;
        kept += batch.len() as u64;
    }
    Ok(kept)
}

fn insert(connection: &mut rusqlite::Connection, batch: &[Row]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached("INSERT INTO message (body) VALUES (?1)")?;
        for (_, payload) in batch {
            statement.execute([payload])?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_keeps_every_message_that_it_acknowledges() {
        let folder = std::env::temp_dir().join(format!("kukaku-yardstick-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let yardstick = Yardstick::start(&folder.join("bare.db")).unwrap();
        let load = Load {
            address: yardstick.address,
            client_id: "load".to_owned(),
            user: "panel".to_owned(),
            password: "secret".to_owned(),
            topic: "kukaku/v1/panel-1/door".to_owned(),
            messages: 70_000,
            in_flight: 64,
        };
        let measured = run(&load, |n| format!("message {n}").into_bytes()).unwrap();
        assert_eq!((measured.messages, yardstick.finish().unwrap()), (70_000, 70_000));
        assert!(measured.ack_p50 <= measured.ack_p99 && measured.per_second() > 0.0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
