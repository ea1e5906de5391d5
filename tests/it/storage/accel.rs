//! nginx before Veza sends the bytes.

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TestDirectory, db_test};

use super::{BUCKETS, path, put};

#[db_test]
async fn nginx_is_told_where_plain_bytes_are_and_nobody_else(t: DbTest) {
    let directory = TestDirectory::new();
    let key = directory.path().join("root_key");
    veza::storage::crypt::LocalRootKey::create(&key, "first", &veza::core::SystemRandom).unwrap();
    let files = directory.path().join("files");
    let configure = |config: &mut veza::Config| {
        config.storage.directory = Some(files.clone());
        config.storage.root_key_file = Some(key);
        config.storage.accel_location = Some("/veza-blobs/".to_owned());
    };
    let app = AppBuilder::new(&t.database).configure(configure).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    let plain = json!({ "name": "files", "settings": { "encryption": false } });
    alice.post(BUCKETS, &plain).await.expect(201);
    alice.post(BUCKETS, &json!({ "name": "sealed" })).await.expect(201);
    let nginx = alice.with("x-sendfile-type", "X-Accel-Redirect");
    put(alice, "x", "hello world").await.expect(201);
    let sealed = format!("{BUCKETS}/sealed/objects/x");
    alice.send("PUT", &sealed, Some("hello world".into())).await.expect(201);

    let told = nginx.get(&path("x")).await;
    let file = told.header("x-accel-redirect").unwrap().strip_prefix("/veza-blobs/").unwrap().to_owned();
    assert_eq!(std::fs::read(files.join("blobs").join(file)).unwrap(), b"hello world");
    assert_eq!((told.status, told.text.as_str()), (200, ""));
    assert!(told.header("etag").is_some() && told.header("content-type").is_some());
    let etag = told.header("etag").unwrap().to_owned();
    nginx.with("if-none-match", etag).get(&path("x")).await.expect(304);
    nginx.with("range", "bytes=99-").get(&path("x")).await.expect(416);
    // nginx would make something else of these.
    for (name, value) in [
        ("range", "bytes =0-0"),
        ("range", "bytes=0-3,0-3"),
        ("origin", "https://a.example"),
        ("if-range", "x"),
    ] {
        assert!(
            nginx.with(name, value).get(&path("x")).await.header("x-accel-redirect").is_none(),
            "{name}: {value}"
        );
    }
    assert!(nginx.with("range", "bytes=0-3").get(&path("x")).await.header("x-accel-redirect").is_some());
    // Encrypted bytes are no use to nginx, and who is not nginx gets bytes.
    let open = path("x");
    for (client, path) in [(&nginx, sealed.as_str()), (alice, open.as_str())] {
        let reply = client.get(path).await;
        assert!(reply.header("x-accel-redirect").is_none());
        assert_eq!(reply.text, "hello world");
    }
    let stranger = mallory.with("x-sendfile-type", "X-Accel-Redirect").get(&path("x")).await;
    assert!(stranger.header("x-accel-redirect").is_none());
    stranger.expect(404);
}
