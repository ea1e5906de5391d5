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

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let size = options.mib * MIB;
    let block = noise();
    together(options, stage, "a fresh process", &block)?;
    println!(
        "{} MiB, median of {} rounds, MB per second of the server's CPU time\n",
        options.mib, options.rounds
    );
    println!("| what | MB/CPU-s | MB/s |\n|---|---|---|");
    for bucket in ["plain", "sealed"] {
        let path = |round: usize| format!("/v1/storage/buckets/{bucket}/objects/large-{round}");
        rounds(options, &format!("upload, {bucket}"), |round| {
            measured(&stage.veza, || upload(&stage.veza, &path(round), &stage.token, size, &block))
        })?;
        let path = path(0);
        rounds(options, &format!("download, {bucket}"), |_| {
            measured(&stage.veza, || several(|| download(&stage.veza, &path, &stage.token, None)))
        })?;
        ranges(options, stage, bucket, &path, size)?;
    }
    if options.huge > 0 {
        let (path, size) = ("/v1/storage/buckets/sealed/objects/huge", options.huge * MIB);
        upload(&stage.veza, path, &stage.token, size, &block)?;
        ranges(options, stage, &format!("sealed, of {} MiB", options.huge), path, size)?;
    }
    served(&stage.dir, size, &block)?;
    for sendfile in [false, true] {
        let server = nginx::start(&stage.dir, sendfile)?;
        let name = if sendfile { "nginx, sendfile" } else { "nginx, without sendfile" };
        rounds(options, &format!("download, {name}"), |_| {
            measured(&server, || several(|| download(&server, "/large", "", None)))
        })?;
    }
    let front = nginx::start_before(&stage.dir, stage.veza.port)?;
    let path = "/v1/storage/buckets/plain/objects/large-0";
    rounds(options, "download, plain, sent by nginx (X-Accel-Redirect; without what Veza takes)", |_| {
        measured(&front, || several(|| download(&front, path, &stage.token, None)))
    })?;
    println!();
    together(options, stage, "one that did all that", &block)
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

fn ranges(options: &Options, stage: &Stage, name: &str, path: &str, size: u64) -> Outcome {
    rounds(options, &format!("1 MiB of it, 200 times, {name}"), |_| {
        measured(&stage.veza, || {
            let mut bytes = 0;
            for number in 0..200 {
                let start = (number * 7_919 * 4_096 * 13) % (size - MIB);
                bytes += download(&stage.veza, path, &stage.token, Some(start))?;
            }
            Ok(bytes)
        })
    })
}

fn rounds(options: &Options, name: &str, mut one: impl FnMut(usize) -> Outcome<Took>) -> Outcome {
    let mut all = (0..options.rounds).map(&mut one).collect::<Outcome<Vec<Took>>>()?;
    all.sort_by(|a, b| a.per_cpu().total_cmp(&b.per_cpu()));
    let median = all.get(all.len() / 2).ok_or("no rounds")?;
    let wall = median.bytes as f64 / 1e6 / median.wall.as_secs_f64();
    println!("| {name} | {:.0} | {wall:.0} |", median.per_cpu());
    Ok(())
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
