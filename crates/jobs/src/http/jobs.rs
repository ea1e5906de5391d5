//! `/v1/jobs`: single jobs, and how many there are.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use veza_core::TenantTx;
use veza_web::{Authenticated, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoJob, State, queue};
use crate::admin::cancel::Cancelled;
use crate::admin::count::{self, QueueCounts};
use crate::admin::dead;
use crate::admin::list::{JobFilter, JobPosition};
use crate::admin::view::{self, JobState, JobView};
use crate::id::JobId;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(counts).service(get).service(retry).service(cancel);
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Chosen {
    /// Where they are. It decides the order: what waits comes in the order in which it runs, queue by
    /// queue; what is deferred by its time; what runs by age; what has ended or died latest first.
    #[param(inline)]
    state: JobState,
    /// In this queue alone; those of the pull API begin with `pull:`.
    queue: Option<String>,
    /// Of this kind alone.
    kind: Option<String>,
}

/// The jobs of the caller's organisation that are in one state, without payloads.
///
/// A page may be short, even empty, and have a next one. Of those that ended only those are there that
/// asked to be kept.
#[utoipa::path(tag = "jobs", params(Chosen, PageParams), responses(
    (status = OK, description = "Jobs.", body = List<JobView>)
))]
#[get("/v1/jobs")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<JobPosition, Chosen>,
) -> Result<List<JobView>, Problem> {
    let (permit, page, chosen) = (caller.permit()?, query.page, query.filter);
    let in_queue = chosen.queue.as_deref().map(|name| queue("queue", name)).transpose()?;
    let filter = JobFilter { state: chosen.state, queue: in_queue, kind: chosen.kind };
    let page = state.jobs.db().read(&caller, move |tx| crate::list(tx, &permit, &filter, &page)).await?;
    Ok(page.into())
}

/// How many jobs there are in each queue, and how many there were.
#[utoipa::path(tag = "jobs", params(PageParams), responses(
    (status = OK, description = "Queues that ever had a job, by name.", body = List<QueueCounts>)
))]
#[get("/v1/jobs/counts")]
async fn counts(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<String>,
) -> Result<List<QueueCounts>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| count::list_counts(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One job, wherever it is, with its payload.
#[utoipa::path(tag = "jobs", params(("job_id" = uuid::Uuid, Path, description = "The job.")), responses(
    (status = OK, description = "The job. One that has ended has no payload any more.", body = JobView)
))]
#[get("/v1/jobs/{job_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<JobId, NoJob>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let job = state.jobs.db().read(&caller, move |tx| view::get(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(job))
}

/// Let a dead job begin anew, or a deferred one now.
///
/// A dead one counts its attempts from one again and keeps its history. 409 `jobs.job.running` when it
/// runs, and `jobs.unique_key.taken` when another job has its unique key by now.
#[utoipa::path(tag = "jobs", params(("job_id" = uuid::Uuid, Path, description = "The job.")), responses(
    (status = NO_CONTENT, description = "It waits.")
))]
#[post("/v1/jobs/{job_id}/retry")]
async fn retry(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<JobId, NoJob>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    state.jobs.db().tenant(&caller, move |tx: &mut TenantTx<'_>| dead::retry(tx, &permit, id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What cancelling did.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CancelOutcome {
    /// The job had not begun, and is over.
    Ended,
    /// The job runs. It is told to stop within about a second, and is not tried again.
    Requested,
}

/// What became of a job that was cancelled.
#[derive(Debug, Serialize, ToSchema)]
struct CancelledJob {
    /// Whether it is over already.
    outcome: CancelOutcome,
}

/// Cancel a job that has not ended.
///
/// A dead one is not there to be cancelled: purge it.
#[utoipa::path(tag = "jobs", params(("job_id" = uuid::Uuid, Path, description = "The job.")), responses(
    (status = OK, description = "It is over, or told to stop.", body = CancelledJob)
))]
#[post("/v1/jobs/{job_id}/cancel")]
async fn cancel(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<JobId, NoJob>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let cancelled =
        state.jobs.db().tenant(&caller, move |tx: &mut TenantTx<'_>| crate::cancel(tx, &permit, id)).await?;
    let outcome = match cancelled {
        Cancelled::Ended => CancelOutcome::Ended,
        Cancelled::Requested => CancelOutcome::Requested,
    };
    Ok(HttpResponse::Ok().json(CancelledJob { outcome }))
}
