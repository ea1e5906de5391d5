//! Parts of objects.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{builder, files, path, stored};

#[tenant_test]
async fn ranges_are_served(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "0123456789").await;
    for (range, bytes, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-999", "56789", "bytes 5-9/10"),
        ("bytes=0-3,2-5", "012345", "bytes 0-5/10"),
    ] {
        let part = alice.with("range", range).get(&path("x")).await;
        assert_eq!((part.status, &*part.text), (206, bytes), "{range}");
        assert_eq!(part.header("content-range"), Some(content_range));
    }
    for whole in ["bytes=3-1", "lines=0-1", "bytes=a"] {
        let read = alice.with("range", whole).get(&path("x")).await;
        assert_eq!((read.status, &*read.text), (200, "0123456789"), "{whole}");
    }
    let beyond = alice.with("range", "bytes=10-").get(&path("x")).await;
    beyond.expect_problem(416, "storage.range.unsatisfiable");
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
}

#[tenant_test]
async fn several_ranges_come_in_parts(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    stored(alice, "x", "0123456789").await;
    let read = alice.with("range", "bytes=8-9, 0-1").get(&path("x")).await;
    assert_eq!(read.status, 206);
    let boundary = read.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.unwrap();
    let part = |range: &str, bytes: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/10\r\n\r\n{bytes}"
        )
    };
    assert_eq!(read.text, format!("{}{}\r\n--{boundary}--\r\n", part("8-9", "89"), part("0-1", "01")));
    assert_eq!(read.header("content-length"), Some(&*read.text.len().to_string()));
}

#[tenant_test]
async fn a_range_of_what_changed_is_the_whole(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    let object = stored(alice, "x", "0123456789").await;
    let same = format!("\"{}\"", object["etag"].as_str().unwrap());
    let ask = alice.with("range", "bytes=0-0");
    assert_eq!(ask.with("if-range", &same).get(&path("x")).await.status, 206);
    for other in ["\"other\"", &format!("W/{same}"), "Tue, 14 Nov 2023 22:13:21 GMT", "x"] {
        assert_eq!(ask.with("if-range", other).get(&path("x")).await.status, 200, "{other}");
    }
}
