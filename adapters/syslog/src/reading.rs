//! From the bytes of a connection to what is to be kept and said.

use kukaku_codec::syslog::relp::{RelpAsk, RelpDecoder, RelpServer};
use kukaku_codec::syslog::{Frame, LineFramer};
use kukaku_schema::UtcMicros;
use kukaku_schema::intake::ArrivalBody;

use crate::event::Counters;
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
    Relp { decoder: RelpDecoder, server: RelpServer, is_open: bool },
}

impl Reading {
    pub(crate) fn new(is_relp: bool) -> Self {
        if is_relp {
            Self::Relp { decoder: RelpDecoder::new(), server: RelpServer::new(), is_open: false }
        } else {
            Self::Lines(LineFramer::new())
        }
    }

    /// Whether the sender has yet to say hello.
    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::Relp { is_open: false, .. })
    }

    /// Whether what isn't read is sent again by itself.
    pub(crate) fn is_resent(&self) -> bool {
        matches!(self, Self::Relp { .. })
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
                framer.push(bytes, |frame| hear(frame, source, received, counters, steps));
                None
            }
            Self::Relp { decoder, server, is_open } => {
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
                            if frame != Frame::Line(b"") {
                                hear(frame, source, received, counters, steps);
                            }
                            steps.push(Step::Line(txnr));
                        }
                        RelpAsk::Closed(answer) => {
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
                framer.end(is_closed_in_order, |frame| hear(frame, source, received, counters, steps));
            }
            // What was begun was not answered, and its sender has it still.
            Self::Relp { .. } => {}
        }
    }
}

fn hear(frame: Frame<'_>, source: &Source, received: UtcMicros, counters: &Counters, steps: &mut Vec<Step>) {
    Counters::add(&counters.lines, 1);
    match frame {
        Frame::Line(line) => steps.extend(source.take(line, received).into_iter().map(Step::Keep)),
        Frame::Broken(broken) => {
            steps.push(Step::Keep(ArrivalBody::Unreadable(broken.keep(Some(source.name.clone())))));
        }
    }
}
