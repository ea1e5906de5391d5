//! Moving bytes to the cold tier.

use diesel::prelude::*;
use futures_util::{StreamExt, TryStreamExt, stream};
use veza_core::{Caller, Query, ReadTx, TenantScope, TenantTx, Write};

use super::act::Step;
use super::find::Look;
use crate::backend::Tier;
use crate::id::ContentId;
use crate::schema::{blobs, contents};
use crate::{BlobId, BlobKey, Error, Storage};

/// Requests to the backend at a time.
const AT_ONCE: usize = 8;

impl Storage {
    /// Moves the bytes of a batch of contents, and notes it then: what a crash left unnoted is moved once more.
    pub(super) async fn chill(&self, caller: &Caller, look: &Look) -> Result<Step, Error> {
        let find = {
            let look = look.clone();
            move |tx: &mut ReadTx<'_>| {
                let due = look.due(tx)?;
                let ids: Vec<ContentId> = due.iter().map(|due| ContentId::from_uuid(due.id)).collect();
                let these = blobs::table
                    .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq_any(ids)))
                    .filter(blobs::state.eq("live"))
                    .select((blobs::blob_id, blobs::content_id));
                Ok::<_, Error>((due, tx.load::<(BlobId, ContentId), _>(these)?))
            }
        };
        let (due, these) = self.db().read(caller, find).await?;
        let full = i64::try_from(due.len()).is_ok_and(|len| len >= look.limit);
        let next = due.last().filter(|_| full).map(|last| (last.at, last.id));
        let tenant = caller.tenant();
        let moved = stream::iter(these).map(|(blob, content)| async move {
            match self.backend().set_tier(BlobKey::new(tenant, blob), Tier::Cold).await {
                Ok(()) => Ok(None),
                // It was removed meanwhile, and its content with it.
                Err(Error::NotFound) => Ok(Some(content)),
                Err(error) => Err(error),
            }
        });
        let lost: Vec<ContentId> =
            moved.buffer_unordered(AT_ONCE).try_filter_map(async |lost| Ok(lost)).try_collect().await?;
        let ids = due.iter().map(|due| ContentId::from_uuid(due.id)).filter(|id| !lost.contains(id));
        let ids: Vec<ContentId> = ids.collect();
        let note = move |tx: &mut TenantTx<'_>| {
            let these = contents::table
                .filter(contents::tenant_id.eq(tx.tenant()).and(contents::content_id.eq_any(&ids)))
                .filter(contents::state.eq("live"));
            Ok::<_, Error>(tx.execute(diesel::update(these).set(contents::tier.eq("cold")))?)
        };
        let done = if due.is_empty() { 0 } else { self.db().tenant(caller, note).await? };
        Ok(Step { done, next })
    }
}
