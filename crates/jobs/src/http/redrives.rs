//! `/v1/jobs/dead-letters` and `/v1/jobs/redrives`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, Deadline, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
};

use super::{NoRedrive, State, lane_of};
use crate::admin::dead::DeadFilter;
use crate::admin::redrive::{self, Redrive, RedriveRequest};
use crate::error::Error;
use crate::id::RedriveId;
use crate::permission::ManageJobs;
use crate::pull::Purged;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(purge).service(create).service(list).service(get).service(cancel);
}

/// Which dead letters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeadLetters {
    /// The queue in which they died; those of the pull API begin with `pull:`.
    queue: String,
    /// Of this kind alone.
    #[serde(default)]
    kind: Option<String>,
    /// Dead for this reason alone: `failed`, `fatal`, `lost` or `rejected`.
    #[serde(default)]
    reason: Option<String>,
    /// Dead at this moment or later.
    #[serde(default)]
    died_from: Option<DateTime<Utc>>,
    /// Dead at this moment or before; now when absent.
    #[serde(default)]
    died_until: Option<DateTime<Utc>>,
}

impl DeadLetters {
    fn filter(&self, tx: &mut TenantTx<'_>) -> Result<DeadFilter, Error> {
        Ok(DeadFilter {
            queue: lane_of(tx, "/queue", &self.queue)?,
            kind: self.kind.clone(),
            reason: self.reason.clone(),
            died_from: self.died_from,
            died_until: self.died_until,
        })
    }
}

/// Delete dead letters for good.
#[utoipa::path(tag = "dead letters", request_body = DeadLetters, responses(
    (status = OK, description = "How many went.", body = Purged)
))]
#[post("/v1/jobs/dead-letters/purge")]
async fn purge(
    caller: Authenticated,
    state: Data<State>,
    deadline: Deadline,
    body: Json<DeadLetters>,
) -> Result<HttpResponse, Problem> {
    caller.permit::<ManageJobs>()?;
    deadline.lift();
    let filter = state.jobs.db().tenant(&caller, move |tx| body.filter(tx)).await?;
    let removed = state.jobs.purge_dead(&caller, &filter).await?;
    Ok(HttpResponse::Ok().json(Purged { removed: i64::try_from(removed).unwrap_or(i64::MAX) }))
}

/// What to take back, how fast, and where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRedrive {
    /// The queue in which they died; those of the pull API begin with `pull:`.
    queue: String,
    /// Of this kind alone.
    #[serde(default)]
    kind: Option<String>,
    /// Dead for this reason alone: `failed`, `fatal`, `lost` or `rejected`.
    #[serde(default)]
    reason: Option<String>,
    /// Dead at this moment or later.
    #[serde(default)]
    died_from: Option<DateTime<Utc>>,
    /// Dead at this moment or before; now when absent.
    #[serde(default)]
    died_until: Option<DateTime<Utc>>,
    /// So many jobs per minute, from 1 to 100000000; as fast as it goes when absent.
    #[serde(default)]
    per_minute: Option<i32>,
    /// Another queue of the same sort instead of their own.
    #[serde(default)]
    to: Option<String>,
}

impl NewRedrive {
    fn request(&self, tx: &mut TenantTx<'_>) -> Result<RedriveRequest, Error> {
        let filter = DeadFilter {
            queue: lane_of(tx, "/queue", &self.queue)?,
            kind: self.kind.clone(),
            reason: self.reason.clone(),
            died_from: self.died_from,
            died_until: self.died_until,
        };
        let to = self.to.as_deref().map(|to| lane_of(tx, "/to", to)).transpose()?;
        Ok(RedriveRequest { filter, per_minute: self.per_minute, to })
    }
}

/// Take dead letters back, oldest death first, in the background.
///
/// Their attempts begin at one again and their history stays. Those that die after it began are not
/// among them. Twenty may go on at the same time.
#[utoipa::path(tag = "dead letters", request_body = NewRedrive, responses(
    (status = CREATED, description = "The redrive, begun.", body = Redrive)
))]
#[post("/v1/jobs/redrives")]
async fn create(state: Data<State>, request: Create<NewRedrive>) -> Result<Created<Redrive>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let begin = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| {
            let request = body.request(tx)?;
            redrive::redrive(tx, &permit, &request)
        })
    };
    let begun = state.jobs.db().tenant(&caller, begin).await?;
    let location = format!("/v1/jobs/redrives/{}", begun.value.id);
    Ok(Created { value: begun.value, location, version: None, replayed: begun.replayed })
}

/// The redrives of the last thirty days.
#[utoipa::path(tag = "dead letters", params(PageParams), responses(
    (status = OK, description = "Redrives, latest first.", body = List<Redrive>)
))]
#[get("/v1/jobs/redrives")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<RedriveId>,
) -> Result<List<Redrive>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.jobs.db().read(&caller, move |tx| redrive::list_redrives(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One redrive, and how far it is.
#[utoipa::path(tag = "dead letters",
    params(("redrive_id" = uuid::Uuid, Path, description = "The redrive.")), responses(
    (status = OK, description = "The redrive.", body = Redrive)
))]
#[get("/v1/jobs/redrives/{redrive_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RedriveId, NoRedrive>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let redrive = state.jobs.db().read(&caller, move |tx| redrive::get_redrive(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(redrive))
}

/// End a redrive; what it moved stays moved. One that has ended stays as it is.
#[utoipa::path(tag = "dead letters",
    params(("redrive_id" = uuid::Uuid, Path, description = "The redrive.")), responses(
    (status = OK, description = "The redrive as it ended.", body = Redrive)
))]
#[post("/v1/jobs/redrives/{redrive_id}/cancel")]
async fn cancel(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RedriveId, NoRedrive>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let end = move |tx: &mut TenantTx<'_>| redrive::cancel_redrive(tx, &permit, id);
    Ok(HttpResponse::Ok().json(state.jobs.db().tenant(&caller, end).await?))
}
