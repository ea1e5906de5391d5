//! Messages of a queue: sent, received, and ended.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{Authenticated, Create, Deadline, Json, PathOf, Problem, Routes, Site, answered};

use super::{NoQueue, State};
use crate::error::Error;
use crate::pull::{
    self, Acknowledged, Acknowledgement, Batch, BatchOutcome, Extended, Extension, NewMessage, Receive,
    Received, Rejected, Rejection, SentMessage,
};

/// What a receive may take beyond the time that it waits.
const GRACE: Duration = Duration::from_secs(30);

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(send).service(send_batch).service(receive);
    routes.service(acknowledge).service(extend).service(reject);
}

/// Send a message.
#[utoipa::path(tag = "messages", request_body = NewMessage,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = CREATED, description = "The message, or the first one with the same deduplication id.", body = SentMessage)
))]
#[post("/v1/jobs/queues/{queue}/messages")]
async fn send(
    state: Data<State>,
    request: Create<NewMessage>,
    name: PathOf<String, NoQueue>,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let (permit, name) = (caller.permit()?, name.into_inner());
    let work = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| pull::send(tx, &permit, &name, &body))
    };
    let sent = state.jobs.db().tenant(&caller, work).await?;
    Ok(answered(HttpResponse::Created(), &sent.value, sent.replayed))
}

/// Send up to ten messages.
///
/// Each is accepted or refused on its own, so look at `failed`.
#[utoipa::path(tag = "messages", request_body = Batch,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "What became of each.", body = BatchOutcome)
))]
#[post("/v1/jobs/queues/{queue}/messages/batch")]
async fn send_batch(
    state: Data<State>,
    request: Create<Batch>,
    name: PathOf<String, NoQueue>,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let (permit, name) = (caller.permit()?, name.into_inner());
    let work = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| pull::send_batch(tx, &permit, &name, &body))
    };
    let sent = state.jobs.db().tenant(&caller, work).await?;
    Ok(answered(HttpResponse::Ok(), &sent.value, sent.replayed))
}

/// Receive messages, waiting for the first one if asked to.
///
/// A message that is received is invisible to others until its visibility timeout has passed. The wait
/// ends early, with no messages, when the server is about to stop.
#[utoipa::path(tag = "messages", request_body = Receive,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "The messages; none when none came in time.", body = Received)
))]
#[post("/v1/jobs/queues/{queue}/receive")]
async fn receive(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    deadline: Deadline,
    site: Site,
    body: Json<Receive>,
) -> Result<HttpResponse, Problem> {
    let (permit, ask) = (caller.permit()?, body.into_inner());
    deadline.extend(ask.wait() + GRACE);
    let drain = site.drain();
    let received = state.jobs.receive(&caller, &permit, &name, ask, drain.begun()).await?;
    Ok(HttpResponse::Ok().json(received))
}

/// Acknowledge messages: they are done and gone.
///
/// One by `receipt`: 409 `jobs.lease.lost` when it is not held any more. Up to ten by `entries`: the
/// answer says of each what became of it.
#[utoipa::path(tag = "messages", request_body = Acknowledgement,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = NO_CONTENT, description = "The one message is gone."),
    (status = OK, description = "What became of each entry.", body = Acknowledged)
))]
#[post("/v1/jobs/queues/{queue}/messages/acknowledge")]
async fn acknowledge(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    body: Json<Acknowledgement>,
) -> Result<HttpResponse, Problem> {
    let (permit, name, body) = (caller.permit()?, name.into_inner(), body.into_inner());
    let several = body.entries.is_some();
    let work = move |tx: &mut TenantTx<'_>| pull::acknowledge(tx, &permit, &name, &body);
    let outcome = state.jobs.db().tenant(&caller, work).await?;
    Ok(if several { HttpResponse::Ok().json(outcome) } else { HttpResponse::NoContent().finish() })
}

/// Give a received message more time, or, with 0, back at once.
#[utoipa::path(tag = "messages", request_body = Extension,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "Until when it is its receiver's.", body = Extended)
))]
#[post("/v1/jobs/queues/{queue}/messages/extend")]
async fn extend(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    body: Json<Extension>,
) -> Result<HttpResponse, Problem> {
    let (permit, name, body) = (caller.permit()?, name.into_inner(), body.into_inner());
    let work = move |tx: &mut TenantTx<'_>| pull::extend(tx, &permit, &name, &body);
    Ok(HttpResponse::Ok().json(state.jobs.db().tenant(&caller, work).await?))
}

/// Reject a received message (a negative acknowledgement): to be received again, or a dead letter.
#[utoipa::path(tag = "messages", request_body = Rejection,
    params(("queue" = String, Path, description = "The queue's name.")), responses(
    (status = OK, description = "Whether it is a dead letter now.", body = Rejected)
))]
#[post("/v1/jobs/queues/{queue}/messages/reject")]
async fn reject(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoQueue>,
    body: Json<Rejection>,
) -> Result<HttpResponse, Problem> {
    let (permit, name, body) = (caller.permit()?, name.into_inner(), body.into_inner());
    let work = move |tx: &mut TenantTx<'_>| pull::reject(tx, &permit, &name, &body);
    Ok(HttpResponse::Ok().json(state.jobs.db().tenant(&caller, work).await?))
}
