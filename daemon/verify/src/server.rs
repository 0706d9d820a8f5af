//! The witness on the network: one request a connection, everything bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kukaku_ledger::Cosigner;

use crate::memory::Memory;

/// Largest body that is read, in bytes: 63 proof lines and a checkpoint with many signatures.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// Most connections at once; more are closed unanswered.
pub const CONNECTIONS_MAX: usize = 64;

/// Largest head of a request in bytes.
const HEAD_MAX_BYTES: usize = 8 * 1024;

/// Longest that one request may take to arrive.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Answers until the process ends. A memory that can't be written ends the process, because the
/// state of the disk is then unknown.
///
/// # Errors
/// What the listener said.
pub fn serve(listener: &TcpListener, memory: Memory, cosigner: Cosigner) -> std::io::Result<()> {
    serve_within(listener, memory, cosigner, REQUEST_TIME_MAX)
}

/// The same, with another time that a request may take.
///
/// # Errors
/// What the listener said.
pub fn serve_within(
    listener: &TcpListener,
    memory: Memory,
    cosigner: Cosigner,
    time_max: Duration,
) -> std::io::Result<()> {
    let shared = Arc::new((Mutex::new(memory), cosigner));
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error),
        };
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (shared, open) = (Arc::clone(&shared), Arc::clone(&open));
        std::thread::spawn(move || {
            // A peer that goes away hurts nobody but itself.
            let _ = answer(stream, &shared.0, &shared.1, time_max);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn answer(
    mut stream: TcpStream,
    memory: &Mutex<Memory>,
    cosigner: &Cosigner,
    time_max: Duration,
) -> std::io::Result<()> {
    stream.set_write_timeout(Some(time_max))?;
    let (status, body) = match read_request(&mut stream, time_max)? {
        Err(status) => (status, String::new()),
        Ok(request) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let answered = match memory.lock() {
                Ok(mut memory) => memory.witness(&request, cosigner, now),
                // Another thread panicked inside the memory; what it holds is no longer known.
                Err(_) => std::process::exit(1),
            };
            answered.unwrap_or_else(|error| {
                eprintln!("{error}");
                std::process::exit(1)
            })
        }
    };
    let is_size = status == 409 && body.trim_end().bytes().all(|b| b.is_ascii_digit());
    let sort = if is_size { "text/x.tlog.size" } else { "text/plain; charset=utf-8" };
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {sort}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reason(status),
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => "Bad Request",
    }
}

/// Reads what is there, within the time that the whole request has.
fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>, until: Instant) -> std::io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut part = [0; 4096];
    match stream.read(&mut part)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&part[..count]);
            Ok(())
        }
    }
}

/// The body of a `POST /add-checkpoint`, or the status that refuses it.
fn read_request(stream: &mut TcpStream, time_max: Duration) -> std::io::Result<Result<Vec<u8>, u16>> {
    let until = Instant::now() + time_max;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > HEAD_MAX_BYTES {
            return Ok(Err(400));
        }
        read_more(stream, &mut bytes, until)?;
    };
    if end > HEAD_MAX_BYTES {
        return Ok(Err(400));
    }
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = match head_length(&head) {
        Ok(length) => length,
        Err(status) => return Ok(Err(status)),
    };
    let wants_word = head.to_ascii_lowercase().contains("\r\nexpect: 100-continue\r\n");
    let mut body = bytes.split_off(end);
    if wants_word && body.len() < length {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    while body.len() < length {
        read_more(stream, &mut body, until)?;
    }
    body.truncate(length);
    Ok(Ok(body))
}

/// The length of the body that the head announces, or the status that refuses it.
fn head_length(head: &str) -> Result<usize, u16> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next(), first.next());
    if path != Some("/add-checkpoint") {
        return Err(404);
    }
    if method != Some("POST") {
        return Err(405);
    }
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(411);
        }
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            if length.is_some() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return Err(400);
            }
            length = Some(value.parse::<usize>().map_err(|_| 413u16)?);
        }
    }
    match length {
        Some(length) if length > BODY_MAX_BYTES => Err(413),
        Some(length) => Ok(length),
        None => Err(411),
    }
}
