//! Requests without an answer.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::error::ClientError;
use super::request::Request;

/// An answer, for who waits.
pub(super) type Answer = oneshot::Sender<Result<Box<RawValue>, ClientError>>;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    /// None for what the client does of itself.
    pub(super) answer: Option<Answer>,
    /// When it is to be sent again, if not before.
    pub(super) again: Option<Instant>,
}

impl Waiting {
    pub(super) fn answer(self, outcome: Result<Box<RawValue>, ClientError>) {
        if let Some(answer) = self.answer {
            let _gone = answer.send(outcome);
        }
    }

    /// Whether it can be sent on another connection without being done twice, and somebody wants it to be.
    fn survives(&self) -> bool {
        let safe = match &self.request {
            Request::Send { client_id, .. } => client_id.is_some(),
            Request::Subscribe { .. } | Request::Watch { .. } => true,
            _ => false,
        };
        safe && self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Open {
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
}

impl Open {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// An id that was not used.
    pub(super) fn id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Takes a request in, and gives its id.
    pub(super) fn add(&mut self, request: Request, answer: Option<Answer>) -> u64 {
        let id = self.id();
        self.waiting.insert(id, Waiting { request, answer, again: None });
        id
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Waiting> {
        self.waiting.remove(&id)
    }

    /// The request is sent again at `again`.
    pub(super) fn put_back(&mut self, id: u64, waiting: Waiting, again: Instant) {
        self.waiting.insert(id, Waiting { again: Some(again), ..waiting });
    }

    /// When the next one is to be sent again.
    pub(super) fn next_again(&self) -> Option<Instant> {
        self.waiting.values().filter_map(|waiting| waiting.again).min()
    }

    /// Those that are to be sent again by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(u64, Request)> {
        let due =
            self.waiting.iter_mut().filter(|(_, waiting)| waiting.again.is_some_and(|again| again <= now));
        due.map(|(id, waiting)| {
            waiting.again = None;
            (*id, waiting.request.clone())
        })
        .collect()
    }

    /// All, in the order in which they were asked for; they are sent now.
    pub(super) fn all(&mut self) -> Vec<(u64, Request)> {
        let all = self.waiting.iter_mut().map(|(id, waiting)| {
            waiting.again = None;
            (*id, waiting.request.clone())
        });
        all.collect()
    }

    /// The connection ended: what cannot be sent again is answered with that.
    pub(super) fn disconnected(&mut self) {
        let gone: Vec<u64> =
            self.waiting.iter().filter(|(_, waiting)| !waiting.survives()).map(|(id, _)| *id).collect();
        for waiting in gone.into_iter().filter_map(|id| self.waiting.remove(&id)) {
            // Without a connection nothing comes of a room.
            let left = matches!(waiting.request, Request::Unsubscribe { .. });
            let outcome = if left { empty() } else { Err(ClientError::Unknown) };
            waiting.answer(outcome);
        }
    }

    /// One of them is what no server takes; subscriptions are not.
    pub(super) fn refuse(&mut self) {
        for (id, waiting) in std::mem::take(&mut self.waiting) {
            if matches!(waiting.request, Request::Subscribe { .. }) {
                self.waiting.insert(id, waiting);
            } else {
                waiting.answer(Err(ClientError::Unacceptable));
            }
        }
    }

    /// All are answered with `error`.
    pub(super) fn fail(&mut self, error: &ClientError) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            waiting.answer(Err(error.clone()));
        }
    }
}

/// `{}`.
fn empty() -> Result<Box<RawValue>, ClientError> {
    RawValue::from_string("{}".to_owned()).or(Err(ClientError::Unreadable))
}
