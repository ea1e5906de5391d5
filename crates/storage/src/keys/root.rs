//! Wrapping tenants' keys with a new version of the root key.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Caller, Query, ReadTx, Reason, SystemTx, TenantId, TenantScope, TenantTx, Write};

use super::NO_ROOT;
use crate::keyring::KeyRow;
use crate::schema::tenant_keys;
use crate::{Error, Storage};

/// Tenants of one look.
const TENANTS: i64 = 1_000;

/// What changing the root key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Rewrapped {
    /// Organisations whose keys were wrapped again.
    pub tenants: usize,
    /// Their keys.
    pub keys: usize,
    /// Keys that sign URLs.
    pub signing_keys: usize,
    /// The same that could not be wrapped again, for the version that wrapped them is gone. They sign nothing any more,
    /// and each is replaced when its organisation signs next.
    pub lost_signing_keys: usize,
}

#[derive(QueryableByName)]
struct Of {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

impl Storage {
    /// Wraps with the current version of the root key all keys of tenants that another one wrapped, those that sign
    /// URLs as well, so that it can be removed. It can be broken off and begun again.
    ///
    /// # Errors
    /// [`Error::Crypto`] when a version that wrapped a key is not there any more.
    pub async fn rewrap_root(&self) -> Result<Rewrapped, Error> {
        let keys = self.keys().ok_or_else(|| Error::Setup(NO_ROOT.to_owned()))?;
        let (mut done, mut behind) = (Rewrapped::default(), Uuid::nil());
        loop {
            let current = keys.root().current().to_owned();
            let look = self.db().system(Reason("storage.rewrap_root"), move |tx: &mut SystemTx<'_>| {
                let statement = diesel::sql_query(
                    "SELECT tenant_id FROM storage.tenant_keys \
                     WHERE dropped_at IS NULL AND root_id <> $1 AND tenant_id > $3 \
                     UNION SELECT tenant_id FROM storage.signing_keys WHERE root_id <> $1 AND tenant_id > $3 \
                     ORDER BY tenant_id LIMIT $2",
                );
                let statement = statement.bind::<Text, _>(&current).bind::<BigInt, _>(TENANTS);
                let statement = statement.bind::<SqlUuid, _>(behind);
                Ok::<_, Error>(tx.load::<Of, _>(statement)?)
            });
            let tenants = look.await?;
            if tenants.is_empty() {
                return Ok(done);
            }
            for Of { tenant_id } in tenants {
                done.keys += self.rewrap_tenant(tenant_id).await?;
                match self.rewrap_signing_key(&Caller::system(tenant_id)).await {
                    Ok(count) => done.signing_keys += count,
                    Err(Error::Crypto(reason)) => {
                        tracing::warn!(reason, tenant.id = %tenant_id, "a signing key cannot be unwrapped");
                        done.lost_signing_keys += 1;
                    }
                    Err(error) => return Err(error),
                }
                (done.tenants, behind) = (done.tenants + 1, tenant_id.as_uuid());
            }
        }
    }

    async fn rewrap_tenant(&self, tenant: TenantId) -> Result<usize, Error> {
        let (caller, mut count) = (Caller::system(tenant), 0);
        let keys = self.keys().ok_or_else(|| Error::Setup(NO_ROOT.to_owned()))?;
        let current = keys.root().current().to_owned();
        for row in self.db().read(&caller, move |tx| outdated(tx, &current)).await? {
            let (id, before) = (row.key_id, row.root_id.clone());
            let again = keys.unwrap(&caller, row).await?.wrap_with(keys.root()).await?;
            let keep = move |tx: &mut TenantTx<'_>| {
                let this = tenant_keys::table
                    .find((tx.tenant(), id))
                    .filter(tenant_keys::root_id.eq(&before).and(tenant_keys::wrapped.is_not_null()));
                let set = (tenant_keys::root_id.eq(&again.root), tenant_keys::wrapped.eq(&again.bytes));
                Ok::<_, Error>(tx.execute(diesel::update(this).set(set))?)
            };
            count += self.db().tenant(&caller, keep).await?;
        }
        Ok(count)
    }
}

fn outdated(tx: &mut ReadTx<'_>, current: &str) -> Result<Vec<KeyRow>, Error> {
    let query = tenant_keys::table
        .filter(tenant_keys::tenant_id.eq(tx.tenant()).and(tenant_keys::wrapped.is_not_null()))
        .filter(tenant_keys::root_id.ne(current))
        .select(KeyRow::as_select());
    Ok(tx.load(query)?)
}
