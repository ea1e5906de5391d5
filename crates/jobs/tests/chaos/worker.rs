//! A worker process, to be killed.

use std::time::Duration;

use veza_core::Db;
use veza_core::config::{Period, Secret};
use veza_core::db::{DatabaseConfig, PoolConfig};
use veza_jobs::{Concurrency, Context, JobError, Jobs, JobsConfig, Runtime};

use crate::orders::{Fulfil, effect};

/// Short enough for a test; the default is 15 s.
pub(crate) const SILENCE: u64 = 6;

/// Works until it is killed.
pub(crate) fn run(url: &str, name: &str) {
    let pool = PoolConfig { connections: 4, system_connections: 1, ..PoolConfig::default() };
    let config = DatabaseConfig { url: Some(Secret::new(url)), pool, ..DatabaseConfig::default() };
    let db = Db::open(&config).unwrap();
    let settings = JobsConfig {
        poll: Period::from_millis(200),
        silence: Period::from_secs(SILENCE),
        listen_url: None,
        ..JobsConfig::default()
    };
    let jobs = Jobs::new(db, settings).unwrap();
    let name = name.to_owned();
    let handler = move |job: Fulfil, cx: Context| fulfil(job, cx, name.clone());
    let runtime = Runtime::builder(&jobs)
        .queue("chaos", Concurrency::new(32))
        .handler::<Fulfil, _>(handler)
        .build()
        .unwrap();
    // The parent's end is our end.
    std::thread::spawn(|| {
        let _closed = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let executor =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    executor.block_on(runtime.run_until(std::future::pending()));
}

/// Sometimes slow, sometimes wrong, sometimes worse; and never twice.
async fn fulfil(job: Fulfil, cx: Context, name: String) -> Result<(), JobError> {
    let [mood, pause] = veza_core::bytes::<2>(&**cx.db().random());
    tokio::time::sleep(Duration::from_millis(u64::from(pause % 40))).await;
    match mood {
        0..10 => return Err(JobError::retry("in a bad mood")),
        10..15 => panic!("in a worse mood"),
        _ => {}
    }
    let order = job.order;
    cx.complete_in(move |tx| effect(tx, order, &name).map_err(JobError::from)).await?;
    // Whatever happens now changes nothing.
    if mood > 250 { Err(JobError::retry("too late")) } else { Ok(()) }
}
