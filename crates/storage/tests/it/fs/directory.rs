//! The directories themselves.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use futures_util::future::join_all;
use veza_core::SystemRandom;
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::{BlobKey, Error};

use super::stage::{Directory, STEP, anonymous, named};
use crate::conformance::bodies::pattern;

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let directory = Directory::new();
    let usual = FsConfig::new(directory.path());
    let wrong = [FsConfig { threads: 0, ..usual.clone() }, FsConfig { step: 0, ..usual.clone() }];
    for config in wrong {
        let answer = FsBackend::open(config, Arc::new(SystemRandom)).await;
        assert!(matches!(answer, Err(Error::Setup(_))), "{answer:?}");
    }
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let answer = FsBackend::open(usual, Arc::new(SystemRandom)).await;
    assert!(matches!(answer, Err(Error::Setup(_))), "{answer:?}");
}

#[tokio::test]
async fn nobody_else_reads_the_files() {
    let directory = Directory::new();
    let backend = directory.open(true).await;
    let stage = super::stage::of(backend, directory);
    let key = stage.small().await;
    let directory = stage.keep::<Directory>();
    let root = std::fs::metadata(directory.path().join("store")).unwrap();
    assert_eq!(root.permissions().mode() & 0o777, 0o700);
    let file = std::fs::metadata(directory.path_of(key)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn names_are_made_of_ids() {
    for stage in [anonymous().await, named().await] {
        let key = stage.small().await;
        let names = stage.keep::<Directory>().files("");
        assert_eq!(names.len(), 1, "of {key}");
        for name in names {
            assert!(name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{name}");
        }
    }
}

#[tokio::test]
async fn symbolic_links_are_not_followed() {
    let stage = anonymous().await;
    let (key, other) = (stage.small().await, stage.small().await);
    let directory = stage.keep::<Directory>();
    let (place, target) = (directory.path_of(key), directory.path_of(other));
    std::fs::remove_file(&place).unwrap();
    symlink(&target, &place).unwrap();
    let answer = stage.backend.get(key, None).await;
    assert!(matches!(answer, Err(Error::Corrupt(_))), "{answer:?}");
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    let answer = stage.backend.get(key, None).await;
    assert!(matches!(answer, Err(Error::Corrupt(_))), "{answer:?}");
    std::fs::remove_dir(&place).unwrap();
}

#[tokio::test]
async fn a_file_that_was_cut_ends_with_an_error() {
    let stage = anonymous().await;
    let key = stage.key();
    stage.put(key, &pattern(3 * STEP, 1)).await;
    let download = stage.backend.get(key, None).await.unwrap();
    let file = std::fs::File::options().write(true).open(stage.keep::<Directory>().path_of(key)).unwrap();
    file.set_len(u64::try_from(2 * STEP).unwrap()).unwrap();
    let read = crate::conformance::stage::collect(download).await;
    assert!(matches!(read, Err(Error::Corrupt(_))));
}

/// Each waits for the only thread at every step, and none for ever.
#[tokio::test]
async fn one_thread_is_enough_for_all() {
    let directory = Directory::new();
    let config = FsConfig { threads: 1, step: 4_096, ..FsConfig::new(directory.path().join("store")) };
    let backend = FsBackend::open(config, Arc::new(SystemRandom)).await.unwrap();
    let stage = super::stage::of(backend, directory);
    let work = (0..32).map(|seed| {
        let stage = &stage;
        async move {
            let (key, bytes) = (stage.key(), pattern(40_000, seed));
            stage.put(key, &bytes).await;
            assert!(stage.read(key).await == bytes);
        }
    });
    join_all(work).await;
}

/// Empty directories go away, while others put blobs into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn directories_come_and_go_under_writers() {
    for stage in [anonymous().await, named().await] {
        let first = stage.key();
        // Blobs that lie in one directory: their ids differ in the last digit.
        let keys: Vec<_> = (0..8)
            .map(|digit| {
                let id = first.blob().as_uuid().as_u128() & !0xf | digit;
                BlobKey::new(stage.tenant, veza_storage::BlobId::from_uuid(uuid::Uuid::from_u128(id)))
            })
            .collect();
        let work = keys.iter().map(|key| async {
            for _ in 0..40 {
                stage.put(*key, b"bytes").await;
                stage.backend.delete_many(&[*key]).await.unwrap();
            }
        });
        join_all(work).await;
        let tenant = format!("store/blobs/{}", stage.tenant);
        let left = std::fs::read_dir(stage.keep::<Directory>().path().join(tenant)).unwrap().count();
        assert_eq!(left, 0);
    }
}
