//! Large bodies in little memory. Runs in a process of its own, whose peak is measured.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use veza_storage::digest::Digests;
use veza_storage::{Body, body};

use super::bodies::pattern;
use super::stage::Stage;

const MIB: usize = 1024 * 1024;

/// Bytes of the large body.
const LARGE: usize = 96 * MIB;

/// What a process may need more than before, which is far less than the body.
const LITTLE: usize = 48 * MIB;

/// Puts and gets a large body. `streamed` needs little memory; `buffered` is the control: the measure sees
/// a body that lies in memory.
pub(crate) async fn a_large_body_passes(stage: &Stage, mode: &str) {
    let chunk = Bytes::from(pattern(64 * 1024, 1));
    // Threads, buffers and caches of the first use do not count.
    pass(stage, body_of(&chunk, 4 * MIB), 4 * MIB, &chunk).await;
    let before = restart();
    match mode {
        "streamed" => pass(stage, body_of(&chunk, LARGE), LARGE, &chunk).await,
        "buffered" => {
            let whole = body_of(&chunk, LARGE).try_collect::<Vec<_>>().await.unwrap();
            // As separate memory, which the slices of one chunk are not.
            pass(stage, body::full(whole.concat()), LARGE, &chunk).await;
        }
        other => panic!("{other}"),
    }
    let grown = peak() - before;
    println!("{mode}: {} MiB more for {} MiB", grown / MIB, LARGE / MIB);
    assert_eq!(grown < LITTLE, mode == "streamed", "{grown} bytes more for {LARGE}");
}

fn body_of(chunk: &Bytes, len: usize) -> Body {
    Box::pin(stream::iter(vec![chunk.clone(); len / chunk.len()]).map(Ok))
}

async fn pass(stage: &Stage, body: Body, len: usize, chunk: &Bytes) {
    let key = stage.key();
    stage.backend.put(key, None, body).await.unwrap();
    let download = stage.backend.get(key, None).await.unwrap();
    let mut read = Digests::new(false);
    let mut body = download.body;
    while let Some(bytes) = body.try_next().await.unwrap() {
        read.update(&bytes);
    }
    let mut expected = Digests::new(false);
    for _ in 0..len / chunk.len() {
        expected.update(chunk);
    }
    assert_eq!(read.finish(), expected.finish());
    stage.backend.delete_many(&[key]).await.unwrap();
}

/// Begins to measure: what this process has resident now, in bytes.
fn restart() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    resident("VmRSS:")
}

fn peak() -> usize {
    resident("VmHWM:")
}

fn resident(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}
