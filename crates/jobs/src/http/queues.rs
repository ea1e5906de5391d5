//! `/v1/jobs/queues`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::Deserialize;
use utoipa::IntoParams;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Deadline, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Query,
    Routes, Versioned, answered, etag,
};

use super::{NoQueue, State};
use crate::error::Error;
use crate::pull::{self, NewQueue, Purged, Queue, QueueChange};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove).service(purge);
}

/// Make a queue.
///
/// Making it again with the same settings gives the one that is there (200).
#[utoipa::path(tag = "queues", request_body = NewQueue, responses(
    (status = CREATED, description = "The queue.", body = Queue),
    (status = OK, description = "It was there, with the same settings.", body = Queue)
))]
#[post("/v1/jobs/queues")]
async fn create(state: Data<State>, request: Create<NewQueue>) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let make = move |tx: &mut veza_core::TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| pull::create(tx, &permit, &body))
    };
    let created = state.jobs.db().tenant(&caller, make).await?;
    let (queue, existing) = created.value;
    let mut response = if existing { HttpResponse::Ok() } else { HttpResponse::Created() };
    response.insert_header((header::LOCATION, format!("/v1/jobs/queues/{}", queue.name)));
    response.insert_header((header::ETAG, etag(queue.version)));
    Ok(answered(response, &queue, created.replayed))
}

/// The queues of the caller's organisation.
#[utoipa::path(tag = "queues", params(PageParams), responses(
    (status = OK, description = "Queues, by name.", body = List<Queue>)
))]
#[get("/v1/jobs/queues")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<String>,
) -> Result<List<Queue>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| pull::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One queue, with the numbers of its messages.
#[utoipa::path(tag = "queues", params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "The queue. The ETag is that of its settings.", body = Queue)
))]
#[get("/v1/jobs/queues/{queue}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
) -> Result<HttpResponse, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let queue = state.jobs.db().read(&caller, move |tx| pull::get(tx, &permit, &name)).await?;
    // Never 304: the numbers change without the settings.
    Ok(HttpResponse::Ok().insert_header((header::ETAG, etag(queue.version))).json(queue))
}

/// Change a queue's settings; what is absent stays.
#[utoipa::path(tag = "queues", params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "As it is now.", body = Queue)
))]
#[patch("/v1/jobs/queues/{queue}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    condition: IfMatch,
    body: Json<QueueChange>,
) -> Result<Versioned<Queue>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let (change, versions) = (body.into_inner(), condition.into_versions());
    let change = move |tx: &mut veza_core::TenantTx<'_>| {
        pull::update(tx, &permit, &name, &change, versions.as_deref())
    };
    let queue = state.jobs.db().tenant(&caller, change).await?;
    let version = queue.version;
    Ok(Versioned::new(queue, version))
}

/// How a queue is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Also when it holds messages or dead letters, which go with it.
    #[serde(default)]
    #[param(required = false)]
    force: bool,
}

/// Remove a queue.
///
/// It is gone at once. Its name is free again a minute later, when its messages are gone as well.
#[utoipa::path(tag = "queues", params(("queue" = String, Path, description = "The queue's name."), Removal),
    responses((status = NO_CONTENT, description = "Removed.")))]
#[delete("/v1/jobs/queues/{queue}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    condition: IfMatch,
    deadline: Deadline,
    removal: Query<Removal>,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    // As many batches as there are messages, each with a deadline of its own.
    deadline.lift();
    state.jobs.remove_queue(&caller, &permit, &name, removal.force, condition.into_versions()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove all messages of a queue that were sent until now, dead letters excepted.
///
/// Messages under way go as well; their receipts are void then.
#[utoipa::path(tag = "queues", params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "How many went.", body = Purged)
))]
#[post("/v1/jobs/queues/{queue}/purge")]
async fn purge(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    deadline: Deadline,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    deadline.lift();
    let purged = state.jobs.purge_messages(&caller, &permit, &name).await?;
    Ok(HttpResponse::Ok().json(purged))
}
