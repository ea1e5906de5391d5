//! One connection, from its first message to its end.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Payload};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior};
use veza_core::{Fault, Kind};
use veza_web::{Client, HangUp, Problem, Site, Watch};

use super::answers::Stored;
use super::code::Ending;
use super::parting::Parting;
use super::request::{Head, answer};
use super::sockets::Seat;
use crate::batch::Sent;
use crate::connection::Connection;
use crate::error::Error;
use crate::frame::{Close, ControlData, Encoder, Event, Limits, Parser, Role};
use crate::http::State;
use crate::hub::{Item, Outbox};
use crate::message::{MAX_ATTACHMENTS, NAMED};

/// Who says nothing for so long is not there any more.
const SILENCE: Duration = Duration::from_mins(1);
/// After so much silence a ping asks.
const ASK: Duration = Duration::from_secs(25);
/// The token comes within this time.
const HELLO: Duration = Duration::from_secs(10);
/// Who reads nothing for so long is given up.
const STUCK: Duration = Duration::from_secs(30);
/// Messages on their way into the database, of one connection.
const MAX_OPEN: usize = 64;

type Sending = BoxFuture<'static, (u64, Result<Sent, Error>)>;

/// See the module.
pub(super) struct Session {
    pub(super) state: Data<State>,
    site: Site,
    client: Client,
    pub(super) outbox: Arc<Outbox>,
    /// Its socket, where it is known.
    pub(super) line: Option<HangUp>,
    /// Once the token is verified.
    pub(super) entered: Option<Entered>,
    pub(super) sending: FuturesUnordered<Sending>,
    pub(super) parser: Parser,
    began: Instant,
    heard: Instant,
    asked: bool,
    /// How many items were written when something was written last, and when that was.
    progress: (u64, Instant),
}

/// Somebody whose token was verified.
pub(super) struct Entered {
    pub(super) connection: Connection,
    watch: Watch,
    _seat: Seat,
}

enum Step {
    Read(Option<Bytes>),
    Sent(u64, Result<Sent, Error>),
    Tick,
    Drain,
    /// Others wait; look again.
    Again,
}

impl Session {
    pub(super) fn new(state: Data<State>, site: Site, client: Client, line: Option<HangUp>) -> Self {
        let now = Instant::now();
        // A body and what is around it.
        let message = state.chat.config().max_message_bytes + MAX_ATTACHMENTS * NAMED + 1_024;
        Self {
            state,
            site,
            client,
            outbox: Arc::default(),
            line,
            entered: None,
            sending: FuturesUnordered::new(),
            parser: Parser::new(Role::Server, Limits { message, frame: message }),
            began: now,
            heard: now,
            asked: false,
            progress: (0, now),
        }
    }

    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Lets somebody in, or looks at the new token of who is in.
    pub(super) async fn enter(&mut self, watch: Watch) -> Result<(), Problem> {
        let caller = watch.verify().await?;
        caller.permit::<crate::permission::UseRooms>()?;
        if let Some(entered) = &mut self.entered {
            if !entered.connection.renew(caller) {
                return Err(Error::Protocol("the token is of somebody else").into());
            }
            entered.watch = watch;
            return Ok(());
        }
        let seat = self.state.sockets.take(caller.tenant())?;
        let connection = self.state.chat.connect_to(caller, self.outbox());
        self.entered = Some(Entered { connection, watch, _seat: seat });
        Ok(())
    }

    /// The same with a token that came in a message.
    pub(super) async fn hello(&mut self, token: String) -> Result<(), Problem> {
        let token = veza_core::config::Secret::new(token);
        let watch = self.site.watch_token(self.client.clone(), token);
        self.enter(watch).await
    }

    /// Serves until the end.
    pub(super) async fn run(mut self, mut payload: Payload) {
        let mut ticks = tokio::time::interval(Watch::PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drain = self.site.drain();
        let parting = loop {
            let may_read = self.sending.len() < MAX_OPEN && !self.outbox.is_full();
            let step = tokio::select! {
                chunk = payload.next(), if may_read => Step::Read(chunk.and_then(Result::ok)),
                () = self.outbox.has_space(), if self.outbox.is_full() => Step::Again,
                Some((id, outcome)) = self.sending.next(), if !self.sending.is_empty() => Step::Sent(id, outcome),
                () = catch_up(self.entered.as_ref()) => Step::Again,
                _ = ticks.tick() => Step::Tick,
                () = drain.begun() => Step::Drain,
            };
            let outcome = match step {
                Step::Read(Some(chunk)) => self.read(chunk).await,
                Step::Read(None) => break Parting::Gone,
                Step::Sent(id, outcome) => {
                    self.sent(id, outcome);
                    Ok(())
                }
                Step::Tick => self.tick().await,
                Step::Drain => Err(Parting::Ours(Ending::GoingAway.close())),
                Step::Again => Ok(()),
            };
            if let Err(parting) = outcome {
                break parting;
            }
            if self.outbox.is_closed() {
                break Parting::Gone;
            }
        };
        // What is on its way into the database is answered still, where somebody listens.
        while let Some((id, outcome)) = self.sending.next().await {
            self.sent(id, outcome);
        }
        self.part(parting, payload).await;
    }

    /// Reads what came.
    async fn read(&mut self, mut chunk: Bytes) -> Result<(), Parting> {
        self.heard = Instant::now();
        self.asked = false;
        loop {
            let event = match self.parser.next(&mut chunk) {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => event,
                Err(violation) => return Err(Parting::Ours(Close::new(violation.close_code(), ""))),
            };
            match event {
                Event::Text(text) => self.request(&text).await?,
                Event::Binary(_) => return Err(bad("messages are text")),
                Event::Ping(data) => self.push(Encoder::server().pong(&data)),
                Event::Pong(_) => {}
                Event::Close(close) => return Err(Parting::Theirs(close)),
            }
            // One piece may hold many requests.
            self.outbox.has_space().await;
            while self.sending.len() >= MAX_OPEN
                && let Some((id, outcome)) = self.sending.next().await
            {
                self.sent(id, outcome);
            }
        }
    }

    async fn request(&mut self, text: &str) -> Result<(), Parting> {
        let Some(head) = Head::read(text) else {
            return Err(bad("no request: it has no readable id and method"));
        };
        let outcome = match head.request(text) {
            Ok(request) => self.serve(head.id, request).await,
            Err(problem) => Err(problem),
        };
        // Who is not in yet gets no second try.
        let ending = match &outcome {
            Err(problem) if self.entered.is_none() => Some(ending(problem)),
            _ => None,
        };
        if let Some(outcome) = outcome.transpose() {
            self.push(answer(head.id, outcome));
        }
        ending.map_or(Ok(()), |ending| Err(Parting::Ours(ending.close())))
    }

    /// Answers a message.
    fn sent(&self, id: u64, outcome: Result<Sent, Error>) {
        let outcome = outcome.map(|sent| {
            let stored = Stored { seq: sent.seq, at: sent.at, known: sent.known };
            serde_json::to_value(stored).unwrap_or_default()
        });
        self.push(answer(id, outcome.map_err(Problem::from)));
    }

    fn push(&self, frame: Bytes) {
        self.outbox.push(Item::Own(frame));
    }

    /// Looks whether the token holds, and whether somebody is there who reads.
    async fn tick(&mut self) -> Result<(), Parting> {
        let now = Instant::now();
        let Some(entered) = &self.entered else {
            let late = now - self.began > HELLO;
            let why = "the first request is hello, within ten seconds";
            let close = || Parting::Ours(Ending::Unauthenticated(why).close());
            return if late { Err(close()) } else { Ok(()) };
        };
        if let Err(problem) = entered.watch.verify().await
            && matches!(problem.kind(), Kind::Unauthenticated | Kind::Forbidden)
        {
            return Err(Parting::Ours(ending(&problem).close()));
        }
        let (written, waiting) = self.outbox.progress();
        if written != self.progress.0 || waiting == 0 {
            self.progress = (written, now);
        } else if now - self.progress.1 > STUCK {
            // It will not read the reason either, but its memory is free.
            self.outbox.clear();
            return Err(Parting::Ours(Ending::Slow.close()));
        }
        if now - self.heard > SILENCE {
            return Err(Parting::Gone);
        }
        if now - self.heard > ASK && !self.asked {
            self.asked = true;
            self.push(Encoder::server().ping(&ControlData::default()));
        }
        Ok(())
    }
}

/// Catches up who is in; for ever, as long as it is waited for.
async fn catch_up(entered: Option<&Entered>) {
    match entered {
        Some(entered) => entered.connection.catch_up().await,
        None => std::future::pending().await,
    }
}

fn bad(why: &'static str) -> Parting {
    Parting::Ours(Ending::BadRequest(why).close())
}

/// How a connection ends that was not let in, or is not any more.
fn ending(problem: &Problem) -> Ending {
    if problem.code() == Error::TooManyConnections(0).code() {
        return Ending::Crowded;
    }
    match problem.kind() {
        Kind::Unauthenticated => Ending::Unauthenticated("the token holds no more, or never did"),
        Kind::Forbidden => Ending::Forbidden,
        Kind::Unavailable | Kind::RateLimited => Ending::Crowded,
        _ => Ending::BadRequest("the first request is hello"),
    }
}
