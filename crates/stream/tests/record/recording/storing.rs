//! From packets to a file, and what is in the way.

use veza_storage::bucket::{self, NewBucket};
use veza_stream::record::{EndReason, Error};
use veza_testing::{TenantTest, tenant_test};

use super::*;

#[tenant_test]
async fn a_recording_becomes_segments_and_then_a_file(t: TenantTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let ask = {
        let asked = Arc::clone(&asked);
        move |track| asked.lock().unwrap().push(track)
    };
    let id = studio.recorder.start(alice, new_recording(None), tapped, ask).await.unwrap();
    let running = studio.get(alice, id).await.unwrap();
    assert!(running.ended_at.is_none() && running.reason.is_none() && running.file.is_none());
    let (delete, read) = (alice.permit().unwrap(), alice.permit().unwrap());
    let refused = t.db.tenant(alice, move |tx| record::remove(tx, &delete, id)).await;
    assert!(matches!(refused, Err(Error::Running)));
    send(&tap, &published(9));
    tap.send(Tapped::Ended).unwrap();
    studio.recorder.idle().await;
    assert_eq!(asked.lock().unwrap().first(), Some(&1), "a key frame is asked for at the beginning");
    let stored = studio.get(alice, id).await.unwrap();
    assert_eq!(stored.reason, Some(EndReason::Ended));
    assert!((9_000..9_021).contains(&stored.duration_ms), "{}", stored.duration_ms);
    assert!(studio.logs().is_empty(), "what is stored needs no log");
    let keys = studio.keys(alice, record::BUCKET).await;
    let place = format!("{}/{id}", channel());
    let names = ["header-0001.mp4", "segment-000001.m4s", "segment-000002.m4s", "segment-000003.m4s"];
    assert_eq!(keys, names.map(|name| format!("{place}/{name}")));
    studio.work(alice).await;
    let joined = studio.get(alice, id).await.unwrap();
    let path = studio.file(alice, &joined).await;
    let probed = media::probe(&path);
    assert_eq!((probed.of(1).len(), media::decode(&path, 1)), (270, 270));
    assert!((probed.duration - 9.0).abs() < 0.021, "{}", probed.duration);
    assert_eq!(studio.keys(alice, record::BUCKET).await, [format!("{place}.mp4")], "it is there once");
    assert_eq!((joined.bytes, joined.duration_ms), (stored.bytes, stored.duration_ms));
    let page = PageRequest { limit: 10, after: None };
    let list = t.db.read(alice, move |tx| record::list(tx, &read, Some(channel()), &page)).await;
    assert_eq!(list.unwrap().items, [joined]);
    let delete = alice.permit().unwrap();
    t.db.tenant(alice, move |tx| record::remove(tx, &delete, id)).await.unwrap();
    assert!(matches!(studio.get(alice, id).await, Err(Error::Absent("recording"))));
    studio.work(alice).await;
    assert!(studio.keys(alice, record::BUCKET).await.is_empty());
}

#[tenant_test]
async fn what_cannot_be_stored_waits_in_the_log(t: TenantTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    // The bucket that the channel names is not there.
    let id = studio.recorder.start(alice, new_recording(Some("gone")), tapped, |_| {}).await.unwrap();
    send(&tap, &published(2));
    drop(tap);
    // The process stops; what it could not store stays.
    let watch = async {
        while studio.get(alice, id).await.unwrap().ended_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    watch.await;
    assert!(studio.tasks.stop(Duration::from_mins(1)).await);
    assert_eq!(studio.logs().len(), 1);
    let waiting = studio.get(alice, id).await.unwrap();
    assert_eq!((waiting.reason, waiting.bytes), (Some(EndReason::Ended), 0));
    let (permit, new) =
        (alice.permit().unwrap(), NewBucket { name: "gone".to_owned(), ..NewBucket::default() });
    t.db.tenant(alice, move |tx| bucket::create(tx, &permit, &new, false)).await.unwrap();
    let next = Studio::at(&t.db, Arc::clone(&studio.directory)).await;
    assert_eq!(next.recorder.recover().await.unwrap(), 1);
    next.recorder.idle().await;
    next.work(alice).await;
    let joined = next.get(alice, id).await.unwrap();
    assert_eq!(joined.reason, Some(EndReason::Ended));
    assert_eq!(media::decode(&next.file(alice, &joined).await, 1), 60);
    assert!(next.logs().is_empty());
    assert_eq!(next.recorder.recover().await.unwrap(), 0);
}

#[tenant_test]
async fn a_disk_that_fails_ends_a_recording_with_a_reason(t: TenantTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await.unwrap();
    // Where the second segment would be written there is something else.
    std::fs::create_dir(studio.logs()[0].join("00000002.log")).unwrap();
    send(&tap, &published(6));
    studio.recorder.idle().await;
    let ended = studio.get(alice, id).await.unwrap();
    assert_eq!(ended.reason, Some(EndReason::DiskFailed));
    assert!((2_900..4_800).contains(&ended.duration_ms), "{}", ended.duration_ms);
    studio.work(alice).await;
    let joined = studio.get(alice, id).await.unwrap();
    assert!(media::decode(&studio.file(alice, &joined).await, 1) >= 87);
}

#[tenant_test]
async fn a_recording_of_nothing_ends_without_a_file(t: TenantTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await.unwrap();
    drop(tap);
    studio.recorder.idle().await;
    studio.work(alice).await;
    let recording = studio.get(alice, id).await.unwrap();
    assert_eq!((recording.bytes, recording.file), (0, None));
    assert_eq!(recording.reason, Some(EndReason::Ended));
}

#[tenant_test]
async fn a_recording_that_is_deleted_before_all_is_stored_stays_deleted(t: TenantTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(Some("gone")), tapped, |_| {}).await.unwrap();
    send(&tap, &published(2));
    drop(tap);
    while studio.get(alice, id).await.unwrap().ended_at.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(studio.tasks.stop(Duration::from_mins(1)).await);
    let permit = alice.permit().unwrap();
    t.db.tenant(alice, move |tx| record::remove(tx, &permit, id)).await.unwrap();
    studio.work(alice).await;
    let (permit, new) =
        (alice.permit().unwrap(), NewBucket { name: "gone".to_owned(), ..NewBucket::default() });
    t.db.tenant(alice, move |tx| bucket::create(tx, &permit, &new, false)).await.unwrap();
    let next = Studio::at(&t.db, Arc::clone(&studio.directory)).await;
    next.recorder.recover().await.unwrap();
    next.recorder.idle().await;
    next.work(alice).await;
    assert!(matches!(next.get(alice, id).await, Err(Error::Absent("recording"))));
    assert!(next.logs().is_empty() && next.keys(alice, "gone").await.is_empty());
}
