//! `/v1/chat/rooms/{room_id}/members`, and what members do about themselves.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post, put};
use serde::Deserialize;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_web::{Authenticated, Json, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoRoom, State};
use crate::id::{MemberId, RoomId};
use crate::member::{self, Cursor, Member, Role};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(add).service(set_role).service(remove).service(join).service(read);
}

/// The members of a room.
#[utoipa::path(tag = "rooms", params(("room_id" = uuid::Uuid, Path, description = "The room."), PageParams), responses(
    (status = OK, description = "Members, by id.", body = List<Member>)
))]
#[get("/v1/chat/rooms/{room_id}/members")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    query: PageQuery<MemberId>,
) -> Result<List<Member>, Problem> {
    let (permit, room, page) = (caller.permit()?, *room, query.page);
    Ok(state.chat.db().read(&caller, move |tx| member::list(tx, &permit, room, &page)).await?.into())
}

/// Whom to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    /// The id of a person or an API key. Whether somebody has it is not checked.
    #[schema(value_type = uuid::Uuid)]
    member: MemberId,
    /// As what; `member` when absent.
    #[serde(default = "usual")]
    role: Role,
}

fn usual() -> Role {
    Role::Member
}

/// Add somebody to a room. Who is there already stays what they are.
///
/// In a private room every member may, elsewhere moderators. Nobody gives a role above their own.
#[utoipa::path(tag = "rooms", request_body = NewMember,
    params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = OK, description = "The member.", body = Member)
))]
#[post("/v1/chat/rooms/{room_id}/members")]
async fn add(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    body: Json<NewMember>,
) -> Result<HttpResponse, Problem> {
    let (permit, room, config) = (caller.permit()?, *room, state.chat.config().clone());
    let (who, role) = (body.member, body.role);
    let add = move |tx: &mut TenantTx<'_>| member::add_member(tx, &permit, &config, room, who, role);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, add).await?))
}

/// What to make of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRoomRole {
    /// What they may do from now on.
    role: Role,
}

/// Give a member another role.
///
/// Moderators make members readers and back; all else is the owners' to do.
#[utoipa::path(tag = "rooms", request_body = NewRoomRole,
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("member_id" = uuid::Uuid, Path, description = "The member.")), responses(
    (status = OK, description = "As they are now.", body = Member)
))]
#[patch("/v1/chat/rooms/{room_id}/members/{member_id}")]
async fn set_role(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, MemberId), NoRoom>,
    body: Json<NewRoomRole>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, who), role) = (caller.permit()?, *path, body.role);
    let set = move |tx: &mut TenantTx<'_>| member::set_role(tx, &permit, room, who, role);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, set).await?))
}

/// Remove a member, or leave.
///
/// Everybody removes themselves, moderators members and readers, owners all. Who is removed from a room that is not open
/// sees nothing of it any more.
#[utoipa::path(tag = "rooms",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("member_id" = uuid::Uuid, Path, description = "The member.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/chat/rooms/{room_id}/members/{member_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, MemberId), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, who)) = (caller.permit()?, *path);
    let remove = move |tx: &mut TenantTx<'_>| member::remove_member(tx, &permit, room, who);
    state.chat.db().tenant(&caller, remove).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Join an open room. Who is a member stays what they are.
#[utoipa::path(tag = "rooms", params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = OK, description = "The caller as a member.", body = Member)
))]
#[post("/v1/chat/rooms/{room_id}/join")]
async fn join(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, room, config) = (caller.permit()?, *room, state.chat.config().clone());
    let join = move |tx: &mut TenantTx<'_>| member::join(tx, &permit, &config, room);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, join).await?))
}

/// How far the caller has read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReadUpTo {
    /// The last event that they read.
    seq: i64,
}

/// Note how far the caller has read. What was read stays read: a lower number changes nothing.
#[utoipa::path(tag = "rooms", request_body = ReadUpTo,
    params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = OK, description = "How far they have read, and what is left.", body = Cursor)
))]
#[put("/v1/chat/rooms/{room_id}/cursor")]
async fn read(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    body: Json<ReadUpTo>,
) -> Result<HttpResponse, Problem> {
    let (permit, room, seq) = (caller.permit()?, *room, body.seq);
    let read = move |tx: &mut TenantTx<'_>| member::read(tx, &permit, room, seq);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, read).await?))
}
