//! Obeying rules: who looks when, and the job that does it.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::{Caller, Query, ReadTx, Reason, SystemTx, TenantId, TenantScope, TenantTx, Write};
use veza_jobs::{Context, Handler, Job, JobError, Options, Outcome, enqueue};

use super::act::{self, Step};
use super::find::{Action, Look};
use super::{EVERY, Lifecycle, Row, Rule};
use crate::bucket::{self, Bucket};
use crate::id::BucketId;
use crate::schema::{buckets, lifecycles};
use crate::{Error, Storage};

/// Tenants of one look.
const TENANTS: i64 = 1_000;
/// What one transaction deletes at most, for each takes a lock on its key.
const BATCH: i64 = 500;

/// The job of obeying a tenant's lifecycle rules.
#[derive(Debug, Serialize, Deserialize)]
pub struct ApplyLifecycle {}

impl Job for ApplyLifecycle {
    const KIND: &'static str = "storage.lifecycle";
    const QUEUE: &'static str = "storage";

    fn options(&self) -> Options {
        Options::default().unique(Self::KIND).timeout(Duration::from_mins(30))
    }
}

/// What rules did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Objects that expired.
    pub expired: usize,
    /// Versions that were not current and are deleted.
    pub noncurrent: usize,
    /// Uploads that were ended.
    pub aborted: usize,
    /// Contents that were moved to the cold tier.
    pub cold: usize,
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

/// A bucket whose rules are to be looked at.
type Turn = (BucketId, String, Lifecycle);

impl Storage {
    /// Looks once for tenants with rules that are to be looked at, and has jobs do it; answers how many.
    pub async fn sweep_lifecycles(&self) -> Result<usize, Error> {
        let due = self.db().system(Reason("storage.lifecycles"), |tx: &mut SystemTx<'_>| {
            let statement = diesel::sql_query(
                "SELECT DISTINCT tenant_id FROM storage.lifecycles WHERE run_at <= $1 LIMIT $2",
            );
            let statement = statement.bind::<Timestamptz, _>(tx.now()).bind::<BigInt, _>(TENANTS);
            Ok::<_, Error>(tx.load::<Due, _>(statement)?)
        });
        let due = due.await?;
        for Due { tenant_id } in &due {
            let caller = Caller::system(*tenant_id);
            let asked = self.db().tenant(&caller, |tx| enqueue(tx, &ApplyLifecycle {}));
            // One tenant's trouble is not the others'.
            if let Err(error) = asked.await {
                tracing::warn!(tenant.id = %tenant_id, %error, "a tenant's rules wait");
            }
        }
        Ok(due.len())
    }

    /// Obeys the rules of all of a tenant's buckets whose turn it is.
    pub async fn apply_lifecycles(&self, tenant: TenantId) -> Result<Applied, Error> {
        let caller = Caller::system(tenant);
        let mut applied = Applied::default();
        while let Some((id, name, lifecycle)) = self.db().read(&caller, turn).await? {
            for rule in &lifecycle.rules {
                self.obey(&caller, &name, (rule, lifecycle.version), &mut applied).await?;
            }
            self.db().tenant(&caller, move |tx| done(tx, id, lifecycle.version)).await?;
        }
        Ok(applied)
    }

    async fn obey(
        &self,
        caller: &Caller,
        name: &str,
        (rule, version): (&Rule, i64),
        applied: &mut Applied,
    ) -> Result<(), Error> {
        for action in Action::ALL {
            let begin = {
                let (name, rule) = (name.to_owned(), rule.clone());
                move |tx: &mut ReadTx<'_>| {
                    let bucket: Bucket = bucket::find(tx, &name)?;
                    Look::new(tx, &bucket, (&rule, version), action, BATCH)
                }
            };
            let Some(mut look) = self.db().read(caller, begin).await? else { continue };
            let sum = match action {
                Action::Expire => &mut applied.expired,
                Action::Noncurrent => &mut applied.noncurrent,
                Action::Abort => &mut applied.aborted,
                Action::Cold => &mut applied.cold,
            };
            loop {
                let step = self.step(caller, name, &look).await?;
                *sum += step.done;
                let Some(next) = step.next else { break };
                look.after = next;
            }
        }
        Ok(())
    }

    async fn step(&self, caller: &Caller, name: &str, look: &Look) -> Result<Step, Error> {
        if look.action == Action::Cold {
            return self.chill(caller, look).await;
        }
        let (look, name, window) = (look.clone(), name.to_owned(), self.config().window());
        self.db().tenant(caller, move |tx| act::step(tx, &look, &name, window)).await
    }
}

impl Handler<ApplyLifecycle> for Storage {
    async fn run(&self, _: ApplyLifecycle, cx: Context) -> Result<Outcome, JobError> {
        let applied = self.apply_lifecycles(cx.tenant()).await.map_err(JobError::retry)?;
        tracing::info!(?applied, "obeyed the lifecycle rules of a tenant");
        Ok(Outcome::Done)
    }
}

/// A bucket whose turn it is.
fn turn(tx: &mut ReadTx<'_>) -> Result<Option<Turn>, Error> {
    let due = lifecycles::table
        .inner_join(buckets::table.on(
            buckets::tenant_id.eq(lifecycles::tenant_id).and(buckets::bucket_id.eq(lifecycles::bucket_id)),
        ))
        .filter(lifecycles::tenant_id.eq(tx.tenant()).and(lifecycles::run_at.le(tx.now())))
        .filter(buckets::deleted_at.is_null())
        .order(lifecycles::bucket_id)
        .select((lifecycles::bucket_id, buckets::name, Row::as_select()))
        .limit(1);
    let found: Option<(BucketId, String, Row)> = tx.find_result(due)?;
    found.map(|(id, name, row)| Ok((id, name, row.try_into()?))).transpose()
}

/// Notes that a bucket had its turn, unless its rules were changed meanwhile.
fn done(tx: &mut TenantTx<'_>, bucket: BucketId, version: i64) -> Result<(), Error> {
    let this = lifecycles::table.find((tx.tenant(), bucket)).filter(lifecycles::version.eq(version));
    let note = (lifecycles::run_at.eq(tx.now() + EVERY), lifecycles::ran_at.eq(tx.now()));
    tx.execute(diesel::update(this).set(note))?;
    Ok(())
}
