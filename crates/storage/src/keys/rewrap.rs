//! Wrapping data keys with a tenant's new key.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::{Caller, Query, TenantId, TenantScope, TenantTx, Write};
use veza_jobs::{Context, Handler, Job, JobError, Options, Outcome};

use super::NO_ROOT;
use crate::crypt::{TenantKey, TenantKeyId, WrappedDataKey};
use crate::id::ContentId;
use crate::keyring::{self, KeyRow};
use crate::schema::{contents, tenant_keys};
use crate::{Error, Storage, content};

/// Data keys of a step.
const BATCH: i64 = 2_000;

/// The job of wrapping what an older key wrapped with the tenant's current one. It goes on where it was broken off:
/// rows say which key wrapped them.
#[derive(Debug, Serialize, Deserialize)]
pub struct RewrapKeys {}

impl Job for RewrapKeys {
    const KIND: &'static str = "storage.rewrap_keys";
    const QUEUE: &'static str = "storage";

    fn options(&self) -> Options {
        Options::default().timeout(Duration::from_mins(30))
    }
}

impl Handler<RewrapKeys> for Storage {
    async fn run(&self, _: RewrapKeys, cx: Context) -> Result<Outcome, JobError> {
        self.rewrap(cx.tenant()).await.map_err(JobError::retry)?;
        Ok(Outcome::Done)
    }
}

type Wrapped = (ContentId, Vec<u8>);

impl Storage {
    /// Wraps with a tenant's current key what its older ones wrapped, and drops those; answers how many data keys that
    /// were.
    ///
    /// # Errors
    /// [`Error::Crypto`] when a key cannot be unwrapped: then it stays, and so does what it wraps.
    pub async fn rewrap(&self, tenant: TenantId) -> Result<usize, Error> {
        let caller = Caller::system(tenant);
        let keys = self.keys().ok_or_else(|| Error::Setup(NO_ROOT.to_owned()))?;
        let mut count = 0;
        // Not from a replica, which may not know of a key that was just changed.
        while let Some(row) = self.db().tenant(&caller, older).await? {
            let (old, new) = (keys.unwrap(&caller, row).await?, keys.current(&caller).await?);
            loop {
                let id = old.id();
                let wrapped = self.db().tenant(&caller, move |tx| batch(tx, id)).await?;
                if wrapped.is_empty() {
                    break;
                }
                count += wrapped.len();
                self.rewrap_batch(&caller, &old, &new, wrapped).await?;
            }
            let id = old.id();
            self.db().tenant(&caller, move |tx| retire(tx, id)).await?;
        }
        Ok(count)
    }

    async fn rewrap_batch(
        &self,
        caller: &Caller,
        old: &Arc<TenantKey>,
        new: &Arc<TenantKey>,
        wrapped: Vec<Wrapped>,
    ) -> Result<(), Error> {
        let (old, new) = (Arc::clone(old), Arc::clone(new));
        let (tenant, random) = (caller.tenant(), Arc::clone(self.db().random()));
        let work = move || {
            let again = |(content, bytes): Wrapped| {
                let place = content::key_place(tenant, content);
                let key = old.unwrap(place, &WrappedDataKey::from_bytes(bytes))?;
                Ok::<_, Error>((content, new.wrap(place, &key, &*random)?.as_bytes().to_vec()))
            };
            let pairs = wrapped.into_iter().map(again).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Error>((old.id(), new.id(), pairs.into_iter().unzip::<_, _, Vec<_>, Vec<_>>()))
        };
        let failed = |panic| Error::Failed { what: "wrapping keys", source: Box::new(panic) };
        let (old, new, (ids, keys)) = tokio::task::spawn_blocking(work).await.map_err(failed)??;
        let keep = move |tx: &mut TenantTx<'_>| {
            // What was destroyed meanwhile stays so, and nothing is wrapped with what was replaced.
            keyring::exists(tx, old)?;
            keyring::hold(tx, new)?;
            let statement = diesel::sql_query(
                "UPDATE storage.contents AS c SET key_id = $3, wrapped_key = again.key \
                 FROM unnest($4, $5) AS again (id, key) \
                 WHERE c.tenant_id = $1 AND c.content_id = again.id AND c.key_id = $2",
            );
            let statement = statement
                .bind::<SqlUuid, _>(tx.tenant())
                .bind::<SqlUuid, _>(old)
                .bind::<SqlUuid, _>(new)
                .bind::<Array<SqlUuid>, _>(&ids)
                .bind::<Array<Binary>, _>(&keys);
            tx.execute(statement)?;
            Ok::<_, Error>(())
        };
        self.db().tenant(caller, keep).await
    }
}

/// An older key that was not dropped.
fn older(tx: &mut TenantTx<'_>) -> Result<Option<KeyRow>, Error> {
    let query = tenant_keys::table
        .filter(tenant_keys::tenant_id.eq(tx.tenant()).and(tenant_keys::wrapped.is_not_null()))
        .filter(diesel::dsl::not(tenant_keys::current))
        .order(tenant_keys::key_id)
        .select(KeyRow::as_select())
        .limit(1);
    Ok(tx.find_result(query)?)
}

fn batch(tx: &mut TenantTx<'_>, key: TenantKeyId) -> Result<Vec<Wrapped>, Error> {
    let query = contents::table
        .filter(contents::tenant_id.eq(tx.tenant()).and(contents::key_id.eq(key)))
        .filter(contents::wrapped_key.is_not_null())
        .order(contents::content_id)
        .select((contents::content_id, contents::wrapped_key.assume_not_null()))
        .limit(BATCH);
    Ok(tx.load(query)?)
}

/// Drops a key that wraps nothing any more: nothing new was wrapped with it since it was replaced.
fn retire(tx: &mut TenantTx<'_>, key: TenantKeyId) -> Result<(), Error> {
    let wrapped = contents::table.filter(contents::tenant_id.eq(tx.tenant()).and(contents::key_id.eq(key)));
    if tx.get_result::<i64, _>(wrapped.count())? > 0 {
        return Ok(());
    }
    let this = tenant_keys::table.find((tx.tenant(), key)).filter(diesel::dsl::not(tenant_keys::current));
    let drop = (tenant_keys::wrapped.eq(None::<Vec<u8>>), tenant_keys::dropped_at.eq(Some(tx.now())));
    tx.execute(diesel::update(this).set(drop))?;
    Ok(())
}
