//! What cannot be written at once is written later.

use std::sync::Arc;
use std::time::Duration;

use str0m::media::Direction;
use veza_core::page::PageRequest;
use veza_core::{Caller, SystemRandom, Tasks};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::{Storage, StorageConfig};
use veza_stream::channel::NewChannel;
use veza_stream::record::{self, RecordConfig, Recorder, Shelf};
use veza_stream::session::SessionsOf;
use veza_stream::{ChannelId, Streams};
use veza_testing::{DbTest, TenantTest, TestDirectory, db_test, tenant_test};

use crate::peer::{Peer, until};
use crate::rig::{config, create, new, node, sessions};

async fn publisher(streams: &Streams, caller: &Caller, id: ChannelId) -> Peer {
    let (mut peer, pending, offer) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&caller.permit().unwrap(), None, id, &offer).await.unwrap();
    peer.answered(pending, &started.answer);
    peer
}

/// Waits until something is as it is to be.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} is still to come");
}

/// A lock that is held for longer than anybody waits is in the way of nothing for good.
#[db_test]
async fn what_the_database_refused_is_written_again(t: DbTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, new("one")).await.unwrap().id;
    let (streams, _tasks) = node(&t.db);
    let mut peer = publisher(&streams, alice, id).await;
    let mut superuser = t.database.superuser();
    superuser.execute("BEGIN; LOCK TABLE stream.sessions IN EXCLUSIVE MODE");
    until("the connection", &mut [&mut peer], |all| all[0].connected);
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stream.sessions'::regclass";
    eventually("somebody who waits", async || superuser.count(waiting) > 0).await;
    eventually("their giving up", async || superuser.count(waiting) == 0).await;
    let now = sessions(&t.db, alice, id, SessionsOf::Now).await;
    assert!(now[0].connected_at.is_none());
    superuser.execute("COMMIT");
    let has_come =
        async || sessions(&t.db, alice, id, SessionsOf::Now).await.iter().all(|it| it.connected_at.is_some());
    eventually("that they came", has_come).await;
}

/// What is in the way of a recording when its publisher comes is not in its way for good.
#[tenant_test]
async fn a_recording_that_cannot_begin_begins_later(t: TenantTest) {
    let alice = &t.alice.caller;
    let id = create(&t.db, alice, NewChannel { recording: true, ..new("one") }).await.unwrap().id;
    let (directory, tasks) = (TestDirectory::new(), Tasks::new());
    let backend = FsBackend::open(FsConfig::new(directory.path().join("files")), Arc::new(SystemRandom));
    let backend = Arc::new(backend.await.unwrap());
    let storage = Storage::new(t.db.clone(), StorageConfig::default(), "fs", backend, None).unwrap();
    let logs = directory.path().join("logs");
    // A file where the directory is to be.
    std::fs::write(&logs, "").unwrap();
    let bounds = RecordConfig { directory: logs.clone(), ..RecordConfig::default() };
    let recorder = Recorder::new(Shelf::new(storage), bounds, tasks.clone());
    let streams = Streams::new(t.db.clone(), config(), &veza_core::config::Secret::new("root")).unwrap();
    streams.record_with(recorder, &tasks);
    streams.start_media(&tasks).unwrap();
    let mut peer = publisher(&streams, alice, id).await;
    until("the connection", &mut [&mut peer], |all| all[0].connected);
    let has_come =
        async || sessions(&t.db, alice, id, SessionsOf::Now).await.iter().all(|it| it.connected_at.is_some());
    eventually("that they came", has_come).await;
    let recorded = async || {
        let (permit, page) = (alice.permit().unwrap(), PageRequest::new(None, None).unwrap());
        t.db.read(alice, move |tx| record::list(tx, &permit, Some(id), &page)).await.unwrap().items.len()
    };
    assert_eq!(recorded().await, 0);
    std::fs::remove_file(&logs).unwrap();
    eventually("the recording", async || recorded().await == 1).await;
    drop(peer);
}
