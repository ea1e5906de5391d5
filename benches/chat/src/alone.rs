//! Messages that are stored with one commit each, by threads with a connection of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use uuid::Uuid;

use crate::Outcome;
use crate::options::Options;
use crate::send::TEXT;
use crate::stage::{Place, Stage, places};

/// Messages per second, and how long each took, in milliseconds. It is the same function, so the same tables, rights and
/// promises; prepared once, and sent with its transaction in one round trip.
pub fn alone(options: &Options, stage: &Stage, rooms: usize, connections: usize) -> Outcome<(f64, Vec<f64>)> {
    let places = places();
    let end = Instant::now() + Duration::from_secs(options.seconds.into());
    let count = AtomicU64::new(0);
    let send = |index: usize| -> Outcome<Vec<f64>> {
        let mut connection = stage.connect("veza_jobs")?;
        connection.batch_execute(
            "PREPARE send (uuid, uuid, uuid, uuid, text) AS SELECT * FROM chat.append(now(), ARRAY[$1], ARRAY[$2], \
             ARRAY[$3], ARRAY[false], ARRAY[$4], ARRAY[NULL]::bigint[], ARRAY[$5])",
        )?;
        let mut times = Vec::new();
        for turn in (index..).step_by(connections) {
            if Instant::now() >= end {
                break;
            }
            let Place { tenant, room, member } = places[turn % rooms.min(places.len())];
            let client = Uuid::from_u128(u128::from(count.fetch_add(1, Ordering::Relaxed)));
            let began = Instant::now();
            connection.batch_execute(&format!(
                "BEGIN; SET LOCAL veza.tenant_ids = '{tenant}'; \
                 EXECUTE send ('{tenant}', '{room}', '{member}', '{client}', '{{\"text\":\"{TEXT}\"}}'); COMMIT"
            ))?;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(times)
    };
    let send = &send;
    let times: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|index| scope.spawn(move || send(index))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_panic| "a sender panicked")??);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(all)
    })?;
    Ok((times.len() as f64 / f64::from(options.seconds), times))
}
