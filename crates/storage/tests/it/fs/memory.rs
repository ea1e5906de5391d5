//! Large bodies in little memory.

use std::process::Command;

use super::stage::{Directory, of, open};
use crate::child;
use crate::conformance::memory::a_large_body_passes;

#[test]
fn a_large_body_is_never_in_memory() {
    for mode in ["streamed", "buffered"] {
        let directory = Directory::new();
        let program = Command::new(child::this());
        child::succeed(child::command(program, "fs::memory::in_child", directory.path(), mode));
    }
}

#[tokio::test]
#[ignore = "another test runs it in a process of its own, and measures that"]
async fn in_child() {
    let (path, mode) = child::orders();
    let backend = open(&path, true).await;
    let stage = of(backend, Directory::new());
    a_large_body_passes(&stage, &mode).await;
}
