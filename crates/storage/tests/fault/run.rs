//! Killing processes, and the judgement in the end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use veza_core::db::{Migrator, Role};
use veza_core::{Caller, SystemRandom, TenantId, bytes};
use veza_storage::bucket::{self, BucketChange, NewBucket};
use veza_testing::{PrivateCluster, TestDatabase, TestDirectory};

use crate::backend::Service;
use crate::{store, verdict, worker};

/// Makes some of what is there two days older, for rules that count days; what somebody works on stays as it is.
const OLDER: [&str; 2] = [
    "UPDATE storage.versions SET created_at = created_at - interval '2 days' WHERE version_id IN \
     (SELECT version_id FROM storage.versions WHERE key LIKE 'folder-2/%' AND ended_at IS NULL FOR UPDATE SKIP LOCKED)",
    "UPDATE storage.uploads SET created_at = created_at - interval '2 days' WHERE upload_id IN \
     (SELECT upload_id FROM storage.uploads WHERE key LIKE 'folder-1/%' FOR UPDATE SKIP LOCKED)",
];
/// Workers at once.
const WORKERS: usize = 2;

/// Runs the test, or one of its workers, as the arguments say.
pub(crate) fn run() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("worker") => worker::run(&arguments[1], Path::new(&arguments[2]), arguments[3].parse().unwrap()),
        Some("--list") => println!("fault: test"),
        _ => fault(kills(&arguments)),
    }
}

/// How many processes to kill: `--kills N`, bounded by default.
fn kills(arguments: &[String]) -> usize {
    let place = arguments.iter().position(|argument| argument == "--kills");
    place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(60)
}

fn fault(kills: usize) {
    let cluster = PrivateCluster::new(&Migrator::veza());
    let database = cluster.database().clone();
    let (directory, tenant) = (TestDirectory::new(), TenantId::generate(chrono::Utc::now(), &SystemRandom));
    store::prepare(directory.path());
    let service = Service::start(directory.path());
    make_buckets(&database, tenant);
    let spawn = || spawn(&database, directory.path(), tenant);
    let mut superuser = database.superuser();
    let mut workers: Vec<Child> = (0..WORKERS).map(|_| spawn()).collect();
    for kill in 0..kills {
        let [pause] = bytes::<1>(&SystemRandom);
        std::thread::sleep(Duration::from_millis(20 + 2 * u64::from(pause)));
        for older in OLDER {
            superuser.execute(older);
        }
        let worker = &mut workers[kill % WORKERS];
        worker.kill().unwrap();
        assert!(worker.wait().unwrap().code().is_none(), "a worker ended before it was killed");
        *worker = spawn();
    }
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let verdict = store::runtime().block_on(verdict::judge(&database, directory.path(), tenant));
    service.judge();
    println!("fault: {kills} processes killed; {verdict}");
}

fn make_buckets(database: &TestDatabase, tenant: TenantId) {
    let (db, caller) = (database.open(TestDatabase::small_pool()), Caller::system(tenant));
    for name in store::BUCKETS {
        let versioning = Some(name == store::VERSIONED);
        let new = NewBucket {
            name: name.to_owned(),
            settings: BucketChange { versioning, ..BucketChange::default() },
        };
        let permit = caller.permit().unwrap();
        let make = db.tenant(&caller, move |tx| bucket::create(tx, &permit, &new, true));
        store::runtime().block_on(make).unwrap();
    }
}

fn spawn(database: &TestDatabase, directory: &Path, tenant: TenantId) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["worker", &database.url(Role::App)]).arg(directory).arg(tenant.as_uuid().to_string());
    // Its end of the pipe tells it that we are gone.
    command.stdin(Stdio::piped()).spawn().unwrap()
}
