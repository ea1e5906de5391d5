//! What every test needs: a directory, psql, and a second process.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use veza_postgres::{Binaries, Cluster, Durability, Settings};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory that is removed with the test, and that the server's account can enter.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let name = format!("veza-postgres-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o711).create(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// Settings of a cluster in here; without syncs, which are slow on a busy disk.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.data());
        settings.durability = Durability::Throwaway;
        settings
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn binaries() -> Binaries {
    Binaries::find(None).unwrap()
}

pub(crate) fn start(settings: Settings) -> Cluster {
    Cluster::start(&binaries(), settings).unwrap()
}

/// Runs one statement and returns what it prints.
pub(crate) fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-X", "-A", "-t", "-q", "-c", sql, url]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn root_url(cluster: &Cluster) -> String {
    cluster.url("postgres", "postgres")
}

/// Starts one of the functions in `parent` in a process of its own.
pub(crate) fn helper(name: &str, dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("parent::{name}"), "--ignored", "--nocapture"]);
    command.env("VEZA_POSTGRES_TEST_DIR", dir).stdout(Stdio::null()).spawn().unwrap()
}

pub(crate) fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// The postmaster that runs in `data`, asked of the system and not of the library.
pub(crate) fn postmaster(data: &Path) -> Option<i32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.parse().ok()?;
    let ready = text.lines().nth(7).is_some_and(|line| line.trim() == "ready");
    (ready && Path::new(&format!("/proc/{pid}/exe")).exists()).then_some(pid)
}

/// Waits until `condition` holds, at most 30 s.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        if let Some(value) = condition() {
            return value;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("{what}: not within 30 s");
}
