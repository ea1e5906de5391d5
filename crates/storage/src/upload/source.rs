//! A body that is cut into blobs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use crate::flow::IDLE;
use crate::{Body, Error};

/// A body of which one blob after the other takes its share. Where it breaks off, what came before is kept.
#[derive(Clone)]
pub(super) struct Source(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    next: Option<Bytes>,
    broken: Option<Error>,
    ended: bool,
    still: Duration,
}

/// A body that stands still for so long has broken off: before whoever stores a blob of it gives that up.
const STILL: Duration = Duration::from_secs(IDLE.as_secs() * 3 / 4);

impl Inner {
    async fn fill(&mut self) {
        while self.next.as_ref().is_none_or(Bytes::is_empty) && !self.ended {
            match tokio::time::timeout(self.still, self.body.next()).await {
                Ok(Some(Ok(chunk))) => self.next = Some(chunk),
                Ok(Some(Err(error))) => (self.broken, self.ended) = (Some(error), true),
                Ok(None) => self.ended = true,
                Err(_still) => {
                    (self.broken, self.ended) = (Some(Error::Body("it stands still".into())), true);
                }
            }
        }
    }
}

impl Source {
    pub(super) fn new(body: Body) -> Self {
        Self::given_up_after(STILL, body)
    }

    fn given_up_after(still: Duration, body: Body) -> Self {
        Self(Arc::new(Mutex::new(Inner { body, next: None, broken: None, ended: false, still })))
    }

    /// Whether there are bytes left; waits until that is known.
    pub(super) async fn has_more(&self) -> bool {
        let mut inner = self.0.lock().await;
        inner.fill().await;
        inner.next.as_ref().is_some_and(|chunk| !chunk.is_empty())
    }

    /// The next bytes, `most` at most.
    pub(super) fn take(&self, most: u64) -> Body {
        Box::pin(stream::unfold((self.clone(), most), |(source, left)| async move {
            let left_here = usize::try_from(left).unwrap_or(usize::MAX);
            if left_here == 0 {
                return None;
            }
            let mut inner = source.0.lock().await;
            inner.fill().await;
            let mut chunk = inner.next.take().filter(|chunk| !chunk.is_empty())?;
            if chunk.len() > left_here {
                inner.next = Some(chunk.split_off(left_here));
            }
            let taken = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            drop(inner);
            Some((Ok(chunk), (source, left.saturating_sub(taken))))
        }))
    }

    /// Why it broke off, if it did.
    pub(super) async fn broken(&self) -> Option<Error> {
        self.0.lock().await.broken.take()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn what_came_before_it_stood_still_is_kept() {
        let body = stream::iter([Ok(Bytes::from_static(b"abc"))]).chain(stream::pending());
        let source = Source::given_up_after(Duration::from_millis(50), Box::pin(body));
        assert!(source.has_more().await);
        let came: Vec<Bytes> = source.take(10).try_collect().await.unwrap();
        assert_eq!(came.concat(), b"abc");
        assert!(!source.has_more().await);
        assert!(matches!(source.broken().await, Some(Error::Body(_))));
    }

    #[tokio::test]
    async fn what_came_before_a_break_is_kept_and_cut() {
        let chunks = [Ok(Bytes::from_static(b"abc")), Ok(Bytes::new()), Ok(Bytes::from_static(b"defg"))];
        let body = stream::iter(chunks.into_iter().chain([Err(Error::Body("gone".into()))]));
        let source = Source::new(Box::pin(body));
        let mut cut = Vec::new();
        while source.has_more().await {
            cut.push(source.take(2).try_collect::<Vec<_>>().await.unwrap().concat());
        }
        assert_eq!(cut, [&b"ab"[..], b"cd", b"ef", b"g"]);
        assert!(matches!(source.broken().await, Some(Error::Body(_))));
    }
}
