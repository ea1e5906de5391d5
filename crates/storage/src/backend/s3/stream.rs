//! A body that is sent as it comes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::Meter;
use crate::{Body, BoxError, Error};

/// The error of a source, which the client library would not give back.
#[derive(Debug, Clone, Default)]
pub(super) struct Mishap(Arc<Mutex<Option<Error>>>);

impl Mishap {
    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// A body of a known length for the client library.
pub(super) struct Source {
    /// The library wants to share it between threads, and never does.
    body: Mutex<Body>,
    meter: Meter,
    mishap: Mishap,
    len: u64,
}

impl Source {
    pub(super) fn stream(body: Body, len: u64) -> (ByteStream, Mishap) {
        let mishap = Mishap::default();
        let source =
            Self { body: Mutex::new(body), meter: Meter::new(Some(len)), mishap: mishap.clone(), len };
        (ByteStream::new(SdkBody::from_body_1_x(source)), mishap)
    }

    fn broken(&self, error: Error) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.mishap.set(error);
        Poll::Ready(Some(Err("the source of the body broke off".into())))
    }
}

impl http_body::Body for Source {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let counted = match ready!(body.as_mut().poll_next(context)) {
            Some(Ok(chunk)) => self.meter.count(&chunk).map(|()| Some(chunk)),
            Some(Err(error)) => Err(error),
            None => self.meter.finish().map(|_| None),
        };
        match counted {
            Ok(chunk) => Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk)))),
            Err(error) => self.broken(error),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}
