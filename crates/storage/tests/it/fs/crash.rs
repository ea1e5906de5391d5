//! Processes that die.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use tokio::io::AsyncReadExt as _;
use veza_core::{Clock, SystemClock, SystemRandom, TenantId};
use veza_storage::{Backend, BlobId, BlobKey};

use super::stage::{Directory, STEP, open};
use crate::child;
use crate::conformance::bodies::{hanging, pattern};

fn key() -> BlobKey {
    let now = SystemClock.now();
    BlobKey::new(TenantId::generate(now, &SystemRandom), BlobId::generate(now, &SystemRandom))
}

#[tokio::test]
async fn what_a_killed_process_was_writing_is_swept() {
    for (mode, left) in [("anonymous", 0), ("named", 1)] {
        let directory = Directory::new();
        let program = Command::new(child::this());
        let mut command = child::command(program, "fs::crash::in_child", directory.path(), mode);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let taken = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("half of it is written"));
        assert!(taken);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(directory.files("temporary").len(), left, "{mode}");

        let backend = directory.open(mode == "anonymous").await;
        assert_eq!(directory.files("temporary"), [""; 0]);
        assert_eq!(directory.files("blobs"), [""; 0]);
        assert_eq!(backend.list(None, None, 10).await.unwrap(), []);
    }
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own, and kills it"]
async fn in_child() {
    let (path, mode) = child::orders();
    let backend = open(&path, mode == "anonymous").await;
    let (body, taken) = hanging(&pattern(3 * STEP, 1));
    // It is not dropped, or its file would go before the process does.
    let mut put = backend.put(key(), None, body);
    tokio::select! {
        answer = &mut put => panic!("{answer:?}"),
        () = taken.notified() => println!("half of it is written"),
    }
    std::future::pending::<()>().await;
    drop(put);
}

#[tokio::test]
async fn what_a_living_process_is_writing_is_not_swept() {
    let directory = Directory::new();
    let (one, key) = (directory.open(false).await, key());
    let (to, from) = tokio::io::duplex(STEP);
    let body = body_of(from);
    let write = async {
        let mut to = to;
        let bytes = pattern(4 * STEP, 2);
        tokio::io::AsyncWriteExt::write_all(&mut to, &bytes[..3 * STEP]).await.unwrap();
        assert_eq!(directory.files("temporary").len(), 1);
        directory.open(false).await;
        assert_eq!(directory.files("temporary").len(), 1);
        tokio::io::AsyncWriteExt::write_all(&mut to, &bytes[3 * STEP..]).await.unwrap();
    };
    let (stored, ()) = tokio::join!(one.put(key, None, body), write);
    assert_eq!(stored.unwrap().len, 4 * u64::try_from(STEP).unwrap());
    assert_eq!(directory.files("temporary"), [""; 0]);
}

fn body_of(from: tokio::io::DuplexStream) -> veza_storage::Body {
    veza_storage::body::from_stream(futures_util::stream::try_unfold(from, |mut from| async {
        let mut buffer = vec![0; STEP];
        let read = from.read(&mut buffer).await?;
        buffer.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (buffer.into(), from)))
    }))
}
