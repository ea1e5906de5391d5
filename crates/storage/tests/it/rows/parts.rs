//! Uploads in parts.

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::stream;
use veza_core::Caller;
use veza_storage::bucket::BucketChange;
use veza_storage::digest::Expected;
use veza_storage::id::UploadId;
use veza_storage::object::{Attributes, Condition};
use veza_storage::upload::{self, Chunk, NewPart, NewUpload, Part, Protocol, Tus};
use veza_storage::{Body, Error, ObjectKey, body};
use veza_testing::{TenantTest, tenant_test};

use super::{House, agree, files, run};

impl House {
    async fn begin(
        &self,
        caller: &Caller,
        protocol: Protocol,
        length: Option<i64>,
    ) -> Result<UploadId, Error> {
        let new = NewUpload {
            bucket: "files".to_owned(),
            key: ObjectKey::new("whole").unwrap(),
            protocol,
            length,
            attributes: Attributes { content_type: "text/plain".to_owned(), ..Attributes::default() },
            condition: Condition::default(),
            tus: Tus::default(),
        };
        Ok(self.storage.begin_upload(caller, &caller.permit().unwrap(), new).await?.id)
    }

    async fn part(
        &self,
        caller: &Caller,
        id: UploadId,
        number: i32,
        bytes: &'static [u8],
    ) -> Result<Part, Error> {
        let part =
            NewPart { number, len: Some(u64::try_from(bytes.len()).unwrap()), expected: Expected::default() };
        self.storage.put_part(caller, &caller.permit().unwrap(), id, part, body::full(bytes)).await
    }

    async fn append(&self, caller: &Caller, id: UploadId, offset: i64, body: Body) -> Result<i64, Error> {
        let chunk = Chunk { offset, ..Chunk::default() };
        Ok(self.storage.append(caller, &caller.permit().unwrap(), id, chunk, body).await?.received)
    }

    async fn complete(
        &self,
        caller: &Caller,
        id: UploadId,
        parts: Option<Vec<Part>>,
    ) -> Result<String, Error> {
        let parts = parts.map(|parts| parts.into_iter().map(Into::into).collect());
        let object = self.storage.complete(caller, &caller.permit().unwrap(), id, parts, None).await?;
        Ok(object.etag)
    }
}

#[tenant_test]
async fn parts_come_in_any_order_and_again(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let id = house.begin(alice, Protocol::Multipart, None).await.unwrap();
    let third = house.part(alice, id, 30, b"third").await.unwrap();
    let wrong = house.part(alice, id, 1, b"wrong first").await.unwrap();
    let first = house.part(alice, id, 1, b"first ").await.unwrap();
    let second = house.part(alice, id, 2, b"second ").await.unwrap();
    house.part(alice, id, 4, b"not named").await.unwrap();
    assert_eq!(house.usage(alice).await, (0, 27), "what is replaced is not set aside any more");
    let other = house.complete(alice, id, Some(vec![wrong, second.clone()])).await;
    assert!(matches!(other, Err(Error::Part { number: 1, .. })));
    let etag = house.complete(alice, id, Some(vec![first, second, third])).await.unwrap();
    assert!(etag.ends_with("-3"), "{etag}");
    assert_eq!(house.bytes(alice, "whole").await.unwrap(), b"first second third");
    assert_eq!(house.complete(alice, id, None).await.unwrap(), etag, "again is the same");
    assert!(matches!(house.part(alice, id, 5, b"late").await, Err(Error::Absent("upload"))));
    assert_eq!(house.usage(alice).await, (18, 0));
    // CRC-64/NVME and CRC-32C of the whole, as of an object that came in one go.
    let whole = house.put(alice, super::object("one"), b"first second third").await.unwrap();
    let permit = alice.permit().unwrap();
    let (key, db) = (ObjectKey::new("whole").unwrap(), &t.db);
    let parts =
        run(db, alice, move |tx| veza_storage::object::get(tx, &permit, "files", &key, None)).await.unwrap();
    assert_eq!((parts.crc32c, parts.crc64nvme, parts.sha256), (whole.crc32c, whole.crc64nvme, None));
    house.storage.reap(t.alice.tenant).await.unwrap();
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn bytes_are_appended_and_what_came_before_a_break_is_kept(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let id = house.begin(alice, Protocol::Tus, Some(10)).await.unwrap();
    assert_eq!(house.usage(alice).await, (0, 10));
    let breaks = stream::iter([Ok(Bytes::from_static(b"0123")), Err(Error::Body("gone".into()))]);
    assert_eq!(house.append(alice, id, 0, Box::pin(breaks)).await.unwrap(), 4);
    let stale = house.append(alice, id, 0, body::full("x")).await;
    assert!(matches!(stale, Err(Error::OffsetMismatch { offset: 4 })));
    let long = house.append(alice, id, 4, body::full("456789x")).await;
    assert!(matches!(long, Err(Error::Length { expected: 10, .. })), "{long:?}");
    let early = house.complete(alice, id, None).await;
    assert!(early.is_ok(), "all ten came and were an object, and the eleventh was refused: {early:?}");
    assert_eq!(house.bytes(alice, "whole").await.unwrap(), b"0123456789");
    assert_eq!(house.usage(alice).await, (10, 0));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn of_two_who_append_the_first_one_ends(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let id = house.begin(alice, Protocol::Tus, None).await.unwrap();
    let (send, waiting) = tokio::sync::mpsc::channel::<Result<Bytes, Error>>(1);
    let slow = stream::unfold(waiting, |mut waiting| async move { Some((waiting.recv().await?, waiting)) });
    let first = house.append(alice, id, 0, Box::pin(slow));
    let second = async {
        send.send(Ok(Bytes::from_static(b"slow"))).await.unwrap();
        // It has been taken when there is room for another one.
        send.send(Ok(Bytes::from_static(b"er"))).await.unwrap();
        let came = house.append(alice, id, 0, body::full("quick")).await;
        drop(send);
        came
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first, Err(Error::LeaseLost)), "{first:?}");
    assert_eq!(second.unwrap(), 5);
    house.complete(alice, id, None).await.unwrap();
    assert_eq!(house.bytes(alice, "whole").await.unwrap(), b"quick");
    assert_eq!(house.usage(alice).await, (5, 0));
    agree(&t.db, alice).await;
}

/// As a client does that sent a part again, whose first attempt hangs.
#[tenant_test(clock = "manual")]
async fn a_part_that_is_still_coming_is_too_late_when_the_upload_is_complete(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let id = house.begin(alice, Protocol::Multipart, None).await.unwrap();
    house.part(alice, id, 1, b"first").await.unwrap();
    let (send, waiting) = tokio::sync::mpsc::channel::<Result<Bytes, Error>>(1);
    let slow = stream::unfold(waiting, |mut waiting| async move { Some((waiting.recv().await?, waiting)) });
    let (write, part) =
        (alice.permit().unwrap(), NewPart { number: 2, len: None, expected: Expected::default() });
    let hangs = house.storage.put_part(alice, &write, id, part, Box::pin(slow));
    let complete = async {
        send.send(Ok(Bytes::from_static(b"never"))).await.unwrap();
        send.send(Ok(Bytes::from_static(b" whole"))).await.unwrap();
        house.complete(alice, id, None).await.unwrap();
        drop(send);
    };
    let (late, ()) = tokio::join!(hangs, complete);
    assert!(matches!(late, Err(Error::Absent("upload") | Error::LeaseLost)), "{late:?}");
    assert_eq!(house.bytes(alice, "whole").await.unwrap(), b"first");
    assert_eq!(house.usage(alice).await, (5, 0));
    for _ in 0..4 {
        t.clock.advance(TimeDelta::hours(1));
        house.storage.reap(t.alice.tenant).await.unwrap();
    }
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((5, 0), 1));
    agree(&t.db, alice).await;
}

#[tenant_test(clock = "manual")]
async fn what_nobody_goes_on_with_is_given_up_and_others_uploads_are_absent(t: TenantTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let id = house.begin(alice, Protocol::Multipart, None).await.unwrap();
    house.part(alice, id, 1, b"first").await.unwrap();
    assert!(matches!(house.part(mallory, id, 2, b"mine").await, Err(Error::Absent("upload"))));
    assert!(matches!(house.complete(mallory, id, None).await, Err(Error::Absent("upload"))));
    let permit = mallory.permit().unwrap();
    let aborted = run(&t.db, mallory, move |tx| upload::abort(tx, &permit, id)).await;
    assert!(matches!(aborted, Err(Error::Absent("upload"))));
    t.clock.advance(TimeDelta::days(7));
    assert!(matches!(house.part(alice, id, 2, b"late").await, Err(Error::Absent("upload"))));
    for _ in 0..4 {
        house.storage.reap(t.alice.tenant).await.unwrap();
        t.clock.advance(TimeDelta::minutes(2));
    }
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((0, 0), 0));
    let again = house.begin(alice, Protocol::Multipart, None).await.unwrap();
    house.part(alice, again, 1, b"first").await.unwrap();
    let permit = alice.permit().unwrap();
    run(&t.db, alice, move |tx| upload::abort(tx, &permit, again)).await.unwrap();
    assert_eq!(house.usage(alice).await, (0, 0));
    agree(&t.db, alice).await;
}
