//! A process that records is killed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use veza_core::TenantId;
use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, PoolConfig, Role};
use veza_stream::record::EndReason;
use veza_testing::{DbTest, db_test};

use super::*;

const URL: &str = "VEZA_TEST_URL";
const DIRECTORY: &str = "VEZA_TEST_DIRECTORY";
const TENANT: &str = "VEZA_TEST_TENANT";

#[allow(clippy::disallowed_methods, reason = "a test talks to its child in the simplest way there is")]
fn order(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// The child: publishes in real time, and says of each packet, when it was handed over, how far it was.
#[test]
#[ignore = "it is run by the test that kills it"]
fn records_until_it_is_killed() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let pool = PoolConfig {
            connections: 2,
            system_connections: 1,
            jobs_connections: 1,
            ..PoolConfig::default()
        };
        let config = DatabaseConfig { url: Some(Secret::new(order(URL))), pool, ..DatabaseConfig::default() };
        let db = Db::open(&config).unwrap();
        let caller = Caller::system(TenantId::from_verified(order(TENANT).parse().unwrap()));
        let directory = PathBuf::from(order(DIRECTORY));
        let shelf = Shelf::new(storage(&db, directory.join("files")).await);
        let config = RecordConfig { directory: directory.join("logs"), ..RecordConfig::default() };
        let recorder = Recorder::new(shelf, config, Tasks::new());
        let published = published(12);
        let (tap, tapped) = mpsc::sync_channel(16);
        let id = recorder.start(&caller, new_recording(None), tapped, |_| {}).await.unwrap();
        println!("id {id}");
        let (begun, mut indices) = (instant(), [0_u64; 2]);
        for (after, track, rtp) in published {
            tokio::time::sleep_until((begun + after).into()).await;
            let packet = Arc::new(rtp.packet(indices[track], instant()));
            indices[track] += 1;
            tap.send(Tapped::Packet { track, packet }).unwrap();
            println!("at {}", after.as_millis());
        }
    });
}

#[db_test]
async fn at_most_a_second_is_missing(t: DbTest) {
    let (studio, alice) = (Studio::new(&t.db).await, &t.alice.caller);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["recording::killed::records_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(URL, t.url(Role::App))
        .env(DIRECTORY, studio.directory.path())
        .env(TENANT, alice.tenant().as_uuid().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut id: Option<RecordingId> = None;
    let mut handed = 0_u64;
    while handed < 6_350 {
        let line = lines.next().expect("the child goes on").unwrap();
        match line.rsplit_once(' ') {
            Some((start, number)) if start.ends_with("id") => id = Some(number.parse().unwrap()),
            Some(("at", number)) => handed = number.parse().unwrap(),
            _ => {}
        }
    }
    child.kill().unwrap();
    assert!(child.wait().unwrap().code().is_none(), "it was killed, and did not end");
    handed = lines.filter_map(|line| line.ok()?.strip_prefix("at ")?.parse().ok()).max().unwrap_or(handed);
    let id = id.unwrap();
    assert!(studio.get(alice, id).await.unwrap().ended_at.is_none());
    assert_eq!(studio.recorder.recover().await.unwrap(), 1);
    studio.recorder.idle().await;
    studio.work(alice).await;
    let recording = studio.get(alice, id).await.unwrap();
    assert_eq!(recording.reason, Some(EndReason::Interrupted));
    let kept = recording.duration_ms.unsigned_abs();
    println!("handed over {handed} ms, kept {kept} ms");
    assert!(kept + 1_000 >= handed, "handed over {handed} ms, kept {kept} ms");
    let length = (recording.ended_at.unwrap() - recording.started_at).num_milliseconds();
    assert_eq!(length.unsigned_abs(), kept);
    let path = studio.file(alice, &recording).await;
    let probed = media::probe(&path);
    assert!((probed.duration * 1_000.0 - f64::from(u32::try_from(kept).unwrap())).abs() < 1.0);
    assert_eq!(media::decode(&path, 1), probed.of(1).len());
    assert!(studio.logs().is_empty());
}
