//! `veza jobs …` on a database with jobs in it.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::{Caller, Db, TenantId};
use veza_jobs::{Context, Job, JobError, JobId, Jobs, JobsConfig, Options, Runtime, enqueue_with};
use veza_testing::TestDatabase;

use crate::person::PASSWORD;
use crate::process::{Ended, run, wait};
use crate::serve::{configured, database};

#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    to: String,
}

impl Job for Letter {
    const KIND: &'static str = "test.letter";
    const QUEUE: &'static str = "mail";
}

/// A database with two organisations, and the way to their jobs.
struct Office {
    database: TestDatabase,
    db: Db,
    acme: Caller,
    globex: Caller,
}

impl Office {
    fn new() -> Self {
        let database = database();
        let db = database.open(TestDatabase::small_pool());
        let (acme, globex) = (create(&database, "acme"), create(&database, "globex"));
        Self { database, db, acme, globex }
    }

    fn jobs(&self, arguments: &[&str]) -> Ended {
        let arguments: Vec<&str> = std::iter::once(&"jobs").chain(arguments).copied().collect();
        run(&mut configured(&self.database, &arguments))
    }

    /// What it prints, as lines.
    #[track_caller]
    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        self.jobs(arguments).expect(0).out.lines().map(str::to_owned).collect()
    }

    fn enqueue(&self, caller: &Caller, to: &str, options: Options) -> JobId {
        let job = Letter { to: to.to_owned() };
        let enqueue = self.db.tenant(caller, move |tx| enqueue_with(tx, &job, options.clone()));
        wait(enqueue).unwrap().id
    }

    /// A runtime whose handler never finds anybody at home.
    fn runtime(&self) -> Runtime {
        let handler = async |letter: Letter, _: Context| match letter.to.as_str() {
            "somebody" => Ok(()),
            _ => Err(JobError::fatal("nobody is at home")),
        };
        let jobs = Jobs::new(self.db.clone(), JobsConfig::default()).unwrap();
        Runtime::builder(&jobs).handler::<Letter, _>(handler).build().unwrap()
    }

    fn drain(&self, caller: &Caller) -> usize {
        wait(self.runtime().drain(caller)).unwrap().attempts
    }

    /// Lets a runtime work until there is nothing of this in the list.
    fn work_until_none(&self, arguments: &[&str]) {
        wait(async {
            let runtime = self.runtime();
            let gone = async {
                while !self.lines(arguments).is_empty() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), runtime.run_until(gone)).await.unwrap();
        });
    }
}

pub(crate) fn create(database: &TestDatabase, slug: &str) -> Caller {
    let email = format!("ada@{slug}.example");
    let mut command = configured(database, &["tenant", "create", slug, "--owner-email", &email]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let organization: Value = serde_json::from_slice(&output.stdout).unwrap();
    Caller::system(TenantId::from_verified(organization["id"].as_str().unwrap().parse().unwrap()))
}

#[test]
fn an_operator_looks_at_jobs_of_all_organisations() {
    let office = Office::new();
    let first = office.enqueue(&office.acme, "somebody", Options::default()).to_string();
    let later = Options::default().delay(Duration::from_hours(1));
    let second = office.enqueue(&office.globex, "somebody", later).to_string();
    for (arguments, expected) in [
        (&["ls"][..], vec![&first]),
        (&["ls", "--tenant", "acme", "--queue", "mail", "--kind", "test.letter"], vec![&first]),
        (&["ls", "--tenant", "globex"], vec![]),
        (&["ls", "--queue", "other"], vec![]),
        (&["ls", "--kind", "other"], vec![]),
        (&["ls", "--limit", "0"], vec![]),
        (&["ls", "--state", "deferred"], vec![&second]),
        (&["ls", "--state", "dead"], vec![]),
        (&["ls", "--state", "done"], vec![]),
    ] {
        let lines = office.lines(arguments);
        assert_eq!(lines.len(), expected.len(), "{arguments:?}: {lines:?}");
        assert!(
            lines.iter().zip(expected).all(|(line, id)| line.starts_with(id)),
            "{arguments:?}: {lines:?}"
        );
    }
    let json: Value = serde_json::from_str(&office.lines(&["ls", "--json"])[0]).unwrap();
    assert_eq!((&json["id"], &json["tenant"]), (&first.as_str().into(), &tenant(&office.acme).into()));
    let shown: Value = serde_json::from_str(&office.jobs(&["show", &second]).expect(0).out).unwrap();
    assert_eq!((&shown["state"], &shown["payload"]["to"]), (&"deferred".into(), &"somebody".into()));
    let top = office.lines(&["top", "--once"]);
    assert!(top[0].starts_with("QUEUE ") && top[0].contains("OLDEST"), "{top:?}");
    let columns: Vec<&str> = top[1].split_whitespace().collect();
    assert_eq!(columns[..5], ["mail", "1", "1", "0", "0"], "{top:?}");
}

fn tenant(caller: &Caller) -> String {
    caller.tenant().to_string()
}

#[test]
fn an_operator_takes_dead_jobs_back_or_lets_them_go() {
    let office = Office::new();
    let id = office.enqueue(&office.acme, "nobody", Options::default()).to_string();
    office.enqueue(&office.acme, "nobody", Options::default());
    office.enqueue(&office.globex, "nobody", Options::default());
    assert_eq!((office.drain(&office.acme), office.drain(&office.globex)), (2, 1));
    let dead = office.lines(&["ls", "--state", "dead", "--queue", "mail"]);
    assert!(dead.len() == 3 && dead.iter().all(|line| line.ends_with("nobody is at home")), "{dead:?}");
    assert_eq!(office.lines(&["retry", &id]), [format!("{id}  is ready")]);
    assert_eq!(office.drain(&office.acme), 1);

    let begun = office.lines(&["redrive", "--queue", "mail", "--tenant", "acme", "--reason", "fatal"]);
    assert!(begun.len() == 1 && begun[0].contains(&tenant(&office.acme)), "{begun:?}");
    let redrive = begun[0].split(' ').next().unwrap();
    assert!(begun[0].contains("running") && begun[0].ends_with("0 moved, 0 skipped"), "{begun:?}");
    let cancelled = office.lines(&["redrives", "--tenant", "acme", "--cancel", redrive]);
    assert!(cancelled[0].contains("cancelled"), "{cancelled:?}");
    let purge = ["purge", "--dead", "--queue", "mail", "--tenant", "acme"];
    office.jobs(&purge).fails_with(&["up to 2 dead jobs", "mail", "acme", "--yes"]);
    let purged = office.lines(&[&purge[..], &["--yes"]].concat());
    assert_eq!(purged, ["purged 2 jobs"]);
    assert_eq!(office.lines(&["retry", "--queue", "mail"]).len(), 1, "globex has one left");
    // Whoever is at home by now gets it.
    office.database.superuser().execute("UPDATE jobs.dead SET payload = '{\"to\": \"somebody\"}'");
    office.work_until_none(&["ls", "--state", "dead"]);
    let redrives = office.lines(&["redrives"]);
    assert_eq!(redrives.len(), 2, "{redrives:?}");
    assert!(redrives.iter().any(|line| line.ends_with("1 moved, 0 skipped")), "{redrives:?}");
    assert_eq!(office.lines(&["redrive", "--queue", "mail"]), ["no job of this queue is dead"]);
}

#[test]
fn an_operator_pauses_limits_cancels_and_purges() {
    let office = Office::new();
    let id = office.enqueue(&office.acme, "somebody", Options::default()).to_string();
    for scope in [
        &["--queue", "mail"][..],
        &["--tenant", "acme"],
        &["--tenant", "acme", "--queue", "mail"],
        &["--all"],
    ] {
        let with = |command| -> Vec<&str> { std::iter::once(command).chain(scope.iter().copied()).collect() };
        office.jobs(&[&with("pause")[..], &["--reason", "maintenance"]].concat()).expect(0);
        assert_eq!(office.drain(&office.acme), 0, "{scope:?}");
        let holds = office.lines(&["holds"]);
        assert!(holds.len() == 1 && holds[0].ends_with("maintenance"), "{holds:?}");
        office.jobs(&with("resume")).expect(0);
        office.jobs(&with("resume")).fails_with(&["veza jobs holds"]);
    }
    assert_eq!(office.jobs(&["pause"]).code, 2, "it does not guess");
    let limit = ["limit", "--tenant", "acme", "--queue", "mail"];
    let set = office.jobs(&[&limit[..], &["--max-running", "2", "--weight", "3"]].concat()).expect(0).out;
    let shown = office.jobs(&limit).expect(0).out;
    assert_eq!(set, shown);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["weight"], &shown["max_running"], &shown["per_minute"]),
        (&3.into(), &2.into(), &Value::Null)
    );
    office.jobs(&[&limit[..], &["--weight", "1001"]].concat()).fails_with(&["/weight", "1 to 1000"]);

    assert_eq!(office.lines(&["cancel", &id]), [format!("{id}  is cancelled")]);
    office.jobs(&["cancel", &id]).fails_with(&["no such job"]);
    office.jobs(&["show", &id]).fails_with(&["no such job"]);
    office.enqueue(&office.acme, "somebody", Options::default());
    office.enqueue(&office.globex, "somebody", Options::default());
    let purge = ["purge", "--waiting", "--queue", "mail"];
    office.jobs(&purge).fails_with(&["up to 2 waiting and deferred jobs", "all organisations"]);
    assert_eq!(office.lines(&[&purge[..], &["--yes"]].concat()), ["purged 2 jobs"]);
    assert_eq!(office.lines(&["ls"]), [""; 0]);
    office.jobs(&["ls", "--tenant", "nobody"]).fails_with(&["no such organization"]);
    assert_eq!(office.jobs(&["ls", "--queue", "No Queue"]).code, 2);
    assert_eq!(office.jobs(&["ls", "--state", "bored"]).code, 2);
}
