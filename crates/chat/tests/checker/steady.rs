//! A program that uses [`Client`] and sees nothing of the trouble.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use veza_chat::client::{Backoff, Client, Endpoint, Options, Push, Pushes, Token, TokenError};
use veza_chat::{Body, Delivery, Event, NewMessage, RoomId};

use crate::dice::Dice;
use crate::follower::Follower;
use crate::history::{History, Wrong};
use crate::person::Person;

/// Tokens hold for so long, so that they are renewed within a schedule.
const HOLDS: Duration = Duration::from_millis(1_500);
/// When all is calm again, everything has come within this time.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Steady {
    client: Client,
    rooms: Vec<RoomId>,
    name: String,
    history: Arc<History>,
    dice: Dice,
    /// Microseconds of the longest pause.
    pace: u64,
    heads: watch::Sender<Option<HashMap<RoomId, i64>>>,
    listening: JoinHandle<()>,
}

impl Steady {
    pub(crate) fn new(
        me: Person,
        endpoint: Endpoint,
        rooms: &[RoomId],
        follower: Follower,
        dice: Dice,
        pace: u64,
    ) -> Self {
        let tokens = move || async move { Ok::<_, TokenError>(Token::new(me.token(HOLDS), HOLDS)) };
        let backoff = Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(200) };
        let (client, pushes) = Client::start(Options::new(endpoint, tokens).backoff(backoff).queue(64));
        let (heads, known) = watch::channel(None);
        let (name, history) = (follower.name.clone(), Arc::clone(&follower.history));
        let listening = tokio::spawn(listen(pushes, follower, known));
        Self { client, rooms: rooms.to_vec(), name, history, dice, pace, heads, listening }
    }

    /// Sends, one after the other, until it is told to stop.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) -> Self {
        for room in &self.rooms {
            while let Err(error) = self.client.subscribe(*room, Some(0)).await {
                self.forgive("subscribe", &error);
                sleep(Duration::from_millis(20)).await;
            }
        }
        while !*stop.borrow() {
            let room = *self.dice.pick(&self.rooms);
            let client = uuid::Builder::from_random_bytes(veza_core::bytes(self.dice.random())).into_uuid();
            self.history.begin(client, room);
            let body = Body::text(format!("{client} steadily"));
            let message =
                NewMessage { client_id: Some(client), reply_to: None, body, ..NewMessage::default() };
            match self.client.send(room, message).await {
                Ok(sent) => self.history.acknowledge(client, sent.seq),
                Err(error) => self.forgive("send", &error),
            }
            sleep(Duration::from_micros(self.dice.below(self.pace))).await;
        }
        self
    }

    /// An outage of the database is told; nothing else is.
    fn forgive(&self, what: &str, error: &veza_chat::client::ClientError) {
        let away = matches!(error, veza_chat::client::ClientError::Refused(refusal) if refusal.retry_after.is_some());
        if !away {
            self.history.note(Wrong::Other, format!("{} cannot {what}: {error}", self.name));
        }
    }

    /// Waits until it has everything.
    pub(crate) async fn finish(self, heads: HashMap<RoomId, i64>) {
        self.heads.send_replace(Some(heads));
        self.listening.await.unwrap();
        drop(self.client);
    }
}

/// Takes what comes, until there is nothing that could.
async fn listen(
    mut pushes: Pushes,
    mut follower: Follower,
    mut heads: watch::Receiver<Option<HashMap<RoomId, i64>>>,
) {
    let mut end = heads.clone();
    let over = async {
        loop {
            let known = heads.borrow_and_update().clone();
            if known.is_some_and(|heads| follower.has(&heads)) {
                return;
            }
            tokio::select! {
                push = pushes.next() => take(&mut follower, push),
                _ = heads.changed() => {}
            }
        }
    };
    let late = async {
        end.wait_for(Option::is_some).await.map(drop).unwrap();
        sleep(PATIENCE).await;
    };
    tokio::select! {
        () = over => {}
        () = late => {}
    }
    let heads = heads.borrow().clone();
    follower.missing(&heads.unwrap_or_default());
}

fn take(follower: &mut Follower, push: Option<Push>) {
    match push {
        Some(Push::Delivery(Delivery::Event { room, event })) => {
            follower.event(room, event.seq, &text(room, &event));
        }
        Some(Push::Broken { room, expected, got }) => {
            let what = format!("{} got {got} of {room} instead of {expected}", follower.name);
            follower.history.note(if got > expected { Wrong::Lost } else { Wrong::Duplicated }, what);
        }
        Some(
            Push::Delivery(Delivery::Signal { .. }) | Push::Connected { .. } | Push::Disconnected { .. },
        ) => {}
        other => follower.history.note(Wrong::Other, format!("{} got {other:?}", follower.name)),
    }
}

/// The event as it came over the wire.
fn text(room: RoomId, event: &Event) -> String {
    let fields = serde_json::to_string(event).unwrap();
    format!(r#"{{"type":"event","room":"{room}",{}"#, fields.strip_prefix('{').unwrap())
}

/// Waits no longer than this.
pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(2), work).await.unwrap_or_else(|_| panic!("{what} hangs"))
}
