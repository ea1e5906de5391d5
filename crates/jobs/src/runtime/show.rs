//! The numbers of queues, where `/metrics` shows them.

use std::collections::{BTreeMap, HashMap};

use veza_core::Timestamp;

use crate::admin::QueueCounts;
use crate::queue::ALL_PULL;
use crate::runtime::Concurrency;

/// Shows the queues that this program has, and those of tenants as one; `oldest` is since when their first jobs
/// wait.
pub(crate) fn totals(
    totals: &[QueueCounts],
    queues: &BTreeMap<String, Concurrency>,
    oldest: &HashMap<String, Timestamp>,
    now: Timestamp,
) {
    let ours = |queue: &str| queues.contains_key(queue) || queue == ALL_PULL;
    for total in totals.iter().filter(|total| ours(&total.queue)) {
        show(total);
        let age = oldest.get(&total.queue).map_or(0, |at| (now - *at).num_milliseconds().max(0));
        metrics::gauge!("veza_jobs_oldest_seconds", "queue" => total.queue.clone()).set(seconds(age));
    }
}

fn show(total: &QueueCounts) {
    let queue = || total.queue.clone();
    metrics::gauge!("veza_jobs_waiting", "queue" => queue()).set(number(total.waiting));
    metrics::gauge!("veza_jobs_deferred", "queue" => queue()).set(number(total.deferred));
    metrics::gauge!("veza_jobs_running", "queue" => queue()).set(number(total.running));
    metrics::gauge!("veza_jobs_dead", "queue" => queue()).set(number(total.dead));
    let since_ever = |jobs: i64| u64::try_from(jobs).unwrap_or(0);
    metrics::counter!("veza_jobs_enqueued_total", "queue" => queue()).absolute(since_ever(total.enqueued));
    metrics::counter!("veza_jobs_done_total", "queue" => queue()).absolute(since_ever(total.done));
    metrics::counter!("veza_jobs_failed_total", "queue" => queue()).absolute(since_ever(total.failed));
    metrics::counter!("veza_jobs_died_total", "queue" => queue()).absolute(since_ever(total.died));
    metrics::counter!("veza_jobs_cancelled_total", "queue" => queue()).absolute(since_ever(total.cancelled));
}

#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric is a float")]
fn number(jobs: i64) -> f64 {
    jobs as f64
}

fn seconds(milliseconds: i64) -> f64 {
    number(milliseconds) / 1_000.0
}
