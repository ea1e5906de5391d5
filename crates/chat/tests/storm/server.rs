//! A server, its database, and what they are asked for.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use veza_chat::client::{Endpoint, Incoming, Link, Request};
use veza_chat::room::{self, NewRoom, RoomKind};
use veza_chat::{ChatConfig, Delivery, RoomId};
use veza_core::db::{Migrator, Role};
use veza_core::{Db, TenantId, TenantTx};
use veza_testing::{PrivateCluster, Superuser, TestDatabase, TestDirectory};

use crate::person::Person;

/// Longer than any test here takes.
pub(crate) const HOLDS: Duration = Duration::from_hours(1);

pub(crate) struct Server {
    cluster: PrivateCluster,
    process: Process,
    /// Where the process writes what goes wrong.
    errors: TestDirectory,
    port: u16,
    pub(crate) tenant: TenantId,
    pub(crate) db: Db,
}

impl Server {
    pub(crate) fn start() -> Self {
        let cluster = PrivateCluster::new(&Migrator::veza());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["node", &cluster.database().url(Role::App)]);
        let errors = TestDirectory::new();
        let log = File::create(errors.path().join("stderr")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut process = Process(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("a server says its port");
        let db = cluster.database().open(TestDatabase::small_pool());
        let tenant = TenantId::from_verified(veza_core::id::uuid_v7(db.clock().now(), &**db.random()));
        Self { cluster, process, errors, port, tenant, db }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// The process is there, and none of its threads fell.
    pub(crate) fn never_panicked(&self) {
        self.memory();
        let errors = std::fs::read_to_string(self.errors.path().join("stderr")).unwrap();
        assert!(!errors.contains("panicked"), "{errors}");
    }

    pub(crate) fn person(&self, number: u64) -> Person {
        Person { tenant: self.tenant, number }
    }

    /// A public room of the first person.
    pub(crate) async fn room(&self, name: String) -> RoomId {
        let owner = self.person(0).caller();
        let permit = owner.permit().unwrap();
        let new = NewRoom { kind: RoomKind::Public, name, topic: None, members: Vec::new() };
        let create = move |tx: &mut TenantTx<'_>| room::create(tx, &permit, &ChatConfig::default(), &new);
        self.db.tenant(&owner, create).await.unwrap().id
    }

    pub(crate) fn superuser(&self) -> Superuser {
        self.cluster.database().superuser()
    }

    /// KiB of memory that belong to the process alone.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.process.0.id());
        let rollup = std::fs::read_to_string(path).expect("the server is alive");
        let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends the server, and asks PostgreSQL when all of its connections have told what they did: transactions, and
    /// looks into the log.
    pub(crate) fn asked(self) -> (i64, i64) {
        drop(self.process);
        drop(self.db);
        let mut superuser = self.cluster.database().superuser();
        let connected = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            self.cluster.database().name()
        );
        while superuser.count(&connected) > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let transactions =
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        let looks = "SELECT coalesce(sum(seq_scan + idx_scan), 0)::bigint FROM pg_stat_all_tables \
                     WHERE schemaname = 'chat' AND relname ~ '^events_'";
        (superuser.count(transactions), superuser.count(looks))
    }
}

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A connection of somebody who was let in. Who is not let in at once comes again, as PROTOCOL.md says.
pub(crate) async fn enter(endpoint: &Endpoint, who: Person) -> Link {
    let mut pause = Duration::from_millis(20);
    loop {
        if let Ok(mut link) = Link::open(endpoint).await {
            link.push(0, &Request::Hello { token: who.token(HOLDS) });
            if let Ok(Incoming::Answer { id: 0, outcome: Ok(_) }) = link.next().await {
                return link;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Asks, and gives the answer; what comes meanwhile is given to `meanwhile`.
pub(crate) async fn ask(
    link: &mut Link,
    id: u64,
    request: &Request,
    mut meanwhile: impl FnMut(Delivery),
) -> Result<String, String> {
    link.push(id, request);
    loop {
        match link.next().await.expect("the connection lives") {
            Incoming::Answer { id: answered, outcome } if answered == id => {
                return outcome.map(|result| result.get().to_owned()).map_err(|refusal| refusal.code);
            }
            Incoming::Delivery(delivery) => meanwhile(delivery),
            other => panic!("{other:?}"),
        }
    }
}
