//! One server, one publisher, so many viewers.

use std::time::Duration;

use crate::Outcome;
use crate::client::{Load, Measured, Plan};
use crate::janus::Janus;
use crate::machine::{load_average, nanos, seconds_since};
use crate::options::Options;
use crate::process::{cpu, memory, tree};
use crate::rounds::Rounds;
use crate::signal::{App, Signal};
use crate::table::{number, print, quantile};

/// Until caches are warm and what joining left to do is done.
const WARM: Duration = Duration::from_millis(1_500);

/// A server with its load.
struct Stage {
    signal: Box<dyn Signal>,
    load: Load,
    /// KiB a viewer.
    memory: f64,
    joins: Vec<f64>,
}

/// What came of one measurement.
struct Sample {
    seconds: f64,
    measured: Measured,
    /// Seconds of the server's CPU time.
    cpu: f64,
}

impl Sample {
    /// Microseconds of the server's CPU time for each packet that reached a viewer.
    fn per_packet(&self) -> f64 {
        self.cpu * 1e6 / self.measured.counts.packets as f64
    }
}

impl Stage {
    fn build(server: &str, options: &Options) -> Outcome<Self> {
        // The server is on the first.
        let mut core = rustix::thread::CpuSet::new();
        core.set(1);
        rustix::thread::sched_setaffinity(None, &core)?;
        let mut signal: Box<dyn Signal> = match server {
            "janus" => Box::new(Janus::start()?),
            kind => Box::new(App::start(kind)?),
        };
        let Options { kilobits, paced, together, loses, .. } = *options;
        let mut load = Load::start(&mut *signal, Plan { kilobits, paced, together, loses })?;
        let before = memory(&tree(signal.pid())?)?;
        load.join(&mut *signal, options.viewers, options.rate)?;
        load.run(WARM)?;
        let grown = memory(&tree(signal.pid())?)?.saturating_sub(before);
        let joins = load.take().joins;
        Ok(Self { signal, load, memory: grown as f64 / options.viewers as f64, joins })
    }

    fn sample(&mut self, seconds: u64) -> Outcome<Sample> {
        self.load.take();
        let began = nanos();
        let before = cpu(self.signal.pid())?;
        self.load.run(Duration::from_secs(seconds))?;
        let cpu = (cpu(self.signal.pid())? - before).as_secs_f64();
        Ok(Sample { seconds: seconds_since(began), measured: self.load.take(), cpu })
    }
}

/// Everything about each server, once.
pub fn run(options: &Options) -> Outcome {
    let mut rows = Vec::new();
    for server in &options.servers {
        let mut stage = Stage::build(server, options)?;
        let sample = stage.sample(options.seconds)?;
        rows.push(row(server, options, &stage, &sample));
        let (asked, keyframes) = stage.load.asked();
        let counts = &sample.measured.counts;
        eprintln!("{server}: {counts:?}, publisher asked for {asked} packets, {keyframes} key frames");
    }
    println!("{} viewers at {} kbit/s and sound\n", options.viewers, options.kilobits);
    print(
        &[
            "",
            "packets/s",
            "CPU µs/packet",
            "server's core %",
            "viewers/core",
            "client's core %",
            "lost",
            "asked again",
            "tags checked (wrong)",
            "delay p50 ms",
            "p99 ms",
            "join p50 ms",
            "p95 ms",
            "KiB/viewer",
        ],
        &rows,
    );
    Ok(())
}

fn row(server: &str, options: &Options, stage: &Stage, sample: &Sample) -> Vec<String> {
    let counts = &sample.measured.counts;
    let share = sample.cpu / sample.seconds;
    let client = 1.0 - sample.measured.idle as f64 / 1e9 / sample.seconds;
    let delays: Vec<f64> = sample.measured.delays.iter().map(|delay| f64::from(*delay) / 1e3).collect();
    vec![
        server.to_owned(),
        number(counts.packets as f64 / sample.seconds),
        number(sample.per_packet()),
        number(share * 100.0),
        number(options.viewers as f64 / share),
        number(client * 100.0),
        counts.lost.to_string(),
        counts.asked.to_string(),
        format!("{} ({})", counts.checked, counts.forged),
        number(quantile(&delays, 0.5)),
        number(quantile(&delays, 0.99)),
        number(quantile(&stage.joins, 0.5)),
        number(quantile(&stage.joins, 0.95)),
        number(stage.memory),
    ]
}

/// CPU time for each packet, everybody in turn.
pub fn cpu_per_packet(options: &Options) -> Outcome {
    let names: Vec<&str> = options.servers.iter().map(String::as_str).collect();
    let rounds = Rounds::run(options.rounds, &names, |server| {
        let mut stage = Stage::build(server, options)?;
        let sample = stage.sample(options.seconds)?;
        let lost = sample.measured.counts.lost;
        if lost > 0 {
            eprintln!("{server} lost {lost} of {}", sample.measured.counts.packets);
        }
        Ok(sample.per_packet())
    })?;
    println!(
        "{} viewers at {} kbit/s and sound; load {}\n",
        options.viewers,
        options.kilobits,
        load_average()?
    );
    rounds.print("CPU µs/packet", &[("rtc", "ours", "≥ 10"), ("janus", "ours", "≥ 8")]);
    Ok(())
}
