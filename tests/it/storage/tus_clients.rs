//! Clients of tus that others wrote, for `cargo test -p veza-tests -- --ignored tus` where they are installed:
//! `VEZA_TUS_JS` is a directory whose `node_modules` have `tus-js-client`, `VEZA_TUS_PYTHON` a Python that has `tuspy`
//! (Debian's `python3` with `python3-tuspy`).

use std::path::Path;

use serde_json::json;
use veza_testing::{App, TenantTest, tenant_test};

use super::{builder, files, path, usage};

const URL: &str = "/v1/storage/buckets/files/tus";

/// Runs a program that uploads, and answers what it says.
async fn run(app: &App, mut program: std::process::Command) {
    let token = app.alice.session["access_token"].as_str().unwrap();
    program.arg(format!("{}{URL}", app.base)).arg(token);
    let ended = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && said.trim().ends_with("done"), "{said}{failed}");
}

/// Whether an object has the first `length` of the bytes that all programs send.
async fn holds(app: &App, key: &str, length: usize) {
    let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let alice = &app.alice.client;
    let reference = alice.send("PUT", &path("reference"), Some(bytes)).await.expect(201);
    let listed = alice.get(&format!("/v1/storage/buckets/files/objects?prefix={key}")).await.expect(200);
    let object = &listed["items"][0];
    assert_eq!(object["key"], key, "{listed}");
    assert_eq!(
        (&object["size"], &object["crc64nvme"]),
        (&reference["size"], &reference["crc64nvme"]),
        "{key}"
    );
    assert_eq!(alice.delete(&path("reference")).await.status, 204);
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

#[tenant_test]
#[ignore = "needs tus-js-client"]
async fn tus_js_client_uploads_in_all_of_its_ways(t: TenantTest) {
    let directory = std::env::var_os("VEZA_TUS_JS").expect("VEZA_TUS_JS names a directory");
    let app = builder(&t.database).await.start().await;
    files(&app.alice.client, json!({})).await;
    let mut node = std::process::Command::new("node");
    node.arg(script("tus.js")).env("NODE_PATH", Path::new(&directory).join("node_modules"));
    run(&app, node).await;
    for key in ["whole", "chunks", "creation", "parallel", "deferred", "resumed"] {
        holds(&app, &format!("js/{key}"), 100_000).await;
    }
    holds(&app, "js/empty", 0).await;
    holds(&app, "js/override", 1_000).await;
    assert_eq!(app.alice.client.get(&path("js/gone")).await.status, 404);
    assert_eq!(usage(&app.alice.client).await, (601_000, 0));
}

#[tenant_test]
#[ignore = "needs tuspy"]
async fn tuspy_uploads_with_checksums_and_resumes(t: TenantTest) {
    let python = std::env::var_os("VEZA_TUS_PYTHON").unwrap_or_else(|| "python3".into());
    let app = builder(&t.database).await.start().await;
    files(&app.alice.client, json!({})).await;
    let mut command = std::process::Command::new(python);
    command.arg(script("tus.py"));
    run(&app, command).await;
    for key in ["whole", "chunks", "resumed"] {
        holds(&app, &format!("py/{key}"), 100_000).await;
    }
    assert_eq!(usage(&app.alice.client).await, (300_000, 0));
}
