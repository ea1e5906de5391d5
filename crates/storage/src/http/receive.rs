//! The body of a request on its way to the backend.
//!
//! The framework's payload stays on the thread of its connection. The task that stores it asks for one chunk after
//! the other; while it does not, nothing is read, and TCP makes the client wait. So no chunk waits here: they are large,
//! and many uploads at once would fill the memory with them.

use std::future::Future;

use actix_web::dev::Payload;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::traffic::Transfer;
use crate::{Body, Error};

/// The next chunk, if there is one more.
type Piece = Result<Option<Bytes>, Error>;
/// Who waits for it.
type Asking = oneshot::Sender<Piece>;

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
    let (asking, asked) = channel(1);
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends with its request: with the answer, or as the body breaks off"
    )]
    let mut stored = tokio::spawn(store(body(asking)).in_current_span());
    let outcome = tokio::select! {
        biased;
        // It may refuse before the body has ended.
        outcome = &mut stored => outcome,
        () = pump(payload, &transfer, asked) => stored.await,
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

/// Gives what it is asked for, until nobody asks any more.
async fn pump(mut payload: Payload, transfer: &Transfer, mut asked: Receiver<Asking>) {
    while let Some(asking) = asked.recv().await {
        let chunk = payload.next().await.transpose();
        let piece = chunk.map_err(|error| Error::Body(error.to_string().into()));
        if let Ok(Some(bytes)) = &piece {
            transfer.received(bytes);
        }
        let _refused = asking.send(piece);
    }
}

/// A body that has ended only when somebody said so.
fn body(asking: Sender<Asking>) -> Body {
    const GONE: &str = "the client went away";
    Box::pin(stream::try_unfold(asking, |asking| async move {
        let (ask, piece) = oneshot::channel();
        let asked = asking.send(ask).await;
        asked.map_err(|_gone| Error::Body(GONE.into()))?;
        let piece = piece.await.map_err(|_gone| Error::Body(GONE.into()))??;
        Ok(piece.map(|bytes| (bytes, asking)))
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
        let store = |mut body: Body| async move {
            let _first = body.next().await;
            let _kept = body;
            std::future::pending::<Result<(), Error>>().await
        };
        let mut request =
            Box::pin(receive(Payload::Stream { payload: Box::pin(chunks) }, Transfer::alone(), store));
        for _ in 0..100 {
            assert!(futures_util::poll!(&mut request).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(read.get(), 1);
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
