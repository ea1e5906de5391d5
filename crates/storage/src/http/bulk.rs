//! Deleting many objects with one request.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use veza_core::{Caller, Fault, FieldError, Kind, Permit, TenantTx};
use veza_web::{Authenticated, Deadline, Json, PathOf, Problem, Routes};

use super::{NoBucket, State};
use crate::id::VersionId;
use crate::object::{self, Condition};
use crate::permission::DeleteObjects;
use crate::{Error, ObjectKey, bucket};

/// Keys of one request.
const MOST: usize = 1_000;
/// Keys that are deleted at a time.
const TOGETHER: usize = 4;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(remove);
}

/// What to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteRequest {
    /// At most 1,000.
    objects: Vec<Doomed>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Doomed {
    /// Its key.
    key: String,
    /// Only this version; what the key shows when absent.
    #[schema(value_type = Option<uuid::Uuid>)]
    version_id: Option<VersionId>,
    /// Only if the key shows this ETag (without quotes). Not together with `version_id`.
    etag: Option<String>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
struct Deleted {
    /// One for each, in the order of the request.
    outcomes: Vec<Outcome>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
struct Outcome {
    /// Its key.
    key: String,
    /// The version, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    version_id: Option<VersionId>,
    /// Whether it was deleted.
    deleted: bool,
    /// Why not: a code as problems have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Delete many objects, or versions of them.
///
/// Each is deleted or not on its own, so look at `outcomes`.
#[utoipa::path(tag = "objects", request_body = DeleteRequest,
    params(("bucket" = String, Path, description = "The bucket's name.")),
    responses((status = OK, description = "What became of each.", body = Deleted)))]
#[post("/v1/storage/buckets/{bucket}/objects/delete")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
    deadline: Deadline,
    body: Json<DeleteRequest>,
) -> Result<HttpResponse, Problem> {
    let (permit, name, objects) = (caller.permit()?, name.into_inner(), body.into_inner().objects);
    if objects.len() > MOST {
        let rule = FieldError::new("/objects", "too_many", "at most 1000");
        return Err(Error::Invalid(vec![rule]).into());
    }
    let there = name.clone();
    state.storage.db().read(&caller, move |tx| bucket::find(tx, &there).map(|_bucket| ())).await?;
    // As many transactions as there are keys, each with a deadline of its own.
    deadline.lift();
    let permit = Arc::new(permit);
    let outcomes = stream::iter(objects)
        .map(|doomed| end(&state, &caller, Arc::clone(&permit), &name, doomed))
        .buffered(TOGETHER)
        .collect()
        .await;
    Ok(HttpResponse::Ok().json(Deleted { outcomes }))
}

async fn end(
    state: &State,
    caller: &Caller,
    permit: Arc<Permit<DeleteObjects>>,
    bucket: &str,
    doomed: Doomed,
) -> Outcome {
    let (bucket, what) = (bucket.to_owned(), doomed.clone());
    let window = state.storage.config().window();
    let work = move |tx: &mut TenantTx<'_>| {
        let key = ObjectKey::new(what.key.as_str())?;
        match (what.version_id, &what.etag) {
            (Some(_), Some(_)) => {
                let rule = FieldError::new("/etag", "not_both", "not together with version_id");
                Err(Error::Invalid(vec![rule]))
            }
            (Some(version), None) => object::delete_version(tx, &permit, &bucket, &key, version, window),
            (None, etag) => {
                let condition = etag.clone().map_or_else(Condition::default, Condition::shows);
                object::delete(tx, &permit, &bucket, &key, &condition, window)
            }
        }
    };
    let outcome = state.storage.db().tenant(caller, work).await;
    let (code, detail) = outcome.err().map(|error| refusal(&error)).unzip();
    let Doomed { key, version_id, .. } = doomed;
    Outcome { key, version_id, deleted: code.is_none(), code, detail }
}

/// Why something was not deleted. What is our own fault stays in the log.
fn refusal(error: &Error) -> (&'static str, String) {
    if error.kind() == Kind::Internal {
        tracing::error!(code = error.code(), %error, "an object cannot be deleted");
        return (error.code(), "something went wrong on our side".to_owned());
    }
    let rule = error.fields().first().map(|field| format!("{}: {}", field.field, field.rule));
    (error.code(), rule.unwrap_or_else(|| error.to_string()))
}
