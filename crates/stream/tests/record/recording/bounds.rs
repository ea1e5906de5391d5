//! A tenant that may store no more, or whose storage takes nothing, ends its own recordings and fills no disk.

use veza_storage::bucket::{self, NewBucket};
use veza_stream::record::{EndReason, Error};
use veza_testing::{TenantTest, tenant_test};

use super::*;

/// Waits until a recording ends by itself: its tap is open.
async fn ended(studio: &Studio, caller: &Caller, id: RecordingId) -> Recording {
    for _ in 0..2_000 {
        let recording = studio.get(caller, id).await.unwrap();
        if recording.ended_at.is_some() {
            return recording;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it goes on");
}

/// The bytes of all objects that a recording is kept as.
async fn whole(studio: &Studio, caller: &Caller, published: &[(Duration, usize, Rtp)]) -> i64 {
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(caller, new_recording(None), tapped, |_| {}).await.unwrap();
    send(&tap, published);
    drop(tap);
    studio.recorder.idle().await;
    studio.get(caller, id).await.unwrap().bytes
}

#[tenant_test]
async fn a_quota_that_is_used_up_ends_a_recording_and_keeps_what_was_stored(t: TenantTest) {
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let published = published(9);
    let bytes = whole(&Studio::new(&t.db).await, mallory, &published).await;
    let directory = Arc::new(TestDirectory::new());
    let files = limited(&t.db, directory.path().join("files"), Some(bytes * 5 / 6)).await;
    let studio = Studio::with(&t.db, files, Arc::clone(&directory));
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await.unwrap();
    send(&tap, &published);
    // The last segment is complete when the next begins, which none does: what is over says so.
    tap.send(Tapped::Ended).unwrap();
    studio.recorder.idle().await;
    let cut = ended(&studio, alice, id).await;
    assert_eq!(cut.reason, Some(EndReason::QuotaExceeded));
    assert!(cut.bytes > 0 && cut.bytes <= bytes * 5 / 6, "{} of {bytes}", cut.bytes);
    assert!(studio.logs().is_empty(), "the disk is free again");
    // What there is becomes a file when there is room for that.
    let next = Studio::at(&t.db, directory).await;
    next.work(alice).await;
    let joined = next.get(alice, id).await.unwrap();
    assert!(media::decode(&next.file(alice, &joined).await, 1) >= 80);
}

#[tenant_test]
async fn nothing_is_recorded_on_for_a_tenant_that_may_store_nothing(t: TenantTest) {
    let alice = &t.alice.caller;
    let directory = Arc::new(TestDirectory::new());
    let files = limited(&t.db, directory.path().join("files"), Some(1)).await;
    let studio = Studio::with(&t.db, files, directory);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await.unwrap();
    send(&tap, &published(9));
    let cut = ended(&studio, alice, id).await;
    assert_eq!(cut.reason, Some(EndReason::QuotaExceeded));
    studio.recorder.idle().await;
    assert!(studio.logs().is_empty());
    studio.work(alice).await;
    assert!(studio.get(alice, id).await.unwrap().file.is_none());
    drop(tap);
}

#[tenant_test]
async fn what_waits_for_a_storage_that_takes_nothing_is_bounded(t: TenantTest) {
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let directory = Arc::new(TestDirectory::new());
    let bounds = RecordConfig {
        max_unstored_bytes: 100_000,
        max_unstored_bytes_per_organization: 150_000,
        ..RecordConfig::default()
    };
    let files = storage(&t.db, directory.path().join("files")).await;
    let studio = Studio::bounded(&t.db, files, Arc::clone(&directory), bounds);
    let published = published(9);
    let (mut taps, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (tap, tapped) = mpsc::sync_channel(64);
        // The bucket that the channel names is not there.
        let id = studio.recorder.start(alice, new_recording(Some("gone")), tapped, |_| {}).await.unwrap();
        send(&tap, &published);
        assert_eq!(ended(&studio, alice, id).await.reason, Some(EndReason::BacklogFull));
        taps.push(tap);
        ids.push(id);
    }
    let (_tap, tapped) = mpsc::sync_channel(64);
    let refused = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await;
    assert!(matches!(refused, Err(Error::BacklogFull)), "{refused:?}");
    let (tap, tapped) = mpsc::sync_channel(64);
    studio.recorder.start(mallory, new_recording(None), tapped, |_| {}).await.unwrap();
    drop((taps, tap));
    assert!(studio.tasks.stop(Duration::from_mins(1)).await);
    // What waits is not lost.
    let (permit, new) =
        (alice.permit().unwrap(), NewBucket { name: "gone".to_owned(), ..NewBucket::default() });
    t.db.tenant(alice, move |tx| bucket::create(tx, &permit, &new, false)).await.unwrap();
    let next = Studio::at(&t.db, directory).await;
    next.recorder.recover().await.unwrap();
    next.recorder.idle().await;
    for id in ids {
        let stored = next.get(alice, id).await.unwrap();
        assert!(stored.bytes > 50_000 && stored.reason == Some(EndReason::BacklogFull), "{stored:?}");
    }
    assert!(next.logs().is_empty());
}
