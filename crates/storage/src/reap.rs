//! Removing what a crash or a failure left, and what was deleted long enough ago.
//!
//! Rows are removed after bytes, and bytes that were removed are removed once more a while later: a writer
//! that was taken for dead may only have been slow, and its last request may reach the backend after us.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::{Caller, Query, Reason, SystemTx, Tasks, TenantId, TenantScope, TenantTx, Write};
use veza_jobs::{Context, Handler, Job, JobError, Options, Outcome, enqueue};

use crate::backend::MAX_KEYS;
use crate::content;
use crate::id::ContentId;
use crate::quota::{self, Delta};
use crate::schema::{blobs, contents, uploads, versions};
use crate::{BlobId, BlobKey, Error, Storage};

/// How often somebody looks whose bytes are to be removed.
const SWEEP: Duration = Duration::from_secs(10);
/// Tenants of one look.
const TENANTS: i64 = 1_000;
/// Contents of one step.
const CONTENTS: i64 = 200;
/// Versions of one step.
const VERSIONS: usize = 1_000;
/// Who removes blobs has so long to do it before somebody else tries.
const TURN: TimeDelta = TimeDelta::minutes(5);

/// The job of removing a tenant's bytes that are due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Collect {}

impl Job for Collect {
    const KIND: &'static str = "storage.collect";
    const QUEUE: &'static str = "storage";

    fn options(&self) -> Options {
        Options::default().unique(Self::KIND).timeout(Duration::from_mins(10))
    }
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Objects of the backend.
    pub blobs: usize,
    /// Contents of which nothing is left.
    pub contents: usize,
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

impl Storage {
    /// Looks for tenants whose bytes are due for removal, or whose buckets' rules are to be looked at, and has jobs do
    /// it, until the process stops. At least one process must.
    pub fn start_worker(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.every("storage.sweep", SWEEP, move || {
            let this = this.clone();
            async move {
                if let Err(error) = this.sweep().await {
                    tracing::warn!(%error, "stored bytes that are due for removal cannot be looked for");
                }
                if let Err(error) = this.sweep_lifecycles().await {
                    tracing::warn!(%error, "buckets whose rules are due cannot be looked for");
                }
            }
        });
    }

    /// Looks once; answers how many tenants have something to be removed.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let window = self.config().window();
        let due = self.db().system(Reason("storage.sweep"), move |tx: &mut SystemTx<'_>| {
            let statement = diesel::sql_query(
                "SELECT tenant_id FROM storage.contents WHERE due_at <= $1 \
                 UNION SELECT tenant_id FROM storage.blobs WHERE due_at <= $1 \
                 UNION SELECT tenant_id FROM storage.versions WHERE deleted_at <= $2 LIMIT $3",
            );
            let statement = statement.bind::<Timestamptz, _>(tx.now());
            let statement = statement.bind::<Timestamptz, _>(tx.now() - window).bind::<BigInt, _>(TENANTS);
            Ok::<_, Error>(tx.load::<Due, _>(statement)?)
        });
        let due = due.await?;
        for Due { tenant_id } in &due {
            let caller = Caller::system(*tenant_id);
            let asked = self.db().tenant(&caller, |tx| enqueue(tx, &Collect {}));
            // One tenant's trouble is not the others'.
            if let Err(error) = asked.await {
                tracing::warn!(tenant.id = %tenant_id, %error, "a tenant's due bytes wait");
            }
        }
        Ok(due.len())
    }

    /// Removes all of a tenant's bytes that are due.
    pub async fn reap(&self, tenant: TenantId) -> Result<Reaped, Error> {
        let caller = Caller::system(tenant);
        let mut reaped = Reaped::default();
        let window = self.config().window();
        while self.db().tenant(&caller, move |tx| end_versions(tx, window)).await? == VERSIONS {}
        loop {
            let grace = self.config().grace();
            let (here, there) = (self.backend_name().to_owned(), self.backend_name().to_owned());
            let end = move |tx: &mut TenantTx<'_>| end_contents(tx, &here, grace);
            let moved = self.db().tenant(&caller, end).await?;
            let due = self.db().tenant(&caller, move |tx| due_blobs(tx, &there)).await?;
            reaped.contents += moved.gone;
            self.remove(tenant, &due).await?;
            reaped.blobs += due.len();
            if due.is_empty() && moved.looked == 0 {
                return Ok(reaped);
            }
            if !due.is_empty() {
                let due: Vec<BlobId> = due.into_iter().map(|due| due.blob).collect();
                self.db().tenant(&caller, move |tx| removed(tx, &due, grace)).await?;
            }
        }
    }

    async fn remove(&self, tenant: TenantId, due: &[DueBlob]) -> Result<(), Error> {
        // What was being put may have begun an upload of its own in the backend.
        for unfinished in due.iter().filter(|due| !due.finished) {
            let key = BlobKey::new(tenant, unfinished.blob);
            for upload in self.backend().uploads(key).await? {
                self.backend().abort(key, &upload).await?;
            }
        }
        let keys: Vec<BlobKey> = due.iter().map(|due| BlobKey::new(tenant, due.blob)).collect();
        if keys.is_empty() { Ok(()) } else { self.backend().delete_many(&keys).await }
    }
}

impl Handler<Collect> for Storage {
    async fn run(&self, _: Collect, cx: Context) -> Result<Outcome, JobError> {
        self.reap(cx.tenant()).await.map_err(JobError::retry)?;
        Ok(Outcome::Done)
    }
}

/// What a step did with contents.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    looked: usize,
    gone: usize,
}

type DueContent = (ContentId, String, i64);

/// Removes versions that were deleted too long ago to be restored; answers how many. Their contents have their own time, for
/// other versions may show them.
fn end_versions(tx: &mut TenantTx<'_>, window: TimeDelta) -> Result<usize, Error> {
    let statement = diesel::sql_query(
        "DELETE FROM storage.versions AS v USING (SELECT version_id FROM storage.versions \
           WHERE tenant_id = $1 AND deleted_at <= $2 ORDER BY deleted_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS old \
         WHERE v.tenant_id = $1 AND v.version_id = old.version_id",
    );
    let limit = i64::try_from(VERSIONS).unwrap_or(i64::MAX);
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Timestamptz, _>(tx.now() - window)
        .bind::<BigInt, _>(limit);
    Ok(tx.execute(statement)?)
}

/// Takes contents that are due one step further: their blobs are removed, and when none is left, they go.
fn end_contents(tx: &mut TenantTx<'_>, backend: &str, grace: TimeDelta) -> Result<Moved, Error> {
    let due = contents::table
        .filter(contents::tenant_id.eq(tx.tenant()).and(contents::due_at.le(tx.now())))
        .filter(contents::backend.eq(backend))
        .order(contents::due_at)
        .limit(CONTENTS)
        .select((contents::content_id, contents::state, contents::size))
        .for_update()
        .skip_locked();
    let due: Vec<DueContent> = tx.load(due)?;
    let mut moved = Moved { looked: due.len(), gone: 0 };
    let mut released = 0;
    for (content, state, size) in due {
        if state == "pending" {
            released += size;
        }
        if state == "collecting" && none_left(tx, content)? {
            let uploads = uploads::table
                .filter(uploads::tenant_id.eq(tx.tenant()).and(uploads::content_id.eq(content)));
            tx.execute(diesel::delete(uploads))?;
            tx.execute(diesel::delete(contents::table.find((tx.tenant(), content))))?;
            moved.gone += 1;
            continue;
        }
        content::abandon(tx, content)?;
        // Nobody can restore it any more.
        let shown =
            versions::table.filter(versions::tenant_id.eq(tx.tenant()).and(versions::content_id.eq(content)));
        tx.execute(diesel::delete(shown))?;
        let this = diesel::update(contents::table.find((tx.tenant(), content)));
        tx.execute(this.set((contents::state.eq("collecting"), contents::due_at.eq(tx.now() + grace))))?;
    }
    quota::change(tx, Delta::reserve(-released), None)?;
    Ok(moved)
}

fn none_left(tx: &mut TenantTx<'_>, content: ContentId) -> Result<bool, Error> {
    let left = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .select(blobs::blob_id)
        .limit(1);
    Ok(tx.find_result::<BlobId, _>(left)?.is_none())
}

/// A blob that is to be removed.
#[derive(Debug, Clone, Copy, Queryable)]
struct DueBlob {
    blob: BlobId,
    /// It was stored whole.
    finished: bool,
}

/// Blobs of a backend that are due for removal, for whom nobody else looks for a while. Those of another one, which the
/// deployment had before, or has for other processes, are not ours to remove.
fn due_blobs(tx: &mut TenantTx<'_>, backend: &str) -> Result<Vec<DueBlob>, Error> {
    let here = contents::table
        .filter(contents::tenant_id.eq(blobs::tenant_id).and(contents::content_id.eq(blobs::content_id)))
        .filter(contents::backend.eq(backend));
    let due = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::due_at.le(tx.now())))
        .filter(diesel::dsl::exists(here))
        .order(blobs::due_at)
        .limit(i64::try_from(MAX_KEYS).unwrap_or(i64::MAX))
        .select((blobs::blob_id, blobs::sha256.is_not_null()))
        .for_update()
        .skip_locked();
    let due: Vec<DueBlob> = tx.load(due)?;
    let mut freed = 0;
    for due in &due {
        // Parts of an upload that goes on, whose own writers went away.
        freed += content::release_blob(tx, due.blob)?;
    }
    let ids = due.iter().map(|due| due.blob);
    let these = blobs::table.filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::blob_id.eq_any(ids)));
    tx.execute(diesel::update(these).set(blobs::due_at.eq(tx.now() + TURN)))?;
    quota::change(tx, Delta::reserve(-freed), None)?;
    Ok(due)
}

/// Notes that blobs were removed: the first time, to look again; the second time, for good.
fn removed(tx: &mut TenantTx<'_>, these: &[BlobId], grace: TimeDelta) -> Result<(), Error> {
    let tenant = tx.tenant();
    let twice = blobs::table
        .filter(blobs::tenant_id.eq(tenant).and(blobs::blob_id.eq_any(these)))
        .filter(blobs::state.eq("abandoned").and(blobs::removed));
    tx.execute(diesel::delete(twice))?;
    let once = blobs::table
        .filter(blobs::tenant_id.eq(tenant).and(blobs::blob_id.eq_any(these)))
        .filter(blobs::state.eq("abandoned").and(diesel::dsl::not(blobs::removed)));
    let again: DateTime<Utc> = tx.now() + grace;
    tx.execute(diesel::update(once).set((blobs::removed.eq(true), blobs::due_at.eq(again))))?;
    Ok(())
}
