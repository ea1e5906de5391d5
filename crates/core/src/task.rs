//! Tasks that a process runs beside requests, and their orderly end.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// All background tasks of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. It gets a token and ends soon after the token is cancelled. A panic ends
    /// this task alone, is logged under `name` and counted.
    pub fn spawn<F, Fut>(&self, name: &'static str, task: F)
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let running = self.tracker.spawn(task(self.stop.child_token()));
        self.tracker.spawn(async move {
            if let Err(error) = running.await {
                metrics::counter!("veza_core_task_panics_total", "task" => name).increment(1);
                tracing::error!(task = name, %error, "background task ended by a panic");
            }
        });
    }

    /// Calls `step` every `period` until the process stops; the first time at once.
    pub fn every<F, Fut>(&self, name: &'static str, period: Duration, mut step: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, move |stop| async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                step().await;
            }
        });
    }

    /// The token that is cancelled when the process stops.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells all tasks to end and waits for them, `deadline` at most. Answers whether all ended.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn tasks_end_in_order_and_panics_stay_alone() {
        let tasks = Tasks::new();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        tasks.spawn("panics", |_| async { panic!("on purpose") });
        tasks.spawn("waits", move |stop| async move {
            stop.cancelled().await;
            flag.store(true, Ordering::SeqCst);
        });
        assert!(tasks.stop(Duration::from_secs(5)).await);
        assert!(ended.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_task_that_does_not_listen_is_given_up() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", |_| std::future::pending());
        assert!(!tasks.stop(Duration::from_millis(20)).await);
    }
}
