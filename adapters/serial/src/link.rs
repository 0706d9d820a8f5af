//! One port: open, listen, answer, and open again when it was lost.

use std::time::Duration;

use kukaku_codec::line::{Decoder, Frame, Heard, LineProtocol};
use kukaku_schema::UtcMicros;
use kukaku_schema::intake::Intake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_serial::{SerialPortBuilder, SerialPortBuilderExt, SerialStream};

use crate::backoff::Backoff;
use crate::config::{SerialConfig, SerialConfigError};
use crate::keeper::{Answer, Due, Item, WAITING_MAX, keep_all};

/// How much is read at a time. A byte ends at most one frame: what one read gives always fits into
/// the queue, so that this side comes back to take answers and the two sides never wait for each other.
const READ_BYTES: usize = WAITING_MAX;

/// Something that happened to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEvent {
    /// What happened.
    pub kind: LinkEventKind,
    /// When, by our clock.
    pub at: UtcMicros,
}

/// What happened to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEventKind {
    /// The port is open and listened to.
    Connected,
    /// The port was lost: from here on the source is not heard.
    Disconnected {
        /// What was tried and what went wrong.
        reason: String,
    },
    /// The port could not be opened; it will be tried again.
    OpenFailed {
        /// What was tried, what went wrong, and what to do.
        reason: String,
    },
    /// Bytes came that were not understood. They are kept as an arrival of their own.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// A serial line that was checked and can be run.
#[derive(Debug)]
pub struct SerialLink {
    config: SerialConfig,
    builder: SerialPortBuilder,
    protocol: LineProtocol,
    decoder: Decoder,
}

impl SerialLink {
    /// Checks a configuration. The port is not touched.
    ///
    /// # Errors
    /// The key that is wrong and what was expected there.
    pub fn new(config: SerialConfig) -> Result<Self, SerialConfigError> {
        let builder = config.builder()?;
        let protocol = LineProtocol::new(&config.line)?;
        let decoder = Decoder::new(&config.line)?;
        Ok(Self { config, builder, protocol, decoder })
    }

    /// The name of this link in arrivals: `serial:/dev/serial/by-id/…`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("serial:{}", self.config.port)
    }

    /// Serves the line for ever; stop it by dropping the future.
    ///
    /// `now` is our clock. Events wait for their receiver, because a gap must not go unrecorded;
    /// a receiver that is gone is no reason to stop. Frames that were read and not yet kept when
    /// the future is dropped were not acknowledged to the panel.
    pub async fn run<I: Intake>(self, intake: I, events: mpsc::Sender<LinkEvent>, now: impl Fn() -> UtcMicros) {
        let (items, waiting) = mpsc::channel(WAITING_MAX);
        let (due_sender, due) = mpsc::channel(WAITING_MAX);
        let keeper = keep_all(intake, self.name(), waiting, due_sender);
        let port = Port {
            protocol: self.protocol,
            decoder: self.decoder,
            backoff: Backoff::new(self.config.reopen_first, self.config.reopen_max),
            config: self.config,
            items,
            due,
            events,
            now,
            opening: 0,
        };
        tokio::join!(keeper, port.serve(self.builder));
    }
}

/// The side that talks to the port.
struct Port<N> {
    config: SerialConfig,
    protocol: LineProtocol,
    decoder: Decoder,
    backoff: Backoff,
    items: mpsc::Sender<Item>,
    due: mpsc::Receiver<Due>,
    events: mpsc::Sender<LinkEvent>,
    now: N,
    opening: u64,
}

impl<N: Fn() -> UtcMicros> Port<N> {
    async fn serve(mut self, builder: SerialPortBuilder) {
        loop {
            self.opening += 1;
            match builder.clone().open_native_async() {
                Ok(mut stream) => {
                    self.tell(LinkEventKind::Connected).await;
                    let reason = self.listen(&mut stream).await;
                    drop(stream);
                    self.tell(LinkEventKind::Disconnected { reason }).await;
                    self.hear(None).await;
                }
                Err(e) => {
                    let reason = format!(
                        "open {}: {e}; is it plugged in, free, and open to this user (group dialout)?",
                        self.config.port
                    );
                    self.tell(LinkEventKind::OpenFailed { reason }).await;
                }
            }
            let wait = self.backoff.wait();
            self.pass(wait).await;
        }
    }

    /// Waits, and lets go of answers that came too late for their panel.
    async fn pass(&mut self, wait: Duration) {
        let end = tokio::time::Instant::now() + wait;
        while let Ok(Some(_)) = tokio::time::timeout_at(end, self.due.recv()).await {}
    }

    /// Listens until the port is lost; says why.
    async fn listen(&mut self, stream: &mut SerialStream) -> String {
        let silence = Duration::from_micros(u64::try_from(self.config.frame_timeout.0).unwrap_or(u64::MAX));
        let mut buffer = [0; READ_BYTES];
        loop {
            let is_inside_frame = self.decoder.is_inside_frame();
            tokio::select! {
                biased;
                Some(due) = self.due.recv() => {
                    if let Err(e) = self.answer(stream, due).await {
                        return format!("answer on {}: {e}", self.config.port);
                    }
                }
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return format!("read {}: the port is gone", self.config.port),
                    Ok(n) => {
                        // A port that opens and fails at once is not worth a fast retry.
                        self.backoff.reset();
                        self.hear(Some(&buffer[..n])).await;
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => return format!("read {}: {e}", self.config.port),
                },
                () = tokio::time::sleep(silence), if is_inside_frame => self.hear(None).await,
            }
        }
    }

    async fn answer(&self, stream: &mut SerialStream, due: Due) -> std::io::Result<()> {
        let text = match due.answer {
            Answer::Ack => &self.config.ack,
            Answer::Nak => &self.config.nak,
            Answer::None => &None,
        };
        match text {
            // The panel that waited for it is gone or was restarted: it sends again.
            _ if due.opening != self.opening => Ok(()),
            Some(text) => {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await
            }
            None => Ok(()),
        }
    }

    /// Takes bytes, or the end of them, and passes on what the frames in them say.
    async fn hear(&mut self, bytes: Option<&[u8]>) {
        let received = (self.now)();
        let mut heard = Vec::new();
        let protocol = &self.protocol;
        let on = |frame: Frame<'_>| {
            let answer = match frame {
                Frame::Whole(_) => Answer::Ack,
                Frame::Broken { .. } => Answer::Nak,
                Frame::Noise(_) => Answer::None,
            };
            heard.push((protocol.hear(frame, received), answer));
        };
        match bytes {
            Some(bytes) => self.decoder.push(bytes, on),
            None => self.decoder.cut(on),
        }
        for (heard, answer) in heard {
            if let Heard::Unreadable(unreadable) = &heard {
                self.tell(LinkEventKind::Unreadable { reason: unreadable.reason.clone() }).await;
            }
            // The keeper lives as long as this side does.
            let _ = self.items.send(Item { heard, answer, opening: self.opening }).await;
        }
    }

    async fn tell(&self, kind: LinkEventKind) {
        let _ = self.events.send(LinkEvent { kind, at: (self.now)() }).await;
    }
}
