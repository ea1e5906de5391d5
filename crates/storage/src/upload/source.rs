//! A body that is cut into blobs.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use crate::{Body, Error};

/// A body of which one blob after the other takes its share. Where it breaks off, what came before is kept.
#[derive(Clone)]
pub(super) struct Source(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    next: Option<Bytes>,
    broken: Option<Error>,
    ended: bool,
}

impl Inner {
    async fn fill(&mut self) {
        while self.next.as_ref().is_none_or(Bytes::is_empty) && !self.ended {
            match self.body.next().await {
                Some(Ok(chunk)) => self.next = Some(chunk),
                Some(Err(error)) => (self.broken, self.ended) = (Some(error), true),
                None => self.ended = true,
            }
        }
    }
}

impl Source {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Inner { body, next: None, broken: None, ended: false })))
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
