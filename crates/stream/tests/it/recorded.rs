//! What is published is recorded, also by who takes over.

use std::sync::Arc;
use std::time::Duration;

use str0m::media::Direction;
use veza_core::page::PageRequest;
use veza_core::{Caller, SystemRandom};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::{Storage, StorageConfig};
use veza_stream::channel::NewChannel;
use veza_stream::record::{self, EndReason, RecordConfig, Recorder, Recording, Shelf};
use veza_stream::{ChannelId, Streams};
use veza_testing::{TenantTest, TestDirectory, tenant_test};

use crate::peer::{Peer, until};
use crate::rig::{config, create, new};
use crate::whole::{mids, number};

async fn recordings(t: &TenantTest, caller: &Caller, channel: ChannelId) -> Vec<Recording> {
    let (permit, page) = (caller.permit().unwrap(), PageRequest::new(None, None).unwrap());
    t.db.read(caller, move |tx| record::list(tx, &permit, Some(channel), &page)).await.unwrap().items
}

/// Waits until there are so many recordings.
async fn recorded(t: &TenantTest, caller: &Caller, channel: ChannelId, count: usize) -> Vec<Recording> {
    for _ in 0..1_000 {
        let all = recordings(t, caller, channel).await;
        if all.len() == count {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are not {count} recordings");
}

/// Somebody who publishes, and says something.
async fn speaks(t: &TenantTest, streams: &Streams, caller: &Caller, channel: ChannelId, nth: usize) -> Peer {
    let (mut peer, pending, offer) = Peer::offering(Direction::SendOnly);
    let started = streams.publish(&caller.permit().unwrap(), None, channel, &offer).await.unwrap();
    peer.answered(pending, &started.answer);
    until("the connection", &mut [&mut peer], |all| all[0].connected);
    recorded(t, caller, channel, nth).await;
    for index in 0..100 {
        peer.say(&mids(&offer)[0], number(&started.answer, "opus"), index, &[0xfc, 1, 2, 3]);
        std::thread::sleep(Duration::from_millis(2));
    }
    // Until all was heard.
    let heard = async {
        while streams.plane().unwrap().stats(started.id).await.is_none_or(|it| it.tracks[0].packets < 100) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.unwrap();
    peer
}

#[tenant_test]
async fn each_publisher_has_a_recording(t: TenantTest) {
    let alice = &t.alice.caller;
    let open = NewChannel { take_over: true, recording: true, ..new("open") };
    let channel = create(&t.db, alice, open).await.unwrap().id;
    let (directory, tasks) = (TestDirectory::new(), veza_core::Tasks::new());
    let backend = FsBackend::open(FsConfig::new(directory.path().join("files")), Arc::new(SystemRandom));
    let backend = Arc::new(backend.await.unwrap());
    let storage = Storage::new(t.db.clone(), StorageConfig::default(), "fs", backend, None).unwrap();
    let logs = RecordConfig { directory: directory.path().join("logs"), ..RecordConfig::default() };
    let recorder = Recorder::new(Shelf::new(storage), logs, tasks.clone());
    let streams = Streams::new(t.db.clone(), config(), &veza_core::config::Secret::new("root")).unwrap();
    streams.record_with(recorder.clone(), &tasks);
    streams.start_media(&tasks).unwrap();
    let _first = speaks(&t, &streams, alice, channel, 1).await;
    let _second = speaks(&t, &streams, alice, channel, 2).await;
    assert!(tasks.stop(Duration::from_secs(10)).await);
    recorder.idle().await;
    let all = recordings(&t, alice, channel).await;
    let of =
        |recording: &Recording| (recording.duration_ms / 1_000, recording.bytes > 0, recording.tracks.len());
    assert_eq!(all.iter().map(of).collect::<Vec<_>>(), [(2, true, 2), (2, true, 2)]);
    // The newest first: that one ended with the process.
    assert_eq!(all[1].reason, Some(EndReason::Ended), "{all:?}");
    assert!(all[1].ended_at.unwrap() <= all[0].ended_at.unwrap());
}
