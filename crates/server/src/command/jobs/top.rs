//! The queues at a glance, once a second.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;
use veza_core::Timestamp;
use veza_jobs::operator::{self, QueueTotals};
use veza_tenant::Tenants;

use super::REASON;
use crate::error::Error;

/// How often it is shown anew.
const REFRESH: Duration = Duration::from_secs(1);
/// Moves to the corner of the screen and clears it.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What was read, and when.
struct Look {
    queues: Vec<QueueTotals>,
    at: Instant,
}

pub(super) async fn top(tenants: &Tenants, once: bool) -> Result<ExitCode, Error> {
    let mut before: Option<Look> = None;
    loop {
        let queues = tenants.db().dispatch(REASON, operator::totals).await?;
        let look = Look { queues, at: Instant::now() };
        let text = table(&look, before.as_ref(), tenants.db().clock().now());
        // A reader that has seen enough ends it.
        let clear = if !once && std::io::stdout().is_terminal() { CLEAR } else { "" };
        let mut out = std::io::stdout();
        if once || write!(out, "{clear}{text}").and_then(|()| out.flush()).is_err() {
            return if once { super::print(&text) } else { Ok(ExitCode::SUCCESS) };
        }
        before = Some(look);
        tokio::time::sleep(REFRESH).await;
    }
}

fn table(look: &Look, before: Option<&Look>, now: Timestamp) -> String {
    let old: HashMap<&str, &QueueTotals> = before
        .iter()
        .flat_map(|before| before.queues.iter().map(|queue| (queue.counts.queue.as_str(), queue)))
        .collect();
    let seconds = before.map(|before| (look.at - before.at).as_secs_f64());
    let mut text = String::from(
        "QUEUE                     WAITING   DEFERRED    RUNNING       DEAD  OLDEST   DONE/S  FAILED/S\n",
    );
    for queue in &look.queues {
        let counts = &queue.counts;
        let rate = |new: i64, old: Option<i64>| match (old, seconds) {
            (Some(old), Some(seconds)) => format!("{:.0}", per_second(new - old, seconds)),
            _ => "-".to_owned(),
        };
        let old = old.get(counts.queue.as_str());
        let done = rate(counts.done, old.map(|old| old.counts.done));
        let failed = rate(counts.failed, old.map(|old| old.counts.failed));
        let oldest = queue.oldest.map_or("-".to_owned(), |at| age((now - at).num_seconds().max(0)));
        let _ = writeln!(
            text,
            "{:<22} {:>10} {:>10} {:>10} {:>10} {oldest:>7} {done:>8} {failed:>9}",
            counts.queue, counts.waiting, counts.deferred, counts.running, counts.dead
        );
    }
    text
}

#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate that is shown rounded")]
fn per_second(jobs: i64, seconds: f64) -> f64 {
    jobs.max(0) as f64 / seconds.max(0.001)
}

/// A span in its largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veza_jobs::QueueCounts;

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let look = |at, done| {
            let counts = QueueCounts { queue: "mail".to_owned(), waiting: 7, done, ..QueueCounts::default() };
            Look { queues: vec![QueueTotals { counts, oldest: None }], at }
        };
        let first = look(Instant::now(), 100);
        let second = look(first.at + Duration::from_secs(2), 150);
        let columns = |text: &str| -> Vec<String> {
            text.lines().last().unwrap().split_whitespace().map(str::to_owned).collect()
        };
        let now = Timestamp::default();
        assert_eq!(columns(&table(&first, None, now)), ["mail", "7", "0", "0", "0", "-", "-", "-"]);
        assert_eq!(columns(&table(&second, Some(&first), now)), ["mail", "7", "0", "0", "0", "-", "25", "0"]);
        assert_eq!([age(119), age(120), age(7_200), age(200_000)], ["119s", "2m", "2h", "2d"]);
    }
}
