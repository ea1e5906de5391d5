//! `/v1/jobs/schedules`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, Once, PageParams, PageQuery, PathOf, Problem,
    Routes, Versioned,
};

use super::schedule_bodies::{Change, New, Preview, Started, Times};
use super::{NoSchedule, State};
use crate::error::Error;
use crate::id::ScheduleId;
use crate::permission::ReadJobs;
use crate::schedule::{self, Schedule};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(preview).service(get).service(update).service(remove);
    routes.service(run);
}

/// Make a schedule: a message to a pull queue at each tick of a cron expression or an interval.
///
/// The queue cannot be removed as long as the schedule is there.
#[utoipa::path(tag = "schedules", request_body = New, responses(
    (status = CREATED, description = "The schedule. Its first tick is the first after now.", body = Schedule)
))]
#[post("/v1/jobs/schedules")]
async fn create(state: Data<State>, request: Create<New>) -> Result<Created<Schedule>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let make = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| {
            let new = body.schedule(tx)?;
            schedule::create_schedule(tx, &permit, &new)
        })
    };
    let made = state.jobs.db().tenant(&caller, make).await?;
    let location = format!("/v1/jobs/schedules/{}", made.value.id);
    let version = Some(made.value.version);
    Ok(Created { value: made.value, location, version, replayed: made.replayed })
}

/// The schedules of the caller's organisation, those that programs made included.
#[utoipa::path(tag = "schedules", params(PageParams), responses(
    (status = OK, description = "Schedules, oldest first.", body = List<Schedule>)
))]
#[get("/v1/jobs/schedules")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<ScheduleId>,
) -> Result<List<Schedule>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| schedule::schedules(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// When a schedule would tick, without making one.
#[utoipa::path(tag = "schedules", request_body = Preview, responses(
    (status = OK, description = "The next ticks.", body = Times)
))]
#[post("/v1/jobs/schedules/preview")]
async fn preview(
    caller: Authenticated,
    state: Data<State>,
    body: Json<Preview>,
) -> Result<HttpResponse, Problem> {
    caller.permit::<ReadJobs>()?;
    Ok(HttpResponse::Ok().json(body.times(state.jobs.db().clock().now())?))
}

/// One schedule.
#[utoipa::path(tag = "schedules", params(("schedule_id" = uuid::Uuid, Path, description = "The schedule.")), responses(
    (status = OK, description = "The schedule. The ETag is that of its settings.", body = Schedule)
))]
#[get("/v1/jobs/schedules/{schedule_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ScheduleId, NoSchedule>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let schedule = state.jobs.db().read(&caller, move |tx| schedule::schedule(tx, &permit, id)).await?;
    // Never 304: the ticks go on without a change of the settings.
    let tag = (actix_web::http::header::ETAG, veza_web::etag(schedule.version));
    Ok(HttpResponse::Ok().insert_header(tag).json(schedule))
}

/// Change a part of a schedule; its next tick is the first after now.
///
/// Of a schedule that a program made, `queue` and `payload` stay as they are.
#[utoipa::path(tag = "schedules", request_body = Change,
    params(("schedule_id" = uuid::Uuid, Path, description = "The schedule.")), responses(
    (status = OK, description = "As it is now.", body = Schedule)
))]
#[patch("/v1/jobs/schedules/{schedule_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ScheduleId, NoSchedule>,
    condition: IfMatch,
    body: Json<Change>,
) -> Result<Versioned<Schedule>, Problem> {
    let (permit, id, change) = (caller.permit()?, *id, body.change()?);
    let versions = condition.into_versions();
    let change =
        move |tx: &mut TenantTx<'_>| schedule::change_schedule(tx, &permit, id, versions.as_deref(), &change);
    let schedule = state.jobs.db().tenant(&caller, change).await?;
    let version = schedule.version;
    Ok(Versioned::new(schedule, version))
}

/// Remove a schedule. Messages that are in its queue stay there.
#[utoipa::path(tag = "schedules", params(("schedule_id" = uuid::Uuid, Path, description = "The schedule.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/jobs/schedules/{schedule_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ScheduleId, NoSchedule>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, id, versions) = (caller.permit()?, *id, condition.into_versions());
    let remove = move |tx: &mut TenantTx<'_>| schedule::remove_schedule(tx, &permit, id, versions.as_deref());
    state.jobs.db().tenant(&caller, remove).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Enqueue the job of a schedule now, besides its ticks, also when it is paused.
#[utoipa::path(tag = "schedules", params(("schedule_id" = uuid::Uuid, Path, description = "The schedule.")), responses(
    (status = CREATED, description = "The job.", body = Started)
))]
#[post("/v1/jobs/schedules/{schedule_id}/run")]
async fn run(
    state: Data<State>,
    request: Once,
    id: PathOf<ScheduleId, NoSchedule>,
) -> Result<Created<Started>, Problem> {
    let Once { caller, key } = request;
    let (permit, id) = (caller.permit()?, *id);
    let run = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| {
            schedule::run_now(tx, &permit, id).map(|job| Started { job_id: job.id })
        })
    };
    let started = state.jobs.db().tenant(&caller, run).await?;
    let location = format!("/v1/jobs/{}", started.value.job_id);
    Ok(Created { value: started.value, location, version: None, replayed: started.replayed })
}
