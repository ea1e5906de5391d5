//! How long a request may take.

use std::cell::Cell;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// The moment when a request is given up. An extractor: a handler that receives or waits for long
/// (an upload, a long poll) moves it.
#[derive(Debug, Clone)]
pub struct Deadline(Rc<Cell<Option<Instant>>>);

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Rc::new(Cell::new(Instant::now().checked_add(timeout))))
    }

    /// Gives the request `timeout` more, from now.
    pub fn extend(&self, timeout: Duration) {
        self.0.set(Instant::now().checked_add(timeout));
    }

    /// Lets the request take as long as it takes. The handler sees to it that it ends.
    pub fn lift(&self) {
        self.0.set(None);
    }

    /// Runs `work` until the deadline, wherever it moves meanwhile.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let Some(until) = self.0.get() else { return Some(work.await) };
            if let Ok(done) = timeout_at(until, &mut work).await {
                return Some(done);
            }
            if self.0.get().is_some_and(|moved| moved <= until) {
                return None;
            }
        }
    }
}

impl FromRequest for Deadline {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let deadline = req.extensions().get::<Self>().cloned();
        ready(deadline.ok_or_else(|| Problem::internal(&"the route is not served through `Site::app`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_moves() {
        let second = Duration::from_millis(20);
        assert_eq!(Deadline::after(second).hold(tokio::time::sleep(second * 2)).await, None);
        let deadline = Deadline::after(second);
        let longer = deadline.clone();
        let work = async move {
            longer.extend(second * 3);
            tokio::time::sleep(second * 2).await;
        };
        assert_eq!(deadline.hold(work).await, Some(()));
        deadline.lift();
        assert_eq!(deadline.hold(tokio::time::sleep(second * 9)).await, Some(()));
    }
}
