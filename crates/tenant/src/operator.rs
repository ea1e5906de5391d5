//! What the operator of the deployment does to organisations, from the command line.

use uuid::Uuid;
use veza_core::{Caller, Permit, Reason};

use crate::error::Error;
use crate::organization::{self, LimitChange, Organization, Transition};
use crate::permission::DeleteOrganization;
use crate::revocation::Subject;
use crate::service::Tenants;

impl Tenants {
    /// An organisation by id or slug.
    pub async fn get_organization(&self, name: &str) -> Result<Organization, Error> {
        let name = name.to_owned();
        self.inner.db.system(Reason("tenant.operator"), move |tx| organization::find_any(tx, &name)).await
    }

    /// Organisations after the id `after`, at most `limit`.
    pub async fn list_organizations(
        &self,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Organization>, Error> {
        self.inner
            .db
            .system(Reason("tenant.operator"), move |tx| organization::list_all(tx, after, i64::from(limit)))
            .await
    }

    /// Suspends, resumes or marks as deleted. In force everywhere within a second.
    pub async fn transition(
        &self,
        name: &str,
        transition: Transition,
        reason: Option<&str>,
    ) -> Result<Organization, Error> {
        let (name, reason) = (name.to_owned(), reason.map(str::to_owned));
        let organization = self
            .inner
            .db
            .system(Reason("tenant.operator"), move |tx| {
                let organization = organization::find_any(tx, &name)?;
                organization::transition(tx, organization.id, transition, reason.as_deref())
            })
            .await?;
        self.revoked(organization.id, Subject::Organization);
        Ok(organization)
    }

    /// Sets limits of one organisation.
    pub async fn set_limits(&self, name: &str, change: LimitChange) -> Result<Organization, Error> {
        let name = name.to_owned();
        let organization = self
            .inner
            .db
            .system(Reason("tenant.operator"), move |tx| {
                let organization = organization::find_any(tx, &name)?;
                organization::set_limits(tx, organization.id, change)
            })
            .await?;
        self.revoked(organization.id, Subject::Organization);
        Ok(organization)
    }

    /// The owner's own deletion mark. The operator can take it back until the data is erased.
    pub async fn delete_own(
        &self,
        caller: &Caller,
        _: &Permit<DeleteOrganization>,
        versions: Option<&[i64]>,
    ) -> Result<(), Error> {
        let tenant = caller.tenant();
        let reason = format!("deleted by {}", caller.principal());
        let versions = versions.map(<[i64]>::to_vec);
        self.inner
            .db
            .system(Reason("tenant.delete_organization"), move |tx| {
                let organization = organization::hold(tx, tenant)?;
                if versions.as_ref().is_some_and(|versions| !versions.contains(&organization.version)) {
                    return Err(Error::VersionMismatch);
                }
                organization::transition(tx, tenant, Transition::Delete, Some(&reason))
            })
            .await?;
        self.revoked(tenant, Subject::Organization);
        Ok(())
    }
}
