//! The command's end of the conversation.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde::Serialize;

use super::server::{Desk, serve_connection};
use super::{LINE_MAX_BYTES, Reply, Request};
use crate::failure::Failure;
use crate::site_dir::SiteDir;

/// Longest path of a Unix socket that every system takes (`sun_path` of unix(7), less the end).
const SOCKET_PATH_MAX: usize = 100;

/// A conversation with the owner of the store: the running daemon, or this process.
#[derive(Debug)]
pub struct Conversation {
    write: UnixStream,
    read: BufReader<UnixStream>,
    own: Option<std::thread::JoinHandle<Result<(), Failure>>>,
}

/// Begins a conversation. Where no daemon runs, this process opens the store itself.
///
/// # Errors
/// `Store`: it can't be opened.
pub fn open(dir: &SiteDir) -> Result<Conversation, Failure> {
    if let Some(stream) = connect(dir)? {
        return Conversation::over(stream, None);
    }
    let (here, there) = UnixStream::pair().map_err(|e| Failure::Failed(format!("make a pair of sockets: {e}")))?;
    let dir = dir.clone();
    let (opened, wait) = std::sync::mpsc::sync_channel(1);
    let own = std::thread::spawn(move || serve_alone(&dir, there, &opened));
    match wait.recv() {
        Ok(()) => Conversation::over(here, Some(own)),
        // The thread ended without having opened the store: it says why.
        Err(_) => {
            Err(join(own).err().unwrap_or_else(|| Failure::Failed("open the store: no reason was given".to_owned())))
        }
    }
}

/// Asks a running daemon for one thing; `None` where none runs.
///
/// # Errors
/// The daemon's refusal, or a broken conversation.
pub fn ask_daemon(dir: &SiteDir, request: &Request) -> Result<Option<Reply>, Failure> {
    let Some(stream) = connect(dir)? else { return Ok(None) };
    let mut conversation = Conversation::over(stream, None)?;
    conversation.say(request)?;
    conversation.hear().map(Some)
}

fn connect(dir: &SiteDir) -> Result<Option<UnixStream>, Failure> {
    let (path, _folder) = short_path(dir.control_socket())?;
    match UnixStream::connect(&path) {
        Ok(stream) => Ok(Some(stream)),
        // Refused: the socket of a daemon that is gone.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) => Err(Failure::io("connect to the daemon at", &dir.control_socket(), &e)),
    }
}

/// A path that fits into a socket's address: long ones are reached through their open folder.
pub(super) fn short_path(path: PathBuf) -> Result<(PathBuf, Option<std::fs::File>), Failure> {
    use std::os::fd::AsRawFd as _;
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((path, None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok((path, None)) };
    let opened = std::fs::File::open(folder).map_err(|e| Failure::io("open", folder, &e))?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd())).join(name), Some(opened)))
}

/// Owns the store for as long as the conversation lasts.
fn serve_alone(dir: &SiteDir, there: UnixStream, opened: &std::sync::mpsc::SyncSender<()>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Failed(format!("start the runtime: {e}")))?;
    runtime.block_on(async {
        let desk = Desk::alone(dir)?;
        // The receiver waits for exactly this one message.
        let _ = opened.send(());
        there.set_nonblocking(true).map_err(|e| Failure::Failed(format!("talk to oneself: {e}")))?;
        let there =
            tokio::net::UnixStream::from_std(there).map_err(|e| Failure::Failed(format!("talk to oneself: {e}")))?;
        serve_connection(&desk, there).await;
        desk.close().await
    })
}

fn join(own: std::thread::JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    own.join().unwrap_or_else(|_| Err(Failure::Failed("the store's thread ended early".to_owned())))
}

impl Conversation {
    fn over(stream: UnixStream, own: Option<std::thread::JoinHandle<Result<(), Failure>>>) -> Result<Self, Failure> {
        let write = stream.try_clone().map_err(|e| Failure::Failed(format!("talk to the daemon: {e}")))?;
        Ok(Self { write, read: BufReader::new(stream), own })
    }

    /// Sends one line.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn say(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_vec(line).expect("texts, numbers and lists always serialise");
        text.push(b'\n');
        self.write.write_all(&text).map_err(|e| gone(&e))
    }

    /// Hears one reply.
    ///
    /// # Errors
    /// The refusal, or the other end is gone.
    pub fn hear(&mut self) -> Result<Reply, Failure> {
        hear(&mut self.read)
    }

    /// Splits it: what is said goes through the first, what is heard comes from the second.
    ///
    /// # Errors
    /// The operating system gives no second handle.
    pub fn split(self) -> Result<(Sayer, Hearer), Failure> {
        Ok((Sayer(io::BufWriter::with_capacity(64 * 1024, self.write)), Hearer { read: self.read, own: self.own }))
    }

    /// Ends the conversation; an own store is closed.
    ///
    /// # Errors
    /// The store could not be closed in order.
    pub fn close(self) -> Result<(), Failure> {
        let Self { write, read, own } = self;
        drop((write, read));
        own.map_or(Ok(()), join)
    }
}

/// The half that says; what is said may wait in a buffer until `flush`.
#[derive(Debug)]
pub struct Sayer(io::BufWriter<UnixStream>);

impl Sayer {
    /// Sends one line.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn say(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, line).map_err(|e| gone(&e.into()))?;
        self.0.write_all(b"\n").map_err(|e| gone(&e))
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|e| gone(&e))
    }

    /// Tells the other end that no more comes.
    pub fn break_off(&mut self) {
        // One that is gone already needs no telling.
        let _ = self.0.get_ref().shutdown(std::net::Shutdown::Write);
    }
}

/// The half that hears.
#[derive(Debug)]
pub struct Hearer {
    read: BufReader<UnixStream>,
    own: Option<std::thread::JoinHandle<Result<(), Failure>>>,
}

impl Hearer {
    /// Hears one reply.
    ///
    /// # Errors
    /// The refusal, or the other end is gone.
    pub fn hear(&mut self) -> Result<Reply, Failure> {
        hear(&mut self.read)
    }

    /// Ends the conversation; an own store is closed.
    ///
    /// # Errors
    /// The store could not be closed in order.
    pub fn close(self, sayer: Sayer) -> Result<(), Failure> {
        let Self { read, own } = self;
        drop((read, sayer));
        own.map_or(Ok(()), join)
    }
}

fn hear(read: &mut BufReader<UnixStream>) -> Result<Reply, Failure> {
    let mut line = Vec::new();
    read.take(LINE_MAX_BYTES).read_until(b'\n', &mut line).map_err(|e| gone(&e))?;
    if line.is_empty() {
        return Err(Failure::Failed("the daemon ended the conversation; is it stopping? try again".to_owned()));
    }
    match serde_json::from_slice(&line) {
        Ok(Reply::Refused { exit, why }) => Err(Reply::failure(exit, why)),
        Ok(reply) => Ok(reply),
        Err(e) => Err(Failure::Failed(format!("understand the daemon (is it of another version?): {e}"))),
    }
}

fn gone(error: &io::Error) -> Failure {
    Failure::Failed(format!("talk to the daemon: {error}; is it stopping? try again"))
}
