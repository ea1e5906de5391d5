//! `/v1/chat/rooms/{room_id}/messages/{seq}/attachments`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use veza_web::{Authenticated, PathOf, Problem, Routes};

use super::{NoRoom, State};
use crate::id::RoomId;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(get);
}

/// A file that a message carries, for who may read the message: a redirection to a signed URL that holds for a minute.
///
/// Whoever reads there needs no right of storage's, for the sender had it. What was deleted, the message or the object,
/// is not found.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."),
           ("seq" = i64, Path, description = "The message's number."),
           ("number" = usize, Path, description = "Which of its files, from 0.")), responses(
    (status = FOUND, description = "Where it is.", headers(("Location" = String, description = "The signed URL.")))
))]
#[get("/v1/chat/rooms/{room_id}/messages/{seq}/attachments/{number}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(RoomId, i64, usize), NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, (room, seq, number)) = (caller.permit()?, *path);
    let url = state.chat.attachment_url(&permit, room, seq, number).await?;
    Ok(HttpResponse::Found()
        .insert_header((header::LOCATION, url))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}
