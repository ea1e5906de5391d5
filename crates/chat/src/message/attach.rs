//! Objects become attachments of a message, and attachments URLs for who may read it.

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Caller, FieldError, Permission, Permit, Query, Scopes, TenantScope, TenantTx, Timestamp};
use veza_storage::id::VersionId;
use veza_storage::permission::ReadObjects;
use veza_storage::{Error as StorageError, ObjectKey, Storage, object};

use super::attachment::{Attachment, MAX_ATTACHMENTS, NewAttachment};
use super::{Attached, NewMessage, get};
use crate::batch::Sent;
use crate::error::Error;
use crate::id::{self, MemberId, RoomId};
use crate::permission::UseRooms;

/// For so long a URL holds; what has begun by then goes on.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// For so long a message is known by its client id.
const KNOWN: TimeDelta = TimeDelta::days(7);

/// Finds what a message is to carry, as its sender may read it. A message that was sent before is what it was, also when
/// the object is gone meanwhile or its sender may not read it any more.
pub(crate) async fn attach(
    storage: &Storage,
    permit: &Permit<UseRooms>,
    room: RoomId,
    message: &NewMessage,
) -> Result<Attached, Error> {
    let keys = keys(&message.attachments)?;
    let (caller, client) = (permit.caller().clone(), message.client_id);
    let find = move |tx: &mut TenantTx<'_>| {
        if let Some(client) = client
            && let Some(sent) = known(tx, room, id::member(&caller), client)?
        {
            return Ok(Attached::Known(sent));
        }
        let permit: Permit<ReadObjects> = caller.permit()?;
        let found = keys.iter().enumerate().map(|(place, (bucket, key))| {
            let found = object::get(tx, &permit, bucket, key, None);
            found.map(attachment).map_err(|error| absent(place, error))
        });
        found.collect::<Result<_, Error>>().map(Attached::Files)
    };
    // Not from a replica: it may have been stored a moment ago.
    storage.db().tenant(permit.caller(), find).await
}

fn keys(named: &[NewAttachment]) -> Result<Vec<(String, ObjectKey)>, Error> {
    if named.len() > MAX_ATTACHMENTS {
        return Err(Error::field("/attachments", "too_many", "at most 10"));
    }
    let key = |(place, named): (usize, &NewAttachment)| {
        let key = ObjectKey::new(named.key.clone()).map_err(|error| match error {
            StorageError::Invalid(fields) => Error::Invalid(within(place, fields)),
            other => Error::Storage(other),
        });
        Ok((named.bucket.clone(), key?))
    };
    named.iter().enumerate().map(key).collect()
}

/// The fields of an attachment, as fields of the message.
fn within(place: usize, fields: Vec<FieldError>) -> Vec<FieldError> {
    let moved = |error: FieldError| FieldError {
        field: format!("/attachments/{place}{}", error.field).into(),
        ..error
    };
    fields.into_iter().map(moved).collect()
}

fn absent(place: usize, error: StorageError) -> Error {
    match error {
        StorageError::Absent(_) => {
            let field = format!("/attachments/{place}");
            Error::Invalid(vec![FieldError::new(field, "unknown", "an object that is there")])
        }
        other => Error::Storage(other),
    }
}

fn attachment(object: object::Object) -> Attachment {
    let name = object.key.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&object.key).to_owned();
    Attachment {
        version_id: object.version_id.as_uuid(),
        name,
        size: object.size,
        content_type: object.attributes.content_type,
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
}

/// The message that somebody sent before under this name.
fn known(tx: &mut TenantTx<'_>, room: RoomId, sender: MemberId, client: Uuid) -> Result<Option<Sent>, Error> {
    let query = diesel::sql_query(
        "SELECT seq, at FROM chat.sends \
         WHERE tenant_id = $1 AND room_id = $2 AND sender_id = $3 AND client_id = $4 AND at > $5 ORDER BY seq LIMIT 1",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(room)
    .bind::<SqlUuid, _>(sender)
    .bind::<SqlUuid, _>(client)
    .bind::<Timestamptz, _>(tx.now() - KNOWN);
    let row: Option<Row> = tx.find_result(query)?;
    Ok(row.map(|Row { seq, at }| Sent { seq, at, known: true }))
}

/// Where who may read a message gets the bytes of the `number`th file that it carries, for a minute.
pub(crate) async fn url(
    storage: &Storage,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
    number: usize,
) -> Result<String, Error> {
    let caller = permit.caller();
    let permit: Permit<UseRooms> = caller.permit()?;
    let look = move |tx: &mut TenantTx<'_>| {
        let message = get(tx, &permit, room, seq)?;
        message.attachments.into_iter().nth(number).ok_or(Error::NotFound("attachment"))
    };
    // Not from a replica: who was removed a moment ago must not get it, and who was just told of it must.
    let attachment = storage.db().tenant(caller, look).await?;
    // The sender had the right to read it, and gave it to the room.
    let scopes = Scopes::new([ReadObjects::NAME]);
    let reader = Caller::verified(caller.tenant(), caller.principal(), scopes);
    let version = VersionId::from_uuid(attachment.version_id);
    let signed = storage.sign_version(&reader, version, LIFETIME).await.map_err(|error| match error {
        StorageError::Absent(_) => Error::NotFound("attachment"),
        other => Error::Storage(other),
    })?;
    Ok(signed.url())
}
