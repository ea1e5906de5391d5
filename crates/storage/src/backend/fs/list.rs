//! Listing blobs in the order of their keys.

use std::os::fd::OwnedFd;

use veza_core::TenantId;

use super::directory::{Root, Slot, enter, names};
use super::{Listed, read};
use crate::blob::canonical;
use crate::{BlobId, BlobKey, Error};

/// A walk through the directories; their order is the order of the keys.
struct Walk {
    after: Option<BlobKey>,
    limit: usize,
    found: Vec<Listed>,
}

/// At most `limit` blobs behind `after`, of one tenant or of all.
pub(super) fn list(
    root: &Root,
    tenant: Option<TenantId>,
    after: Option<BlobKey>,
    limit: usize,
) -> Result<Vec<Listed>, Error> {
    let mut walk = Walk { after, limit, found: Vec::new() };
    let least = after.map(|key| key.tenant().to_string()).unwrap_or_default();
    let names = match tenant {
        Some(tenant) => vec![tenant.to_string()],
        None => names(&root.blobs, &least)?,
    };
    for name in names.into_iter().filter(|name| *name >= least) {
        let Some(tenant) = canonical(&name).map(TenantId::from_verified) else { continue };
        if let Some(directory) = enter(&root.blobs, &name)? {
            walk.tenant(tenant, &directory)?;
        }
        if walk.is_full() {
            break;
        }
    }
    Ok(walk.found)
}

impl Walk {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn tenant(&mut self, tenant: TenantId, directory: &OwnedFd) -> Result<(), Error> {
        let bound = self.after.filter(|after| after.tenant() == tenant).map(Slot::of);
        let [_, least_days, least_minutes] = bound.map_or_else(Default::default, Slot::into_names);
        for days in names(directory, &least_days)? {
            let Some(above) = enter(directory, &days)? else { continue };
            let least = if days == least_days { least_minutes.as_str() } else { "" };
            for minutes in names(&above, least)? {
                if self.is_full() {
                    return Ok(());
                }
                if let Some(slot) = enter(&above, &minutes)? {
                    self.slot(tenant, &slot)?;
                }
            }
        }
        Ok(())
    }

    fn slot(&mut self, tenant: TenantId, directory: &OwnedFd) -> Result<(), Error> {
        for name in names(directory, "")? {
            let Some(blob) = canonical(&name).map(BlobId::from_uuid) else { continue };
            let key = BlobKey::new(tenant, blob);
            if self.is_full() {
                break;
            }
            if self.after.is_some_and(|after| key <= after) {
                continue;
            }
            // One that was removed meanwhile is not listed.
            match read::open(directory, &name).and_then(|file| read::len(&file)) {
                Ok(len) => self.found.push(Listed { key, len }),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
