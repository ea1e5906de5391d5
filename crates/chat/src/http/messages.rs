//! `/v1/chat/rooms/{room_id}/messages`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use veza_core::{ReadTx, TenantTx};
use veza_web::{Authenticated, Json, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoRoom, State};
use crate::id::RoomId;
use crate::message::{self, Body, Direction, HistoryOf, Message, NewAttachment, NewMessage, Revision};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(send).service(list).service(get).service(edit).service(remove).service(edits);
}

/// A message to be sent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sending {
    /// What the sender calls it: a new UUID for each message. Sent again within seven days, it gives the first one.
    #[serde(default)]
    pub(crate) client_id: Option<Uuid>,
    /// The message of the room that it replies to, which is no reply itself.
    #[serde(default)]
    pub(crate) reply_to: Option<i64>,
    /// What it says; `{}` for a message of files alone.
    pub(crate) body: Body,
    /// Objects of storage that it carries, as their keys show them now; at most 10. The sender must be allowed to read them,
    /// and whoever may read the message may then.
    #[serde(default)]
    pub(crate) attachments: Vec<NewAttachment>,
}

impl From<Sending> for NewMessage {
    fn from(sending: Sending) -> Self {
        let Sending { client_id, reply_to, body, attachments } = sending;
        Self { client_id, reply_to, body, attachments }
    }
}

/// A message that is stored.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Stored {
    /// Its number in the room.
    seq: i64,
    /// When it was stored.
    at: DateTime<Utc>,
    /// It was stored by an earlier attempt, and nothing was added.
    known: bool,
}

impl From<crate::Sent> for Stored {
    fn from(sent: crate::Sent) -> Self {
        Self { seq: sent.seq, at: sent.at, known: sent.known }
    }
}

/// Send a message. The answer comes when it is stored.
///
/// `client_id` does here what `Idempotency-Key` does elsewhere: whoever gets no answer sends it again.
#[utoipa::path(tag = "messages", request_body = Sending,
    params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = CREATED, description = "It is stored.", body = Stored),
    (status = OK, description = "It was stored before.", body = Stored)
))]
#[post("/v1/chat/rooms/{room_id}/messages")]
async fn send(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    body: Json<Sending>,
) -> Result<HttpResponse, Problem> {
    let (permit, room) = (caller.permit()?, *room);
    state.sends.count(&caller)?;
    let sent = state.chat.send(&permit, room, &body.0.clone().into()).await?;
    let mut response = if sent.known { HttpResponse::Ok() } else { HttpResponse::Created() };
    let location = format!("/v1/chat/rooms/{room}/messages/{}", sent.seq);
    Ok(response.insert_header(("location", location)).json(Stored::from(sent)))
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `newest` first or `oldest` first; `newest` when absent.
    #[serde(default)]
    order: Order,
    /// Only what replies to this message.
    reply_to: Option<i64>,
}

/// Messages as they are now. Deleted ones have no body.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."), PageParams, Filter), responses(
    (status = OK, description = "Messages.", body = List<Message>)
))]
#[get("/v1/chat/rooms/{room_id}/messages")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    query: PageQuery<i64, Filter>,
) -> Result<List<Message>, Problem> {
    let (permit, room, page) = (caller.permit()?, *room, query.page);
    let direction = match query.filter.order {
        Order::Newest => Direction::Backward,
        Order::Oldest => Direction::Forward,
    };
    let of = query.filter.reply_to.map_or(HistoryOf::Room, HistoryOf::Thread);
    let read = move |tx: &mut ReadTx<'_>| message::history(tx, &permit, room, of, direction, &page);
    Ok(state.chat.db().read(&caller, read).await?.into())
}

/// One message.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number.")), responses(
    (status = OK, description = "The message.", body = Message)
))]
#[get("/v1/chat/rooms/{room_id}/messages/{seq}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq)) = (caller.permit()?, *path);
    let message = state.chat.db().read(&caller, move |tx| message::get(tx, &permit, room, seq)).await?;
    Ok(HttpResponse::Ok().json(message))
}

/// What to say instead.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Editing {
    /// What it says from now on.
    body: Body,
}

/// Give a message another body, as only who sent it may. What it said before stays in its history.
#[utoipa::path(tag = "messages", request_body = Editing,
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number.")), responses(
    (status = OK, description = "As it is now.", body = Message)
))]
#[patch("/v1/chat/rooms/{room_id}/messages/{seq}")]
async fn edit(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64), NoRoom>,
    body: Json<Editing>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq), body) = (caller.permit()?, *path, body.body.clone());
    state.sends.count(&caller)?;
    let config = state.chat.config().clone();
    let edit = move |tx: &mut TenantTx<'_>| message::edit(tx, &permit, &config, room, seq, &body);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, edit).await?))
}

/// Delete a message, as who sent it and moderators may. Its number stays; what it said is gone, from its history too.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number.")), responses(
    (status = OK, description = "What is left of it.", body = Message)
))]
#[delete("/v1/chat/rooms/{room_id}/messages/{seq}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq)) = (caller.permit()?, *path);
    let delete = move |tx: &mut TenantTx<'_>| message::delete(tx, &permit, room, seq);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, delete).await?))
}

/// What a message said, oldest first; the first is how it was sent.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number."), PageParams), responses(
    (status = OK, description = "What it said.", body = List<Revision>)
))]
#[get("/v1/chat/rooms/{room_id}/messages/{seq}/edits")]
async fn edits(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64), NoRoom>,
    query: PageQuery<i64>,
) -> Result<List<Revision>, Problem> {
    let (permit, (room, seq), page) = (caller.permit()?, *path, query.page);
    let read = move |tx: &mut ReadTx<'_>| message::edits(tx, &permit, room, seq, &page);
    Ok(state.chat.db().read(&caller, read).await?.into())
}
