//! `/v1/chat/rooms` and `/v1/chat/direct-rooms`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, patch, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
    Versioned,
};

use super::{NoRoom, State};
use crate::error::Error;
use crate::id::{MemberId, RoomId};
use crate::room::{self, NewRoom, Room, RoomChange, RoomsOf};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(direct).service(get).service(update);
}

/// Make a room, of which the caller is the owner.
#[utoipa::path(tag = "rooms", request_body = NewRoom, responses(
    (status = CREATED, description = "The room.", body = Room)
))]
#[post("/v1/chat/rooms")]
async fn create(state: Data<State>, request: Create<NewRoom>) -> Result<Created<Room>, Problem> {
    let Create { caller, body, key } = request;
    let (permit, config) = (caller.permit()?, state.chat.config().clone());
    let make = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| room::create(tx, &permit, &config, &body))
    };
    let made = state.chat.db().tenant(&caller, make).await?;
    let location = format!("/v1/chat/rooms/{}", made.value.id);
    let version = Some(made.value.version);
    Ok(Created { value: made.value, location, version, replayed: made.replayed })
}

/// Which rooms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Of {
    /// Those that the caller belongs to.
    #[default]
    Mine,
    /// Those that everybody may join.
    Open,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `mine`, the caller's, or `open`, those that everybody may join; `mine` when absent.
    #[serde(default)]
    of: Of,
}

/// Rooms: the caller's, with what they have not read there, or those that everybody may join.
#[utoipa::path(tag = "rooms", params(PageParams, Filter), responses(
    (status = OK, description = "Rooms, oldest first.", body = List<Room>)
))]
#[get("/v1/chat/rooms")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<RoomId, Filter>,
) -> Result<List<Room>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let of = match query.filter.of {
        Of::Mine => RoomsOf::Caller,
        Of::Open => RoomsOf::Everybody,
    };
    Ok(state.chat.db().read(&caller, move |tx| room::list(tx, &permit, of, &page)).await?.into())
}

/// With whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Other {
    /// The id of the other person.
    #[schema(value_type = uuid::Uuid)]
    member: MemberId,
}

/// The direct room of the caller and somebody else, made when it is not there yet.
#[utoipa::path(tag = "rooms", request_body = Other, responses(
    (status = OK, description = "The room; it was there.", body = Room),
    (status = CREATED, description = "The room; it was made.", body = Room)
))]
#[post("/v1/chat/direct-rooms")]
async fn direct(
    caller: Authenticated,
    state: Data<State>,
    body: Json<Other>,
) -> Result<HttpResponse, Problem> {
    let (permit, config, other) = (caller.permit()?, state.chat.config().clone(), body.member);
    let find = move |tx: &mut TenantTx<'_>| room::direct(tx, &permit, &config, other);
    let (room, made) = state.chat.db().tenant(&caller, find).await?;
    let mut response = if made { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.insert_header(("location", format!("/v1/chat/rooms/{}", room.id))).json(room))
}

/// One room.
#[utoipa::path(tag = "rooms", params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = OK, description = "The room. The ETag is that of its settings.", body = Room)
))]
#[get("/v1/chat/rooms/{room_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RoomId, NoRoom>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let room = state.chat.db().read(&caller, move |tx| room::get(tx, &permit, id)).await?;
    // Never 304: messages come without a change of the settings.
    let tag = (actix_web::http::header::ETAG, veza_web::etag(room.version));
    Ok(HttpResponse::Ok().insert_header(tag).json(room))
}

/// Change a part of a room's settings, as its moderators may; archive it or open it again, as its owners may.
#[utoipa::path(tag = "rooms", request_body = RoomChange,
    params(("room_id" = uuid::Uuid, Path, description = "The room.")), responses(
    (status = OK, description = "As it is now.", body = Room)
))]
#[patch("/v1/chat/rooms/{room_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RoomId, NoRoom>,
    condition: IfMatch,
    body: Json<RoomChange>,
) -> Result<Versioned<Room>, Problem> {
    let (permit, id, versions, change) = (caller.permit()?, *id, condition.into_versions(), body.clone());
    let change = move |tx: &mut TenantTx<'_>| room::update(tx, &permit, id, versions.as_deref(), &change);
    let room = state.chat.db().tenant(&caller, change).await?;
    let version = room.version;
    Ok(Versioned::new(room, version))
}
