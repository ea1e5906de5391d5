//! Veza as a program embeds it, with logging and metrics on, asked by lines of JSON.

use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;
use veza_core::config::Secret;
use veza_core::db::DatabaseConfig;
use veza_core::{Caller, Db, Tasks, TenantId};
use veza_jobs::{
    Concurrency, Context, DoorbellKind, Error, Job, JobError, Jobs, JobsConfig, Runtime, enqueue,
    enqueue_many,
};

use crate::Outcome;
use crate::machine::{nanos, seconds_since};

/// Does nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noop {
    n: u64,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    const QUEUE: &'static str = "noop";
}

/// Knows when it was about to be enqueued; 0 when nobody asks.
#[derive(Debug, Serialize, Deserialize)]
struct Timed {
    t: u64,
}

impl Job for Timed {
    const KIND: &'static str = "bench.timed";
    const QUEUE: &'static str = "timed";
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Ask {
    Prepare,
    /// Enqueues no-ops of so many tenants.
    Fill {
        jobs: u64,
        #[serde(default = "one")]
        tenants: u64,
    },
    /// Does them all; answers the seconds it took.
    Drain {
        jobs: u64,
    },
    /// So many writers, one job per transaction; answers how many.
    Send {
        writers: u64,
        seconds: f64,
    },
    /// Enqueues at a steady rate; answers when each began and how long it took, in ns.
    Pace {
        rate: u64,
        seconds: u64,
    },
    /// Begins to work on timed jobs, each of which takes so long.
    Work {
        #[serde(default = "usual")]
        concurrency: u32,
        #[serde(default)]
        millis: u64,
    },
    /// Ends that; answers when the enqueueing of each began and how long its start took from then, in ns.
    Rest,
    /// Enqueues and works as fast as it goes; answers the jobs done in each window.
    Churn {
        windows: u32,
        seconds: f64,
    },
}

fn one() -> u64 {
    1
}

fn usual() -> u32 {
    JobsConfig::default().concurrency
}

/// The tenant that is asked about; others come after it.
pub fn tenant(number: u64) -> Uuid {
    // Version 7, of any time.
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

fn caller(number: u64) -> Caller {
    Caller::system(TenantId::from_verified(tenant(number)))
}

type Waits = Arc<Mutex<Vec<(u64, u64)>>>;

struct Program {
    db: Db,
    jobs: Jobs,
    working: Option<(CancellationToken, JoinSet<()>, Waits)>,
}

/// `bell`: as a program that has other processes to tell.
pub fn run(url: &str, bell: bool) -> Outcome {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new("info"))
        .init();
    let buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)?
        .install_recorder()?;
    let config = DatabaseConfig { url: Some(Secret::new(url)), ..DatabaseConfig::default() };
    let db = Db::open(&config)?;
    let mut jobs = JobsConfig::default();
    if bell {
        jobs.listen_url = config.url_for(veza_core::db::Role::Jobs);
    } else {
        jobs.doorbell = DoorbellKind::Poll;
    }
    let jobs = Jobs::new(db.clone(), jobs)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let tasks = runtime.block_on(async {
        let tasks = Tasks::new();
        jobs.start(&tasks);
        tasks
    });
    let mut program = Program { db, jobs, working: None };
    for line in std::io::stdin().lock().lines() {
        let answer = match runtime.block_on(program.answer(serde_json::from_str(&line?)?)) {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    runtime.block_on(tasks.stop(Duration::from_secs(1)));
    Ok(())
}

impl Program {
    async fn answer(&mut self, ask: Ask) -> Outcome<Value> {
        match ask {
            Ask::Prepare => {
                self.db.ping().await?;
                Ok(Value::Null)
            }
            Ask::Fill { jobs, tenants } => self.fill(jobs, tenants).await,
            Ask::Drain { jobs } => self.drain(jobs).await,
            Ask::Send { writers, seconds } => self.send(writers, seconds).await,
            Ask::Pace { rate, seconds } => self.pace(rate, seconds).await,
            Ask::Work { concurrency, millis } => self.work(concurrency, millis),
            Ask::Rest => self.rest().await,
            Ask::Churn { windows, seconds } => self.churn(windows, seconds).await,
        }
    }

    async fn fill(&self, jobs: u64, tenants: u64) -> Outcome<Value> {
        let mut writers = JoinSet::new();
        for number in 0..tenants {
            let (db, mine) = (self.db.clone(), jobs / tenants + u64::from(number < jobs % tenants));
            writers.spawn(async move {
                for from in (0..mine).step_by(1_000) {
                    many(&db, number, from..mine.min(from + 1_000)).await?;
                }
                Ok::<_, Error>(())
            });
            if writers.len() >= 8 {
                writers.join_next().await.transpose()?.transpose()?;
            }
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        Ok(Value::Null)
    }

    async fn drain(&self, jobs: u64) -> Outcome<Value> {
        let (done, all) = (AtomicU64::new(0), CancellationToken::new());
        let over = all.clone();
        let handler = move |_: Noop, _: Context| {
            if done.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                over.cancel();
            }
            std::future::ready(Ok::<_, JobError>(()))
        };
        let began = nanos();
        let runtime = Runtime::builder(&self.jobs)
            .queue(Noop::QUEUE, Concurrency::new(1_000))
            .handler::<Noop, _>(handler)
            .build()?;
        // It ends when what was done is acknowledged.
        runtime.run_until(all.cancelled()).await;
        Ok(json!(seconds_since(began)))
    }

    async fn send(&self, writers: u64, seconds: f64) -> Outcome<Value> {
        let began = nanos();
        let mut sending = JoinSet::new();
        for _ in 0..writers {
            let db = self.db.clone();
            sending.spawn(async move {
                let mut sent = 0_u64;
                while seconds_since(began) < seconds {
                    db.tenant(&caller(0), |tx| enqueue(tx, &Noop { n: 1 })).await?;
                    sent += 1;
                }
                Ok::<_, Error>(sent)
            });
        }
        let mut sent = 0;
        while let Some(some) = sending.join_next().await {
            sent += some??;
        }
        Ok(json!(sent))
    }

    async fn pace(&self, rate: u64, seconds: u64) -> Outcome<Value> {
        let mut sending = JoinSet::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate)?);
        for _ in 0..rate * seconds {
            ticks.tick().await;
            let db = self.db.clone();
            sending.spawn(async move {
                let t = nanos();
                db.tenant(&caller(0), move |tx| enqueue(tx, &Timed { t })).await?;
                Ok::<_, Error>((t, nanos() - t))
            });
        }
        let mut took = Vec::new();
        while let Some(one) = sending.join_next().await {
            took.push(one??);
        }
        Ok(json!(took))
    }

    fn work(&mut self, concurrency: u32, millis: u64) -> Outcome<Value> {
        let waits = Waits::default();
        let noted = Arc::clone(&waits);
        let handler = move |job: Timed, _: Context| {
            if job.t > 0 {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push((job.t, nanos() - job.t));
            }
            async move {
                if millis > 0 {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                }
                Ok::<_, JobError>(())
            }
        };
        let runtime = Runtime::builder(&self.jobs)
            .queue(Timed::QUEUE, Concurrency::new(concurrency))
            .handler::<Timed, _>(handler)
            .build()?;
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let stopped = stop.clone();
        task.spawn(async move { runtime.run_until(stopped.cancelled()).await });
        self.working = Some((stop, task, waits));
        Ok(Value::Null)
    }

    async fn rest(&mut self) -> Outcome<Value> {
        let (stop, mut task, waits) = self.working.take().ok_or("nothing to end")?;
        stop.cancel();
        task.join_next().await.ok_or("no runtime")??;
        Ok(json!(*waits.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn churn(&self, windows: u32, seconds: f64) -> Outcome<Value> {
        const AHEAD: u64 = 4_000;
        const BATCH: u64 = 200;
        let done = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&done);
        let handler = move |_: Noop, _: Context| {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, JobError>(()))
        };
        let runtime = Runtime::builder(&self.jobs)
            .queue(Noop::QUEUE, Concurrency::new(1_000))
            .handler::<Noop, _>(handler)
            .build()?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move {
            runtime.run_until(stopped.cancelled()).await;
            Ok::<_, Error>(())
        });
        let sent = Arc::new(AtomicU64::new(0));
        for _ in 0..2 {
            let (db, sent, done, stop) =
                (self.db.clone(), Arc::clone(&sent), Arc::clone(&done), stop.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    if sent.load(Ordering::Relaxed) > done.load(Ordering::Relaxed) + AHEAD {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    }
                    let from = sent.fetch_add(BATCH, Ordering::Relaxed);
                    many(&db, 0, from..from + BATCH).await?;
                }
                Ok(())
            });
        }
        let mut counts = Vec::new();
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(seconds));
        let mut before = 0;
        ticks.tick().await;
        for _ in 0..windows {
            ticks.tick().await;
            let now = done.load(Ordering::Relaxed);
            counts.push(now - before);
            before = now;
        }
        stop.cancel();
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(json!(counts))
    }
}

/// Enqueues a batch in one transaction.
async fn many(db: &Db, number: u64, range: std::ops::Range<u64>) -> Result<(), Error> {
    let batch: Vec<Noop> = range.map(|n| Noop { n }).collect();
    db.tenant(&caller(number), move |tx| enqueue_many(tx, &batch)).await.map(drop)
}
