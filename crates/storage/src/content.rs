//! Contents: what versions show, from the intent to write it until its bytes are removed.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use veza_core::{Query, TenantId, TenantScope, TenantTx, Write};

use crate::crypt::{HEADER, Header, TenantKeyId};
use crate::digest::Sums;
use crate::id::ContentId;
use crate::input::hex;
use crate::keyring::{self, KeptKey};
use crate::quota::{self, Delta};
use crate::schema::{blobs, contents, versions};
use crate::{BlobId, BlobKey, Error};

/// The intent to store a content.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) content: ContentId,
    pub(crate) backend: String,
    /// Bytes to set aside.
    pub(crate) reserve: i64,
    /// They are a guess, and fewer will do.
    pub(crate) guessed: bool,
    /// What its bytes are encrypted with.
    pub(crate) key: Option<KeptKey>,
    /// For how long it may take, unless somebody says that it goes on.
    pub(crate) lease: TimeDelta,
    /// The limit of the deployment.
    pub(crate) limit: Option<i64>,
}

/// What is known of a content when its bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) size: i64,
    pub(crate) etag: String,
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) crc32c: u32,
    pub(crate) crc64nvme: u64,
}

impl Facts {
    /// What the digests of a content in one blob say.
    pub(crate) fn of(sums: &Sums) -> Result<Self, Error> {
        let etag = hex(sums.sha256.get(..16).unwrap_or_default());
        Ok(Self {
            size: size(sums.len)?,
            etag,
            sha256: Some(sums.sha256.to_vec()),
            crc32c: sums.crc32c,
            crc64nvme: sums.crc64nvme,
        })
    }
}

/// Bytes as PostgreSQL counts them.
pub(crate) fn size(len: u64) -> Result<i64, Error> {
    i64::try_from(len).map_err(|_huge| Error::TooLarge { max: i64::MAX.unsigned_abs() })
}

/// Writes down that a content will be stored, before its first byte is, and sets its size aside; answers how
/// much.
pub(crate) fn begin(tx: &mut TenantTx<'_>, intent: &Intent) -> Result<i64, Error> {
    let now = tx.now();
    if let Some((key, _)) = &intent.key {
        keyring::hold(tx, *key)?;
    }
    let reserved = if intent.guessed {
        quota::reserve_some(tx, intent.reserve, intent.limit)?
    } else {
        quota::change(tx, Delta::reserve(intent.reserve), intent.limit)?;
        intent.reserve
    };
    let (key, wrapped) = intent.key.as_ref().map(|(id, wrapped)| (*id, wrapped.as_bytes())).unzip();
    let row = (
        contents::tenant_id.eq(tx.tenant()),
        contents::content_id.eq(intent.content),
        contents::backend.eq(&intent.backend),
        contents::state.eq("pending"),
        contents::size.eq(reserved),
        contents::key_id.eq(key),
        contents::wrapped_key.eq(wrapped),
        contents::due_at.eq(now + intent.lease),
        contents::created_at.eq(now),
    );
    tx.execute(diesel::insert_into(contents::table).values(row))?;
    Ok(reserved)
}

/// Writes down that a blob will be stored as a part of a content; `reserved` is set aside for it in particular.
pub(crate) fn begin_blob(
    tx: &mut TenantTx<'_>,
    content: ContentId,
    blob: BlobId,
    number: i32,
    reserved: i64,
    lease: TimeDelta,
) -> Result<(), Error> {
    let row = (
        blobs::tenant_id.eq(tx.tenant()),
        blobs::blob_id.eq(blob),
        blobs::content_id.eq(content),
        blobs::number.eq(number),
        blobs::state.eq("pending"),
        blobs::size.eq(reserved),
        blobs::due_at.eq(tx.now() + lease),
    );
    tx.execute(diesel::insert_into(blobs::table).values(row))?;
    Ok(())
}

/// Says that the writing of a content goes on, and sets `more` bytes aside for it.
///
/// # Errors
/// [`Error::LeaseLost`] when it was given up meanwhile, [`Error::QuotaExceeded`].
pub(crate) fn extend(
    tx: &mut TenantTx<'_>,
    content: ContentId,
    blob: BlobId,
    more: i64,
    lease: TimeDelta,
    limit: Option<i64>,
) -> Result<(), Error> {
    let until = tx.now() + lease;
    let this = contents::table.find((tx.tenant(), content)).filter(contents::state.eq("pending"));
    // An upload in parts has longer than each of its parts.
    let later =
        diesel::dsl::sql::<Nullable<Timestamptz>>("greatest(due_at, ").bind::<Timestamptz, _>(until).sql(")");
    let kept =
        diesel::update(this).set((contents::size.eq(contents::size + more), contents::due_at.eq(later)));
    let blob = blobs::table.find((tx.tenant(), blob)).filter(blobs::state.eq("pending"));
    let written = diesel::update(blob).set((blobs::size.eq(blobs::size + more), blobs::due_at.eq(until)));
    if tx.execute(kept)? == 0 || tx.execute(written)? == 0 {
        return Err(Error::LeaseLost);
    }
    quota::change(tx, Delta::reserve(more), limit)
}

/// Sets more aside for a content that is being written; answers how much.
pub(crate) fn grow(
    tx: &mut TenantTx<'_>,
    content: ContentId,
    more: i64,
    limit: Option<i64>,
) -> Result<i64, Error> {
    resize(tx, content, more)?;
    quota::change(tx, Delta::reserve(more), limit)?;
    Ok(more)
}

/// The same with as much as `most`, or what is left.
pub(crate) fn grow_some(
    tx: &mut TenantTx<'_>,
    content: ContentId,
    most: i64,
    limit: Option<i64>,
) -> Result<i64, Error> {
    // The content is locked before the tenant's sums, as everywhere.
    resize(tx, content, 0)?;
    let some = quota::reserve_some(tx, most, limit)?;
    resize(tx, content, some)?;
    Ok(some)
}

/// Gives back what was set aside for a content and is not needed.
pub(crate) fn shrink(tx: &mut TenantTx<'_>, content: ContentId, less: i64) -> Result<(), Error> {
    resize(tx, content, -less)?;
    quota::change(tx, Delta::reserve(-less), None)
}

fn resize(tx: &mut TenantTx<'_>, content: ContentId, by: i64) -> Result<(), Error> {
    let this = contents::table.find((tx.tenant(), content)).filter(contents::state.eq("pending"));
    let resized = tx.execute(diesel::update(this).set(contents::size.eq(contents::size + by)))?;
    if resized == 1 { Ok(()) } else { Err(Error::LeaseLost) }
}

/// Lets one blob be removed. What is set aside for it, if it has not been stored, is given back.
pub(crate) fn drop_blob(tx: &mut TenantTx<'_>, blob: BlobId) -> Result<(), Error> {
    let freed = release_blob(tx, blob)?;
    quota::change(tx, Delta::reserve(-freed), None)
}

/// The same, for who changes the tenant's sums later; answers what is given back.
pub(crate) fn release_blob(tx: &mut TenantTx<'_>, blob: BlobId) -> Result<i64, Error> {
    let this = blobs::table.find((tx.tenant(), blob));
    let found = this
        .filter(blobs::state.ne("abandoned"))
        .select((blobs::content_id, blobs::state, blobs::size))
        .for_update();
    let Some((content, state, size)) = tx.find_result::<(ContentId, String, i64), _>(found)? else {
        return Ok(0);
    };
    tx.execute(diesel::update(this).set((blobs::state.eq("abandoned"), blobs::due_at.eq(tx.now()))))?;
    if state != "pending" || size == 0 {
        return Ok(0);
    }
    match resize(tx, content, -size) {
        Ok(()) => Ok(size),
        // The content was finished or given up: what was set aside for it was given back with that.
        Err(Error::LeaseLost) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Makes a blob that was stored a part of its content.
///
/// # Errors
/// [`Error::LeaseLost`] when it was given up meanwhile: then its bytes are being removed.
pub(crate) fn finish_blob(
    tx: &mut TenantTx<'_>,
    blob: BlobId,
    sums: &Sums,
    header: Option<Header>,
) -> Result<(), Error> {
    let header: Option<[u8; HEADER]> = header.map(Header::to_bytes);
    let this = blobs::table.find((tx.tenant(), blob)).filter(blobs::state.eq("pending"));
    let update = diesel::update(this).set((
        blobs::state.eq("live"),
        blobs::size.eq(size(sums.len)?),
        blobs::header.eq(header.as_ref().map(<[u8; HEADER]>::as_slice)),
        blobs::sha256.eq(sums.sha256.as_slice()),
        blobs::crc32c.eq(sums.crc32c.cast_signed()),
        blobs::crc64nvme.eq(sums.crc64nvme.cast_signed()),
        blobs::due_at.eq(None::<DateTime<Utc>>),
    ));
    if tx.execute(update)? == 1 { Ok(()) } else { Err(Error::LeaseLost) }
}

/// Makes a content that was stored one that versions show; what was set aside for it becomes what is used. Parts that are
/// still on their way come too late, and are removed.
///
/// # Errors
/// [`Error::LeaseLost`] when it was given up meanwhile, [`Error::Shredded`] when its key was.
pub(crate) fn finish(tx: &mut TenantTx<'_>, content: ContentId, facts: &Facts) -> Result<Delta, Error> {
    let pending = contents::table.find((tx.tenant(), content)).filter(contents::state.eq("pending"));
    let pending = pending.select((contents::size, contents::key_id)).for_update();
    let Some((reserved, key)) = tx.find_result::<(i64, Option<TenantKeyId>), _>(pending)? else {
        return Err(Error::LeaseLost);
    };
    if let Some(key) = key {
        keyring::exists(tx, key)?;
    }
    let late = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.eq("pending"));
    tx.execute(diesel::update(late).set((blobs::state.eq("abandoned"), blobs::due_at.eq(tx.now()))))?;
    let update = diesel::update(contents::table.find((tx.tenant(), content))).set((
        contents::state.eq("live"),
        contents::size.eq(facts.size),
        contents::etag.eq(&facts.etag),
        contents::sha256.eq(facts.sha256.as_deref()),
        contents::crc32c.eq(facts.crc32c.cast_signed()),
        contents::crc64nvme.eq(facts.crc64nvme.cast_signed()),
        contents::due_at.eq(None::<DateTime<Utc>>),
    ));
    tx.execute(update)?;
    Ok(Delta { used: facts.size, reserved: -reserved })
}

/// Locks contents against being condemned or collected by others, always in the same order.
pub(crate) fn lock(tx: &mut TenantTx<'_>, ids: &[ContentId]) -> Result<(), Error> {
    let these = contents::table
        .filter(contents::tenant_id.eq(tx.tenant()).and(contents::content_id.eq_any(ids)))
        .order(contents::content_id)
        .select(contents::content_id)
        .for_update();
    let _locked: Vec<ContentId> = tx.load(these)?;
    Ok(())
}

/// Condemns a locked content that no version shows any more: its bytes go when `window` has passed. What
/// it took is free at once.
pub(crate) fn condemn(tx: &mut TenantTx<'_>, content: ContentId, window: TimeDelta) -> Result<Delta, Error> {
    let shown = versions::table
        .filter(versions::tenant_id.eq(tx.tenant()).and(versions::content_id.eq(content)))
        .filter(versions::deleted_at.is_null());
    if tx.get_result::<i64, _>(shown.count())? > 0 {
        return Ok(Delta::default());
    }
    let this = contents::table.find((tx.tenant(), content)).filter(contents::state.eq("live"));
    let update = diesel::update(this)
        .set((contents::state.eq("condemned"), contents::due_at.eq(tx.now() + window)))
        .returning(contents::size);
    let freed: Option<i64> = tx.find_result(update)?;
    Ok(Delta::used(-freed.unwrap_or(0)))
}

/// The same for many contents.
pub(crate) fn condemn_all(
    tx: &mut TenantTx<'_>,
    ids: &[ContentId],
    window: TimeDelta,
) -> Result<Delta, Error> {
    let shown = versions::table
        .filter(
            versions::tenant_id.eq(contents::tenant_id).and(versions::content_id.eq(contents::content_id)),
        )
        .filter(versions::deleted_at.is_null());
    let these = contents::table
        .filter(contents::tenant_id.eq(tx.tenant()).and(contents::content_id.eq_any(ids)))
        .filter(contents::state.eq("live"))
        .filter(diesel::dsl::not(diesel::dsl::exists(shown)));
    let update = diesel::update(these)
        .set((contents::state.eq("condemned"), contents::due_at.eq(tx.now() + window)))
        .returning(contents::size);
    let freed: Vec<i64> = tx.load(update)?;
    Ok(Delta::used(-freed.iter().sum::<i64>()))
}

/// Lets a locked content be shown again, if its bytes are not being removed yet.
///
/// # Errors
/// [`Error::Absent`] when it is too late.
pub(crate) fn revive(tx: &mut TenantTx<'_>, content: ContentId) -> Result<Delta, Error> {
    let this = contents::table.find((tx.tenant(), content));
    let (state, size): (String, i64) =
        tx.find_result(this.select((contents::state, contents::size)))?.ok_or(Error::Absent("version"))?;
    match state.as_str() {
        "live" => Ok(Delta::default()),
        "condemned" => {
            let update = diesel::update(this)
                .set((contents::state.eq("live"), contents::due_at.eq(None::<DateTime<Utc>>)));
            tx.execute(update)?;
            Ok(Delta::used(size))
        }
        _ => Err(Error::Absent("version")),
    }
}

/// Ends a content that will not be finished: what was set aside for it is free, and its bytes are removed.
pub(crate) fn give_up(tx: &mut TenantTx<'_>, content: ContentId) -> Result<(), Error> {
    let this = contents::table.find((tx.tenant(), content)).filter(contents::state.eq("pending"));
    let update = diesel::update(this)
        .set((contents::state.eq("collecting"), contents::due_at.eq(tx.now())))
        .returning(contents::size);
    let Some(reserved) = tx.find_result::<i64, _>(update)? else { return Ok(()) };
    abandon(tx, content)?;
    quota::change(tx, Delta::reserve(-reserved), None)
}

/// Lets the blobs of a content be removed.
pub(crate) fn abandon(tx: &mut TenantTx<'_>, content: ContentId) -> Result<(), Error> {
    let these = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.ne("abandoned"));
    tx.execute(diesel::update(these).set((blobs::state.eq("abandoned"), blobs::due_at.eq(tx.now()))))?;
    Ok(())
}

/// What the wrapped key of a content is bound to.
pub(crate) fn key_place(tenant: TenantId, content: ContentId) -> BlobKey {
    BlobKey::new(tenant, BlobId::from_uuid(content.as_uuid()))
}
