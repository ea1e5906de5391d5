//! `/v1/stream/channels/{channel_id}/tokens`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, post};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_web::{Authenticated, Json, PathOf, Problem, Routes};

use super::{NoChannel, State};
use crate::channel;
use crate::id::ChannelId;
use crate::token::NewToken;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(end);
}

/// A token for one channel.
#[derive(Debug, Serialize, ToSchema)]
struct StreamToken {
    /// Send it as `Authorization: Bearer …`. It is nowhere kept.
    token: String,
    /// Until when it holds.
    expires_at: DateTime<Utc>,
}

/// Make a token with which somebody without an account may publish to a channel, or watch it.
///
/// Who makes it needs the right to do so themselves. What began with it ends when it expires.
#[utoipa::path(tag = "channels", request_body = NewToken,
    params(("channel_id" = uuid::Uuid, Path, description = "The channel.")), responses(
    (status = OK, description = "The token.", body = StreamToken)
))]
#[post("/v1/stream/channels/{channel_id}/tokens")]
async fn create(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
    body: Json<NewToken>,
) -> Result<HttpResponse, Problem> {
    let (token, expires_at) = state.streams.create_token(&caller.permit()?, *id, &body).await?;
    Ok(HttpResponse::Ok().json(StreamToken { token, expires_at }))
}

/// End all tokens that were made for a channel so far; what began with them ends within seconds.
#[utoipa::path(tag = "channels", params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = NO_CONTENT, description = "None holds any more.")))]
#[delete("/v1/stream/channels/{channel_id}/tokens")]
async fn end(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let end = move |tx: &mut TenantTx<'_>| channel::end_tokens(tx, &permit, id);
    state.streams.db().tenant(&caller, end).await?;
    Ok(HttpResponse::NoContent().finish())
}
