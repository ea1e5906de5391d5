//! Rooms, people in them, and what they say.

use uuid::Uuid;
use veza_chat::id::RoomId;
use veza_chat::member::{self, Role};
use veza_chat::message::{self, Body, Direction, HistoryOf, Message};
use veza_chat::permission::{CreateRooms, ManageRooms, UseRooms};
use veza_chat::room::{self, NewRoom, Room, RoomKind};
use veza_chat::{Chat, ChatConfig, Error, Event, MemberId, NewMessage, Sent};
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, Permission, Permit, Principal, Scopes, TenantId};

/// Somebody of a tenant who may use rooms.
pub(crate) fn person(tenant: TenantId, number: u128) -> Caller {
    caller(tenant, number, &[UseRooms::NAME, CreateRooms::NAME])
}

/// Somebody who may manage them all.
pub(crate) fn manager(tenant: TenantId, number: u128) -> Caller {
    caller(tenant, number, &[UseRooms::NAME, CreateRooms::NAME, ManageRooms::NAME])
}

fn caller(tenant: TenantId, number: u128, scopes: &[&str]) -> Caller {
    let id = Uuid::from_u128(0x1000 + number);
    Caller::verified(tenant, Principal::Person(id), Scopes::new(scopes.iter().copied()))
}

pub(crate) fn id(caller: &Caller) -> MemberId {
    match caller.principal() {
        Principal::Person(id) => MemberId::from_uuid(id),
        other => panic!("{other} is no person"),
    }
}

pub(crate) fn permit(caller: &Caller) -> Permit<UseRooms> {
    caller.permit().unwrap()
}

pub(crate) fn chat(db: &Db) -> Chat {
    Chat::new(db.clone(), ChatConfig::default()).unwrap()
}

pub(crate) fn page<K: serde::de::DeserializeOwned>(limit: u32, cursor: Option<&str>) -> PageRequest<K> {
    PageRequest::new(Some(limit), cursor).unwrap()
}

/// A room of `owner`, with `others` as members.
pub(crate) async fn room(db: &Db, kind: RoomKind, owner: &Caller, others: &[&Caller]) -> Room {
    let new = NewRoom {
        kind,
        name: "a room".to_owned(),
        topic: None,
        members: others.iter().map(|other| id(other)).collect(),
    };
    let permit = owner.permit().unwrap();
    let create =
        move |tx: &mut veza_core::TenantTx<'_>| room::create(tx, &permit, &ChatConfig::default(), &new);
    db.tenant(owner, create).await.unwrap()
}

pub(crate) async fn send(chat: &Chat, by: &Caller, room: RoomId, text: &str) -> Result<Sent, Error> {
    let message = NewMessage { body: Body::text(text), ..NewMessage::default() };
    chat.send(&permit(by), room, &message).await
}

pub(crate) async fn get(db: &Db, who: &Caller, room: RoomId) -> Result<Room, Error> {
    let permit = permit(who);
    db.read(who, move |tx| room::get(tx, &permit, room)).await
}

pub(crate) async fn set_role(
    db: &Db,
    by: &Caller,
    room: RoomId,
    who: &Caller,
    role: Role,
) -> Result<member::Member, Error> {
    let (permit, who) = (permit(by), id(who));
    db.tenant(by, move |tx| member::set_role(tx, &permit, room, who, role)).await
}

pub(crate) async fn remove(db: &Db, by: &Caller, room: RoomId, who: &Caller) -> Result<(), Error> {
    let (permit, who) = (permit(by), id(who));
    db.tenant(by, move |tx| member::remove_member(tx, &permit, room, who)).await
}

pub(crate) async fn message(db: &Db, who: &Caller, room: RoomId, seq: i64) -> Result<Message, Error> {
    let permit = permit(who);
    db.read(who, move |tx| message::get(tx, &permit, room, seq)).await
}

/// What was said, oldest first.
pub(crate) async fn texts(db: &Db, who: &Caller, room: RoomId) -> Vec<String> {
    let permit = permit(who);
    let history = move |tx: &mut veza_core::ReadTx<'_>| {
        message::history(tx, &permit, room, HistoryOf::Room, Direction::Forward, &page(200, None))
    };
    let page = db.read(who, history).await.unwrap();
    page.items
        .into_iter()
        .map(|message| message.body.and_then(|body| body.text).unwrap_or_default())
        .collect()
}

/// The log of a room.
pub(crate) async fn log(db: &Db, who: &Caller, room: RoomId) -> Vec<Event> {
    let permit = permit(who);
    db.read(who, move |tx| veza_chat::events(tx, &permit, room, 0, 1_000)).await.unwrap()
}
