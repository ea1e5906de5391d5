//! Buckets and their rules.

use veza_core::page::PageRequest;
use veza_storage::Error;
use veza_storage::bucket::{self, BucketChange, CorsRule, NewBucket, RetentionMode, RetentionRule};
use veza_testing::{TenantTest, tenant_test};

use super::{House, files, object, run};

#[tenant_test]
async fn a_bucket_is_made_changed_listed_and_deleted(t: TenantTest) {
    let alice = &t.alice.caller;
    for name in ["photos", "files", "backups"] {
        let (permit, new) =
            (alice.permit().unwrap(), NewBucket { name: name.to_owned(), ..NewBucket::default() });
        let made = run(&t.db, alice, move |tx| bucket::create(tx, &permit, &new, true)).await.unwrap();
        assert!((made.version, made.settings.encryption) == (1, true) && !made.settings.versioning);
    }
    let again = run(&t.db, alice, {
        let (permit, new) =
            (alice.permit().unwrap(), NewBucket { name: "files".to_owned(), ..NewBucket::default() });
        move |tx| bucket::create(tx, &permit, &new, true)
    });
    assert!(matches!(again.await, Err(Error::BucketExists)));
    let permit = alice.permit().unwrap();
    let page = PageRequest { limit: 2, after: None };
    let page = run(&t.db, alice, move |tx| bucket::list(tx, &permit, &page)).await.unwrap();
    assert_eq!(page.items.iter().map(|bucket| &*bucket.name).collect::<Vec<_>>(), ["backups", "files"]);
    assert!(page.next_cursor.is_some());

    let change = BucketChange {
        max_object_bytes: Some(Some(1_000)),
        versioning: Some(true),
        cors: Some(vec![CorsRule {
            origins: vec!["https://app.example".to_owned()],
            methods: vec!["PUT".to_owned()],
            headers: vec!["content-type".to_owned()],
            max_age_seconds: 60,
        }]),
        ..BucketChange::default()
    };
    let update = |change: BucketChange, version: i64| {
        let permit = alice.permit().unwrap();
        run(&t.db, alice, move |tx| bucket::update(tx, &permit, "files", &change, Some(&[version]), true))
    };
    let changed = update(change, 1).await.unwrap();
    assert_eq!(
        (changed.version, changed.settings.max_object_bytes, changed.settings.cors.len()),
        (2, Some(1_000), 1)
    );
    assert!(matches!(update(BucketChange::default(), 1).await, Err(Error::VersionMismatch)));
    let unlimited = BucketChange { max_object_bytes: Some(None), ..BucketChange::default() };
    assert_eq!(update(unlimited, 2).await.unwrap().settings.max_object_bytes, None);

    let delete = |name: &'static str| {
        let permit = alice.permit().unwrap();
        run(&t.db, alice, move |tx| bucket::delete(tx, &permit, name, None))
    };
    let house = House::new(&t.db).await;
    house.put(alice, object("a"), b"a").await.unwrap();
    assert!(matches!(delete("files").await, Err(Error::BucketNotEmpty)));
    delete("photos").await.unwrap();
    assert!(matches!(delete("photos").await, Err(Error::Absent("bucket"))));
}

#[tenant_test]
async fn rules_that_cannot_be_are_refused_each_by_its_field(t: TenantTest) {
    let refused = async |name: &str, settings: BucketChange| {
        let (permit, new) = (t.alice.caller.permit().unwrap(), NewBucket { name: name.to_owned(), settings });
        match run(&t.db, &t.alice.caller, move |tx| bucket::create(tx, &permit, &new, true)).await {
            Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field.into_owned()).collect(),
            other => panic!("{other:?}"),
        }
    };
    for name in ["", "ab", "-abc", "abc-", "Abc", "a_c", "é12", &"a".repeat(64)] {
        assert_eq!(refused(name, BucketChange::default()).await, ["/name"], "{name}");
    }
    let rule = RetentionRule { mode: RetentionMode::Compliance, days: 0 };
    let bad = BucketChange {
        max_object_bytes: Some(Some(0)),
        allowed_types: Some(vec!["*/*".to_owned(), "nonsense".to_owned()]),
        cors: Some(vec![CorsRule {
            origins: vec!["app.example".to_owned()],
            methods: Vec::new(),
            headers: Vec::new(),
            max_age_seconds: 0,
        }]),
        retention: Some(Some(rule)),
        ..BucketChange::default()
    };
    let fields: Vec<String> = refused("good-name", bad).await;
    let expected = ["max_object_bytes", "allowed_types", "cors", "retention/days", "retention"];
    assert_eq!(fields, expected.map(|field| format!("/settings/{field}")));
}

#[tenant_test]
async fn what_a_bucket_does_not_take_changes_nothing(t: TenantTest) {
    let house = House::new(&t.db).await;
    let settings = BucketChange {
        max_object_bytes: Some(Some(10)),
        allowed_types: Some(vec!["text/*".to_owned()]),
        ..BucketChange::default()
    };
    files(&t.db, &t.alice.caller, settings).await;
    let put = async |new, bytes: &[u8]| house.put(&t.alice.caller, new, bytes).await;
    put(object("ten"), b"0123456789").await.unwrap();
    assert!(matches!(put(object("eleven"), b"01234567890").await, Err(Error::ObjectTooLarge { max: 10 })));
    let mut known = object("eleven");
    known.len = Some(11);
    assert!(matches!(put(known, b"01234567890").await, Err(Error::ObjectTooLarge { max: 10 })));
    let mut image = object("image");
    image.attributes.content_type = "image/png".to_owned();
    assert!(matches!(put(image, b"x").await, Err(Error::TypeNotAllowed)));
    let mut elsewhere = object("x");
    elsewhere.bucket = "elsewhere".to_owned();
    assert!(matches!(put(elsewhere, b"x").await, Err(Error::Absent("bucket"))));
    assert_eq!(house.usage(&t.alice.caller).await, (10, 0));
    super::agree(&t.db, &t.alice.caller).await;
}

#[tenant_test]
async fn without_a_root_key_no_bucket_says_that_it_encrypts(t: TenantTest) {
    let (house, alice) = (House::plain(&t.db).await, &t.alice.caller);
    assert!(!house.storage.can_encrypt());
    let make = async |encryption: Option<bool>| {
        let settings = BucketChange { encryption, ..BucketChange::default() };
        let (permit, new) = (alice.permit().unwrap(), NewBucket { name: "plain".to_owned(), settings });
        run(&t.db, alice, move |tx| bucket::create(tx, &permit, &new, false)).await
    };
    let field = |refused: Result<bucket::Bucket, Error>| match refused {
        Err(Error::Invalid(fields)) => fields[0].field.clone().into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(field(make(Some(true)).await), "/settings/encryption");
    assert!(!make(None).await.unwrap().settings.encryption);
    let change = async |change: BucketChange| {
        let permit = alice.permit().unwrap();
        run(&t.db, alice, move |tx| bucket::update(tx, &permit, "plain", &change, None, false)).await
    };
    let encrypt = BucketChange { encryption: Some(true), ..BucketChange::default() };
    assert_eq!(field(change(encrypt).await), "/encryption");
    change(BucketChange { versioning: Some(true), ..BucketChange::default() }).await.unwrap();
    // One that encrypts, of a deployment that has lost its key: nothing is stored plain in it.
    files(&t.db, alice, BucketChange::default()).await;
    assert!(matches!(house.put(alice, object("x"), b"secret").await, Err(Error::NoRootKey)));
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((0, 0), 0));
}
