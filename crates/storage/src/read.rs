//! Reading objects.

use std::ops::Range;
use std::sync::Arc;

use diesel::prelude::*;
use futures_util::{StreamExt, TryStreamExt, stream};
use veza_core::{Caller, Permit, ReadTx, TenantId, TenantScope};

use crate::backend::ByteRange;
use crate::bucket;
use crate::crypt::{DataKey, Header, SealedBlob, WrappedDataKey};
use crate::id::{ContentId, VersionId};
use crate::keyring::{self, KeyRow};
use crate::object::{self, Object};
use crate::permission::ReadObjects;
use crate::schema::blobs;
use crate::{BlobId, BlobKey, Body, Error, ObjectKey, Storage};

/// An object, and bytes of it.
pub struct Reading {
    /// The object.
    pub object: Object,
    /// Which of its bytes come.
    pub range: Range<u64>,
    /// The bytes. They end with an error when they are not what was stored.
    pub body: Body,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("object", &self.object)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// A part of a content.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = blobs)]
struct Part {
    blob_id: BlobId,
    size: i64,
    header: Option<Vec<u8>>,
}

/// Where the bytes of a content are.
struct Located {
    parts: Vec<Part>,
    key: Option<(KeyRow, WrappedDataKey)>,
}

/// An object that was found, with all that is needed to read any of its bytes. It can be read for as long as what
/// is deleted can be restored, whatever its key shows meanwhile.
pub struct Opened {
    /// The object.
    pub object: Object,
    content: OpenedContent,
}

/// The same of a content.
pub(crate) struct OpenedContent {
    storage: Storage,
    tenant: TenantId,
    parts: Vec<Part>,
    data_key: Arc<Option<DataKey>>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("object", &self.object).finish_non_exhaustive()
    }
}

impl Storage {
    /// Opens an object, or one of its versions, for reading all of it or a range.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::RangeUnsatisfiable`], [`Error::Shredded`]; the backend's own.
    pub async fn read(
        &self,
        caller: &Caller,
        permit: &Permit<ReadObjects>,
        bucket: &str,
        key: &ObjectKey,
        version: Option<VersionId>,
        range: Option<ByteRange>,
    ) -> Result<Reading, Error> {
        let opened = self.open(caller, permit, bucket, key, version).await?;
        let len = opened.object.size.unsigned_abs();
        let range = match range {
            Some(range) => range.within(len)?,
            None => 0..len,
        };
        let body = opened.bytes(range.clone()).await?;
        Ok(Reading { object: opened.object, range, body })
    }

    /// Finds an object, or one of its versions, for reading when it is known which bytes are wanted.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Shredded`].
    pub async fn open(
        &self,
        caller: &Caller,
        _: &Permit<ReadObjects>,
        bucket: &str,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Opened, Error> {
        let (bucket, key) = (bucket.to_owned(), key.clone());
        let find = move |tx: &mut ReadTx<'_>| {
            let bucket = bucket::find(tx, &bucket)?;
            let object = object::find(tx, &bucket, &key, version)?;
            let located = locate(tx, object.content)?;
            Ok::<_, Error>((object, located))
        };
        let (object, located) = self.db().read(caller, find).await?;
        let content = self.opened(caller, object.content, located).await?;
        Ok(Opened { object, content })
    }

    /// Opens what an upload has so far.
    pub(crate) async fn open_content(
        &self,
        caller: &Caller,
        content: ContentId,
    ) -> Result<OpenedContent, Error> {
        let located = self.db().read(caller, move |tx| locate(tx, content)).await?;
        self.opened(caller, content, located).await
    }

    async fn opened(
        &self,
        caller: &Caller,
        content: ContentId,
        located: Located,
    ) -> Result<OpenedContent, Error> {
        let data_key = self.data_key(caller, content, located.key).await?;
        let (storage, tenant) = (self.clone(), caller.tenant());
        Ok(OpenedContent { storage, tenant, parts: located.parts, data_key: Arc::new(data_key) })
    }

    async fn part(
        &self,
        key: BlobKey,
        part: Part,
        data_key: Option<&DataKey>,
        range: Range<u64>,
    ) -> Result<Body, Error> {
        let missing = |error| match error {
            // A row says that it is there.
            Error::NotFound => Error::Corrupt("the backend has lost a blob"),
            other => other,
        };
        let (backend, wanted) = (self.backend(), Some(ByteRange::from(range)));
        let download = match (data_key, part.header) {
            (Some(data_key), Some(header)) => {
                let sealed = SealedBlob::new(Header::from_bytes(&header)?, part.size.unsigned_abs());
                sealed.get(&**backend, key, data_key, wanted).await
            }
            (None, None) => backend.get(key, wanted).await,
            _ => Err(Error::Corrupt("a blob and its content do not agree on encryption")),
        };
        Ok(download.map_err(missing)?.body)
    }
}

impl Opened {
    /// The bytes of a range that lies within the object, from one part after the other. The first is asked for at
    /// once, so that what is wrong with the backend is known before an answer begins.
    ///
    /// # Errors
    /// The backend's own.
    pub async fn bytes(&self, range: Range<u64>) -> Result<Body, Error> {
        self.content.bytes(range).await
    }
}

impl Opened {
    /// Where the backend has all bytes as they are, for a web server that serves its files; none for what is encrypted
    /// or in several parts.
    #[cfg(feature = "http")]
    pub(crate) fn file(&self) -> Option<String> {
        let OpenedContent { storage, tenant, parts, data_key } = &self.content;
        let [part] = parts.as_slice() else { return None };
        let plain = data_key.is_none() && part.header.is_none();
        plain.then(|| storage.backend().file(BlobKey::new(*tenant, part.blob_id))).flatten()
    }
}

impl OpenedContent {
    pub(crate) async fn bytes(&self, range: Range<u64>) -> Result<Body, Error> {
        let mut wanted = Vec::new();
        let mut begin = 0_u64;
        for part in &self.parts {
            let end = begin.saturating_add(part.size.unsigned_abs());
            let inner = range.start.max(begin)..range.end.min(end);
            if inner.start < inner.end {
                wanted.push((part.clone(), inner.start - begin..inner.end - begin));
            }
            begin = end;
        }
        let mut wanted = wanted.into_iter();
        let Some((part, inner)) = wanted.next() else { return Ok(crate::body::empty()) };
        let (this, tenant) = (self.storage.clone(), self.tenant);
        let data_key = Arc::clone(&self.data_key);
        let first = this.part(BlobKey::new(tenant, part.blob_id), part, (*data_key).as_ref(), inner).await?;
        let rest =
            stream::iter(wanted.map(Ok)).and_then(move |(part, inner)| {
                let (this, data_key) = (this.clone(), Arc::clone(&data_key));
                async move {
                    this.part(BlobKey::new(tenant, part.blob_id), part, (*data_key).as_ref(), inner).await
                }
            });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest).try_flatten()))
    }
}

fn locate(tx: &mut impl TenantScope, content: ContentId) -> Result<Located, Error> {
    let parts = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.eq("live"))
        .order(blobs::number)
        .select(Part::as_select());
    let parts: Vec<Part> = tx.load(parts)?;
    Ok(Located { parts, key: keyring::key_of(tx, content)? })
}
