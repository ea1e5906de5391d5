//! One connection that wants everything.

use std::time::Duration;

use uuid::Uuid;
use veza_chat::client::Request;
use veza_chat::{Delivery, MAX_SUBSCRIPTIONS, RoomId};

use crate::server::{Server, ask, enter};

/// Subscriptions that are asked for.
const ASKED: u64 = 10_000;
/// KiB that they may cost the server: each that it grants keeps a room, without events, and the listener.
const MEMORY: u64 = 8 * 1024;

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start();
        let first = server.room("the first".to_owned()).await;
        let rooms = rooms(&server, first);
        let mut link = enter(&server.endpoint(), server.person(0)).await;
        let before = server.memory();
        let (mut granted, mut refused) = (0_u32, 0);
        for (id, room) in (1..=ASKED).zip(rooms.iter().cycle()) {
            // Those that are there already are no more, so each is a new one as long as there may be more.
            let fresh = RoomId::from_uuid(Uuid::from_u128(u128::from(id)));
            let room = if id > u64::try_from(rooms.len()).unwrap() { fresh } else { *room };
            match ask(&mut link, id, &Request::Subscribe { room, after: Some(0) }, drop).await {
                Ok(_head) => granted += 1,
                Err(code) => {
                    assert_eq!(code, "chat.limit_reached");
                    refused += 1;
                }
            }
        }
        let grown = server.memory().saturating_sub(before);
        println!("storm: {ASKED} subscriptions asked of one connection: {granted} granted, {refused} refused, {grown} KiB");
        assert_eq!(granted, MAX_SUBSCRIPTIONS);
        assert_eq!(u64::from(granted + refused), ASKED);
        assert!(grown < MEMORY, "{grown} KiB more than before");
        // The connection lives: it makes room, listens where it could not, and hears.
        let mut id = ASKED;
        let mut next = || {
            id += 1;
            id
        };
        let last = *rooms.last().unwrap();
        let none = ask(&mut link, next(), &Request::Subscribe { room: last, after: Some(0) }, drop).await;
        assert_eq!(none, Err("chat.limit_reached".to_owned()));
        ask(&mut link, next(), &Request::Unsubscribe { room: first }, drop).await.unwrap();
        ask(&mut link, next(), &Request::Subscribe { room: last, after: Some(0) }, drop).await.unwrap();
        let heard = async {
            loop {
                if let Ok(veza_chat::client::Incoming::Delivery(Delivery::Event { room, event })) = link.next().await
                    && room == last
                {
                    return event.seq;
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_mins(1), heard).await;
        assert_eq!(heard.expect("what is in the room comes"), 1);
    });
}

/// One room more than a connection may listen to, each like the first, with one event.
fn rooms(server: &Server, first: RoomId) -> Vec<RoomId> {
    let copies = format!(
        "INSERT INTO chat.rooms (tenant_id, room_id, kind, name, last_seq, created_by, created_at, updated_at) \
         SELECT tenant_id, gen_random_uuid(), kind, name, 1, created_by, created_at, updated_at \
         FROM chat.rooms, generate_series(1, {MAX_SUBSCRIPTIONS}) WHERE room_id = '{first}'; \
         INSERT INTO chat.events (tenant_id, room_id, seq, kind, actor_id, at, messages, body) \
         SELECT tenant_id, room_id, 1, 'room', created_by, created_at, 0, '{{}}' FROM chat.rooms WHERE room_id <> '{first}'"
    );
    let mut superuser = server.superuser();
    superuser.execute(&copies);
    let list = superuser.text(
        "(SELECT string_agg(room_id::text, ',' ORDER BY room_id <> '{first}', room_id) FROM chat.rooms)"
            .replace("{first}", &first.to_string())
            .as_str(),
    );
    list.unwrap().split(',').map(|id| id.parse().unwrap()).collect()
}
