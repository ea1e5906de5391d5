//! Machines that do not come back, and buckets that take nothing.

use chrono::TimeDelta;
use veza_core::config::Secret;
use veza_storage::bucket::{self, NewBucket};
use veza_stream::record::EndReason;
use veza_stream::{StreamConfig, Streams};
use veza_testing::{DbTest, db_test};

use super::*;

/// What another process does that is there for all.
fn sweep(db: &Db) -> Tasks {
    let streams = Streams::new(db.clone(), StreamConfig::default(), &Secret::new("root")).unwrap();
    let tasks = Tasks::new();
    streams.start_worker(&tasks);
    tasks
}

/// Waits until a recording is as it should be.
async fn until(
    studio: &Studio,
    caller: &Caller,
    id: RecordingId,
    done: impl Fn(&Recording) -> bool,
) -> Recording {
    for _ in 0..2_000 {
        let recording = studio.get(caller, id).await.unwrap();
        if done(&recording) {
            return recording;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", studio.get(caller, id).await);
}

#[db_test(clock = "manual")]
async fn who_does_not_come_back_is_not_waited_for(t: DbTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    // A process of its own, as far as its tasks go.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (recorder, caller) = (studio.recorder.clone(), alice.clone());
    let start = async move { recorder.start(&caller, new_recording(None), tapped, |_| {}).await.unwrap() };
    let id = runtime.spawn(start).await.unwrap();
    send(&tap, &published(9));
    let stored = until(&studio, alice, id, |recording| recording.duration_ms > 5_000).await;
    assert!(stored.ended_at.is_none());
    runtime.shutdown_background();
    t.clock.advance(TimeDelta::minutes(1));
    let tasks = sweep(&t.db);
    assert!(tasks.stop(Duration::from_secs(10)).await);
    assert!(studio.get(alice, id).await.unwrap().ended_at.is_none(), "it may only be slow");
    t.clock.advance(TimeDelta::minutes(2));
    let _tasks = sweep(&t.db);
    let ended = until(&studio, alice, id, |recording| recording.ended_at.is_some()).await;
    assert_eq!(ended.reason, Some(EndReason::Interrupted));
    let length = (ended.ended_at.unwrap() - ended.started_at).num_milliseconds();
    assert_eq!(length, ended.duration_ms);
    studio.work(alice).await;
    assert!(studio.get(alice, id).await.unwrap().file.is_none(), "more of it may be stored");
    t.clock.advance(TimeDelta::hours(1));
    let _tasks = sweep(&t.db);
    until(&studio, alice, id, |recording| recording.reason == Some(EndReason::Lost)).await;
    studio.work(alice).await;
    let joined = studio.get(alice, id).await.unwrap();
    assert!(media::decode(&studio.file(alice, &joined).await, 1) >= 150, "what was stored is there");
    drop(tap);
}

/// A log whose recording was closed without it is dropped, and leaves nothing behind.
#[db_test(clock = "manual")]
async fn who_comes_back_too_late_changes_nothing(t: DbTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(Some("gone")), tapped, |_| {}).await.unwrap();
    send(&tap, &published(2));
    drop(tap);
    until(&studio, alice, id, |recording| recording.ended_at.is_some()).await;
    assert!(studio.tasks.stop(Duration::from_mins(1)).await);
    assert_eq!(studio.logs().len(), 1);
    t.clock.advance(TimeDelta::minutes(61));
    let _tasks = sweep(&t.db);
    until(&studio, alice, id, |recording| recording.reason == Some(EndReason::Lost)).await;
    make_bucket(&t, alice).await;
    let next = Studio::at(&t.db, Arc::clone(&studio.directory)).await;
    assert_eq!(next.recorder.recover().await.unwrap(), 1);
    next.recorder.idle().await;
    next.work(alice).await;
    let recording = next.get(alice, id).await.unwrap();
    assert_eq!((recording.reason, recording.bytes, recording.file), (Some(EndReason::Lost), 0, None));
    assert!(next.logs().is_empty() && next.keys(alice, "gone").await.is_empty());
}

async fn make_bucket(t: &DbTest, caller: &Caller) {
    let permit = caller.permit().unwrap();
    let new = NewBucket { name: "gone".to_owned(), ..NewBucket::default() };
    t.db.tenant(caller, move |tx| bucket::create(tx, &permit, &new, false)).await.unwrap();
}

#[db_test(clock = "manual")]
async fn a_bucket_that_refuses_for_a_day_ends_a_recording(t: DbTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(Some("gone")), tapped, |_| {}).await.unwrap();
    let published = published(6);
    send(&tap, &published);
    let log = studio.logs().remove(0);
    let refused = log.join("refused.json");
    for _ in 0..2_000 {
        if refused.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(studio.get(alice, id).await.unwrap().ended_at.is_none() && log.exists());
    t.clock.advance(TimeDelta::hours(25));
    let ended = until(&studio, alice, id, |recording| recording.ended_at.is_some()).await;
    assert_eq!(ended.reason, Some(EndReason::Refused));
    studio.recorder.idle().await;
    assert!(studio.logs().is_empty(), "the disk is free again");
    let (_, track, rtp) = &published[0];
    let packet = Arc::new(rtp.packet(0, instant()));
    assert!(tap.send(Tapped::Packet { track: *track, packet }).is_err(), "nobody records any more");
}
