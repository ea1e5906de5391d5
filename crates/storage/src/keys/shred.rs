//! Destroying all that a tenant stored, by destroying its keys.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use serde::Serialize;
use veza_core::{FieldError, Permit, Query, TenantScope, TenantTx, Write};

use crate::Error;
use crate::crypt::TenantKeyId;
use crate::permission::ManageKeys;
use crate::schema::{contents, tenant_keys};

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Shredded {
    /// Keys.
    pub keys: i64,
    /// Contents that nobody can read any more.
    pub contents: i64,
    /// Contents that were never encrypted, and can still be read: delete them.
    pub unencrypted: i64,
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

/// Destroys the keys of the organisation: what they encrypt is lost for everybody, in the backend, in its copies and
/// backups, and for good. Who reads it gets [`Error::Shredded`]; what is stored from now on gets a new key. `confirmation`
/// must be the organisation's id.
///
/// # Errors
/// [`Error::Invalid`] for another confirmation, [`Error::Retained`] while a version is retained or under legal hold.
pub fn shred(tx: &mut TenantTx<'_>, _: &Permit<ManageKeys>, confirmation: &str) -> Result<Shredded, Error> {
    if confirmation != tx.tenant().to_string() {
        let rule = "the id of the organisation, whose files are lost";
        return Err(Error::Invalid(vec![FieldError::new("/confirm".to_owned(), "confirmation", rule)]));
    }
    // Nobody begins to store anything with a key that is about to go.
    let those = tenant_keys::table
        .filter(tenant_keys::tenant_id.eq(tx.tenant()).and(tenant_keys::wrapped.is_not_null()));
    let ids: Vec<TenantKeyId> = tx.load(those.select(tenant_keys::key_id).for_update())?;
    let locked = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM storage.versions AS v JOIN storage.contents AS c USING (tenant_id, content_id) \
         WHERE v.tenant_id = $1 AND (v.legal_hold OR v.retain_until IS NOT NULL) AND c.key_id IS NOT NULL \
           AND storage.is_locked(v)) AS locked",
    );
    if tx.get_result::<Locked, _>(locked.bind::<SqlUuid, _>(tx.tenant()))?.locked {
        return Err(Error::Retained);
    }
    let all = contents::table.filter(contents::tenant_id.eq(tx.tenant()));
    let lost = tx.get_result(all.filter(contents::key_id.eq_any(&ids)).count())?;
    let unencrypted = tx.get_result(all.filter(contents::key_id.is_null()).count())?;
    let drop = (
        tenant_keys::wrapped.eq(None::<Vec<u8>>),
        tenant_keys::current.eq(false),
        tenant_keys::dropped_at.eq(Some(tx.now())),
    );
    let keys = tx.execute(diesel::update(those).set(drop))?;
    tracing::warn!(tenant.id = %tx.tenant(), keys, lost, "the keys of a tenant are destroyed");
    Ok(Shredded { keys: i64::try_from(keys).unwrap_or(i64::MAX), contents: lost, unencrypted })
}
