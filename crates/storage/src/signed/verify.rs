//! From a signed URL to somebody who may do what it says.

use diesel::prelude::*;
use uuid::Uuid;
use veza_core::{Caller, Permission, Query, Reason, Scopes, SystemTx, TenantId};

use super::key::KeyRow;
use super::{Action, Grant};
use crate::id::BucketId;
use crate::permission::{ReadObjects, WriteObjects};
use crate::schema::{buckets, signing_keys};
use crate::{Error, Storage};

/// A grant whose signature holds.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What is allowed.
    pub grant: Grant,
    /// Who signed it, with the one right that it is about.
    pub caller: Caller,
}

type Found = (TenantId, BucketId, KeyRow);

impl Storage {
    /// Checks what a URL says: `tenant` and the grant as they stand there, and the signature. They are the same error
    /// whatever is wrong with them, but for a time that has passed.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], [`Error::SignatureExpired`].
    pub async fn verify(&self, tenant: Uuid, grant: Grant, signature: &[u8]) -> Result<Verified, Error> {
        // It stands in the URL, so this tells nobody anything, and costs neither a query nor a key.
        if self.db().clock().now().timestamp() >= grant.expires {
            return Err(Error::SignatureExpired);
        }
        let name = grant.bucket.clone();
        let find = move |tx: &mut SystemTx<'_>| {
            let query = signing_keys::table
                .inner_join(buckets::table.on(buckets::tenant_id.eq(signing_keys::tenant_id)))
                .filter(signing_keys::tenant_id.eq(tenant))
                .filter(buckets::name.eq(&name).and(buckets::deleted_at.is_null()))
                .select((signing_keys::tenant_id, buckets::bucket_id, KeyRow::as_select()));
            Ok::<_, Error>(tx.find_result::<Found, _>(query)?)
        };
        let found = self.db().system(Reason("storage.signature"), find).await?;
        let found = found.filter(|(_, _, row)| row.id() == grant.key_id);
        let (tenant, bucket, row) = found.ok_or(Error::SignatureInvalid)?;
        let key = self.unwrap_signing_key(tenant, row).await.map_err(|error| match error {
            // The version of the root key that wrapped it was removed.
            Error::Crypto(_) => Error::SignatureInvalid,
            other => other,
        })?;
        if !key.holds(&grant.text(tenant, bucket), signature) {
            return Err(Error::SignatureInvalid);
        }
        let right = match grant.action {
            Action::Get => ReadObjects::NAME,
            Action::Put => WriteObjects::NAME,
        };
        let principal = grant.principal().ok_or(Error::SignatureInvalid)?;
        let caller = Caller::verified(tenant, principal, Scopes::new([right]));
        Ok(Verified { grant, caller })
    }
}
