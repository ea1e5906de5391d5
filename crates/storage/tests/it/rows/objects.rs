//! Objects: what was stored is what is read.

use futures_util::TryStreamExt;
use veza_core::page::PageRequest;
use veza_storage::backend::ByteRange;
use veza_storage::bucket::BucketChange;
use veza_storage::digest::Expected;
use veza_storage::object::{self, Condition, Copy, Entry, ListRequest, ObjectChange};
use veza_storage::{Error, ObjectKey};
use veza_testing::{TenantTest, tenant_test};

use super::{House, agree, files, object, run};

#[tenant_test]
async fn what_was_stored_is_read_whole_and_by_ranges(t: TenantTest) {
    let alice = &t.alice.caller;
    let house = House::new(&t.db).await;
    for encryption in [true, false] {
        if encryption {
            files(&t.db, alice, BucketChange::default()).await;
        } else {
            let (permit, change) = (
                alice.permit().unwrap(),
                BucketChange { encryption: Some(false), ..BucketChange::default() },
            );
            run(&t.db, alice, move |tx| {
                veza_storage::bucket::update(tx, &permit, "files", &change, None, true)
            })
            .await
            .unwrap();
        }
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        let stored = house.put(alice, object("a/b"), &bytes).await.unwrap();
        assert_eq!((stored.size, stored.etag.len()), (300_000, 32));
        assert_eq!(house.bytes(alice, "a/b").await.unwrap(), bytes);
        let (permit, key) = (alice.permit().unwrap(), ObjectKey::new("a/b").unwrap());
        for range in [0..1, 65_535..65_537, 299_999..300_000, 100..200_000] {
            let wanted = Some(ByteRange::from(range.clone()));
            let reading = house.storage.read(alice, &permit, "files", &key, None, wanted).await.unwrap();
            assert_eq!(reading.range, range);
            let got = reading.body.try_collect::<Vec<_>>().await.unwrap().concat();
            let at = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert_eq!(got, bytes[at]);
        }
        let behind = Some(ByteRange::from(300_000..300_001));
        let refused = house.storage.read(alice, &permit, "files", &key, None, behind).await;
        assert!(matches!(refused, Err(Error::RangeUnsatisfiable { len: 300_000 })));
        house.put(alice, object("empty"), b"").await.unwrap();
        assert!(house.bytes(alice, "empty").await.unwrap().is_empty());
    }
}

#[tenant_test]
async fn conditions_decide_and_one_of_many_writers_wins(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let with = |condition| {
        let mut new = object("one");
        new.condition = condition;
        new
    };
    let missing = house.put(alice, with(Condition::shows("x")), b"0").await;
    assert!(matches!(missing, Err(Error::PreconditionFailed)));
    let first = house.put(alice, with(Condition::absent()), b"1").await.unwrap();
    assert!(matches!(
        house.put(alice, with(Condition::absent()), b"2").await,
        Err(Error::PreconditionFailed)
    ));
    let bodies: Vec<[u8; 1]> = (0..8_u8).map(|n| [n]).collect();
    let writers = bodies.iter().map(|body| house.put(alice, with(Condition::shows(&first.etag)), body));
    let outcomes = futures_util::future::join_all(writers).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    assert_eq!(house.usage(alice).await, (1, 0));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn bytes_that_are_others_than_was_said_are_refused(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let expecting = |expected| {
        let mut new = object("x");
        new.expected = expected;
        new
    };
    let wrong = expecting(Expected { sha256: Some([7; 32]), ..Expected::default() });
    assert!(matches!(house.put(alice, wrong, b"abc").await, Err(Error::DigestMismatch(_))));
    let long = expecting(Expected { len: Some(4), ..Expected::default() });
    assert!(matches!(house.put(alice, long, b"abc").await, Err(Error::Length { .. })));
    let mut short = object("x");
    short.len = Some(2);
    assert!(matches!(house.put(alice, short, b"abc").await, Err(Error::Length { .. })));
    let crc = expecting(Expected { crc32c: Some(0x364b_3fb7), ..Expected::default() });
    let stored = house.put(alice, crc, b"abc").await.unwrap();
    assert_eq!(stored.crc32c, "364b3fb7");
    assert_eq!(
        stored.sha256.as_deref(),
        Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    );
    assert_eq!(house.usage(alice).await, (3, 0), "nothing is set aside for what failed");
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn lists_go_by_prefix_and_delimiter(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    for key in ["a", "a/1", "a/2", "a/b/3", "b", "é/x"] {
        house.put(alice, object(key), key.as_bytes()).await.unwrap();
    }
    let list = async |prefix: &str, delimiter: Option<&str>, limit, after: Option<&str>| {
        let request = ListRequest { prefix: prefix.to_owned(), delimiter: delimiter.map(str::to_owned) };
        let (permit, page) =
            (alice.permit().unwrap(), PageRequest { limit, after: after.map(str::to_owned) });
        let page =
            run(&t.db, alice, move |tx| object::list(tx, &permit, "files", &request, &page)).await.unwrap();
        let name = |entry: &Entry| match entry {
            Entry::Object(object) => object.key.clone(),
            Entry::Prefix { prefix } => format!("{prefix}*"),
        };
        (page.items.iter().map(name).collect::<Vec<_>>(), page.next_cursor.is_some())
    };
    assert_eq!(list("", None, 50, None).await.0, ["a", "a/1", "a/2", "a/b/3", "b", "é/x"]);
    assert_eq!(list("", Some("/"), 50, None).await.0, ["a", "a/*", "b", "é/*"]);
    assert_eq!(list("a/", Some("/"), 50, None).await.0, ["a/1", "a/2", "a/b/*"]);
    assert_eq!(list("", Some("/"), 2, None).await, (vec!["a".to_owned(), "a/*".to_owned()], true));
    assert_eq!(list("", Some("/"), 2, Some("a/")).await, (vec!["b".to_owned(), "é/*".to_owned()], false));
}

#[tenant_test]
async fn copies_share_their_bytes_and_attributes_are_changed_in_place(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("one"), b"hello").await.unwrap();
    let (read, write) = (alice.permit().unwrap(), alice.permit().unwrap());
    let window = chrono::TimeDelta::hours(1);
    let copied = run(&t.db, alice, move |tx| {
        let copy = Copy {
            from_bucket: "files".to_owned(),
            from_key: ObjectKey::new("one")?,
            from_version: None,
            bucket: "files".to_owned(),
            key: ObjectKey::new("two")?,
            attributes: None,
            condition: Condition::default(),
        };
        object::copy(tx, &read, &write, &copy, window)
    });
    assert_eq!(copied.await.unwrap().size, 5);
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((5, 0), 1));
    let delete = alice.permit().unwrap();
    run(&t.db, alice, move |tx| {
        object::delete(tx, &delete, "files", &ObjectKey::new("one")?, &Condition::default(), window)
    })
    .await
    .unwrap();
    assert_eq!(house.usage(alice).await, (5, 0), "the copy still shows it");
    assert_eq!(house.bytes(alice, "two").await.unwrap(), b"hello");
    let permit = alice.permit().unwrap();
    let change = ObjectChange { cache_control: Some("no-store".to_owned()), ..ObjectChange::default() };
    let changed = run(&t.db, alice, move |tx| {
        object::change(tx, &permit, "files", &ObjectKey::new("two")?, &change, &Condition::default())
    });
    assert_eq!(changed.await.unwrap().attributes.cache_control.as_deref(), Some("no-store"));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn what_is_being_read_stays_what_it_was(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("x"), b"first").await.unwrap();
    let (permit, key) = (alice.permit().unwrap(), ObjectKey::new("x").unwrap());
    let opened = house.storage.open(alice, &permit, "files", &key, None).await.unwrap();
    house.put(alice, object("x"), b"second").await.unwrap();
    for (range, bytes) in [(0..5, &b"first"[..]), (1..3, b"ir"), (5..5, b"")] {
        let read = opened.bytes(range).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(read.concat(), bytes);
    }
}
