//! Comparing rows with the backend: after a database was restored to a moment, or when in doubt.
//!
//! Blobs' ids begin with their time, and backends list in the order of ids. So what was stored since a moment is
//! found without a look at what is older.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use serde::Serialize;
use uuid::Uuid;
use veza_core::{Caller, Query, Reason, SystemTx, TenantId, TenantScope, TenantTx};

use crate::backend::{Listed, MAX_KEYS};
use crate::crypt::sealed_len;
use crate::schema::blobs;
use crate::{BlobId, BlobKey, Error, Storage};

/// What is compared, and what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Blobs stored since then; all when absent. After a restore: the moment that was restored to.
    pub since: Option<DateTime<Utc>>,
    /// Remove bytes without a row.
    pub collect: bool,
    /// When there are more without a row, remove nothing: it may be the wrong database, or the wrong backend.
    pub at_most: usize,
}

/// A blob that rows and backend do not agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose it is.
    pub tenant: TenantId,
    /// The blob.
    pub blob: BlobId,
    /// Its bytes in the backend; of one that is missing, those that it should have.
    pub bytes: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Blobs in the backend that were looked at.
    pub blobs: u64,
    /// Rows that were looked at.
    pub rows: u64,
    /// Bytes without a row: nobody can read them. Those that are named are no more than the audit's `at_most`, and one.
    pub orphans: Vec<Finding>,
    /// Rows without bytes: whoever reads them gets an error.
    pub missing: Vec<Finding>,
    /// Bytes that are more or fewer than their row says.
    pub damaged: Vec<Finding>,
    /// How many orphans were removed.
    pub removed: usize,
}

impl Findings {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.orphans.is_empty() && self.missing.is_empty() && self.damaged.is_empty()
    }
}

#[derive(Queryable)]
struct Row {
    blob: BlobId,
    state: String,
    size: i64,
    encrypted: bool,
}

impl Row {
    /// Bytes that the backend has of it.
    fn stored(&self) -> Result<u64, Error> {
        let len = self.size.unsigned_abs();
        if self.encrypted { sealed_len(len) } else { Ok(len) }
    }
}

#[derive(QueryableByName)]
struct Of {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

impl Storage {
    /// Compares rows with the backend, and removes bytes without a row when it is to.
    ///
    /// # Errors
    /// The backend's own, and the database's.
    pub async fn audit(&self, audit: Audit) -> Result<Findings, Error> {
        let mut findings = Findings::default();
        let mut tenants: BTreeSet<TenantId> = self.tenants_with_files().await?.into_iter().collect();
        tenants.extend(self.tenants_with_bytes().await?);
        for tenant in tenants {
            self.audit_tenant(tenant, audit, &mut findings).await?;
        }
        if audit.collect && findings.orphans.len() <= audit.at_most {
            for some in
                findings.orphans.chunk_by(|a, b| a.tenant == b.tenant).flat_map(|all| all.chunks(MAX_KEYS))
            {
                findings.removed += self.collect(some).await?;
            }
        }
        Ok(findings)
    }

    /// Removes bytes of one tenant that have no row, now that they are looked for once more.
    async fn collect(&self, orphans: &[Finding]) -> Result<usize, Error> {
        let Some(Finding { tenant, .. }) = orphans.first() else { return Ok(0) };
        let ids: Vec<BlobId> = orphans.iter().map(|orphan| orphan.blob).collect();
        let known = move |tx: &mut TenantTx<'_>| {
            let these =
                blobs::table.filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::blob_id.eq_any(&ids)));
            Ok::<_, Error>(tx.load::<BlobId, _>(these.select(blobs::blob_id))?)
        };
        let known: BTreeSet<BlobId> =
            self.db().tenant(&Caller::system(*tenant), known).await?.into_iter().collect();
        let gone = orphans.iter().map(|orphan| orphan.blob).filter(|blob| !known.contains(blob));
        let keys: Vec<BlobKey> = gone.map(|blob| BlobKey::new(*tenant, blob)).collect();
        self.backend().delete_many(&keys).await?;
        Ok(keys.len())
    }

    async fn tenants_with_files(&self) -> Result<Vec<TenantId>, Error> {
        let look = self.db().system(Reason("storage.audit"), |tx: &mut SystemTx<'_>| {
            Ok::<_, Error>(tx.load::<Of, _>(diesel::sql_query("SELECT tenant_id FROM storage.usage"))?)
        });
        Ok(look.await?.into_iter().map(|of| of.tenant_id).collect())
    }

    /// Also those whom the database does not know any more.
    async fn tenants_with_bytes(&self) -> Result<Vec<TenantId>, Error> {
        let (mut found, mut after) = (Vec::new(), None);
        while let Some(first) = self.backend().list(None, after, 1).await?.first() {
            found.push(first.key.tenant());
            after = Some(BlobKey::new(first.key.tenant(), BlobId::from_uuid(Uuid::max())));
        }
        Ok(found)
    }

    async fn audit_tenant(&self, tenant: TenantId, audit: Audit, to: &mut Findings) -> Result<(), Error> {
        let caller = Caller::system(tenant);
        let mut behind = audit.since.map_or(Uuid::nil(), first_of);
        loop {
            // Bytes first, and rows then, and those not of a replica: a row is older than its bytes, so what has none now
            // never had one.
            let after = BlobKey::new(tenant, BlobId::from_uuid(behind));
            let listed = self.backend().list(Some(tenant), Some(after), MAX_KEYS).await?;
            let end = listed.last().map(|last| last.key.blob());
            let rows = self.db().tenant(&caller, move |tx| rows(tx, BlobId::from_uuid(behind), end)).await?;
            self.compare(&caller, audit, &listed, rows, to).await?;
            match end {
                Some(end) => behind = end.as_uuid(),
                None => return Ok(()),
            }
        }
    }

    async fn compare(
        &self,
        caller: &Caller,
        audit: Audit,
        listed: &[Listed],
        rows: Vec<Row>,
        to: &mut Findings,
    ) -> Result<(), Error> {
        let tenant = caller.tenant();
        to.blobs += u64::try_from(listed.len()).unwrap_or(u64::MAX);
        to.rows += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let mut rows: BTreeMap<BlobId, Row> = rows.into_iter().map(|row| (row.blob, row)).collect();
        for Listed { key, len } in listed {
            let finding = Finding { tenant, blob: key.blob(), bytes: *len };
            match rows.remove(&key.blob()) {
                None if to.orphans.len() <= audit.at_most => to.orphans.push(finding),
                Some(row) if row.state == "live" && row.stored()? != *len => to.damaged.push(finding),
                None | Some(_) => {}
            }
        }
        for row in rows.into_values().filter(|row| row.state == "live") {
            // It may have been stored since the bytes were listed, or removed.
            let key = BlobKey::new(tenant, row.blob);
            let gone = matches!(self.backend().head(key).await, Err(Error::NotFound));
            if gone && self.db().tenant(caller, move |tx| is_live(tx, key.blob())).await? {
                to.missing.push(Finding { tenant, blob: row.blob, bytes: row.stored()? });
            }
        }
        Ok(())
    }
}

/// What sorts before all ids of a moment.
fn first_of(moment: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from(moment.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}

/// Rows of blobs behind one, up to another.
fn rows(tx: &mut TenantTx<'_>, behind: BlobId, end: Option<BlobId>) -> Result<Vec<Row>, Error> {
    let mut query = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::blob_id.gt(behind)))
        .select((blobs::blob_id, blobs::state, blobs::size, blobs::header.is_not_null()))
        .into_boxed();
    if let Some(end) = end {
        query = query.filter(blobs::blob_id.le(end));
    }
    Ok(tx.load(query)?)
}

fn is_live(tx: &mut TenantTx<'_>, blob: BlobId) -> Result<bool, Error> {
    let state = blobs::table.find((tx.tenant(), blob)).select(blobs::state);
    Ok(tx.find_result::<String, _>(state)?.is_some_and(|state| state == "live"))
}
