//! Storing an object in one go: the intent, the bytes, and what shows them.

use std::sync::Arc;

use veza_core::{Caller, Permit, TenantTx};

use crate::bucket::{self, Bucket};
use crate::content::{self, Facts, Intent, size};
use crate::crypt::DataKey;
use crate::digest::Expected;
use crate::flow::{Arrived, Flow, Ids, STEP};
use crate::id::ContentId;
use crate::object::{self, Attributes, Condition, Object};
use crate::permission::WriteObjects;
use crate::quota;
use crate::sniff::{self, First};
use crate::{BlobId, Body, Error, ObjectKey, Storage};

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
        let begun = self.intend(caller, Arc::clone(&new)).await?;
        let ids = begun.ids;
        let flow = Flow {
            ids,
            reserved: begun.reserved,
            prepaid: false,
            most: begun.bucket.settings.max_object_bytes,
            len: new.len,
            expected: new.expected,
        };
        let (body, first) = First::of(body);
        let shown = match self.flow(caller, flow, begun.data_key.as_ref(), body).await {
            Ok(arrived) => {
                let content_type = sniff::refined(&new.attributes.content_type, &first.bytes());
                let attributes = Attributes { content_type, ..new.attributes.clone() };
                let new = Arc::new(NewObject { attributes, ..NewObject::clone(&new) });
                let by = permit.caller().principal().to_string();
                self.show(caller, ids, new, arrived, by).await
            }
            Err(error) => Err(error),
        };
        if shown.is_err() {
            self.give_up(caller, ids.content).await;
        }
        shown
    }

    /// Writes down what is about to happen.
    async fn intend(&self, caller: &Caller, new: Arc<NewObject>) -> Result<Begun, Error> {
        let (now, random) = (self.db().clock().now(), &**self.db().random());
        let ids = Ids { content: ContentId::generate(now, random), blob: BlobId::generate(now, random) };
        let (data_key, kept_key) = self.make_data_key(caller, ids.content).await?.unzip();
        let (limit, lease) = (self.config().quota_bytes, self.config().lease());
        let (reserve, guessed) = (new.len.map_or(Ok(STEP), size)?, new.len.is_none());
        let backend = self.backend_name().to_owned();
        let intend = move |tx: &mut TenantTx<'_>| {
            let bucket = bucket::find(tx, &new.bucket)?;
            object::check_early(&bucket, &new.attributes, new.len.map(size).transpose()?)?;
            // It is checked again when it counts; now it saves a body that would be in vain.
            new.condition.check(object::current(tx, &bucket, &new.key)?.as_ref())?;
            let key = kept_key.clone().filter(|_| bucket.settings.encryption);
            if bucket.settings.encryption && key.is_none() {
                return Err(Error::NoRootKey);
            }
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
            content::begin_blob(tx, ids.content, ids.blob, 1, reserved, lease)?;
            Ok::<_, Error>((bucket, reserved))
        };
        let (bucket, reserved) = self.db().tenant(caller, intend).await?;
        let data_key = data_key.filter(|_| bucket.settings.encryption);
        Ok(Begun { ids, bucket, reserved, data_key })
    }

    /// Makes what was stored what the key shows.
    async fn show(
        &self,
        caller: &Caller,
        ids: Ids,
        new: Arc<NewObject>,
        arrived: Arrived,
        by: String,
    ) -> Result<Object, Error> {
        let facts = Facts::of(&arrived.sums)?;
        let (limit, window) = (self.config().quota_bytes, self.config().window());
        let show = move |tx: &mut TenantTx<'_>| {
            let bucket = bucket::hold(tx, &new.bucket)?;
            object::check(&bucket, &new.attributes, Some(facts.size))?;
            content::finish_blob(tx, ids.blob, &arrived.sums, arrived.header)?;
            let settled = content::finish(tx, ids.content, &facts)?;
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
            let (object, freed) = object::place(tx, &placement)?;
            quota::change(tx, settled + freed, limit)?;
            Ok(object)
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
