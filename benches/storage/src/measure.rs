//! The measurements. What counts is the server's CPU time, which others on the machine hardly change.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::client::{answer, connect, head};
use crate::process::{Server, cpu};
use crate::stage::Stage;
use crate::{Options, Outcome, nginx};

const MIB: u64 = 1 << 20;

/// What one transfer took.
#[derive(Clone, Copy)]
struct Took {
    bytes: u64,
    cpu: Duration,
    wall: Duration,
}

impl Took {
    fn per_cpu(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.cpu.as_secs_f64().max(0.01)
    }
}

/// One thing that is measured, once in each round.
struct Lane<'a> {
    name: String,
    once: Box<dyn Fn(usize) -> Outcome<Took> + 'a>,
}

impl<'a> Lane<'a> {
    fn new(name: impl Into<String>, once: impl Fn(usize) -> Outcome<Took> + 'a) -> Self {
        Self { name: name.into(), once: Box::new(once) }
    }
}

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let block = noise();
    together(options, stage, "a fresh process", &block)?;
    println!(
        "{} MiB, median of {} rounds, in each of which all of a table take their turn; MB per second of the \
         server's CPU time\n",
        options.mib, options.rounds
    );
    uploads(options, stage, &block)?;
    downloads(options, stage, &block)?;
    ranges(options, stage, &block)?;
    together(options, stage, "one that did all that", &block)
}

fn object(bucket: &str, name: &str) -> String {
    format!("/v1/storage/buckets/{bucket}/objects/{name}")
}

fn uploads(options: &Options, stage: &Stage, block: &[u8]) -> Outcome {
    let lanes = ["plain", "sealed"].map(|bucket| {
        Lane::new(format!("upload, {bucket}"), move |round| {
            let path = object(bucket, &format!("large-{round}"));
            let size = options.mib * MIB;
            measured(&stage.veza, || upload(&stage.veza, &path, &stage.token, size, block))
        })
    });
    interleaved(options, &lanes)
}

fn downloads(options: &Options, stage: &Stage, block: &[u8]) -> Outcome {
    served(&stage.dir, options.mib * MIB, block)?;
    let copying = nginx::start(&stage.dir, "copying", "sendfile off;")?;
    let large = nginx::start(&stage.dir, "large", "sendfile off; output_buffers 2 256k;")?;
    let sending = nginx::start(&stage.dir, "sending", "sendfile on;")?;
    let front = nginx::start_before(&stage.dir, stage.veza.port)?;
    let (plain, sealed) = (object("plain", "large-0"), object("sealed", "large-0"));
    let lane = |name: &str, server, path: String, token| {
        Lane::new(name, move |_| measured(server, || several(|| download(server, &path, token, None))))
    };
    let lanes = [
        lane("nginx, without sendfile", &copying, "/large".to_owned(), ""),
        lane("nginx, without sendfile, `output_buffers 2 256k`", &large, "/large".to_owned(), ""),
        lane("nginx, sendfile", &sending, "/large".to_owned(), ""),
        lane("download, plain", &stage.veza, plain.clone(), &stage.token),
        lane("download, sealed", &stage.veza, sealed, &stage.token),
        lane("its part of one sent by nginx (X-Accel-Redirect)", &front, plain, &stage.token),
    ];
    interleaved(options, &lanes)
}

fn ranges(options: &Options, stage: &Stage, block: &[u8]) -> Outcome {
    let lane = |name: String, path: String, size: u64| {
        Lane::new(format!("1 MiB, 200 times, {name}"), move |_| {
            measured(&stage.veza, || {
                let start = |number: u64| (number * 7_919 * 4_096 * 13) % (size - MIB);
                (0..200).map(|number| download(&stage.veza, &path, &stage.token, Some(start(number)))).sum()
            })
        })
    };
    let large = options.mib * MIB;
    let mut lanes: Vec<_> =
        ["plain", "sealed"].map(|bucket| lane(bucket.to_owned(), object(bucket, "large-0"), large)).into();
    if options.huge > 0 {
        let (path, size) = (object("sealed", "huge"), options.huge * MIB);
        upload(&stage.veza, &path, &stage.token, size, block)?;
        lanes.push(lane(format!("sealed, of {} MiB", options.huge), path, size));
    }
    interleaved(options, &lanes)
}

/// Each lane once in each round, and the medians, whose ratios are to the first lane's.
fn interleaved(options: &Options, lanes: &[Lane<'_>]) -> Outcome {
    let mut took = vec![Vec::new(); lanes.len()];
    for round in 0..options.rounds {
        for (lane, took) in lanes.iter().zip(&mut took) {
            took.push((lane.once)(round)?);
        }
    }
    println!("| what | MB/CPU-s | of the first | MB/s |\n|---|---|---|---|");
    let mut first = None;
    for (lane, took) in lanes.iter().zip(&mut took) {
        took.sort_by(|a, b| a.per_cpu().total_cmp(&b.per_cpu()));
        let median = took.get(took.len() / 2).ok_or("no rounds")?;
        let (cpu, wall) = (median.per_cpu(), median.wall.as_secs_f64());
        let ratio = cpu / *first.get_or_insert(cpu);
        let speed = median.bytes as f64 / 1e6 / wall;
        println!("| {} | {cpu:.0} | {ratio:.2} | {speed:.0} |", lane.name);
    }
    println!();
    Ok(())
}

fn together(options: &Options, stage: &Stage, name: &str, block: &[u8]) -> Outcome {
    let (before, peak) = at_once(options, stage, block)?;
    println!("{} uploads at once, {name}: {before} MiB before, {peak} MiB at most\n", options.uploads);
    Ok(())
}

/// One download is over too soon for a clock that counts hundredths.
fn several(one: impl Fn() -> Outcome<u64>) -> Outcome<u64> {
    (0..4).map(|_| one()).sum()
}

fn measured(server: &Server, work: impl FnOnce() -> Outcome<u64>) -> Outcome<Took> {
    let (before, began) = (cpu(server.pid())?, Instant::now());
    let bytes = work()?;
    Ok(Took { bytes, cpu: cpu(server.pid())? - before, wall: began.elapsed() })
}

/// Bytes that nothing compresses.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(1 << 17).flatten().collect()
}

fn upload(server: &Server, path: &str, token: &str, size: u64, block: &[u8]) -> Outcome<u64> {
    let mut stream = connect(server.port)?;
    let (length, bearer) = (size.to_string(), format!("Bearer {token}"));
    head(&mut stream, "PUT", path, &[("Content-Length", &length), ("Authorization", &bearer)])?;
    let mut left = usize::try_from(size)?;
    while left > 0 {
        let some = left.min(block.len());
        stream.write_all(&block[..some])?;
        left -= some;
    }
    let answer = answer(&stream)?;
    if answer.status == 201 { Ok(size) } else { Err(answer.text.into()) }
}

fn download(server: &Server, path: &str, token: &str, range: Option<u64>) -> Outcome<u64> {
    let mut stream = connect(server.port)?;
    let bearer = format!("Bearer {token}");
    let range = range.map(|start| format!("bytes={start}-{}", start + MIB - 1));
    let mut headers = vec![("Connection", "close")];
    headers.extend((!token.is_empty()).then_some(("Authorization", bearer.as_str())));
    headers.extend(range.as_deref().map(|range| ("Range", range)));
    head(&mut stream, "GET", path, &headers)?;
    let answer = answer(&stream)?;
    if answer.status < 300 { Ok(answer.bytes) } else { Err(answer.text.into()) }
}

/// The same bytes for nginx.
fn served(dir: &std::path::Path, size: u64, block: &[u8]) -> Outcome {
    let mut file = fs::File::create(dir.join("served/large"))?;
    for _ in 0..size / u64::try_from(block.len())? {
        file.write_all(block)?;
    }
    Ok(())
}

/// Memory of the server, before and while many upload at once, in MiB. Each stands still in the middle until all do.
fn at_once(options: &Options, stage: &Stage, block: &[u8]) -> Outcome<(u64, u64)> {
    let size = 24 * MIB;
    let before = resident(stage.veza.pid(), "VmRSS:")?;
    fs::write(format!("/proc/{}/clear_refs", stage.veza.pid()), "5")?;
    let bearer = format!("Bearer {}", stage.token);
    let mut streams = Vec::new();
    for number in 0..options.uploads {
        let mut stream = connect(stage.veza.port)?;
        let path = format!("/v1/storage/buckets/sealed/objects/together-{number}");
        let length = size.to_string();
        head(&mut stream, "PUT", &path, &[("Content-Length", &length), ("Authorization", &bearer)])?;
        streams.push(stream);
    }
    for _ in 0..size / u64::try_from(block.len())? {
        for stream in &mut streams {
            stream.write_all(block)?;
        }
    }
    for stream in &streams {
        let answer = answer(stream)?;
        if answer.status != 201 {
            return Err(answer.text.into());
        }
    }
    Ok((before, resident(stage.veza.pid(), "VmHWM:")?))
}

fn resident(pid: u32, field: &str) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    let kib: u64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
    Ok(kib / 1024)
}
