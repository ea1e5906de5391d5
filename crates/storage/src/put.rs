//! Storing an object in one go: the intent, the bytes, and what shows them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use veza_core::{Caller, Permit, TenantTx};

use crate::bucket::{self, Bucket};
use crate::content::{self, Facts, Intent, size};
use crate::crypt::{DataKey, Header, Place, Sealer, TenantKey, sealed_len};
use crate::digest::{self, Expected, Receipt};
use crate::id::ContentId;
use crate::object::{self, Attributes, Condition, Object};
use crate::permission::WriteObjects;
use crate::{BlobId, BlobKey, Body, Error, ObjectKey, Storage};

/// What is set aside at a time for a body of unknown length.
const STEP: i64 = 8 << 20;
/// A body of which nothing comes for so long has broken off.
const IDLE: Duration = Duration::from_mins(1);

/// An object to be stored.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: ObjectKey,
    /// How it is served, and what goes with it.
    pub attributes: Attributes,
    /// Its bytes, where they are known.
    pub len: Option<u64>,
    /// What its bytes must be.
    pub expected: Expected,
    /// What must hold of the key.
    pub condition: Condition,
}

/// An upload under way.
#[derive(Debug, Clone, Copy)]
struct Ids {
    content: ContentId,
    blob: BlobId,
}

/// What an upload goes by.
struct Begun {
    ids: Ids,
    bucket: Bucket,
    reserved: i64,
    data_key: Option<DataKey>,
}

impl Storage {
    /// Stores an object. It is there when this answers, whole and durable, and not otherwise; what a failure
    /// leaves behind is removed within minutes.
    ///
    /// # Errors
    /// [`Error::Absent`] without the bucket, [`Error::Invalid`], [`Error::TypeNotAllowed`],
    /// [`Error::ObjectTooLarge`], [`Error::QuotaExceeded`], [`Error::PreconditionFailed`],
    /// [`Error::DigestMismatch`], [`Error::Length`], [`Error::Body`]; the backend's own.
    pub async fn put(
        &self,
        caller: &Caller,
        permit: &Permit<WriteObjects>,
        new: NewObject,
        body: Body,
    ) -> Result<Object, Error> {
        let new = Arc::new(new);
        let key = match self.keys() {
            Some(keys) => Some(keys.current(caller).await?),
            None => None,
        };
        let begun = self.intend(caller, Arc::clone(&new), key).await?;
        let ids = begun.ids;
        let stored = self.store(caller, begun, &new, body).await;
        let shown = match stored {
            Ok((receipt, header)) => {
                let by = permit.caller().principal().to_string();
                self.show(caller, ids, Arc::clone(&new), receipt, header, by).await
            }
            Err(error) => Err(error),
        };
        if shown.is_err() {
            self.give_up(caller, ids.content).await;
        }
        shown
    }

    /// Writes down what is about to happen.
    async fn intend(
        &self,
        caller: &Caller,
        new: Arc<NewObject>,
        key: Option<Arc<TenantKey>>,
    ) -> Result<Begun, Error> {
        let (now, random) = (self.db().clock().now(), &**self.db().random());
        let ids = Ids { content: ContentId::generate(now, random), blob: BlobId::generate(now, random) };
        let data_key = key.as_ref().map(|_| DataKey::generate(random));
        let wrapped = match (&key, &data_key) {
            (Some(key), Some(data_key)) => {
                let place = content::key_place(caller.tenant(), ids.content);
                Some((key.id(), key.wrap(place, data_key, random)?))
            }
            _ => None,
        };
        let (limit, lease) = (self.config().quota_bytes, self.config().lease());
        let (reserve, guessed) = (new.len.map_or(Ok(STEP), size)?, new.len.is_none());
        let backend = self.backend_name().to_owned();
        let intend = move |tx: &mut TenantTx<'_>| {
            let bucket = bucket::find(tx, &new.bucket)?;
            object::check(&bucket, &new.attributes, new.len.map(size).transpose()?)?;
            // It is checked again when it counts; now it saves a body that would be in vain.
            new.condition.check(object::current(tx, &bucket, &new.key)?.as_ref())?;
            let key = wrapped.clone().filter(|_| bucket.settings.encryption);
            let reserve = reserve.min(bucket.settings.max_object_bytes.unwrap_or(i64::MAX));
            let intent = Intent {
                content: ids.content,
                backend: backend.clone(),
                reserve,
                guessed,
                key,
                lease,
                limit,
            };
            let reserved = content::begin(tx, &intent)?;
            content::begin_blob(tx, ids.content, ids.blob, 1, lease)?;
            Ok::<_, Error>((bucket, reserved))
        };
        let (bucket, reserved) = self.db().tenant(caller, intend).await?;
        let data_key = data_key.filter(|_| bucket.settings.encryption);
        Ok(Begun { ids, bucket, reserved, data_key })
    }

    /// Lets the bytes flow to the backend.
    async fn store(
        &self,
        caller: &Caller,
        begun: Begun,
        new: &NewObject,
        body: Body,
    ) -> Result<(Receipt, Option<Header>), Error> {
        let Begun { ids, bucket, reserved, data_key } = begun;
        let key = BlobKey::new(caller.tenant(), ids.blob);
        let most = bucket.settings.max_object_bytes;
        let keeper = Keeper {
            storage: self.clone(),
            caller: caller.clone(),
            ids,
            reserved,
            counted: 0,
            most,
            kept: Instant::now(),
        };
        let expected = Expected { len: new.len.or(new.expected.len), ..new.expected };
        let (body, receipt) = digest::check(kept(body, keeper), expected, false);
        let Some(data_key) = data_key else {
            self.backend().put(key, new.len, body).await?;
            return Ok((receipt, None));
        };
        let sealer = Sealer::new(&data_key, Place::whole(key), &**self.db().random())?;
        let (header, len) = (sealer.header(), new.len.map(sealed_len).transpose()?);
        self.backend().put(key, len, sealer.seal(body)).await?;
        Ok((receipt, Some(header)))
    }

    /// Makes what was stored what the key shows.
    async fn show(
        &self,
        caller: &Caller,
        ids: Ids,
        new: Arc<NewObject>,
        receipt: Receipt,
        header: Option<Header>,
        by: String,
    ) -> Result<Object, Error> {
        let sums = receipt.sums().ok_or(Error::Corrupt("the backend did not read the whole body"))?;
        let facts = Facts::of(&sums)?;
        let (limit, window) = (self.config().quota_bytes, self.config().window());
        let show = move |tx: &mut TenantTx<'_>| {
            let bucket = bucket::hold(tx, &new.bucket)?;
            object::check(&bucket, &new.attributes, Some(facts.size))?;
            content::finish_blob(tx, ids.blob, &sums, header)?;
            content::finish(tx, ids.content, &facts, limit)?;
            let placement = object::Placement {
                bucket: &bucket,
                key: &new.key,
                content: ids.content,
                attributes: &new.attributes,
                condition: &new.condition,
                created_by: &by,
                event: "object.created",
                window,
            };
            object::place(tx, &placement)
        };
        self.db().tenant(caller, show).await
    }

    /// Says that an upload will not be ended, so that what is set aside for it is free. If that cannot be said, its
    /// time-out says it.
    async fn give_up(&self, caller: &Caller, content: ContentId) {
        let given_up = self.db().tenant(caller, move |tx| content::give_up(tx, content)).await;
        if let Err(error) = given_up {
            tracing::warn!(%error, "an upload that failed waits for its time-out");
        }
    }
}

/// Keeps an upload from being given up while its body flows, and sets more aside as it grows.
struct Keeper {
    storage: Storage,
    caller: Caller,
    ids: Ids,
    reserved: i64,
    counted: i64,
    most: Option<i64>,
    kept: Instant,
}

impl Keeper {
    async fn count(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.counted = self.counted.saturating_add(size(u64::try_from(chunk.len()).unwrap_or(u64::MAX))?);
        if let Some(max) = self.most
            && self.counted > max
        {
            return Err(Error::ObjectTooLarge { max });
        }
        let needed = (self.counted - self.reserved).max(0);
        let due = self.kept.elapsed() > self.storage.config().upload_timeout.as_duration() / 3;
        if needed == 0 && !due {
            return Ok(());
        }
        let wanted =
            if needed == 0 { 0 } else { needed.max(self.reserved).clamp(STEP, 32 * STEP).max(needed) };
        match self.extend(wanted).await {
            // Near the limit, what is needed may still fit.
            Err(Error::QuotaExceeded) if wanted > needed => self.extend(needed).await,
            extended => extended,
        }
    }

    async fn extend(&mut self, more: i64) -> Result<(), Error> {
        let (ids, config) = (self.ids, self.storage.config());
        let (lease, limit) = (config.lease(), config.quota_bytes);
        let extend =
            move |tx: &mut TenantTx<'_>| content::extend(tx, ids.content, ids.blob, more, lease, limit);
        self.storage.db().tenant(&self.caller, extend).await?;
        self.reserved += more;
        self.kept = Instant::now();
        Ok(())
    }
}

fn kept(body: Body, keeper: Keeper) -> Body {
    Box::pin(stream::try_unfold((body, keeper), |(mut body, mut keeper)| async move {
        let chunk = tokio::time::timeout(IDLE, body.next()).await;
        let chunk = chunk.map_err(|_idle| Error::Body("nothing came for a minute".into()))?;
        let Some(chunk) = chunk.transpose()? else { return Ok(None) };
        keeper.count(&chunk).await?;
        Ok(Some((chunk, (body, keeper))))
    }))
}
