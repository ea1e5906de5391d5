//! Two tenants, people in them, and rooms.

use futures_util::future::join_all;
use veza_chat::room::{self, NewRoom, RoomKind};
use veza_chat::{Body, Chat, ChatConfig, MemberId, NewMessage, RoomId};
use veza_core::{Db, TenantId, TenantTx};

use crate::dice::Dice;
use crate::history::History;
use crate::person::Person;

/// Rooms of a tenant.
const ROOMS: u64 = 2;

/// A tenant with its people and rooms.
#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    pub(crate) people: Vec<Person>,
    pub(crate) rooms: Vec<RoomId>,
}

/// Characters of a message that is there from the beginning.
const LENGTH: usize = 2_000;

/// Sends what is there before anybody listens, all at once: so many messages in each room.
pub(crate) async fn fill(
    db: &Db,
    organisations: &[Organisation; 2],
    old: u64,
    history: &History,
    dice: &mut Dice,
) {
    let chat = Chat::new(db.clone(), ChatConfig::default()).unwrap();
    let mut sendings = Vec::new();
    for organisation in organisations {
        for room in &organisation.rooms {
            for _ in 0..old {
                let client = uuid::Builder::from_random_bytes(veza_core::bytes(dice.random())).into_uuid();
                let body = Body::text(format!("{client} {}", "x".repeat(LENGTH)));
                let message =
                    NewMessage { client_id: Some(client), reply_to: None, body, ..NewMessage::default() };
                let permit = dice.pick(&organisation.people).caller().permit().unwrap();
                let (chat, room) = (chat.clone(), *room);
                history.begin(client, room);
                sendings.push(async move {
                    history.acknowledge(client, chat.send(&permit, room, &message).await.unwrap().seq);
                });
            }
        }
    }
    join_all(sendings).await;
}

/// Makes the two of a schedule.
pub(crate) async fn make(db: &Db, seed: u64, people: u64) -> [Organisation; 2] {
    [organisation(db, 2 * seed, people).await, organisation(db, 2 * seed + 1, people).await]
}

async fn organisation(db: &Db, number: u64, people: u64) -> Organisation {
    let id = veza_core::id::uuid_v7(db.clock().now(), &**db.random());
    let tenant = TenantId::from_verified(id);
    let people: Vec<Person> = (0..people).map(|number| Person { tenant, number }).collect();
    let mut rooms = Vec::new();
    for room in 0..ROOMS {
        let new = NewRoom {
            kind: if room == 0 { RoomKind::Private } else { RoomKind::Public },
            name: format!("room {room} of {number}"),
            topic: None,
            members: people.iter().map(|person| MemberId::from_uuid(person.id())).collect(),
        };
        let owner = people[0].caller();
        let permit = owner.permit().unwrap();
        let create = move |tx: &mut TenantTx<'_>| room::create(tx, &permit, &ChatConfig::default(), &new);
        rooms.push(db.tenant(&owner, create).await.unwrap().id);
    }
    Organisation { people, rooms }
}
