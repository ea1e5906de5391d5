//! Recordings over HTTP, and those who have no right to them.

use serde_json::json;
use veza_core::TenantId;
use veza_storage::crypt::LocalRootKey;
use veza_testing::{App, AppBuilder, TenantTest, tenant_test};

use super::*;

/// The app, and a recorder beside it that stores to the same place.
async fn start(t: &TenantTest) -> (App, Studio) {
    let directory = Arc::new(TestDirectory::new());
    let key = directory.path().join("root");
    LocalRootKey::create(&key, "first", &SystemRandom).unwrap();
    let config = StorageConfig {
        directory: Some(directory.path().join("files")),
        root_key_file: Some(key),
        ..StorageConfig::default()
    };
    let storage = Storage::configured(t.db.clone(), config.clone(), &Tasks::new()).await.unwrap().unwrap();
    let routes = veza_stream::http::recordings::routes(storage.clone());
    let builder = AppBuilder::new(&t.database).configure(|all| all.storage = config);
    let app = builder.start_with(routes).await;
    (app, Studio::with(&t.db, storage, directory))
}

async fn record(studio: &Studio, tenant: TenantId) -> RecordingId {
    let (tap, tapped) = mpsc::sync_channel(64);
    let caller = Caller::system(tenant);
    let id = studio.recorder.start(&caller, new_recording(None), tapped, |_| {}).await.unwrap();
    send(&tap, &published(1));
    drop(tap);
    studio.recorder.idle().await;
    id
}

#[tenant_test]
async fn recordings_are_listed_downloaded_and_deleted_by_their_own(t: TenantTest) {
    let (app, studio) = start(&t).await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    let id = record(&studio, app.alice.tenant).await;
    let (place, list) = (format!("/v1/stream/recordings/{id}"), "/v1/stream/recordings");
    let file = format!("{place}/file");
    alice.get(&file).await.expect_problem(409, "stream.recording.no_file");
    studio.work(&Caller::system(app.alice.tenant)).await;
    let shown = alice.get(&place).await.expect(200);
    assert_eq!((&shown["reason"], &shown["container"]), (&json!("ended"), &json!("mp4")));
    let of_channel = alice.get(&format!("{list}?channel_id={}", channel())).await.expect(200);
    assert_eq!(of_channel["items"], json!([shown]));
    let other = alice.get(&format!("{list}?channel_id={}", Uuid::from_u128(8))).await.expect(200);
    assert_eq!(other["items"], json!([]));
    alice.get(&format!("{list}?chanel_id=1")).await.expect(400);
    // Who is somebody else, or nobody.
    assert_eq!(mallory.get(list).await.expect(200)["items"], json!([]));
    let unknown = mallory.get(&format!("{list}/{}", Uuid::from_u128(9))).await;
    let foreign = mallory.get(&place).await;
    assert_eq!((foreign.status, foreign.json()["code"].clone()), (404, unknown.json()["code"].clone()));
    mallory.get(&file).await.expect_problem(404, "stream.recording.not_found");
    mallory.delete(&place).await.expect_problem(404, "stream.recording.not_found");
    app.anonymous().get(&place).await.expect(401);
    // The link needs no credentials.
    let link = alice.get(&file).await;
    assert_eq!(link.status, 307);
    let url = link.header("location").unwrap();
    let bytes = app.anonymous().get(url).await;
    assert_eq!((bytes.status, bytes.header("content-type")), (200, Some("video/mp4")));
    alice.delete(&place).await.expect(204);
    alice.delete(&place).await.expect_problem(404, "stream.recording.not_found");
    alice.get(&place).await.expect_problem(404, "stream.recording.not_found");
}
