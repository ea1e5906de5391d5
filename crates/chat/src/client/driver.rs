//! What keeps a client connected.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::error::{ClientError, LinkError};
use super::link::Link;
use super::open::{Answer, Open};
use super::options::Options;
use super::push::Push;
use super::request::Request;
use super::retry::Next;
use super::rooms::Rooms;
use super::token::{Token, TokenError};
use crate::id::MemberId;

/// A connection that lived for so long has shown that there is no need for pauses.
const LIVED: Duration = Duration::from_secs(1);

/// A request of a [`super::Client`].
#[derive(Debug)]
pub(super) struct Command {
    pub(super) request: Request,
    pub(super) answer: Answer,
}

/// See the module.
pub(super) struct Driver {
    pub(super) options: Options,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) pushes: mpsc::Sender<Push>,
    pub(super) rooms: Rooms,
    pub(super) open: Open,
    /// Who is watched.
    pub(super) watched: Vec<MemberId>,
    token: Option<Held>,
    failures: u32,
    /// When the last connection was let in.
    since: Option<Instant>,
}

/// A token, until it should be replaced.
struct Held {
    value: String,
    until: Option<Instant>,
}

/// Why a connection is served no more.
pub(super) enum End {
    /// Nobody wants anything of the client.
    Unwanted,
    /// It broke.
    Link(LinkError),
    /// There is no token.
    Token(TokenError),
    /// The server broke its promise.
    Broken,
}

impl<E: Into<LinkError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Link(error.into())
    }
}

impl Driver {
    pub(super) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        pushes: mpsc::Sender<Push>,
    ) -> Self {
        let (rooms, open) = (Rooms::default(), Open::default());
        Self {
            options,
            commands,
            pushes,
            rooms,
            open,
            watched: Vec::new(),
            token: None,
            failures: 0,
            since: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let Err(end) = self.connection().await;
            self.rooms.disconnected();
            let (next, reason) = match end {
                End::Unwanted => return,
                End::Broken => (Next::Pause, "the server broke the order of events".to_owned()),
                End::Token(error) => (Next::Pause, format!("there is no token: {error}")),
                End::Link(error) => (Next::after(&error), error.to_string()),
            };
            match next {
                Next::Stop => return self.stop(reason).await,
                Next::Renew => self.token = None,
                Next::Drop => self.open.refuse(),
                Next::Now | Next::Pause => {}
            }
            self.open.disconnected();
            tracing::debug!(reason, "a chat connection ended");
            self.tell(Push::Disconnected { reason }).await;
            let lived = self.since.take().is_some_and(|since| since.elapsed() > LIVED);
            let at_once = lived && matches!(next, Next::Now | Next::Renew);
            if !at_once && !self.pause().await {
                return;
            }
        }
    }

    /// Ends for good.
    async fn stop(mut self, reason: String) {
        self.open.fail(&ClientError::Ended);
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            let _gone = command.answer.send(Err(ClientError::Ended));
        }
        self.tell(Push::Closed { reason }).await;
    }

    /// Waits before the next attempt; answers whether somebody wants it still.
    async fn pause(&mut self) -> bool {
        let pause = self.options.backoff.pause(self.failures, &*self.options.random);
        self.failures = self.failures.saturating_add(1);
        sleep(pause).await;
        !self.is_unwanted()
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.pushes.is_closed() && self.commands.is_closed() && self.commands.is_empty()
    }

    /// One connection, from the token to the end.
    async fn connection(&mut self) -> Result<Infallible, End> {
        let token = self.token().await?;
        let (link, hello) = (Link::open(&self.options.endpoint), self.open.id());
        let mut link = in_time(self.options.patience, link).await?;
        link.push(hello, &Request::Hello { token });
        let member = in_time(self.options.patience, super::live::entered(&mut link, hello)).await?;
        (self.failures, self.since) = (0, Some(now()));
        self.tell(Push::Connected { member }).await;
        self.live(link).await
    }

    /// The token, if it holds for long enough still, or another one.
    async fn token(&mut self) -> Result<String, End> {
        if let Some(held) = &self.token
            && held.until.is_none_or(|until| until > now())
        {
            return Ok(held.value.clone());
        }
        let token = self.fetch().await.map_err(End::Token)?;
        Ok(self.hold(&token))
    }

    /// Another token.
    pub(super) fn fetch(&self) -> BoxFuture<'static, Result<Token, TokenError>> {
        let (token, patience) = (self.options.tokens.token(), self.options.patience);
        let late = |_late| Err("its source does not answer".into());
        async move { timeout(patience, token).await.unwrap_or_else(late) }.boxed()
    }

    /// Takes a token for the connections to come.
    pub(super) fn hold(&mut self, token: &Token) -> String {
        let value = token.value.expose().to_owned();
        let until = token.renew_after().map(|after| now() + after);
        self.token = Some(Held { value: value.clone(), until });
        value
    }

    /// Lets the token be replaced in a while.
    pub(super) fn renew_later(&mut self) {
        if let Some(held) = &mut self.token {
            held.until = Some(now() + self.options.patience);
        }
    }

    /// When the token should be replaced.
    pub(super) fn renewal(&self) -> Option<Instant> {
        self.token.as_ref().and_then(|held| held.until)
    }

    pub(super) async fn tell(&self, push: Push) {
        // Who does not listen may send all the same.
        let _unheard = self.pushes.send(push).await;
    }
}

/// The time of the runtime.
pub(super) fn now() -> Instant {
    Instant::now()
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    timeout(patience, work).await.unwrap_or(Err(LinkError::Silent))
}
