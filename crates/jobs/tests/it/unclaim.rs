//! A claim whose answer is lost: PostgreSQL has committed it, and the worker does not know.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use veza_core::config::Secret;
use veza_core::db::Role;
use veza_core::{Db, SystemClock, SystemRandom};
use veza_jobs::{Jobs, Options, Runtime};
use veza_testing::{DbTest, TestDatabase, TestDirectory, db_test};

use crate::work::{Background, Work, Worker, config, enqueue, eventually, states};

/// Stands between a worker and PostgreSQL, and keeps answers to itself.
#[derive(Clone)]
struct Thief {
    /// The socket of PostgreSQL.
    server: PathBuf,
    /// Claims that leased something, whose answers it has yet to keep.
    left: Arc<AtomicU32>,
}

impl Thief {
    /// Lets all through between the URL that it gives and `url`, but the answers to `thefts` claims.
    fn between(directory: &TestDirectory, url: &str, thefts: u32) -> (Self, String) {
        let (begin, rest) = url.split_once("host=").unwrap();
        let (host, port) = rest.split_once("&port=").unwrap();
        let socket = format!(".s.PGSQL.{port}");
        let this = Self {
            server: PathBuf::from(decoded(host)).join(&socket),
            left: Arc::new(AtomicU32::new(thefts)),
        };
        let listener = UnixListener::bind(directory.path().join(&socket)).unwrap();
        let serving = this.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let this = serving.clone();
                std::thread::spawn(move || this.serve(&client));
            }
        });
        let url =
            format!("{begin}host={}&port={port}", directory.path().to_string_lossy().replace('/', "%2F"));
        (this, url)
    }

    fn serve(&self, client: &UnixStream) {
        let server = UnixStream::connect(&self.server).unwrap();
        let claiming = Arc::new(AtomicBool::new(false));
        let (from, to, this, seen) =
            (server.try_clone().unwrap(), client.try_clone().unwrap(), self.clone(), Arc::clone(&claiming));
        std::thread::spawn(move || this.answers(from, to, &seen));
        let (mut from, mut to) = (client.try_clone().unwrap(), &server);
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if String::from_utf8_lossy(&buffer[..length]).contains("jobs.claim(") {
                claiming.store(true, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _closed = server.shutdown(Shutdown::Both);
    }

    fn answers(&self, mut from: UnixStream, mut to: UnixStream, claiming: &AtomicBool) {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            // A claim leased something: its answer, sent when it was committed, holds the job's payload.
            let leased = String::from_utf8_lossy(&buffer[..length]).contains("stolen");
            let steal = || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if leased && claiming.load(Ordering::SeqCst) && steal().is_ok() {
                break;
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

/// A path out of a URL.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| {
        let (code, rest) = part.split_at(2);
        format!("{path}{}{rest}", char::from(u8::from_str_radix(code, 16).unwrap()))
    })
}

#[db_test]
async fn what_a_claim_leased_whose_answer_was_lost_goes_back_at_once(t: DbTest) {
    let directory = TestDirectory::new();
    let (thief, url) = Thief::between(&directory, &t.url(Role::Jobs), 3);
    let mut settings = t.database.config(TestDatabase::small_pool());
    settings.jobs_url = Some(Secret::new(url));
    let there = Db::open_with(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    let worker = Worker::content();
    let jobs = Jobs::new(there, config()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(worker.clone()).build().unwrap();
    for _ in 0..20 {
        enqueue(&t.db, &t.alice.caller, "stolen", Options::default()).await;
    }
    let background = Background::start(runtime);
    // Their leases last for six minutes.
    eventually("all are done", async || states(&t.db, &t.alice.caller).await == (0, 0, 0, 0, 0)).await;
    assert_eq!(thief.left.load(Ordering::SeqCst), 0, "answers were lost");
    assert_eq!(worker.seen().len(), 20, "each once, and none counted as an attempt");
    background.stop().await;
}

#[db_test]
async fn a_process_that_stops_takes_no_lost_claim_with_it(t: DbTest) {
    let directory = TestDirectory::new();
    let (thief, url) = Thief::between(&directory, &t.url(Role::Jobs), 1);
    let mut settings = t.database.config(TestDatabase::small_pool());
    settings.jobs_url = Some(Secret::new(url));
    let there = Db::open_with(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    let jobs = Jobs::new(there, config()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(Worker::content()).build().unwrap();
    enqueue(&t.db, &t.alice.caller, "stolen", Options::default()).await;
    let background = Background::start(runtime);
    eventually("an answer is lost", async || thief.left.load(Ordering::SeqCst) == 0).await;
    background.stop().await;
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0), "it waits for others");
    assert_eq!(t.database.superuser().count("SELECT attempt::bigint FROM jobs.ready"), 0);
}
