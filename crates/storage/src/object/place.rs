//! Making a content what a key shows.

use chrono::TimeDelta;
use diesel::prelude::*;
use serde_json::{Value, json};
use veza_core::{Query, TenantScope, TenantTx, Write};
use veza_jobs::topic::{self, PublishOptions};

use super::retention::{self, Excuse};
use super::row::{ContentRow, Row, VersionRow, all, headers, read};
use super::{Attributes, Condition, Object, current};
use crate::bucket::Bucket;
use crate::content;
use crate::id::{ContentId, VersionId};
use crate::input::{Rules, is_text};
use crate::key::ObjectKey;
use crate::quota::Delta;
use crate::schema::{objects, versions};
use crate::sniff::UNKNOWN;
use crate::{EXCHANGE, Error, purge};

/// What is to be shown, and how.
#[derive(Debug, Clone)]
pub(crate) struct Placement<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) key: &'a ObjectKey,
    pub(crate) content: ContentId,
    pub(crate) attributes: &'a Attributes,
    pub(crate) condition: &'a Condition,
    pub(crate) created_by: &'a str,
    /// What the event is called.
    pub(crate) event: &'static str,
    /// How long what is replaced can be restored.
    pub(crate) window: TimeDelta,
}

/// The same as [`check`] before there are any bytes: a type that nobody said is found out from them.
pub(crate) fn check_early(bucket: &Bucket, attributes: &Attributes, size: Option<i64>) -> Result<(), Error> {
    match check(bucket, attributes, size) {
        Err(Error::TypeNotAllowed) if attributes.content_type == UNKNOWN => fits(bucket, size),
        checked => checked,
    }
}

fn fits(bucket: &Bucket, size: Option<i64>) -> Result<(), Error> {
    match bucket.settings.max_object_bytes {
        Some(most) if size.is_some_and(|size| size > most) => Err(Error::ObjectTooLarge { max: most }),
        _ => Ok(()),
    }
}

/// Checks what whoever stores an object says of it.
pub(crate) fn check(bucket: &Bucket, attributes: &Attributes, size: Option<i64>) -> Result<(), Error> {
    let mut rules = Rules::default();
    rules.content_type("/content_type", &attributes.content_type);
    for (field, text) in [
        ("/cache_control", &attributes.cache_control),
        ("/content_disposition", &attributes.content_disposition),
        ("/content_encoding", &attributes.content_encoding),
        ("/content_language", &attributes.content_language),
    ] {
        let holds = text.as_ref().is_none_or(|text| text.len() <= 1_024 && is_text(text));
        rules.check(field, holds, "header", "at most 1024 bytes, no control characters");
    }
    rules.pairs("/metadata", &attributes.metadata, 100, 2_048);
    rules.pairs("/tags", &attributes.tags, 50, 256);
    rules.finish()?;
    if !bucket.settings.allows(&attributes.content_type) {
        return Err(Error::TypeNotAllowed);
    }
    fits(bucket, size)
}

/// Nobody else changes what a key shows before the transaction ends, also when it shows nothing.
pub(super) fn lock(tx: &mut TenantTx<'_>, bucket: &Bucket, key: &ObjectKey) -> Result<(), Error> {
    let statement =
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || $2, 0))")
            .bind::<diesel::sql_types::Uuid, _>(bucket.id)
            .bind::<diesel::sql_types::Text, _>(key.as_str());
    tx.execute(statement)?;
    Ok(())
}

/// Makes a live content what a key shows. What it showed before becomes a version, or, without versioning,
/// what can be restored for a while.
///
/// # Errors
/// [`Error::PreconditionFailed`], [`Error::Retained`].
pub(crate) fn place(tx: &mut TenantTx<'_>, new: &Placement<'_>) -> Result<(Object, Delta), Error> {
    let Placement { bucket, key, .. } = *new;
    lock(tx, bucket, key)?;
    let before = current(tx, bucket, key)?;
    new.condition.check(before.as_ref())?;
    let version = insert(tx, new)?;
    let row = (
        objects::tenant_id.eq(tx.tenant()),
        objects::bucket_id.eq(bucket.id),
        objects::key.eq(key.as_str()),
        objects::version_id.eq(version),
    );
    let show = diesel::insert_into(objects::table)
        .values(row)
        .on_conflict((objects::tenant_id, objects::bucket_id, objects::key))
        .do_update()
        .set(objects::version_id.eq(version));
    tx.execute(show)?;
    let delta = match &before {
        Some(before) => end(tx, bucket, before, None, new.window)?,
        None => Delta::default(),
    };
    let object = current(tx, bucket, key)?.ok_or(Error::Absent("object"))?;
    announce(tx, new.event, &object)?;
    if let Some(gone) = before.filter(|_| !bucket.settings.versioning) {
        purge::object(tx, bucket, &gone)?;
    }
    purge::object(tx, bucket, &object)?;
    Ok((object, delta))
}

fn insert(tx: &mut TenantTx<'_>, new: &Placement<'_>) -> Result<VersionId, Error> {
    let attributes = new.attributes;
    let rule = new.bucket.settings.retention;
    let version: VersionId = tx.new_id();
    let row = (
        versions::tenant_id.eq(tx.tenant()),
        versions::version_id.eq(version),
        versions::bucket_id.eq(new.bucket.id),
        versions::key.eq(new.key.as_str()),
        versions::content_id.eq(new.content),
        versions::content_type.eq(&attributes.content_type),
        versions::headers.eq(headers(attributes)),
        versions::metadata.eq(json!(attributes.metadata)),
        versions::tags.eq(json!(attributes.tags)),
        versions::created_by.eq(new.created_by),
        versions::created_at.eq(tx.now()),
        versions::retention_mode.eq(rule.map(|rule| rule.mode.as_str())),
        versions::retain_until.eq(rule.map(|rule| tx.now() + TimeDelta::days(rule.days.into()))),
    );
    tx.execute(diesel::insert_into(versions::table).values(row))?;
    Ok(version)
}

/// Ends a current version: it is kept with versioning, and else, or `for_good`, only there to be restored. Retention is
/// only in the way of the latter.
pub(super) fn end(
    tx: &mut TenantTx<'_>,
    bucket: &Bucket,
    version: &Object,
    for_good: Option<Excuse>,
    window: TimeDelta,
) -> Result<Delta, Error> {
    let now = tx.now();
    let (gone, excuse) =
        (for_good.is_some() || !bucket.settings.versioning, for_good.unwrap_or(Excuse::None));
    if gone {
        retention::check(version, now, excuse)?;
    }
    retention::excused(tx, excuse, |tx| {
        let this = versions::table.find((tx.tenant(), version.version_id));
        let update = diesel::update(this).set((
            versions::ended_at.eq(version.ended_at.unwrap_or(now)),
            versions::deleted_at.eq(gone.then_some(now)),
        ));
        tx.execute(update)?;
        Ok(())
    })?;
    if !gone {
        return Ok(Delta::default());
    }
    content::lock(tx, &[version.content])?;
    content::condemn(tx, version.content, window)
}

/// Tells the tenant's topic.
pub(super) fn announce(tx: &mut TenantTx<'_>, event: &'static str, object: &Object) -> Result<(), Error> {
    let (body, options) = said(object);
    topic::publish(tx, EXCHANGE, event, &body, options)?;
    Ok(())
}

/// Tells it of versions that went by the rules of their bucket.
pub(crate) fn announce_expired(
    tx: &mut TenantTx<'_>,
    bucket: &Bucket,
    ids: &[VersionId],
) -> Result<(), Error> {
    let query = all(tx.tenant())
        .filter(versions::version_id.eq_any(ids))
        .select((VersionRow::as_select(), ContentRow::as_select()));
    let rows: Vec<Row> = tx.load(query)?;
    let objects: Vec<Object> = rows.into_iter().map(|row| read(bucket, row)).collect();
    let events = objects.iter().map(|object| {
        let (body, options) = said(object);
        (body, options.attribute("reason", "lifecycle"))
    });
    topic::publish_all(tx, EXCHANGE, "object.removed", events)?;
    purge::objects(tx, bucket, &objects)
}

/// What an event says of an object. No binding of the tenant's is in the way of what happened.
fn said(object: &Object) -> (Value, PublishOptions) {
    let options = PublishOptions::default().regardless().attribute("bucket", object.bucket.as_str());
    let body = json!({
        "bucket": object.bucket, "key": object.key, "version_id": object.version_id, "size": object.size,
        "etag": object.etag, "content_type": object.attributes.content_type, "by": object.created_by,
    });
    (body, options)
}
