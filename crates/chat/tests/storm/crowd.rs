//! A room whose listeners all lose their connections, and come back at the same time.

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use veza_chat::client::{Endpoint, Incoming, Link, Request};
use veza_chat::{Body, Chat, ChatConfig, Delivery, NewMessage, RoomId};

use crate::person::Person;
use crate::server::{Server, ask, enter};

pub(crate) const CLIENTS: u64 = 5_000;
/// Messages that they miss meanwhile.
const MISSED: i64 = 20;
/// Files that are open beside the connections.
const OTHERS: u64 = 200;
/// Who was told to come later does.
const PAUSE: Duration = Duration::from_millis(500);
/// Something hangs when it takes longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Transactions that do not depend on how many come: the messages, and rooms compared every five seconds.
const TRANSACTIONS: u64 = 1_000;
/// Looks into the log's sixteen parts: a few of who comes first in each process, none of all others.
const LOOKS: i64 = 200;

pub(crate) fn run(wanted: u64) {
    let open = open_files();
    let clients = wanted.min(open.saturating_sub(OTHERS));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (took, asked) = runtime.block_on(storm(clients));
    let (transactions, looks) = asked;
    println!(
        "storm: {clients} clients came back within {:.1} s and got {MISSED} events each; PostgreSQL was asked for \
         {transactions} transactions, two for each client to let it in, and {looks} looks into the log",
        took.as_secs_f64()
    );
    // Whether somebody may listen is looked up each time: once when they come, once when they come back.
    assert!(
        u64::try_from(transactions).unwrap() <= 2 * clients + TRANSACTIONS,
        "{transactions} transactions"
    );
    assert!(looks <= LOOKS, "what they missed was not served from memory: {looks} looks into the log");
    assert_eq!(
        clients, wanted,
        "only {open} files may be open here: raise the limit (ulimit -Hn) above {wanted}"
    );
}

/// How many files may be open, after asking for as many as are allowed. Servers started from now on have the same limit.
fn open_files() -> u64 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    most
}

async fn storm(clients: u64) -> (Duration, (i64, i64)) {
    let server = Server::start();
    let room = server.room("the room".to_owned()).await;
    let chat = Chat::new(server.db.clone(), ChatConfig::default()).unwrap();
    say(&chat, &server, room, MISSED).await;
    let (cut, hears) = watch::channel(Phase::Come);
    let mut crowd = JoinSet::new();
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..clients {
        let one = One { endpoint: server.endpoint(), who: server.person(number), room };
        crowd.spawn(one.run(hears.clone(), arrived.clone()));
    }
    drop(arrived);
    for _ in 0..clients {
        let arrived = tokio::time::timeout(PATIENCE, arrivals.recv()).await.expect("all get in");
        arrived.expect("nobody falls");
    }
    cut.send_replace(Phase::Gone);
    say(&chat, &server, room, MISSED).await;
    let begun = Instant::now();
    cut.send_replace(Phase::Back);
    let all = async {
        while let Some(one) = crowd.join_next().await {
            one.expect("nobody loses anything");
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("all are back within a minute");
    let took = begun.elapsed();
    drop(chat);
    (took, server.asked())
}

async fn say(chat: &Chat, server: &Server, room: RoomId, messages: i64) {
    let permit = server.person(0).caller().permit().unwrap();
    for number in 0..messages {
        let message = NewMessage { body: Body::text(format!("message {number}")), ..NewMessage::default() };
        chat.send(&permit, room, &message).await.unwrap();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Come,
    Gone,
    Back,
}

struct One {
    endpoint: Endpoint,
    who: Person,
    room: RoomId,
}

impl One {
    async fn run(self, mut phase: watch::Receiver<Phase>, arrived: tokio::sync::mpsc::UnboundedSender<()>) {
        let (link, head) = self.listen(None).await;
        arrived.send(()).unwrap();
        phase.wait_for(|phase| *phase != Phase::Come).await.unwrap();
        // Without a goodbye.
        drop(link);
        phase.wait_for(|phase| *phase == Phase::Back).await.unwrap();
        let (mut link, new) = self.listen(Some(head)).await;
        assert_eq!(new, head + MISSED);
        for seq in head + 1..=new {
            match link.next().await.expect("the connection lives") {
                Incoming::Delivery(Delivery::Event { room, event }) => {
                    assert_eq!((room, event.seq), (self.room, seq));
                }
                other => panic!("{other:?} instead of event {seq}"),
            }
        }
    }

    /// Subscribes behind the event `after`; the last event that there is.
    async fn listen(&self, after: Option<i64>) -> (Link, i64) {
        let mut link = enter(&self.endpoint, self.who).await;
        let request = Request::Subscribe { room: self.room, after };
        let mut id = 0;
        let answer = loop {
            id += 1;
            match ask(&mut link, id, &request, |delivery| panic!("{delivery:?} before the answer")).await {
                Ok(answer) => break answer,
                // More wait for the database than may: later, as the answer says.
                Err(code) => assert_eq!(code, "core.database.overloaded"),
            }
            tokio::time::sleep(PAUSE).await;
        };
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        (link, answer["head"].as_i64().unwrap())
    }
}
