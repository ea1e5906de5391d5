//! `/v1/stream/channels`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
    Versioned,
};

use super::{NoChannel, State};
use crate::channel::{self, Channel, ChannelChange, NewChannel};
use crate::error::Error;
use crate::id::ChannelId;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove);
}

/// Make a channel, to which one publishes and which many watch.
#[utoipa::path(tag = "channels", request_body = NewChannel, responses(
    (status = CREATED, description = "The channel.", body = Channel)
))]
#[post("/v1/stream/channels")]
async fn create(state: Data<State>, request: Create<NewChannel>) -> Result<Created<Channel>, Problem> {
    let Create { caller, body, key } = request;
    let (permit, config) = (caller.permit()?, state.streams.config().clone());
    let make = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| channel::create(tx, &permit, &config, &body))
    };
    let made = state.streams.db().tenant(&caller, make).await?;
    let location = format!("/v1/stream/channels/{}", made.value.id);
    let version = Some(made.value.version);
    Ok(Created { value: made.value, location, version, replayed: made.replayed })
}

/// The channels of the caller's organisation.
#[utoipa::path(tag = "channels", params(PageParams), responses(
    (status = OK, description = "Channels, oldest first.", body = List<Channel>)
))]
#[get("/v1/stream/channels")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<ChannelId>,
) -> Result<List<Channel>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    Ok(state.streams.db().read(&caller, move |tx| channel::list(tx, &permit, &page)).await?.into())
}

/// One channel.
#[utoipa::path(tag = "channels",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel.")), responses(
    (status = OK, description = "The channel.", body = Channel)
))]
#[get("/v1/stream/channels/{channel_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
) -> Result<Versioned<Channel>, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let channel = state.streams.db().read(&caller, move |tx| channel::get(tx, &permit, id)).await?;
    let version = channel.version;
    Ok(Versioned::new(channel, version))
}

/// Change a channel; what is absent stays.
///
/// Sessions that go on keep the rules that they began with.
#[utoipa::path(tag = "channels", request_body = ChannelChange,
    params(("channel_id" = uuid::Uuid, Path, description = "The channel.")), responses(
    (status = OK, description = "As it is now.", body = Channel)
))]
#[patch("/v1/stream/channels/{channel_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
    condition: IfMatch,
    body: Json<ChannelChange>,
) -> Result<Versioned<Channel>, Problem> {
    let (permit, id, versions, change) =
        (caller.permit()?, *id, condition.into_versions(), body.into_inner());
    let update = move |tx: &mut TenantTx<'_>| channel::update(tx, &permit, id, versions.as_deref(), &change);
    let channel = state.streams.db().tenant(&caller, update).await?;
    let version = channel.version;
    Ok(Versioned::new(channel, version))
}

/// Remove a channel. Its sessions end within seconds.
#[utoipa::path(tag = "channels", params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = NO_CONTENT, description = "Removed.")))]
#[delete("/v1/stream/channels/{channel_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, id, versions) = (caller.permit()?, *id, condition.into_versions());
    let remove = move |tx: &mut TenantTx<'_>| channel::remove(tx, &permit, id, versions.as_deref());
    state.streams.db().tenant(&caller, remove).await?;
    Ok(HttpResponse::NoContent().finish())
}
