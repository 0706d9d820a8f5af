//! Bodies of requests, read under limits of length and time.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_core::Stream;
use tokio::time::Instant;

use crate::error::WebError;

/// Longest wait for the next piece of a body: a sender on a bad line, not one who holds a place.
const NEXT_PIECE: Duration = Duration::from_secs(15);

/// Reads a body piece by piece.
pub(crate) struct Pieces {
    stream: BodyDataStream,
    read: usize,
    limit: usize,
    until: Instant,
}

impl Pieces {
    /// Reads `body`, of which at most `limit` bytes are taken, for at most `longest`.
    pub fn new(body: Body, limit: usize, longest: Duration) -> Self {
        Self { stream: body.into_data_stream(), read: 0, limit, until: Instant::now() + longest }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, WebError> {
        let stream = &mut self.stream;
        let next = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx));
        match tokio::time::timeout_at(self.until.min(Instant::now() + NEXT_PIECE), next).await {
            Err(_) => Err(WebError::SenderSlow),
            Ok(None) => Ok(None),
            Ok(Some(Err(e))) => Err(WebError::Body(format!("{e}"))),
            Ok(Some(Ok(bytes))) => {
                self.read += bytes.len();
                if self.read > self.limit { Err(WebError::TooLong { limit: self.limit }) } else { Ok(Some(bytes)) }
            }
        }
    }

    /// All that is left.
    pub async fn whole(mut self) -> Result<Vec<u8>, WebError> {
        let mut out = Vec::new();
        while let Some(piece) = self.next().await? {
            out.extend_from_slice(&piece);
        }
        Ok(out)
    }
}
