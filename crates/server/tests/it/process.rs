//! The program as a child process.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A command for the program with an environment that holds nothing of ours, cheap passwords, and
/// limits that no test meets. It dies with the test, however that ends.
pub(crate) fn veza<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = clean("setpriv");
    command.args(["--pdeathsig=KILL", "--", env!("CARGO_BIN_EXE_veza")]).args(arguments);
    // Tests run beside each other, and the media port is one.
    command.env("VEZA_STREAM__MEDIA__PORT", "0");
    command
}

/// A shell command line in which `$0` is the program.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = clean("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_veza")]);
    command
}

/// Any program in that environment.
pub(crate) fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir("/");
    for (key, value) in [
        ("REQUESTS_PER_MINUTE", "10000000"),
        ("SIGN_IN_ATTEMPTS_PER_MINUTE", "1000000"),
        ("PASSWORD_MEMORY_KIB", "64"),
        ("PASSWORD_PASSES", "1"),
    ] {
        command.env(format!("VEZA_TENANT__{key}"), value);
    }
    command.env("VEZA_WEB__WORKERS", "2").stdin(Stdio::null());
    command
}

/// A running child. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    out: Captured,
    err: Captured,
}

/// How a child ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, or the signal that killed it as a negative number.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What comes out of a pipe, read by a thread of its own.
#[derive(Debug, Default)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn from(pipe: Option<impl Read + Send + 'static>) -> Self {
        let Some(mut pipe) = pipe else { return Self::default() };
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let ours = Arc::clone(&bytes);
        let reader = spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                ours.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Whether the pipe was closed at its other end.
    fn is_whole(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::adopt(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// The same, but standard streams stay as the command says.
    pub(crate) fn adopt(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, err) = (Captured::from(child.stdout.take()), Captured::from(child.stderr.take()));
        Self { child, out, err }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        self.out.text()
    }

    pub(crate) fn err(&self) -> String {
        self.err.text()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until the log says something.
    pub(crate) fn wait_for_log(&mut self, what: &str) {
        wait_for(what, || {
            if self.err().contains(what) {
                return Some(());
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended, and never said {what}:\n{}\n{}", self.out(), self.err());
            None
        });
    }

    /// Waits until the standard output says something; gives the rest of the line after it.
    pub(crate) fn wait_for_output(&mut self, what: &str) -> String {
        wait_for(what, || {
            let out = self.out();
            if let Some((line, _)) = out.split_once(what).and_then(|(_, rest)| rest.split_once('\n')) {
                return Some(line.to_owned());
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended, and never said {what}:\n{out}\n{}", self.err());
            None
        })
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Ended {
        let status = wait_for("the end of the process", || self.child.try_wait().unwrap());
        wait_for("the end of its output", || (self.out.is_whole() && self.err.is_whole()).then_some(()));
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        Ended { code, out: self.out(), err: self.err() }
    }

    /// Asks it to stop and waits until it did.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.end()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A chance to stop its PostgreSQL, so that nothing is written into a directory that goes away.
        if self.is_running() {
            self.signal(Signal::SIGTERM);
        }
        let begin = Instant::now();
        while self.is_running() && begin.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Process::spawn(command).end()
}

/// Runs the program with arguments to its end.
pub(crate) fn run_veza(arguments: &[&str]) -> Ended {
    run(&mut veza(arguments.iter().copied()))
}

impl Ended {
    /// What it printed, when it succeeded.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Checks that it failed and named each of these things.
    #[track_caller]
    pub(crate) fn fails_with(&self, what: &[&str]) {
        assert_eq!(self.code, 1, "{}\n{}", self.out, self.err);
        for what in what {
            assert!(self.err.contains(what), "{what}: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

/// Waits until `condition` gives something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(10));
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The postmaster of a data directory of `veza up`, asked of the system.
pub(crate) fn postmaster(data: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(data.join("postgres/postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.parse().ok()?;
    Path::new(&format!("/proc/{pid}/exe")).exists().then_some(pid)
}

/// Runs a future of the test client.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap()).block_on(future)
}
