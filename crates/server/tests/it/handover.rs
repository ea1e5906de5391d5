//! A restart that nobody notices: the next process serves on the same socket before the last ends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use veza_testing::{Client, TestDatabase, TestDirectory};

use crate::http::{Connection, get};
use crate::person::{PASSWORD, Person, email};
use crate::process::{Process, wait};
use crate::serve::{Serve, configured, database};

/// Plays systemd: opens the sockets, hands them to one process after the other, hears when each is ready.
struct Manager {
    database: TestDatabase,
    public: TcpListener,
    admin: TcpListener,
    directory: TestDirectory,
    notify: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = TestDirectory::new();
        let notify = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        notify.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        Self { database: database(), public: bind(), admin: bind(), directory, notify }
    }

    fn address(&self) -> SocketAddr {
        self.public.local_addr().unwrap()
    }

    fn client(&self) -> Client {
        Client::new(format!("http://{}", self.address()))
    }

    /// Starts a process that inherits the sockets as file descriptors 3 and 4, and waits until it serves.
    fn start(&self, configure: impl Fn(&mut Command)) -> Process {
        let plain = configured(&self.database, &["serve"]);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"exec "$@" 3<&0 4<&1 </dev/null >/dev/null"#, "sh"]);
        command.arg(plain.get_program()).args(plain.get_args()).env_clear().current_dir("/");
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command
            .env("LISTEN_FDS", "2")
            .env("LISTEN_FDNAMES", "http:admin")
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .env("VEZA_SERVER__ADMIN_LISTEN", self.admin.local_addr().unwrap().to_string())
            .env("VEZA_SERVER__DRAIN_NOTICE", "1s");
        configure(&mut command);
        let pass = |listener: &TcpListener| Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
        command.stdin(pass(&self.public)).stdout(pass(&self.admin)).stderr(Stdio::piped());
        let process = Process::adopt(&mut command);
        self.wait_for("READY=1");
        process
    }

    fn wait_for(&self, what: &str) {
        let mut buffer = [0; 256];
        loop {
            let length = self.notify.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..length]).contains(what) {
                return;
            }
        }
    }
}

/// What went wrong, and how much went right.
#[derive(Debug, Default)]
struct Count {
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
    done: AtomicBool,
}

impl Count {
    fn note(&self, who: &str, outcome: io::Result<u16>) {
        match outcome {
            Ok(200) => drop(self.answered.fetch_add(1, Ordering::Relaxed)),
            other => self.failed.lock().unwrap().push(format!("{who}: {other:?}")),
        }
    }

    fn runs(&self) -> bool {
        !self.done.load(Ordering::Relaxed)
    }
}

fn keep_alive(address: SocketAddr, path: &str, token: &str, count: &Count) {
    let mut connection = None;
    while count.runs() {
        let outcome = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(address),
        };
        let outcome = outcome.and_then(|mut open: Connection| {
            let answer = open.get(path, token)?;
            connection = (!answer.closes()).then_some(open);
            Ok(answer.status)
        });
        count.note("keep-alive", outcome);
    }
}

fn one_by_one(address: SocketAddr, path: &str, token: &str, count: &Count) {
    while count.runs() {
        count.note("one by one", get(address, path, token).map(|answer| answer.status));
        // Not so fast that all ports wait out their time.
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn five_restarts_fail_no_request() {
    let manager = Manager::new();
    let mut process = manager.start(|_| {});
    let person = Person::new(&manager.client(), "handover");
    let (address, token, count) = (manager.address(), person.token(), &Count::default());
    scope(|scope| {
        for path in ["/v1/tenant/me", "/v1/tenant/organization"] {
            for _ in 0..2 {
                scope.spawn(move || keep_alive(address, path, token, count));
                scope.spawn(move || one_by_one(address, path, token, count));
            }
        }
        for _ in 0..5 {
            sleep(Duration::from_millis(200));
            let next = manager.start(|_| {});
            let begin = Instant::now();
            let ended = std::mem::replace(&mut process, next).stop();
            assert_eq!(ended.code, 0, "{}", ended.err);
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        }
        count.done.store(true, Ordering::Relaxed);
    });
    let (failed, answered) = (count.failed.lock().unwrap(), count.answered.load(Ordering::Relaxed));
    assert!(failed.is_empty(), "{} of {answered}: {failed:?}", failed.len());
    assert!(answered > 500, "{answered}");
    let metrics = get(manager.admin.local_addr().unwrap(), "/metrics", "").unwrap();
    assert_eq!(metrics.status, 200, "the operator's socket is handed on too");
    process.stop().expect(0);
}

/// Passwords that take a second or so to check.
fn slow(command: &mut Command) {
    command.env("VEZA_TENANT__PASSWORD_MEMORY_KIB", "131072").env("VEZA_TENANT__PASSWORD_PASSES", "4");
}

#[test]
fn a_slow_request_gets_its_answer() {
    let manager = Manager::new();
    let process = manager.start(slow);
    Person::new(&manager.client(), "slow");
    let address = manager.address();
    let signing_in = spawn(move || {
        let body = json!({ "email": email("slow"), "password": PASSWORD }).to_string();
        let begin = Instant::now();
        let answer =
            Connection::open(address).unwrap().send("POST", "/v1/tenant/sessions", "", &body).unwrap();
        (answer, begin.elapsed())
    });
    sleep(Duration::from_millis(100));
    process.signal(Signal::SIGTERM);
    manager.wait_for("STOPPING=1");
    process.end().expect(0);
    let (answer, took) = signing_in.join().unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(took > Duration::from_millis(150), "{took:?}: too quick to prove anything");
    assert!(answer.closes(), "{answer:?}");
}

#[test]
fn what_takes_too_long_is_given_up() {
    let mut command = configured(&database(), &["serve"]);
    slow(command.env("VEZA_SERVER__DRAIN_TIMEOUT", "200ms"));
    command.env("VEZA_TENANT__PASSWORD_PASSES", "20");
    let served = Serve::start(&mut command);
    wait(served.client().get("/ready")).expect(200);
    let address = served.address;
    let signing_in = spawn(move || {
        let body = json!({ "email": "nobody@example.org", "password": PASSWORD }).to_string();
        Connection::open(address).unwrap().send("POST", "/v1/tenant/sessions", "", &body)
    });
    sleep(Duration::from_millis(300));
    let begin = Instant::now();
    let ended = served.process.stop().expect(0);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(ended.err.contains("when the time to stop had passed"), "{}", ended.err);
    assert!(signing_in.join().unwrap().is_err());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut command = configured(&database(), &["serve"]);
    let served = Serve::start(command.env("VEZA_SERVER__DRAIN_NOTICE", "30s"));
    served.process.signal(Signal::SIGINT);
    sleep(Duration::from_secs(1));
    served.process.signal(Signal::SIGINT);
    let begin = Instant::now();
    assert_eq!(served.process.end().code, 1);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}
