//! A file system without space.

use std::process::Command;

use veza_core::{Clock, Fault, SystemClock, SystemRandom, TenantId};
use veza_storage::{Backend, BlobId, BlobKey, Error, body};

use super::stage::{Directory, open};
use crate::child;
use crate::conformance::bodies::{chunked, pattern};

/// Bytes that do not fit, and bytes that do.
const LARGE: usize = 3 * 1024 * 1024;
const SMALL: usize = 300 * 1024;

/// The limit of a process on the size of a file, which is an error of its own.
#[tokio::test]
async fn a_file_that_may_not_grow_is_told() {
    let directory = Directory::new();
    let mut shell = Command::new("sh");
    let limit = "trap '' XFSZ; exec prlimit --fsize=1048576 \"$@\"";
    shell.args(["-c", limit, "sh"]).arg(child::this());
    for mode in ["anonymous", "named"] {
        child::succeed(child::command(clone(&shell), "fs::full::in_child", directory.path(), mode));
    }
}

/// A real file system of two mebibytes, where this user may mount one.
#[tokio::test]
async fn a_full_file_system_is_told() {
    let may = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("not run: this user may not mount a file system in a namespace of its own");
        return;
    }
    let directory = Directory::new();
    let mut shell = Command::new("unshare");
    let mount = "mount -t tmpfs -o size=2m,mode=700 none \"$VEZA_TEST_DIRECTORY\" && exec \"$@\"";
    shell.args(["--map-root-user", "--mount", "sh", "-c", mount, "sh"]).arg(child::this());
    for mode in ["anonymous", "named"] {
        child::succeed(child::command(clone(&shell), "fs::full::in_child", directory.path(), mode));
    }
}

fn clone(command: &Command) -> Command {
    let mut clone = Command::new(command.get_program());
    clone.args(command.get_args());
    clone
}

#[tokio::test]
#[ignore = "another test runs it in a process that has little space"]
async fn in_child() {
    let (path, mode) = child::orders();
    let backend = open(&path, mode == "anonymous").await;
    let now = SystemClock.now();
    let tenant = TenantId::generate(now, &SystemRandom);
    let key = || BlobKey::new(tenant, BlobId::generate(now, &SystemRandom));
    // Nothing is left of it, or the fifth would not fit either.
    for _ in 0..5 {
        let large = key();
        let error = backend.put(large, None, chunked(&pattern(LARGE, 1), 50_000)).await.unwrap_err();
        assert!(matches!(error, Error::Full), "{error:?}");
        assert_eq!(error.code(), "storage.backend.full");
        assert!(error.retry_after().is_some());
        assert!(matches!(backend.head(large).await, Err(Error::NotFound)));
    }
    let small = key();
    backend.put(small, None, body::full(pattern(SMALL, 2))).await.unwrap();
    assert_eq!(backend.list(Some(tenant), None, 10).await.unwrap().len(), 1);
    backend.delete_many(&[small]).await.unwrap();
}
