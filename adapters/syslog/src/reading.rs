//! From the bytes of a connection to what is to be kept and said.

use kukaku_codec::syslog::relp::{RelpAsk, RelpDecoder, RelpServer};
use kukaku_codec::syslog::{Frame, LineFramer};
use kukaku_schema::UtcMicros;
use kukaku_schema::intake::ArrivalBody;

use crate::event::Counters;
use crate::limits::REMEMBERED_MAX;
use crate::sources::Source;

/// What one piece of bytes asks for, in order.
pub(crate) enum Step {
    /// To be kept.
    Keep(ArrivalBody),
    /// A RELP line, to be answered when all before it is kept.
    Line(u32),
    /// To be sent.
    Say(Vec<u8>),
}

/// Reads the bytes of one connection.
pub(crate) enum Reading {
    Lines(LineFramer),
    Relp(Box<Relp>),
}

/// A RELP session.
#[derive(Default)]
pub(crate) struct Relp {
    decoder: RelpDecoder,
    server: RelpServer,
    is_open: bool,
    /// Lines that the reader still needs, not answered for now.
    remembered: Vec<u32>,
}

impl Reading {
    pub(crate) fn new(is_relp: bool) -> Self {
        if is_relp { Self::Relp(Box::default()) } else { Self::Lines(LineFramer::new()) }
    }

    /// Whether the sender has yet to say hello.
    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::Relp(relp) if !relp.is_open)
    }

    /// Whether what isn't read is sent again by itself.
    pub(crate) fn is_resent(&self) -> bool {
        matches!(self, Self::Relp(_))
    }

    /// Whether answers wait because the reader still needs their lines.
    pub(crate) fn is_remembering(&self) -> bool {
        matches!(self, Self::Relp(relp) if !relp.remembered.is_empty())
    }

    /// They waited long enough.
    pub(crate) fn release(&mut self, steps: &mut Vec<Step>) {
        if let Self::Relp(relp) = self {
            steps.extend(relp.remembered.drain(..).map(Step::Line));
        }
    }

    /// Takes bytes. Says why, where the connection is over with them.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        source: &Source,
        received: UtcMicros,
        counters: &Counters,
        steps: &mut Vec<Step>,
    ) -> Option<String> {
        match self {
            Self::Lines(framer) => {
                framer.push(bytes, |frame| {
                    hear(frame, source, received, counters, steps);
                });
                None
            }
            Self::Relp(relp) => relp.take(bytes, source, received, counters, steps),
        }
    }

    /// The connection is over: what was begun is taken, or kept as broken.
    pub(crate) fn end(
        &mut self,
        is_closed_in_order: bool,
        source: &Source,
        received: UtcMicros,
        counters: &Counters,
        steps: &mut Vec<Step>,
    ) {
        match self {
            Self::Lines(framer) => {
                framer.end(is_closed_in_order, |frame| {
                    hear(frame, source, received, counters, steps);
                });
            }
            // What was begun, or is remembered, was not answered: its sender has it still.
            Self::Relp(_) => {}
        }
    }
}

impl Relp {
    fn take(
        &mut self,
        bytes: &[u8],
        source: &Source,
        received: UtcMicros,
        counters: &Counters,
        steps: &mut Vec<Step>,
    ) -> Option<String> {
        let Self { decoder, server, is_open, remembered } = self;
        let mut over = None;
        let pushed = decoder.push(bytes, |frame| {
            if over.is_some() {
                return;
            }
            match server.hear(frame) {
                RelpAsk::Opened(answer) => {
                    *is_open = true;
                    steps.push(Step::Say(answer));
                }
                RelpAsk::Line { txnr, line } => {
                    let frame = line.map_or_else(Frame::Broken, Frame::Line);
                    let is_remembering = match frame {
                        Frame::Line(b"") => !remembered.is_empty(),
                        frame => hear(frame, source, received, counters, steps),
                    };
                    remembered.push(txnr);
                    if !is_remembering || remembered.len() >= REMEMBERED_MAX {
                        steps.extend(remembered.drain(..).map(Step::Line));
                    }
                }
                RelpAsk::Closed(answer) => {
                    // It waits for its answers before it goes, and would send these to nobody.
                    steps.extend(remembered.drain(..).map(Step::Line));
                    steps.push(Step::Say(answer));
                    over = Some("the sender closed the session in order".to_owned());
                }
                RelpAsk::Refused { answer, why } => {
                    steps.push(Step::Say(answer));
                    over = Some(why.to_owned());
                }
            }
        });
        over.or_else(|| pushed.err().map(|error| error.to_string()))
    }
}

/// Reads a line; whether its reader still needs it, or one before it.
fn hear(frame: Frame<'_>, source: &Source, received: UtcMicros, counters: &Counters, steps: &mut Vec<Step>) -> bool {
    Counters::add(&counters.lines, 1);
    match frame {
        Frame::Line(line) => {
            let taken = source.take(line, received);
            steps.extend(taken.bodies.into_iter().map(Step::Keep));
            taken.remembers
        }
        Frame::Broken(broken) => {
            steps.push(Step::Keep(ArrivalBody::Unreadable(broken.keep(Some(source.name.clone())))));
            false
        }
    }
}
