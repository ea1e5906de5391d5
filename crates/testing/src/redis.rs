//! A Redis of a test's own.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::directory::TestDirectory;

/// How long Redis may take to start.
const START: Duration = Duration::from_secs(20);

/// Runs Redis until the pipe to us closes, which the kernel does when we are killed.
const SCRIPT: &str = r#"redis-server --port 0 --unixsocket "$0/redis.sock" --dir "$0" --save "" --appendonly no \
    >"$0/redis.log" 2>&1 </dev/null &
cat >/dev/null
kill -9 $!
rm -rf "$0""#;

/// A private redis-server on a Unix socket. It ends when this is dropped, and with this process
/// however that ends.
#[derive(Debug)]
pub struct Redis {
    watcher: Child,
    directory: TestDirectory,
}

/// Starts a Redis.
///
/// # Panics
/// When it is not installed, with the package to install.
pub fn redis() -> Redis {
    match Command::new("redis-server").arg("--version").stdout(Stdio::null()).status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("redis-server is not installed; install it with `apt-get install redis-server`")
        }
        other => other.expect("redis-server can be run"),
    };
    let directory = TestDirectory::new();
    let redis = Redis { watcher: run(directory.path()), directory };
    redis.wait_until_ready();
    redis
}

fn run(directory: &Path) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().expect("/bin/sh runs")
}

impl Redis {
    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// Its URL, as clients of Redis write it: `redis+unix:///tmp/…`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it. What it knew is gone.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        // Closing the pipe ends it.
        drop(self.watcher.stdin.take());
        self.watcher.wait().expect("it ends");
    }

    /// Starts it again at the same place.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        fs::create_dir_all(self.directory.path()).expect("a directory");
        self.watcher = run(self.directory.path());
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let begin = Instant::now();
        while !answers(&self.socket()) {
            if begin.elapsed() > START {
                let log = fs::read_to_string(self.directory.path().join("redis.log"));
                panic!("redis-server does not answer:\n{}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(5));
        }
    }
}

fn answers(socket: &Path) -> bool {
    let ask = || {
        let mut answer = [0; 7];
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut answer).map(|()| answer)
    };
    ask().is_ok_and(|answer| answer == *b"+PONG\r\n")
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Closing the pipe ends it.
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}
