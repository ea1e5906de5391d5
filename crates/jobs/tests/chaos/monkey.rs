//! Who makes the trouble.

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use diesel::{Connection, PgConnection};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use veza_core::db::Role;
use veza_testing::{PrivateCluster, TestDatabase};

use crate::worker::SILENCE;

/// Three workers and a PostgreSQL, and what was done to them.
pub(crate) struct Monkey {
    cluster: PrivateCluster,
    database: TestDatabase,
    workers: Vec<Child>,
    turn: usize,
    killed: usize,
    frozen: usize,
    terminated: i64,
    restarts: usize,
    crashes: usize,
    famines: usize,
}

impl Monkey {
    pub(crate) fn new(cluster: PrivateCluster) -> Self {
        let database = cluster.database().clone();
        let workers = (0..3).map(|number| spawn(&database, number)).collect();
        let (killed, frozen, terminated, restarts, crashes, famines) = (0, 0, 0, 0, 0, 0);
        Self { cluster, database, workers, turn: 0, killed, frozen, terminated, restarts, crashes, famines }
    }

    /// One piece of trouble, each kind in its turn, so that also a short run has them all.
    pub(crate) fn act(&mut self) {
        let victim = self.turn % self.workers.len();
        match self.turn % 6 {
            0 => self.murder(victim),
            1 => self.terminate(),
            2 => self.freeze(victim),
            3 => {
                self.cluster.restart();
                self.restarts += 1;
            }
            4 => self.starve(),
            _ => {
                self.cluster.crash();
                self.cluster.start();
                self.crashes += 1;
            }
        }
        self.turn += 1;
        sleep(Duration::from_millis(700));
    }

    fn murder(&mut self, victim: usize) {
        let worker = &mut self.workers[victim];
        worker.kill().unwrap();
        worker.wait().unwrap();
        self.workers[victim] = spawn(&self.database, 100 + self.turn);
        self.killed += 1;
    }

    /// Sessions of all roles end in the middle of what they do.
    fn terminate(&mut self) {
        let mut superuser = self.database.superuser();
        for role in [Role::App, Role::Jobs, Role::System] {
            self.terminated += superuser.terminate(role);
        }
    }

    /// Longer than its silence is borne: others take its jobs, and then it goes on as if nothing was.
    fn freeze(&mut self, victim: usize) {
        let pid = Pid::from_raw(i32::try_from(self.workers[victim].id()).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        sleep(Duration::from_secs(SILENCE + 3));
        kill(pid, Signal::SIGCONT).unwrap();
        self.frozen += 1;
    }

    /// Takes all connections that are left, for a while.
    fn starve(&mut self) {
        let url = self.database.url(Role::App);
        #[allow(clippy::disallowed_methods, reason = "an enemy does not go through the pool")]
        let taken: Vec<PgConnection> =
            std::iter::from_fn(|| PgConnection::establish(&url).ok()).take(500).collect();
        // Whoever connects now is refused.
        let mut superuser = self.database.superuser();
        superuser.terminate(Role::Jobs);
        sleep(Duration::from_secs(1));
        drop(taken);
        self.famines += 1;
    }

    /// Leaves them alone.
    pub(crate) fn calm(&mut self) {
        self.cluster.start();
        for worker in &mut self.workers {
            assert!(worker.try_wait().unwrap().is_none(), "a worker ended by itself");
        }
    }
}

impl Drop for Monkey {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ended = worker.kill().and_then(|()| worker.wait());
        }
    }
}

impl fmt::Display for Monkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} workers killed, {} frozen, PostgreSQL restarted {} times, crashed {} times, {} sessions terminated, \
             all connections taken {} times",
            self.killed, self.frozen, self.restarts, self.crashes, self.terminated, self.famines
        )
    }
}

fn spawn(database: &TestDatabase, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker", &database.url(Role::App), &format!("worker {number}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Panics on purpose fill it.
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
