//! `veza serve --role worker` works on jobs that other processes enqueue.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use veza_core::config::Secret;
use veza_core::db::Role;
use veza_core::{Caller, Db, Tasks};
use veza_jobs::webhook::Webhook;
use veza_jobs::{JobId, JobState, Jobs, JobsConfig, Options, enqueue_with, get};
use veza_testing::TestDatabase;

use crate::jobs::create;
use crate::process::{Process, wait, wait_for};
use crate::serve::{configured, database};

/// An organisation, and somebody who waits for its webhooks.
struct Office {
    database: TestDatabase,
    db: Db,
    acme: Caller,
    door: TcpListener,
    /// Rings for what this process enqueues.
    tasks: Tasks,
}

impl Office {
    fn new() -> Self {
        let database = database();
        let db = database.open(TestDatabase::small_pool());
        let acme = create(&database, "acme");
        let listen_url = Some(Secret::new(database.url(Role::Jobs)));
        let jobs = Jobs::new(db.clone(), JobsConfig { listen_url, ..JobsConfig::default() }).unwrap();
        let tasks = Tasks::new();
        wait(async { jobs.start(&tasks) });
        Self { database, db, acme, door: TcpListener::bind("127.0.0.1:0").unwrap(), tasks }
    }

    fn worker(&self) -> Process {
        let mut command = configured(&self.database, &["serve", "--role", "worker"]);
        let mut worker = Process::spawn(
            command
                .env("VEZA_JOBS__WEBHOOK__ALLOW_PRIVATE", "true")
                // Only the doorbell can bring it a job soon.
                .env("VEZA_JOBS__POLL", "1h")
                .env("VEZA_JOBS__DRAIN_TIMEOUT", "1s"),
        );
        worker.wait_for_log("serving nobody");
        worker
    }

    fn send(&self) -> JobId {
        let url = format!("http://{}/hook", self.door.local_addr().unwrap());
        let webhook = Webhook::new(&url, "orders", "order.paid", &json!({ "order": 7 })).unwrap();
        let enqueue = self.db.tenant(&self.acme, move |tx| {
            let options = Options::default().keep().timeout(Duration::from_mins(1));
            enqueue_with(tx, &webhook, options)
        });
        wait(enqueue).unwrap().id
    }

    fn state(&self, id: JobId) -> (JobState, i16) {
        let permit = self.acme.permit().unwrap();
        let view = wait(self.db.read(&self.acme, move |tx| get(tx, &permit, id))).unwrap();
        (view.state, view.attempt)
    }

    /// The next webhook, not answered yet.
    fn receive(&self) -> TcpStream {
        let (stream, _) = self.door.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "POST /hook HTTP/1.1");
        let signed = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
        assert!(signed.into_iter().any(|line| line.starts_with("webhook-signature: v1,")));
        stream
    }
}

#[test]
fn it_hears_of_jobs_does_them_and_gives_back_what_it_cannot_end() {
    let office = Office::new();
    let worker = office.worker();
    let first = office.send();
    office.receive().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    wait_for("the webhook to be done", || (office.state(first).0 == JobState::Done).then_some(()));

    let second = office.send();
    let unanswered = office.receive();
    let begin = Instant::now();
    worker.stop().expect(0);
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    assert_eq!(office.state(second), (JobState::Waiting, 0), "given back, and the attempt does not count");
    drop(unanswered);
    assert!(wait(office.tasks.stop(Duration::from_secs(5))));
}
