//! How busy the media threads are: who comes when one has no time left makes it worse for everybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For so long it is counted how much of the time a thread works.
const WINDOW: Duration = Duration::from_secs(1);
/// Of a hundred parts of the time: a thread that works more has too much to do,
const BUSY: u128 = 90;
/// and one that works less has enough time again.
const RELIEVED: u128 = 80;
/// Windows in a row that make it so.
const WINDOWS: u32 = 3;

/// Which threads have too much to do; all of a process share it.
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicU64);

impl Load {
    /// Whether one of the threads has. Which of them somebody comes to is not known before they come.
    pub(crate) fn is_too_much(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn set(&self, thread: usize, too_much: bool) {
        let bit = 1_u64 << (thread % 64);
        if too_much {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

/// How one thread spends its time.
#[derive(Debug)]
pub(crate) struct Workload {
    begun: Instant,
    idle: Duration,
    /// Windows in a row that say the other thing than `too_much`.
    against: u32,
    too_much: bool,
}

/// A window that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// How much of it the thread worked, in hundredths.
    pub(crate) busy: u8,
    /// Whether the thread has too much to do, if that is not what it was.
    pub(crate) changed: Option<bool>,
}

impl Workload {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, idle: Duration::ZERO, against: 0, too_much: false }
    }

    /// It waited from one time to another. When a window is over, gives what it was.
    pub(crate) fn waited(&mut self, from: Instant, now: Instant) -> Option<Window> {
        self.idle += now.saturating_duration_since(from);
        let passed = now.saturating_duration_since(self.begun);
        if passed < WINDOW {
            return None;
        }
        let worked = passed.saturating_sub(self.idle).as_micros() * 100 / passed.as_micros().max(1);
        (self.begun, self.idle) = (now, Duration::ZERO);
        let says_other = if self.too_much { worked < RELIEVED } else { worked >= BUSY };
        self.against = if says_other { self.against + 1 } else { 0 };
        let changes = self.against >= WINDOWS;
        if changes {
            (self.too_much, self.against) = (!self.too_much, 0);
        }
        Some(Window { busy: u8::try_from(worked).unwrap_or(100), changed: changes.then_some(self.too_much) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of which so many hundredths are work.
    fn second(load: &mut Workload, now: &mut Instant, busy: u32) -> Window {
        let from = *now + Duration::from_millis(10) * busy;
        *now += Duration::from_secs(1);
        load.waited(from, *now).expect("a second is a window")
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn three_busy_seconds_are_too_much_and_three_quiet_ones_enough() {
        let mut now = Instant::now();
        let mut load = Workload::new(now);
        assert_eq!(load.waited(now, now + Duration::from_millis(999)), None);
        let mut load = Workload::new(now);
        let mut changes = |busy: &[u32]| {
            let seconds: Vec<Window> = busy.iter().map(|busy| second(&mut load, &mut now, *busy)).collect();
            assert!(seconds.iter().zip(busy).all(|(second, busy)| u32::from(second.busy) == *busy));
            seconds.into_iter().map(|second| second.changed).collect::<Vec<_>>()
        };
        assert_eq!(changes(&[95, 95, 50, 90, 91]), [None; 5], "not three in a row");
        assert_eq!(changes(&[90]), [Some(true)]);
        assert_eq!(changes(&[100, 85, 70, 70, 80]), [None; 5], "it has no time yet");
        assert_eq!(changes(&[79, 20, 0, 0]), [None, None, Some(false), None]);
    }

    #[test]
    fn one_busy_thread_is_enough() {
        let load = Load::default();
        assert!(!load.is_too_much());
        load.set(0, true);
        load.set(3, true);
        load.set(0, false);
        assert!(load.is_too_much());
        load.set(3, false);
        assert!(!load.is_too_much());
    }
}
