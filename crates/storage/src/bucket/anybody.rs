//! Buckets, for who has no tenant yet.

use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;
use veza_core::{Db, Query, Reason, SystemTx, TenantId};

use super::CorsRule;
use crate::Error;
use crate::schema::buckets;

/// What somebody without credentials needs to know of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct PublicBucket {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Everybody may read its objects.
    pub(crate) public: bool,
    /// Which other origins may use it from a browser.
    pub(crate) cors: Vec<CorsRule>,
}

/// The bucket that an organisation's id and a name mean, if there is one.
pub(crate) async fn find_of_anybody(
    db: &Db,
    organization: Uuid,
    name: &str,
) -> Result<Option<PublicBucket>, Error> {
    let name = name.to_owned();
    let find = move |tx: &mut SystemTx<'_>| {
        let query = buckets::table
            .filter(buckets::tenant_id.eq(organization).and(buckets::name.eq(&name)))
            .filter(buckets::deleted_at.is_null())
            .select((buckets::tenant_id, buckets::access, buckets::cors));
        Ok::<_, Error>(tx.find_result::<(TenantId, String, Value), _>(query)?)
    };
    let found = db.system(Reason("storage.public"), find).await?;
    Ok(found.map(|(tenant, access, cors)| PublicBucket {
        tenant,
        public: access == "public_read",
        // What we wrote can be read.
        cors: serde_json::from_value(cors).unwrap_or_default(),
    }))
}
