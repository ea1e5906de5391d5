//! What the machine is busy with.

use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::TICK;

/// CPU time used by anybody since the machine started.
pub fn busy() -> Outcome<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("/proc/stat is empty")?;
    let fields: Vec<u32> = line.split_whitespace().skip(1).map(|ticks| ticks.parse().unwrap_or(0)).collect();
    let idle = fields.get(3).zip(fields.get(4)).map_or(0, |(idle, wait)| idle + wait);
    // The last two, guests, are counted in the first two already.
    Ok(TICK * (fields.iter().take(8).sum::<u32>() - idle))
}

pub fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

pub fn load_average() -> Outcome<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Waits until others use less than a tenth of the machine, but not for ever.
fn await_quiet(patience: Duration) -> Outcome {
    let end = Instant::now() + patience;
    loop {
        let (before, began) = (busy()?, Instant::now());
        std::thread::sleep(Duration::from_millis(500));
        let share = (busy()? - before).as_secs_f64() / began.elapsed().as_secs_f64() / cores();
        if share < 0.1 || Instant::now() >= end {
            return Ok(());
        }
    }
}

/// A measurement is taken as it is when others used less of the machine than this.
const QUIET: f64 = 0.05;
const ATTEMPTS: usize = 3;

/// Measures again, a few times, when others were busy meanwhile, and keeps the quietest.
pub fn quietest<T>(
    patience: Duration,
    foreign: fn(&T) -> f64,
    mut measure: impl FnMut() -> Outcome<T>,
) -> Outcome<T> {
    await_quiet(patience)?;
    let mut best = measure()?;
    for _ in 1..ATTEMPTS {
        if foreign(&best) < QUIET {
            break;
        }
        await_quiet(patience)?;
        let again = measure()?;
        if foreign(&again) < foreign(&best) {
            best = again;
        }
    }
    Ok(best)
}
