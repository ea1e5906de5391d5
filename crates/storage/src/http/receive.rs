//! The body of a request on its way to the backend.
//!
//! The framework's payload stays on the thread of its connection. A short channel takes its chunks to the task
//! that stores them; when it is full, nothing more is read, and TCP makes the client wait.

use std::future::Future;

use actix_web::dev::Payload;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::Instrument;

use crate::traffic::Transfer;
use crate::{Body, Error};

/// Chunks on their way; one has at most 128 KiB. More would only lie here: what did not come yet waits in the kernel.
const CHUNKS: usize = 1;

enum Piece {
    Bytes(Bytes),
    Broken(String),
    End,
}

/// Lets `store` take the payload. It goes on when this future is dropped, with a body that breaks off, so that
/// it can put away what it began.
pub(super) async fn receive<T, F>(
    payload: Payload,
    transfer: Transfer,
    store: impl FnOnce(Body) -> F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let (sender, receiver) = channel(CHUNKS);
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends with its request: with the answer, or as the body breaks off"
    )]
    let mut stored = tokio::spawn(store(body(receiver)).in_current_span());
    let outcome = tokio::select! {
        biased;
        // It may refuse before the body has ended.
        outcome = &mut stored => outcome,
        () = pump(payload, &transfer, sender) => stored.await,
    };
    outcome.unwrap_or_else(|panic| Err(Error::Failed { what: "storing a body", source: Box::new(panic) }))
}

/// Lets work go on to its end when this future is dropped.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    #[allow(clippy::disallowed_methods, reason = "it is bounded by what is stored already")]
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|panic| Err(Error::Failed { what: "joining uploads", source: Box::new(panic) }))
}

async fn pump(mut payload: Payload, transfer: &Transfer, sender: Sender<Piece>) {
    while let Some(chunk) = payload.next().await {
        let (piece, last) = match chunk {
            Ok(bytes) => {
                transfer.received(&bytes);
                (Piece::Bytes(bytes), false)
            }
            Err(error) => (Piece::Broken(error.to_string()), true),
        };
        // Nobody takes it any more: the outcome is there.
        if sender.send(piece).await.is_err() || last {
            return;
        }
    }
    let _refused = sender.send(Piece::End).await;
}

/// A body that has ended only when somebody said so.
fn body(receiver: Receiver<Piece>) -> Body {
    Box::pin(stream::try_unfold(receiver, |mut receiver| async move {
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some((bytes, receiver))),
            Some(Piece::End) => Ok(None),
            Some(Piece::Broken(reason)) => Err(Error::Body(reason.into())),
            None => Err(Error::Body("the client went away".into())),
        }
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::error::PayloadError;
    use futures_util::TryStreamExt;

    use super::*;

    fn payload(chunks: Vec<Result<Bytes, PayloadError>>) -> Payload {
        Payload::Stream { payload: Box::pin(stream::iter(chunks)) }
    }

    async fn all(body: Body) -> Result<Vec<u8>, Error> {
        Ok(body.try_collect::<Vec<_>>().await?.concat())
    }

    /// A client that says nothing more.
    fn endless() -> Payload {
        Payload::Stream { payload: Box::pin(stream::pending()) }
    }

    #[tokio::test]
    async fn a_body_arrives_whole_or_with_an_error() {
        let chunks = || (0..100).map(|byte: u8| Ok(Bytes::from(vec![byte; 3]))).collect::<Vec<_>>();
        assert_eq!(receive(payload(chunks()), Transfer::alone(), all).await.unwrap().len(), 300);
        let mut broken = chunks();
        broken.push(Err(PayloadError::Incomplete(None)));
        assert!(matches!(receive(payload(broken), Transfer::alone(), all).await, Err(Error::Body(_))));
    }

    #[tokio::test]
    async fn a_refusal_does_not_wait_for_the_body() {
        let refuse = |_body| async { Err::<(), _>(Error::QuotaExceeded) };
        assert!(matches!(receive(endless(), Transfer::alone(), refuse).await, Err(Error::QuotaExceeded)));
    }

    #[tokio::test]
    async fn nothing_is_read_that_nobody_takes() {
        let read = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = std::rc::Rc::clone(&read);
        let chunks = stream::repeat_with(move || {
            count.set(count.get() + 1);
            Ok(Bytes::from_static(b"x"))
        });
        let store = |body: Body| async move {
            let _kept = body;
            std::future::pending::<Result<(), Error>>().await
        };
        let mut request =
            Box::pin(receive(Payload::Stream { payload: Box::pin(chunks) }, Transfer::alone(), store));
        for _ in 0..100 {
            assert!(futures_util::poll!(&mut request).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(read.get(), CHUNKS + 1);
    }

    #[tokio::test]
    async fn who_goes_away_breaks_the_body_off() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let store = |body| async move {
            let _told = tell.send(all(body).await);
            Ok(())
        };
        let mut request = Box::pin(receive(endless(), Transfer::alone(), store));
        assert!(futures_util::poll!(&mut request).is_pending());
        drop(request);
        assert!(matches!(told.await.unwrap(), Err(Error::Body(_))));
    }
}
