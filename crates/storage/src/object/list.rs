//! Lists of objects and of versions.

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Uuid as SqlUuid};
use serde::Serialize;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::Object;
use super::row::{ContentRow, Row, VersionRow, all, read};
use crate::Error;
use crate::bucket;
use crate::id::VersionId;
use crate::input::Rules;
use crate::key::{MAX_KEY, ObjectKey};
use crate::permission::ReadObjects;
use crate::schema::versions;

/// Which objects of a bucket to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have this behind the prefix are listed as one common prefix, up to and with it: `/` makes folders.
    pub delimiter: Option<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Entry {
    /// An object.
    #[cfg_attr(feature = "http", schema(value_type = super::StoredObject))]
    Object(Box<Object>),
    /// What lies below a common prefix.
    Prefix {
        /// The prefix.
        prefix: String,
    },
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    entry: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    version_id: Option<VersionId>,
}

/// Objects and common prefixes, by key in byte order.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    request: &ListRequest,
    page: &PageRequest<String>,
) -> Result<Page<Entry>, Error> {
    let mut rules = Rules::default();
    rules.check(
        "prefix",
        request.prefix.len() <= MAX_KEY && !request.prefix.contains('\0'),
        "length",
        "at most 1024 bytes, none of them NUL",
    );
    let delimiter = request.delimiter.as_deref();
    let holds = delimiter.is_none_or(|text| (1..=16).contains(&text.len()) && !text.contains('\0'));
    rules.check("delimiter", holds, "length", "1 to 16 bytes, none of them NUL");
    rules.finish()?;
    let bucket = bucket::find(tx, bucket)?;
    let statement =
        diesel::sql_query("SELECT entry, version_id FROM storage.list_keys($1, $2, $3, $4, $5, $6)")
            .bind::<SqlUuid, _>(tx.tenant())
            .bind::<SqlUuid, _>(bucket.id)
            .bind::<Text, _>(&request.prefix)
            .bind::<Text, _>(delimiter.unwrap_or_default())
            .bind::<Nullable<Text>, _>(page.after.as_deref())
            .bind::<Integer, _>(i32::try_from(page.fetch()).unwrap_or(i32::MAX));
    let found: Vec<Found> = tx.load(statement)?;
    let page = Page::new(page, found, |found| found.entry.clone());
    let ids: Vec<VersionId> = page.items.iter().filter_map(|found| found.version_id).collect();
    let query = all(tx.tenant())
        .filter(versions::version_id.eq_any(ids))
        .select((VersionRow::as_select(), ContentRow::as_select()));
    let rows: Vec<Row> = tx.load(query)?;
    let mut objects: HashMap<VersionId, Object> =
        rows.into_iter().map(|row| (row.0.version_id, read(&bucket, row))).collect();
    Ok(page.map(|found| match found.version_id.and_then(|id| objects.remove(&id)) {
        Some(object) => Entry::Object(Box::new(object)),
        None => Entry::Prefix { prefix: found.entry },
    }))
}

/// The versions of a key, newest first; with `deleted` those as well that are only there to be restored.
pub fn versions(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    key: &ObjectKey,
    deleted: bool,
    page: &PageRequest<VersionId>,
) -> Result<Page<Object>, Error> {
    let bucket = bucket::find(tx, bucket)?;
    let mut query = all(tx.tenant())
        .filter(versions::bucket_id.eq(bucket.id).and(versions::key.eq(key.as_str())))
        .select((VersionRow::as_select(), ContentRow::as_select()))
        .order(versions::version_id.desc())
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(versions::version_id.lt(after));
    }
    if !deleted {
        query = query.filter(versions::deleted_at.is_null());
    }
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(|row| read(&bucket, row)).collect(), |object| object.version_id))
}
