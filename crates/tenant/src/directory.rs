//! What every request needs to know of its organisation, remembered for as long as it holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Db, Query, Reason, SystemTx, TenantId, Timestamp};

use crate::error::Error;
use crate::schema::organizations;

/// An organisation, as requests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) tenant: TenantId,
    pub(crate) slug: String,
    pub(crate) active: bool,
    pub(crate) requests_per_minute: u32,
    loaded: Timestamp,
}

/// Entries are read again after this long, even if nobody said that they changed.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// At most this many are remembered; then all are forgotten.
const CAPACITY: usize = 100_000;

/// See the module.
pub(crate) struct Directory {
    default_requests_per_minute: u32,
    entries: RwLock<HashMap<TenantId, Arc<Entry>>>,
    /// Grows with every `forget`: what was read before must not be remembered after.
    changes: AtomicU64,
}

impl Directory {
    pub(crate) fn new(default_requests_per_minute: u32) -> Self {
        Self { default_requests_per_minute, entries: RwLock::default(), changes: AtomicU64::new(0) }
    }

    /// The organisation of a verified caller.
    pub(crate) async fn get(&self, db: &Db, tenant: TenantId) -> Result<Arc<Entry>, Error> {
        let now = db.clock().now();
        let known = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        // A clock that went back makes everything old.
        let fresh = |entry: &Arc<Entry>| (TimeDelta::zero()..LIFETIME).contains(&(now - entry.loaded));
        if let Some(entry) = known.filter(fresh) {
            return Ok(entry);
        }
        let before = self.changes.load(Ordering::Acquire);
        let default = self.default_requests_per_minute;
        let entry = db
            .system(Reason("tenant.directory"), move |tx| {
                let query = organizations::table.find(tenant).select(COLUMNS);
                load(tx, query, default)
            })
            .await?
            .ok_or(Error::TokenInvalid)?;
        Ok(self.remember(entry, before))
    }

    /// The organisation with a slug, as a host name or header may give it.
    pub(crate) async fn find_by_slug(&self, db: &Db, slug: &str) -> Result<Option<Arc<Entry>>, Error> {
        let (slug, default) = (slug.to_owned(), self.default_requests_per_minute);
        let before = self.changes.load(Ordering::Acquire);
        let entry = db
            .system(Reason("tenant.directory"), move |tx| {
                let query = organizations::table.filter(organizations::slug.eq(&slug)).select(COLUMNS);
                load(tx, query, default)
            })
            .await?;
        Ok(entry.map(|entry| self.remember(entry, before)))
    }

    /// Reads it again next time.
    pub(crate) fn forget(&self, tenant: TenantId) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::AcqRel);
        entries.remove(&tenant);
    }

    fn remember(&self, entry: Entry, before: u64) -> Arc<Entry> {
        let entry = Arc::new(entry);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::Acquire) != before {
            return entry;
        }
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(entry.tenant, Arc::clone(&entry));
        entry
    }
}

type Row = (TenantId, String, String, Option<i32>);

const COLUMNS: (
    organizations::tenant_id,
    organizations::slug,
    organizations::state,
    organizations::requests_per_minute,
) = (organizations::tenant_id, organizations::slug, organizations::state, organizations::requests_per_minute);

fn load<'q, Q>(tx: &mut SystemTx<'_>, query: Q, default: u32) -> Result<Option<Entry>, Error>
where
    Q: diesel::query_dsl::methods::LoadQuery<'q, PgConnection, Row>,
{
    let loaded = tx.now();
    let row = tx.find_result(query)?;
    Ok(row.map(|(tenant, slug, state, limit)| Entry {
        tenant,
        slug,
        active: state == "active",
        requests_per_minute: limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(default),
        loaded,
    }))
}
