//! `/v1/stream/recordings`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get};
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::IntoParams;
use veza_core::{Caller, TenantTx};
use veza_storage::signed::{Action, NewGrant};
use veza_storage::{ObjectKey, Storage};
use veza_web::{Authenticated, List, PageParams, PageQuery, PathOf, Problem, Routes};

use crate::id::{ChannelId, RecordingId};
use crate::record::{self, Error, Recording};

/// A link to a file holds for so long: enough to begin a download.
const LINK: TimeDelta = TimeDelta::minutes(15);

/// What the handlers share.
#[derive(Debug)]
struct State {
    storage: Storage,
}

/// Registers the routes of recordings that are stored in `storage`.
pub fn routes(storage: Storage) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State { storage });
    move |routes| {
        routes.app_data(state.clone());
        describe(routes);
    }
}

/// Registers the routes with nothing behind them: for the OpenAPI document alone.
pub fn describe(routes: &mut Routes<'_>) {
    routes.service(list).service(get).service(file).service(remove);
}

/// Which recordings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// Of this channel alone.
    #[param(value_type = Option<uuid::Uuid>)]
    channel_id: Option<ChannelId>,
}

/// The recordings of the caller's organisation.
#[utoipa::path(tag = "recordings", params(Chosen, PageParams), responses(
    (status = OK, description = "Recordings, the newest first.", body = List<Recording>)
))]
#[get("/v1/stream/recordings")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<RecordingId, Chosen>,
) -> Result<List<Recording>, Problem> {
    let (permit, page, channel) = (caller.permit()?, query.page, query.filter.channel_id);
    let list = state.storage.db().read(&caller, move |tx| record::list(tx, &permit, channel, &page));
    Ok(list.await?.into())
}

/// One recording.
#[utoipa::path(tag = "recordings",
    params(("recording_id" = uuid::Uuid, Path, description = "The recording's id.")),
    responses((status = OK, description = "The recording.", body = Recording)))]
#[get("/v1/stream/recordings/{recording_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RecordingId, NoRecording>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, id.into_inner());
    let recording = state.storage.db().read(&caller, move |tx| record::get(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(recording))
}

/// Download a recording.
///
/// The answer leads to a URL that needs no credentials, and holds for 15 minutes.
#[utoipa::path(tag = "recordings",
    params(("recording_id" = uuid::Uuid, Path, description = "The recording's id.")),
    responses((status = TEMPORARY_REDIRECT, description = "Where the file is.", headers(
        ("Location" = String, description = "The URL, without scheme and host.")))))]
#[get("/v1/stream/recordings/{recording_id}/file")]
async fn file(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RecordingId, NoRecording>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, id.into_inner());
    let recording = state.storage.db().read(&caller, move |tx| record::get(tx, &permit, id)).await?;
    let file = recording.file.ok_or(Error::NoFile)?;
    let grant = NewGrant {
        action: Action::Get,
        bucket: recording.bucket,
        key: ObjectKey::new(file.key).map_err(Error::from)?,
        version: Some(file.version_id),
        lifetime: LINK,
        content_type: None,
        max_bytes: None,
    };
    // Who may read recordings may read this object, and need not read all others.
    let system = Caller::system(caller.tenant());
    let signed = state.storage.sign(&system, grant).await.map_err(Error::from)?;
    let url = signed.url();
    let mut answer = HttpResponse::TemporaryRedirect();
    Ok(answer
        .insert_header((header::LOCATION, url))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

/// Delete a recording that has ended.
///
/// It is gone at once; what is stored of it is removed soon after.
#[utoipa::path(tag = "recordings",
    params(("recording_id" = uuid::Uuid, Path, description = "The recording's id.")),
    responses((status = NO_CONTENT, description = "Deleted.")))]
#[delete("/v1/stream/recordings/{recording_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RecordingId, NoRecording>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, id.into_inner());
    let work = move |tx: &mut TenantTx<'_>| record::remove(tx, &permit, id);
    state.storage.db().tenant(&caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

veza_web::missing!(Error::Absent; NoRecording = "recording");
