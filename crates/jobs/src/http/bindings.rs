//! `/v1/jobs/exchanges/{exchange}/bindings` and `/v1/jobs/bindings`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, Json, List, PageParams, PageQuery, PathOf, Problem, Routes, answered,
};

use super::{NoBinding, NoExchange, State, pull_queue};
use crate::error::Error;
use crate::id::{BindingId, ReplayId};
use crate::topic::{self, Binding, NewBinding, Replay};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove);
    routes.service(replay).service(replays);
}

/// Bind a pull queue to an exchange.
///
/// From now on it gets every event that the binding wants; with `from` also older ones that are kept,
/// each once, beginning within seconds. The queue cannot be removed as long as the binding is there.
#[utoipa::path(tag = "topics", request_body = NewBinding,
    params(("exchange" = String, Path, description = "The exchange's name.")), responses(
    (status = CREATED, description = "The binding.", body = Binding)
))]
#[post("/v1/jobs/exchanges/{exchange}/bindings")]
async fn create(
    state: Data<State>,
    request: Create<NewBinding>,
    exchange: PathOf<String, NoExchange>,
) -> Result<Created<Binding>, Problem> {
    let Create { caller, body, key } = request;
    let (permit, exchange) = (caller.permit()?, exchange.into_inner());
    let bind = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| {
            pull_queue(&body.queue)?;
            topic::bind(tx, &permit, &exchange, &body)
        })
    };
    let bound = state.jobs.db().tenant(&caller, bind).await?;
    let location = format!("/v1/jobs/bindings/{}", bound.value.id);
    Ok(Created { value: bound.value, location, version: None, replayed: bound.replayed })
}

/// The bindings of an exchange.
#[utoipa::path(tag = "topics",
    params(("exchange" = String, Path, description = "The exchange's name."), PageParams), responses(
    (status = OK, description = "Bindings, oldest first.", body = List<Binding>)
))]
#[get("/v1/jobs/exchanges/{exchange}/bindings")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    exchange: PathOf<String, NoExchange>,
    query: PageQuery<BindingId>,
) -> Result<List<Binding>, Problem> {
    let (permit, exchange, page) = (caller.permit()?, exchange.into_inner(), query.page);
    let list = move |tx: &mut veza_core::ReadTx<'_>| topic::bindings(tx, &permit, &exchange, &page);
    Ok(state.jobs.db().read(&caller, list).await?.into())
}

/// One binding.
#[utoipa::path(tag = "topics", params(("binding_id" = uuid::Uuid, Path, description = "The binding.")), responses(
    (status = OK, description = "The binding.", body = Binding)
))]
#[get("/v1/jobs/bindings/{binding_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<BindingId, NoBinding>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let binding = state.jobs.db().read(&caller, move |tx| topic::binding(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(binding))
}

/// A change of a binding.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BindingChange {
    /// Whether it gets nothing. What comes meanwhile can be replayed if it is kept.
    paused: bool,
}

/// Let a binding get nothing, or everything again.
#[utoipa::path(tag = "topics", request_body = BindingChange,
    params(("binding_id" = uuid::Uuid, Path, description = "The binding.")), responses(
    (status = OK, description = "As it is now.", body = Binding)
))]
#[patch("/v1/jobs/bindings/{binding_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<BindingId, NoBinding>,
    body: Json<BindingChange>,
) -> Result<HttpResponse, Problem> {
    let (permit, id, paused) = (caller.permit()?, *id, body.paused);
    let change = move |tx: &mut TenantTx<'_>| topic::pause(tx, &permit, id, paused);
    Ok(HttpResponse::Ok().json(state.jobs.db().tenant(&caller, change).await?))
}

/// Remove a binding and its replays. Messages that are in its queue stay there.
#[utoipa::path(tag = "topics", params(("binding_id" = uuid::Uuid, Path, description = "The binding.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/jobs/bindings/{binding_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<BindingId, NoBinding>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    state.jobs.db().tenant(&caller, move |tx: &mut TenantTx<'_>| topic::unbind(tx, &permit, id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Which kept events come once more.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReplay {
    /// What was published from then on, as far as it is kept.
    from: DateTime<Utc>,
    /// And before then; not in the future.
    to: DateTime<Utc>,
}

/// Send a binding the kept events of a span of time once more, whether or not it got them before.
///
/// It begins within seconds, stays a minute behind the present, and brings the events that the binding
/// wants in their order, each once. Five of a binding may go on at the same time.
#[utoipa::path(tag = "topics", request_body = NewReplay,
    params(("binding_id" = uuid::Uuid, Path, description = "The binding.")), responses(
    (status = CREATED, description = "The replay, begun.", body = Replay)
))]
#[post("/v1/jobs/bindings/{binding_id}/replays")]
async fn replay(
    state: Data<State>,
    request: Create<NewReplay>,
    id: PathOf<BindingId, NoBinding>,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let (permit, id) = (caller.permit()?, *id);
    let begin = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| topic::replay(tx, &permit, id, body.from, body.to))
    };
    let begun = state.jobs.db().tenant(&caller, begin).await?;
    Ok(answered(HttpResponse::Created(), &begun.value, begun.replayed))
}

/// The replays of a binding. Those that are through are shown for a week.
#[utoipa::path(tag = "topics",
    params(("binding_id" = uuid::Uuid, Path, description = "The binding."), PageParams), responses(
    (status = OK, description = "Replays, oldest first.", body = List<Replay>)
))]
#[get("/v1/jobs/bindings/{binding_id}/replays")]
async fn replays(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<BindingId, NoBinding>,
    query: PageQuery<ReplayId>,
) -> Result<List<Replay>, Problem> {
    let (permit, id, page) = (caller.permit()?, *id, query.page);
    let page = state.jobs.db().read(&caller, move |tx| topic::replays(tx, &permit, id, &page)).await?;
    Ok(page.into())
}
