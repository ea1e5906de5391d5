//! PostgreSQL goes away and comes back while requests come in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use veza_core::db::Migrator;
use veza_testing::PrivateCluster;

use crate::http::{Answer, Connection, get};
use crate::person::Person;
use crate::process::wait_for;
use crate::serve::{Serve, configured};

const ORGANIZATION: &str = "/v1/tenant/organization";

/// How often each status came, and the slowest answer.
#[derive(Debug, Default)]
struct Seen {
    statuses: BTreeMap<u16, usize>,
    slowest: Duration,
}

#[test]
fn an_outage_is_answered_and_survived() {
    let mut cluster = PrivateCluster::new(&Migrator::veza());
    let served = Serve::start(&mut configured(cluster.database(), &["serve"]));
    let person = Person::new(&served.client(), "outage");
    let (address, token) = (served.address, person.token());
    let (seen, done) = (Mutex::new(Seen::default()), AtomicBool::new(false));
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load(address, token, &seen, &done));
        }
        for round in 0..3 {
            sleep(Duration::from_millis(200));
            if round == 1 {
                cluster.crash();
            } else {
                cluster.stop();
            }
            let refused = wait_for("a refusal", || {
                let answer = get(address, ORGANIZATION, token).unwrap();
                (answer.status == 503).then_some(answer)
            });
            is_problem(&refused);
            sleep(Duration::from_millis(300));
            is_problem(&get(address, "/ready", "").unwrap());
            assert_eq!(get(address, "/health", "").unwrap().status, 200);
            cluster.start();
            for path in [ORGANIZATION, "/ready"] {
                wait_for("the recovery", || (get(address, path, token).unwrap().status == 200).then_some(()));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen.statuses.keys().all(|status| [200, 503].contains(status)), "{seen:?}");
    assert!(seen.statuses.len() == 2 && seen.slowest < Duration::from_secs(5), "{seen:?}");
    let ended = served.process.stop().expect(0);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

fn is_problem(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

fn load(address: SocketAddr, token: &str, seen: &Mutex<Seen>, done: &AtomicBool) {
    let mut connection = Connection::open(address).unwrap();
    while !done.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let answer = connection.get(ORGANIZATION, token).unwrap();
        let mut seen = seen.lock().unwrap();
        *seen.statuses.entry(answer.status).or_default() += 1;
        seen.slowest = seen.slowest.max(begin.elapsed());
        drop(seen);
        sleep(Duration::from_millis(2));
    }
}
