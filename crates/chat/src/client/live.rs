//! A connection that is there.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use futures_util::future::OptionFuture;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

use super::driver::{Command, Driver, End, now};
use super::error::{ClientError, LinkError, Refusal};
use super::handle::Watched;
use super::incoming::Incoming;
use super::link::Link;
use super::open::Waiting;
use super::push::Push;
use super::request::Request;
use super::rooms::Turn;
use super::token::{Token, TokenError};
use crate::connection::Delivery;
use crate::id::{MemberId, RoomId};

/// Requests that may be on their way.
const MAX_OPEN: usize = 64;
/// After so much silence a ping asks.
const ASK: Duration = Duration::from_secs(30);
/// Who says nothing for so long is not there any more.
const SILENCE: Duration = Duration::from_secs(45);
/// Nobody knows whether the message was stored.
const UNKNOWN: &str = "chat.send.unknown";

enum Step {
    Came(Result<Incoming, LinkError>),
    Asked(Option<Command>),
    Renew,
    Renewed(Result<Token, TokenError>),
    Again,
    Quiet,
    Unheard,
}

/// Waits for the answer to the first `hello`.
pub(super) async fn entered(link: &mut Link, hello: u64) -> Result<MemberId, LinkError> {
    #[derive(Deserialize)]
    struct Entered {
        member: MemberId,
    }
    loop {
        let Incoming::Answer { id, outcome } = link.next().await? else { continue };
        match outcome {
            Ok(result) if id == hello => {
                let unreadable = |_error| LinkError::Unreadable(result.get().to_owned());
                return serde_json::from_str::<Entered>(result.get()).map(|it| it.member).map_err(unreadable);
            }
            // The reason follows, as the code with which the connection is closed.
            refused => tracing::debug!(?refused, "hello was refused"),
        }
    }
}

impl Driver {
    /// Takes up what was going on, and serves.
    pub(super) async fn live(&mut self, mut link: Link) -> Result<Infallible, End> {
        self.resume(&mut link);
        let (mut heard, mut asked, mut wanted) = (now(), false, true);
        let mut renewing = None;
        loop {
            let quiet = heard + if asked { SILENCE } else { ASK };
            let (renewal, again) = (self.renewal(), self.open.next_again());
            let step = tokio::select! {
                incoming = link.next() => Step::Came(incoming),
                command = self.commands.recv(), if wanted && self.open.len() < MAX_OPEN => Step::Asked(command),
                () = at(renewal), if renewing.is_none() => Step::Renew,
                Some(token) = OptionFuture::from(renewing.as_mut()) => Step::Renewed(token),
                () = at(again) => Step::Again,
                () = sleep_until(quiet) => Step::Quiet,
                () = self.pushes.closed(), if !wanted && !self.pushes.is_closed() => Step::Unheard,
            };
            match step {
                Step::Came(incoming) => {
                    (heard, asked) = (now(), false);
                    self.take(incoming?).await?;
                }
                Step::Asked(Some(command)) => self.ask(&mut link, command),
                Step::Asked(None) => wanted = false,
                Step::Renew => renewing = Some(self.fetch()),
                Step::Renewed(token) => {
                    renewing = None;
                    self.renew(&mut link, token);
                }
                Step::Again => {
                    for (id, request) in self.open.due(now()) {
                        link.push(id, &self.behind(request));
                    }
                }
                Step::Quiet if asked => return Err(LinkError::Silent.into()),
                Step::Quiet => {
                    link.push(self.open.id(), &Request::Ping);
                    asked = true;
                }
                Step::Unheard => {}
            }
            if !wanted && self.is_unwanted() {
                return Err(End::Unwanted);
            }
        }
    }

    fn renew(&mut self, link: &mut Link, token: Result<Token, TokenError>) {
        match token {
            Ok(token) => {
                let token = self.hold(&token);
                link.push(self.open.id(), &Request::Hello { token });
            }
            // The old one holds for some time still.
            Err(error) => {
                tracing::warn!(%error, "there is no new token for a chat connection");
                self.renew_later();
            }
        }
    }

    /// Goes on in each room, and asks again for what was not answered.
    fn resume(&mut self, link: &mut Link) {
        let asked: Vec<RoomId> =
            self.open.all().iter().filter_map(|(_, request)| subscribed(request)).collect();
        for room in self.rooms.ids().into_iter().filter(|room| !asked.contains(room)) {
            self.open.add(Request::Subscribe { room, after: None }, None);
        }
        let watches = self.open.all().iter().any(|(_, request)| matches!(request, Request::Watch { .. }));
        if !watches && !self.watched.is_empty() {
            self.open.add(Request::Watch { members: self.watched.clone() }, None);
        }
        for (id, request) in self.open.all() {
            link.push(id, &self.behind(request));
        }
    }

    /// A subscription goes on behind what has come.
    fn behind(&self, request: Request) -> Request {
        match request {
            Request::Subscribe { room, after } => {
                Request::Subscribe { room, after: self.rooms.cursor(room).or(after) }
            }
            other => other,
        }
    }

    fn ask(&mut self, link: &mut Link, command: Command) {
        let Command { request, answer } = command;
        match &request {
            Request::Subscribe { room, after } if !self.rooms.enter(*room, *after) => {
                let _gone = answer.send(Err(ClientError::Subscribed(*room)));
                return;
            }
            Request::Unsubscribe { room } => self.rooms.leave(*room),
            Request::Watch { members } => self.watched.clone_from(members),
            _ => {}
        }
        let text = request.clone();
        let id = self.open.add(request, Some(answer));
        link.push(id, &text);
    }

    async fn take(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Answer { id, outcome } => {
                if let Some(waiting) = self.open.take(id) {
                    self.answered(id, waiting, outcome).await?;
                }
            }
            Incoming::Delivery(delivery) => self.deliver(delivery).await?,
            Incoming::Other => {}
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: Delivery) -> Result<(), End> {
        match delivery {
            Delivery::Event { room, ref event } => match self.rooms.take(room, event.seq) {
                Turn::Next => self.tell(Push::Delivery(delivery)).await,
                Turn::Stray => {}
                Turn::Wrong(expected) => return self.broken(room, expected, event.seq).await,
            },
            Delivery::Reset { room, head } if !self.rooms.reset(room, head) => {}
            Delivery::Ended { room } => self.ended(room).await,
            _ => self.tell(Push::Delivery(delivery)).await,
        }
        Ok(())
    }

    async fn answered(
        &mut self,
        id: u64,
        waiting: Waiting,
        outcome: Result<Box<RawValue>, Refusal>,
    ) -> Result<(), End> {
        match (&waiting.request, &outcome) {
            (Request::Subscribe { room, .. }, Ok(result)) => {
                let room = *room;
                let head = serde_json::from_str::<Begun>(result.get());
                let head = head.map_err(|_error| LinkError::Unreadable(result.get().to_owned()))?.head;
                if let Some((expected, got)) = self.rooms.begun(room, head) {
                    return self.broken(room, expected, got).await;
                }
            }
            (Request::Subscribe { room, .. }, Err(refusal)) => {
                let resumes = waiting.answer.is_none();
                if resumes && let Some(wait) = refusal.retry_after {
                    self.later(id, waiting, wait);
                    return Ok(());
                }
                if resumes {
                    self.ended(*room).await;
                } else {
                    self.rooms.remove(*room);
                }
            }
            (Request::Watch { .. }, Ok(result)) if waiting.answer.is_none() => {
                let watched = serde_json::from_str::<Watched>(result.get());
                for presence in watched.map(|watched| watched.members).unwrap_or_default() {
                    self.tell(Push::Delivery(Delivery::Presence(presence))).await;
                }
            }
            (Request::Unsubscribe { room }, _) => self.rooms.left(*room),
            (Request::Send { client_id: Some(_), .. }, Err(refusal)) if refusal.code == UNKNOWN => {
                let wait = refusal.retry_after.unwrap_or(1);
                self.later(id, waiting, wait);
                return Ok(());
            }
            _ => {}
        }
        waiting.answer(outcome.map_err(ClientError::from));
        Ok(())
    }

    /// Asks again in `seconds`.
    fn later(&mut self, id: u64, waiting: Waiting, seconds: u64) {
        self.open.put_back(id, waiting, now() + Duration::from_secs(seconds));
    }

    async fn ended(&mut self, room: RoomId) {
        if self.rooms.remove(room) {
            self.tell(Push::Delivery(Delivery::Ended { room })).await;
        }
    }

    async fn broken(&mut self, room: RoomId, expected: i64, got: i64) -> Result<(), End> {
        tracing::error!(%room, expected, got, "the chat server broke the order of events");
        self.tell(Push::Broken { room, expected, got }).await;
        Err(End::Broken)
    }
}

#[derive(Deserialize)]
struct Begun {
    head: i64,
}

fn subscribed(request: &Request) -> Option<RoomId> {
    if let Request::Subscribe { room, .. } = request { Some(*room) } else { None }
}

/// Waits until then, or for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
