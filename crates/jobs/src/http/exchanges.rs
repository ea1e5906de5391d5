//! `/v1/jobs/exchanges`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::Deserialize;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
    Versioned, answered,
};

use super::{NoExchange, State};
use crate::error::Error;
use crate::topic::{self, Exchange, NewEvent, NewExchange, Published};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove).service(publish);
}

/// Make an exchange, where events are published.
#[utoipa::path(tag = "topics", request_body = NewExchange, responses(
    (status = CREATED, description = "The exchange.", body = Exchange)
))]
#[post("/v1/jobs/exchanges")]
async fn create(state: Data<State>, request: Create<NewExchange>) -> Result<Created<Exchange>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let make = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| topic::create_exchange(tx, &permit, &body))
    };
    let made = state.jobs.db().tenant(&caller, make).await?;
    let location = format!("/v1/jobs/exchanges/{}", made.value.name);
    let version = Some(made.value.version);
    Ok(Created { value: made.value, location, version, replayed: made.replayed })
}

/// The exchanges of the caller's organisation.
#[utoipa::path(tag = "topics", params(PageParams), responses(
    (status = OK, description = "Exchanges, by name.", body = List<Exchange>)
))]
#[get("/v1/jobs/exchanges")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<String>,
) -> Result<List<Exchange>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| topic::exchanges(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One exchange.
#[utoipa::path(tag = "topics", params(("exchange" = String, Path, description = "The exchange's name.")), responses(
    (status = OK, description = "The exchange.", body = Exchange)
))]
#[get("/v1/jobs/exchanges/{exchange}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoExchange>,
) -> Result<Versioned<Exchange>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let exchange = state.jobs.db().read(&caller, move |tx| topic::exchange(tx, &permit, &name)).await?;
    let version = exchange.version;
    Ok(Versioned::new(exchange, version))
}

/// A change of an exchange.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExchangeChange {
    /// For how many days its events can be replayed, 90 at most; 0: not at all. Those that are kept already
    /// are kept by the new number.
    keep_days: u16,
}

/// Change for how many days an exchange keeps its events.
#[utoipa::path(tag = "topics", request_body = ExchangeChange,
    params(("exchange" = String, Path, description = "The exchange's name.")), responses(
    (status = OK, description = "As it is now.", body = Exchange)
))]
#[patch("/v1/jobs/exchanges/{exchange}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoExchange>,
    condition: IfMatch,
    body: Json<ExchangeChange>,
) -> Result<Versioned<Exchange>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let (days, versions) = (body.keep_days, condition.into_versions());
    let change =
        move |tx: &mut TenantTx<'_>| topic::update_exchange(tx, &permit, &name, versions.as_deref(), days);
    let exchange = state.jobs.db().tenant(&caller, change).await?;
    let version = exchange.version;
    Ok(Versioned::new(exchange, version))
}

/// Remove an exchange with its bindings and their replays.
///
/// Jobs that are in queues stay there. Its kept events cannot be replayed any more.
#[utoipa::path(tag = "topics", params(("exchange" = String, Path, description = "The exchange's name.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/jobs/exchanges/{exchange}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoExchange>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, name, versions) = (caller.permit()?, name.into_inner(), condition.into_versions());
    let remove = move |tx: &mut TenantTx<'_>| topic::remove_exchange(tx, &permit, &name, versions.as_deref());
    state.jobs.db().tenant(&caller, remove).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Publish an event.
///
/// Each binding of a pull queue that wants it gets a message of its own. Handlers of programs do not get
/// what is published here. Nobody's wanting an event is no error.
#[utoipa::path(tag = "topics", request_body = NewEvent,
    params(("exchange" = String, Path, description = "The exchange's name.")), responses(
    (status = CREATED, description = "The event, and how many queues got it.", body = Published)
))]
#[post("/v1/jobs/exchanges/{exchange}/events")]
async fn publish(
    state: Data<State>,
    request: Create<NewEvent>,
    name: PathOf<String, NoExchange>,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let (permit, name) = (caller.permit()?, name.into_inner());
    let publish = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| topic::post(tx, &permit, &name, &body))
    };
    let published = state.jobs.db().tenant(&caller, publish).await?;
    Ok(answered(HttpResponse::Created(), &published.value, published.replayed))
}
