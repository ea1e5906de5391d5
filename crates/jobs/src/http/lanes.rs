//! `/v1/jobs/lanes` and `/v1/jobs/holds`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, patch, post};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use veza_core::{Permit, TenantTx};
use veza_web::{Authenticated, Deadline, Json, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoLane, State};
use crate::admin::hold::{self, Hold, HoldPosition};
use crate::admin::lane::{LaneChange, set_lane};
use crate::admin::lanes::{self, Lane};
use crate::error::Error;
use crate::permission::ManageJobs;
use crate::pull::Purged;
use crate::queue::QueueName;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(holds).service(list).service(get).service(update);
    routes.service(pause).service(resume).service(purge);
}

/// The lane that a path names; a name that breaks the rule is that of no lane.
fn named(name: &str) -> Result<QueueName, Error> {
    QueueName::parse(name).map_err(|_no_name| Error::NotFound("lane"))
}

/// What holds the organisation's jobs back, what holds everybody's included.
#[utoipa::path(tag = "lanes", params(PageParams), responses(
    (status = OK, description = "Holds, by queue. Reasons are shown of the organisation's own.", body = List<Hold>)
))]
#[get("/v1/jobs/holds")]
async fn holds(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<HoldPosition>,
) -> Result<List<Hold>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| hold::list_holds(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// The organisation's lanes: its share of each queue.
///
/// Its own pull queues, and the queues of programs in which it ever had a job, has a limit or a hold.
#[utoipa::path(tag = "lanes", params(PageParams), responses(
    (status = OK, description = "Lanes, by queue.", body = List<Lane>)
))]
#[get("/v1/jobs/lanes")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<String>,
) -> Result<List<Lane>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| lanes::list_lanes(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One lane.
#[utoipa::path(tag = "lanes",
    params(("lane" = String, Path, description = "The queue; those of the pull API begin with `pull:`.")), responses(
    (status = OK, description = "The lane.", body = Lane)
))]
#[get("/v1/jobs/lanes/{lane}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoLane>,
) -> Result<HttpResponse, Problem> {
    let (permit, queue) = (caller.permit()?, named(&name)?);
    let lane = state.jobs.db().read(&caller, move |tx| lanes::lane(tx, &permit, &queue)).await?;
    Ok(HttpResponse::Ok().json(lane))
}

/// A change of a pull queue's limits: what is absent stays, null takes a limit away.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsChange {
    /// How many messages are with receivers at once, 1 to 1000000.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    max_running: Limit,
    /// How many messages are received per minute, 1 to 100000000. What is not used is saved up, for a
    /// minute at most; a new rate begins with a second's worth.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    per_minute: Limit,
}

/// Nothing, null, or a number.
type Limit = Option<Option<i32>>;

fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Limit, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Change the limits of a pull queue.
///
/// Those of a program's queue, which organisations share, are the operator's: 403 `jobs.lane.shared`.
#[utoipa::path(tag = "lanes", request_body = LimitsChange,
    params(("lane" = String, Path, description = "`pull:` and the name of the queue.")), responses(
    (status = OK, description = "As it is now.", body = Lane)
))]
#[patch("/v1/jobs/lanes/{lane}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoLane>,
    body: Json<LimitsChange>,
) -> Result<HttpResponse, Problem> {
    let _: Permit<ManageJobs> = caller.permit()?;
    let (queue, LimitsChange { max_running, per_minute }) = (named(&name)?, *body);
    let change = move |tx: &mut TenantTx<'_>| {
        lanes::find(tx, &queue)?;
        if !queue.is_pull() {
            return Err(Error::SharedQueue);
        }
        set_lane(tx, &queue, &LaneChange { weight: None, max_running, per_minute })?;
        lanes::find(tx, &queue)
    };
    Ok(HttpResponse::Ok().json(state.jobs.db().tenant(&caller, change).await?))
}

/// Why a lane is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// For people to read: 500 characters at most.
    #[serde(default)]
    reason: Option<String>,
}

/// Let nothing more of the organisation's begin in a queue.
///
/// What runs goes on, and what is enqueued waits. Pausing twice is pausing once.
#[utoipa::path(tag = "lanes", request_body = Pause,
    params(("lane" = String, Path, description = "The queue; those of the pull API begin with `pull:`.")), responses(
    (status = NO_CONTENT, description = "Nothing more begins.")
))]
#[post("/v1/jobs/lanes/{lane}/pause")]
async fn pause(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoLane>,
    body: Json<Pause>,
) -> Result<HttpResponse, Problem> {
    let (permit, queue, body) = (caller.permit()?, named(&name)?, body.into_inner());
    let change = move |tx: &mut TenantTx<'_>| {
        lanes::find(tx, &queue)?;
        hold::pause(tx, &permit, &queue, body.reason.as_deref())
    };
    state.jobs.db().tenant(&caller, change).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lift the organisation's own pause of a queue. Others who hold it go on holding it.
#[utoipa::path(tag = "lanes",
    params(("lane" = String, Path, description = "The queue; those of the pull API begin with `pull:`.")), responses(
    (status = NO_CONTENT, description = "The pause is lifted.")
))]
#[post("/v1/jobs/lanes/{lane}/resume")]
async fn resume(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoLane>,
) -> Result<HttpResponse, Problem> {
    let (permit, queue) = (caller.permit()?, named(&name)?);
    let change = move |tx: &mut TenantTx<'_>| {
        lanes::find(tx, &queue)?;
        hold::resume(tx, &permit, &queue)
    };
    state.jobs.db().tenant(&caller, change).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// End all jobs of the organisation that wait in a queue, now or for their time.
///
/// What runs goes on, what is dead stays, and so does what is enqueued meanwhile.
#[utoipa::path(tag = "lanes",
    params(("lane" = String, Path, description = "The queue; those of the pull API begin with `pull:`.")), responses(
    (status = OK, description = "How many went.", body = Purged)
))]
#[post("/v1/jobs/lanes/{lane}/purge")]
async fn purge(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoLane>,
    deadline: Deadline,
) -> Result<HttpResponse, Problem> {
    let _: Permit<ManageJobs> = caller.permit()?;
    let queue = named(&name)?;
    let wanted = queue.clone();
    state.jobs.db().tenant(&caller, move |tx| lanes::find(tx, &wanted)).await?;
    deadline.lift();
    let removed = state.jobs.purge_queue(&caller, &queue).await?;
    Ok(HttpResponse::Ok().json(Purged { removed: i64::try_from(removed).unwrap_or(i64::MAX) }))
}
