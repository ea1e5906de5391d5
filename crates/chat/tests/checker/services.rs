//! What serves, and what is done to it.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use veza_core::db::{Migrator, Role};
use veza_postgres::Durability;
use veza_testing::{PrivateCluster, Redis, TestDatabase};

use crate::dice::Dice;
use crate::proxy::Proxy;

/// Server processes.
const NODES: usize = 3;

/// Ports on which processes listen; 0 for one that is dead.
pub(crate) type Ports = Arc<Mutex<Vec<u16>>>;

pub(crate) struct Services {
    cluster: PrivateCluster,
    redis: Redis,
    nodes: Vec<Child>,
    ports: Ports,
    killed: usize,
    frozen: usize,
    restarts: usize,
    crashes: usize,
    terminated: i64,
    cuts: usize,
    stopped: usize,
}

impl Services {
    pub(crate) fn start() -> Self {
        let cluster = PrivateCluster::with_durability(&Migrator::veza(), Durability::Full);
        let redis = veza_testing::redis();
        let (nodes, ports): (Vec<_>, Vec<_>) = (0..NODES).map(|_| spawn(cluster.database(), &redis)).unzip();
        let ports = Arc::new(Mutex::new(ports));
        let (killed, frozen, restarts, crashes, terminated, cuts, stopped) = (0, 0, 0, 0, 0, 0, 0);
        Self { cluster, redis, nodes, ports, killed, frozen, restarts, crashes, terminated, cuts, stopped }
    }

    pub(crate) fn database(&self) -> &TestDatabase {
        self.cluster.database()
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// One piece of trouble.
    pub(crate) fn trouble(&mut self, dice: &mut Dice, proxies: &[&Proxy]) {
        let victim = usize::try_from(dice.below(3)).unwrap();
        match dice.below(100) {
            0..40 => self.murder(victim, Duration::from_millis(dice.below(150))),
            40..60 => {
                for proxy in proxies {
                    proxy.cut();
                }
                self.cuts += 1;
            }
            60..70 => {
                self.cluster.restart();
                self.restarts += 1;
            }
            70..75 => {
                self.cluster.crash();
                self.cluster.start();
                self.crashes += 1;
            }
            75..85 => {
                self.redis.stop();
                sleep(Duration::from_millis(dice.below(200)));
                self.redis.start();
                self.stopped += 1;
            }
            85..93 => {
                let mut superuser = self.database().superuser();
                self.terminated += superuser.terminate(Role::App) + superuser.terminate(Role::Jobs);
            }
            _ => self.freeze(victim, Duration::from_millis(100 + dice.below(300))),
        }
    }

    fn murder(&mut self, victim: usize, pause: Duration) {
        let node = &mut self.nodes[victim];
        assert!(node.try_wait().unwrap().is_none(), "a server ended by itself");
        node.kill().unwrap();
        node.wait().unwrap();
        self.ports.lock().unwrap()[victim] = 0;
        sleep(pause);
        let (node, port) = spawn(self.cluster.database(), &self.redis);
        self.nodes[victim] = node;
        self.ports.lock().unwrap()[victim] = port;
        self.killed += 1;
    }

    fn freeze(&mut self, victim: usize, time: Duration) {
        let pid = Pid::from_raw(i32::try_from(self.nodes[victim].id()).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        sleep(time);
        kill(pid, Signal::SIGCONT).unwrap();
        self.frozen += 1;
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ended = node.kill().and_then(|()| node.wait());
        }
    }
}

impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} servers killed, {} frozen, PostgreSQL restarted {} times, crashed {} times, {} sessions terminated, \
             Redis restarted {} times, all connections cut {} times",
            self.killed, self.frozen, self.restarts, self.crashes, self.terminated, self.stopped, self.cuts
        )
    }
}

/// A server, and its port.
fn spawn(database: &TestDatabase, redis: &Redis) -> (Child, u16) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["node", &database.url(Role::App), &redis.url()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().expect("a server says its port"))
}
