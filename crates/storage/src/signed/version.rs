//! A URL for one version, by its id alone.

use chrono::TimeDelta;
use veza_core::{Caller, TenantTx};

use super::{Action, NewGrant, SignedGrant};
use crate::id::VersionId;
use crate::object;
use crate::{Error, Storage};

impl Storage {
    /// Signs that somebody may read a version, wherever it is. For who noted the id of a version as something that
    /// others may read: it stays these bytes, also when its key shows something else.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] for a lifetime out of range, [`Error::Absent`] also for what was deleted
    /// and could be restored, [`Error::NoRootKey`].
    pub async fn sign_version(
        &self,
        caller: &Caller,
        version: VersionId,
        lifetime: TimeDelta,
    ) -> Result<SignedGrant, Error> {
        let permit = caller.permit()?;
        let place = move |tx: &mut TenantTx<'_>| object::place_of(tx, &permit, version);
        // Not from a replica: it may have been stored a moment ago.
        let (bucket, key) = self.db().tenant(caller, place).await?;
        let new = NewGrant {
            action: Action::Get,
            bucket,
            key,
            version: Some(version),
            lifetime,
            content_type: None,
            max_bytes: None,
        };
        self.sign(caller, new).await
    }
}
