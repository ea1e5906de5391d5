//! Deleting what is due, a batch in a transaction.

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Query, TenantScope, TenantTx};

use super::find::{Action, Due, Look};
use crate::bucket::{self, Bucket};
use crate::id::{ContentId, UploadId, VersionId};
use crate::schema::lifecycles;
use crate::{Error, content, object, quota, upload};

/// What a step did.
#[derive(Debug, Clone, Default)]
pub(super) struct Step {
    /// How many are done.
    pub(super) done: usize,
    /// Where the next one begins; none when there is nothing left.
    pub(super) next: Option<super::find::Cursor>,
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = SqlUuid)]
    version_id: VersionId,
    #[diesel(sql_type = SqlUuid)]
    content_id: ContentId,
}

#[derive(QueryableByName)]
struct Free {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Does what is due by a look, as far as one batch goes.
pub(super) fn step(tx: &mut TenantTx<'_>, look: &Look, name: &str, window: TimeDelta) -> Result<Step, Error> {
    let bucket = bucket::hold(tx, name)?;
    // Who changed the rules, or made another bucket of that name, was told that they hold.
    let rules =
        lifecycles::table.find((tx.tenant(), look.bucket)).filter(lifecycles::version.eq(look.version));
    let hold = tx.find_result::<i64, _>(rules.select(lifecycles::version).for_share())?.is_some();
    if !hold || bucket.id != look.bucket {
        return Ok(Step::default());
    }
    let due = look.due(tx)?;
    let full = i64::try_from(due.len()).is_ok_and(|len| len >= look.limit);
    let next = due.last().filter(|_| full).map(|last| (last.at, last.id));
    let done = match look.action {
        Action::Abort => abort(tx, &due)?,
        _ => delete(tx, &bucket, look, &due, window)?,
    };
    Ok(Step { done, next })
}

fn abort(tx: &mut TenantTx<'_>, due: &[Due]) -> Result<usize, Error> {
    let mut ended = 0;
    for due in due {
        match upload::end(tx, UploadId::from_uuid(due.id)) {
            // Somebody completed or aborted it meanwhile.
            Err(Error::Absent(_)) => {}
            other => {
                other?;
                ended += 1;
            }
        }
    }
    Ok(ended)
}

fn delete(
    tx: &mut TenantTx<'_>,
    bucket: &Bucket,
    look: &Look,
    due: &[Due],
    window: TimeDelta,
) -> Result<usize, Error> {
    let ids = free(tx, bucket, due)?;
    let gone = look.action == Action::Noncurrent || !bucket.settings.versioning;
    let ended = match look.action {
        Action::Noncurrent => end_versions(tx, look, ids)?,
        _ => end_current(tx, look, gone, ids)?,
    };
    let (versions, mut contents): (Vec<_>, Vec<_>) =
        ended.into_iter().map(|ended| (ended.version_id, ended.content_id)).unzip();
    let delta = if gone {
        contents.sort_unstable();
        contents.dedup();
        content::lock(tx, &contents)?;
        content::condemn_all(tx, &contents, window)?
    } else {
        quota::Delta::default()
    };
    object::announce_expired(tx, bucket, &versions)?;
    quota::change(tx, delta, None)?;
    Ok(versions.len())
}

/// Those whose keys nobody else changes now, nor will before the transaction ends. The next day finds the others.
fn free(tx: &mut TenantTx<'_>, bucket: &Bucket, due: &[Due]) -> Result<Vec<Uuid>, Error> {
    // As `object::place` locks keys.
    let statement = diesel::sql_query(
        "SELECT id FROM unnest($1, $2) AS due (id, key) \
         WHERE pg_try_advisory_xact_lock(hashtextextended($3::text || '/' || key, 0))",
    );
    let statement = statement
        .bind::<Array<SqlUuid>, _>(due.iter().map(|due| due.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(due.iter().map(|due| due.key.as_str()).collect::<Vec<_>>())
        .bind::<SqlUuid, _>(bucket.id);
    Ok(tx.load::<Free, _>(statement)?.into_iter().map(|free| free.id).collect())
}

/// Ends what keys show, if they still show it.
fn end_current(tx: &mut TenantTx<'_>, look: &Look, gone: bool, ids: Vec<Uuid>) -> Result<Vec<Ended>, Error> {
    let statement = diesel::sql_query(
        "WITH these AS (SELECT v.tenant_id, v.version_id FROM storage.versions AS v \
           WHERE v.tenant_id = $1 AND v.version_id = ANY ($3) \
             AND (NOT $4 OR NOT v.legal_hold AND (v.retain_until IS NULL OR v.retain_until <= least($5, now())))), \
         hidden AS (DELETE FROM storage.objects AS o USING these AS t \
           WHERE o.tenant_id = $1 AND o.bucket_id = $2 AND o.version_id = t.version_id RETURNING o.version_id) \
         UPDATE storage.versions AS v SET ended_at = $5, deleted_at = CASE WHEN $4 THEN $5 END FROM hidden \
         WHERE v.tenant_id = $1 AND v.version_id = hidden.version_id RETURNING v.version_id, v.content_id",
    );
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(look.bucket)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Bool, _>(gone)
        .bind::<Timestamptz, _>(tx.now());
    Ok(tx.load(statement)?)
}

/// Deletes versions that are not current.
fn end_versions(tx: &mut TenantTx<'_>, look: &Look, ids: Vec<Uuid>) -> Result<Vec<Ended>, Error> {
    let statement = diesel::sql_query(
        "UPDATE storage.versions AS v SET deleted_at = $4 WHERE v.tenant_id = $1 AND v.bucket_id = $2 \
           AND v.version_id = ANY ($3) AND v.ended_at IS NOT NULL AND v.deleted_at IS NULL \
           AND NOT v.legal_hold AND (v.retain_until IS NULL OR v.retain_until <= least($4, now())) \
         RETURNING v.version_id, v.content_id",
    );
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(look.bucket)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(tx.now());
    Ok(tx.load(statement)?)
}
