//! A directory that is removed with the test.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An empty directory with a short path (sockets need one), removed when it is dropped.
#[derive(Debug)]
pub struct TestDirectory(PathBuf);

impl TestDirectory {
    /// Makes one that other users can enter but not list.
    ///
    /// # Panics
    /// When the system's temporary directory cannot be written.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("veza-{}-{number}", process::id()));
        // Left by a killed process that had our id.
        let _ = fs::remove_dir_all(&path);
        DirBuilder::new().mode(0o711).create(&path).expect("a temporary directory can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for TestDirectory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
