//! Bodies of answers that are made while they are sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc;

/// Pieces made ahead of a slow reader.
const PIECES_AHEAD: usize = 4;

/// The sending end: waits while the reader is behind, and fails once he is gone.
///
/// An error sent through it breaks the answer off, so that its reader knows that it is not whole.
pub(crate) type PieceSender = mpsc::Sender<io::Result<Bytes>>;

/// A body fed through the sender. It ends when the sender is dropped.
pub(crate) fn fed_body() -> (PieceSender, Body) {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    (sender, Body::from_stream(Fed(receiver)))
}

struct Fed(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for Fed {
    type Item = io::Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
