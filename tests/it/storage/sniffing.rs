//! What bytes are when nobody says, and how a browser may treat them.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, path, put, usage};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[tenant_test]
async fn types_are_found_out_and_what_may_run_is_never_shown(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    for (key, said, bytes, kind, disposition) in [
        ("a.png", None, PNG, "image/png", "inline"),
        ("b", Some("application/octet-stream"), PNG, "image/png", "inline"),
        ("c", None, b"<!DOCTYPE html><script>alert(1)</script>", "text/html", "attachment"),
        ("d", None, b"<?xml version=\"1.0\"?><svg onload='alert(1)'/>", "text/xml", "attachment"),
        ("e", None, b"plain text", "text/plain; charset=utf-8", "inline"),
        ("f", None, b"\0\x01", "application/octet-stream", "attachment"),
        ("g", Some("image/svg+xml"), b"<svg/>", "image/svg+xml", "attachment"),
        ("h", Some("text/javascript"), b"alert(1)", "text/javascript", "attachment"),
        ("i", Some("text/plain"), b"<!DOCTYPE html>", "text/plain", "inline"),
    ] {
        let client = said.map_or_else(|| alice.clone(), |said| alice.with("content-type", said));
        client.send("PUT", &path(key), Some(bytes.to_vec())).await.expect(201);
        let read = alice.send("HEAD", &path(key), None).await;
        assert_eq!(read.header("content-type"), Some(kind), "{key}");
        assert!(read.header("content-disposition").unwrap().starts_with(disposition), "{key}");
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
        assert!(read.header("content-security-policy").unwrap().contains("sandbox"));
    }
    put(alice, "r%C3%A9sum%C3%A9%20%22x%22.txt", "text").await.expect(201);
    let named = alice.get(&path("r%C3%A9sum%C3%A9%20%22x%22.txt")).await;
    let disposition = named.header("content-disposition").unwrap();
    assert_eq!(disposition, "inline; filename*=UTF-8''r%C3%A9sum%C3%A9%20%22x%22.txt");
}

#[tenant_test]
async fn uploads_in_parts_are_what_their_first_bytes_show(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({ "allowed_types": ["image/*"] })).await;
    let uploads = format!("{BUCKETS}/files/uploads");
    let begin = async |key: &str| {
        let begun = alice.post(&uploads, &json!({ "key": key })).await.expect(201);
        format!("{uploads}/{}", begun["id"].as_str().unwrap())
    };
    let upload = begin("parts").await;
    for (number, bytes) in [(2, &PNG[4..]), (1, &PNG[..4])] {
        alice.send("PUT", &format!("{upload}/parts/{number}"), Some(bytes.to_vec())).await.expect(200);
    }
    let object = alice.post(&format!("{upload}/complete"), &json!({})).await.expect(201);
    assert_eq!(object["content_type"], "image/png");
    // What is not allowed is known when the bytes are there.
    put(alice, "text", "plain").await.expect_problem(415, "storage.object.type_not_allowed");
    let upload = begin("text").await;
    alice.send("PUT", &format!("{upload}/parts/1"), Some("plain".into())).await.expect(200);
    let refused = alice.post(&format!("{upload}/complete"), &json!({})).await;
    refused.expect_problem(415, "storage.object.type_not_allowed");
    alice.delete(&upload).await.expect(204);
    let tus = alice.with("tus-resumable", "1.0.0");
    let begun = tus.with("upload-length", PNG.len().to_string()).with("upload-metadata", "filename dHVz");
    let begun = begun.send("POST", &format!("{BUCKETS}/files/tus"), None).await;
    let upload = begun.header("location").unwrap();
    let bytes = tus.with("content-type", "application/offset+octet-stream");
    bytes.with("upload-offset", "0").send("PATCH", upload, Some(PNG[..4].to_vec())).await.expect(204);
    bytes.with("upload-offset", "4").send("PATCH", upload, Some(PNG[4..].to_vec())).await.expect(204);
    assert_eq!(alice.send("HEAD", &path("tus"), None).await.header("content-type"), Some("image/png"));
    assert_eq!(usage(alice).await, (2 * i64::try_from(PNG.len()).unwrap(), 0));
}
