//! `/v1/chat/rooms/{room_id}/messages/{seq}/reactions/{emoji}`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, put};
use veza_core::TenantTx;
use veza_web::{Authenticated, PathOf, Problem, Routes};

use super::{NoRoom, State};
use crate::id::RoomId;
use crate::message::{self, Message};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(react).service(unreact);
}

/// React to a message. A reaction that is there stays.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number."),
           ("emoji" = String, Path, description = "An emoji, or a word for one: 1 to 64 bytes.")), responses(
    (status = OK, description = "The message with it.", body = Message)
))]
#[put("/v1/chat/rooms/{room_id}/messages/{seq}/reactions/{emoji}")]
async fn react(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64, String), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq, emoji)) = (caller.permit()?, path.into_inner());
    state.sends.count(&caller)?;
    let react = move |tx: &mut TenantTx<'_>| message::react(tx, &permit, room, seq, &emoji);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, react).await?))
}

/// Take a reaction back. One that is not there needs no taking back.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number."),
           ("emoji" = String, Path, description = "The emoji.")), responses(
    (status = OK, description = "The message without it.", body = Message)
))]
#[delete("/v1/chat/rooms/{room_id}/messages/{seq}/reactions/{emoji}")]
async fn unreact(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64, String), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq, emoji)) = (caller.permit()?, path.into_inner());
    state.sends.count(&caller)?;
    let unreact = move |tx: &mut TenantTx<'_>| message::unreact(tx, &permit, room, seq, &emoji);
    Ok(HttpResponse::Ok().json(state.chat.db().tenant(&caller, unreact).await?))
}
