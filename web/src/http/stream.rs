//! Bodies of answers that are made while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc;

/// Pieces made ahead of a slow reader.
const PIECES_AHEAD: usize = 4;

/// The sending end: waits while the reader is behind, and fails once he is gone.
pub(crate) type PieceSender = mpsc::Sender<Bytes>;

/// A body fed through the sender. It ends when the sender is dropped.
pub(crate) fn fed_body() -> (PieceSender, Body) {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    (sender, Body::from_stream(Fed(receiver)))
}

struct Fed(mpsc::Receiver<Bytes>);

impl Stream for Fed {
    type Item = Result<Bytes, Infallible>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}
