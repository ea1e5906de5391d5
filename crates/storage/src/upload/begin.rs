//! Beginning an upload.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx};

use super::session::{Options, Row};
use super::{NewUpload, Protocol, Upload, complete};
use crate::bucket::{self, Bucket};
use crate::content::{self, Intent};
use crate::crypt::{TenantKeyId, WrappedDataKey};
use crate::id::ContentId;
use crate::input::Rules;
use crate::object;
use crate::permission::WriteObjects;
use crate::schema::uploads;
use crate::{Error, Storage};

/// What an upload needs before its transaction begins.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    content: ContentId,
    key: Option<(TenantKeyId, WrappedDataKey)>,
    backend: String,
    by: String,
    limit: Option<i64>,
    lifetime: TimeDelta,
    window: TimeDelta,
}

impl Storage {
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// As [`Storage::put`], as far as it is known by now.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        permit: &Permit<WriteObjects>,
        new: NewUpload,
    ) -> Result<Upload, Error> {
        let (prepared, new) = (Arc::new(self.prepare_upload(caller, permit).await?), Arc::new(new));
        self.db().tenant(caller, move |tx| begin(tx, &new, &prepared)).await
    }

    pub(crate) async fn prepare_upload(
        &self,
        caller: &Caller,
        permit: &Permit<WriteObjects>,
    ) -> Result<Prepared, Error> {
        let (now, random) = (self.db().clock().now(), &**self.db().random());
        let content = ContentId::generate(now, random);
        let key = self.make_data_key(caller, content).await?.map(|(_, kept)| kept);
        Ok(Prepared {
            content,
            key,
            backend: self.backend_name().to_owned(),
            by: permit.caller().principal().to_string(),
            limit: self.config().quota_bytes,
            lifetime: self.config().lifetime(),
            window: self.config().window(),
        })
    }
}

/// Begins an upload that was prepared. One of tus that has all of its bytes by now, none, is complete at once.
pub(crate) fn begin(tx: &mut TenantTx<'_>, new: &NewUpload, prepared: &Prepared) -> Result<Upload, Error> {
    let bucket = bucket::hold(tx, &new.bucket)?;
    let mut rules = Rules::default();
    rules.check("/length", new.length.is_none_or(|length| length >= 0), "out_of_range", "0 or more");
    rules.finish()?;
    object::check_early(&bucket, &new.attributes, new.length)?;
    new.condition.check(object::current(tx, &bucket, &new.key)?.as_ref())?;
    let key = prepared.key.clone().filter(|_| bucket.settings.encryption);
    if bucket.settings.encryption && key.is_none() {
        return Err(Error::NoRootKey);
    }
    let intent = Intent {
        content: prepared.content,
        backend: prepared.backend.clone(),
        reserve: new.length.unwrap_or(0),
        guessed: false,
        key,
        lease: prepared.lifetime,
        limit: prepared.limit,
    };
    content::begin(tx, &intent)?;
    let mut row = insert(tx, &bucket, new, &intent, &prepared.by)?;
    if new.protocol == Protocol::Tus && new.length == Some(0) && !new.tus.partial {
        let settlement = complete::Settlement { limit: prepared.limit, window: prepared.window };
        let object = complete::settle(tx, &row, None, None, &[], settlement)?;
        row.version_id = Some(object.version_id);
    }
    Ok(row.shown(bucket.name))
}

fn insert(
    tx: &mut TenantTx<'_>,
    bucket: &Bucket,
    new: &NewUpload,
    intent: &Intent,
    by: &str,
) -> Result<Row, Error> {
    let options = Options {
        attributes: new.attributes.clone(),
        condition: new.condition.clone(),
        tus: new.tus.clone(),
    };
    let options = serde_json::to_value(options).map_err(|error| Error::Setup(error.to_string()))?;
    let row = (
        uploads::tenant_id.eq(tx.tenant()),
        uploads::upload_id.eq(tx.new_id::<crate::id::UploadNoun>()),
        uploads::bucket_id.eq(bucket.id),
        uploads::key.eq(new.key.as_str()),
        uploads::content_id.eq(intent.content),
        uploads::protocol.eq(new.protocol.as_str()),
        uploads::length.eq(new.length),
        uploads::partial.eq(new.tus.partial),
        uploads::options.eq(options),
        uploads::created_by.eq(by),
        uploads::created_at.eq(tx.now()),
        uploads::expires_at.eq(tx.now() + intent.lease),
    );
    Ok(tx.get_result(diesel::insert_into(uploads::table).values(row).returning(Row::as_returning()))?)
}
