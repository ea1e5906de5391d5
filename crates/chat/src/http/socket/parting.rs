//! The end of a connection: a goodbye, its answer, and who hangs up.

use std::time::Duration;

use actix_web::web::Payload;
use futures_util::StreamExt;

use super::session::Session;
use crate::frame::{Close, Encoder, Event};
use crate::hub::Item;

/// So long the other side has to answer a close frame.
const ANSWER: Duration = Duration::from_secs(2);
/// Connections of a process whose answer is waited for at the same time. What is one too many is hung up at once.
pub(in crate::http) const MOST: usize = 1_000;

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Parting {
    /// This side ends it, and the other is to answer.
    Ours(Close),
    /// The other side ends it, and is answered.
    Theirs(Option<Close>),
    /// There is nobody any more to say anything to.
    Gone,
}

impl Session {
    /// Says goodbye, and hangs up: the server does (RFC 6455, section 7.1.1), as soon as nothing is to be read any more.
    pub(super) async fn part(mut self, parting: Parting, mut payload: Payload) {
        match &parting {
            Parting::Ours(close) => self.outbox.last(Item::Own(Encoder::server().close(Some(close)))),
            Parting::Theirs(close) => self.outbox.last(Item::Own(Encoder::server().close(close.as_ref()))),
            Parting::Gone => {}
        }
        // Who is on the way out listens to nothing and is not there any more.
        self.entered = None;
        let state = self.state.clone();
        if matches!(parting, Parting::Ours(_))
            && let Ok(_place) = state.partings.try_acquire()
        {
            let _late = tokio::time::timeout(ANSWER, self.answer(&mut payload)).await;
        }
        self.outbox.finish();
        if let Some(line) = self.line.take() {
            line.hang_up();
        }
    }

    /// Waits until the other side has said goodbye as well, or is gone. Whose frames could not be read is not understood any
    /// more, so it has to go by itself.
    async fn answer(&mut self, payload: &mut Payload) {
        while let Some(Ok(mut chunk)) = payload.next().await {
            while let Ok(Some(event)) = self.parser.next(&mut chunk) {
                if matches!(event, Event::Close(_)) {
                    return;
                }
            }
        }
    }
}
