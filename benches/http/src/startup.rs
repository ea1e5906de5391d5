//! Start-up, idle memory and size.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::machine::quietest;
use crate::options::Options;
use crate::peer::{SIDES, install};
use crate::process::{Server, free_port, memory, tree};
use crate::stage::{Dir, Stage};
use crate::table::{median, number, print};

/// How long a server rests before its memory is taken.
const REST: Duration = Duration::from_secs(5);

/// What one start gave.
struct Start {
    milliseconds: f64,
    /// MiB.
    memory: f64,
    postgres: f64,
}

pub fn run(options: &Options) -> Outcome {
    install()?;
    let program = options.program.as_deref().ok_or("--program is missing")?;
    let size = std::fs::metadata(program)?.len();
    println!("Size of the program: {} MiB\n", number(size as f64 / 1024.0 / 1024.0));
    let stage = Stage::build(options)?;
    let mut starts: [Vec<Start>; 4] = Default::default();
    for _ in 0..options.rounds {
        let dir = Dir::new(&stage.dir.join(""))?;
        for again in 0..2 {
            starts[again].push(quietest(options.patience, |_| 0.0, || up(program, &dir))?);
        }
        for (at, side) in [(2, SIDES[0]), (3, SIDES[1])] {
            starts[at].push(quietest(
                options.patience,
                |_| 0.0,
                || {
                    let server = side.start(options, &stage)?;
                    std::thread::sleep(REST);
                    let memory = mebibytes(memory(&tree(server.pid())?)?);
                    Ok(Start { milliseconds: milliseconds(&server), memory, postgres: f64::NAN })
                },
            )?);
        }
    }
    let names = [
        "`veza up`, first time, until /ready",
        "`veza up`, again, until /ready",
        "the benchmark's program on a running database, until its first row",
        "Fastify on a running database, until its first row",
    ];
    let rows: Vec<Vec<String>> = names
        .iter()
        .zip(&starts)
        .map(|(name, starts)| {
            let of = |column: fn(&Start) -> f64| number(median(starts.iter().map(column)));
            vec![
                (*name).to_owned(),
                of(|s| s.milliseconds),
                of(|s| s.memory),
                of(|s| s.postgres).replace("NaN", "–"),
            ]
        })
        .collect();
    print(&["median", "ms", "MiB (PSS), idle", "its PostgreSQL, MiB (PSS)"], &rows);
    let ratio = |column: fn(&Start) -> f64| {
        median(starts[2].iter().zip(&starts[3]).map(|(veza, fastify)| column(veza) / column(fastify)))
    };
    println!("ratio to Fastify: start {:.2}, memory {:.2}", ratio(|s| s.milliseconds), ratio(|s| s.memory));
    Ok(())
}

fn up(program: &Path, dir: &Dir) -> Outcome<Start> {
    let port = free_port()?;
    let mut command = Command::new(program);
    command.arg("up").arg("--data").arg(dir.join("data")).arg("--listen").arg(format!("127.0.0.1:{port}"));
    let server = Server::start(&mut command, &dir.join("log"), port, "/ready", "Accept: */*")?;
    std::thread::sleep(REST);
    // The database is below it, through a process that guards it.
    let [own, below] =
        tree(server.pid())?.into_iter().partition::<Vec<u32>, _>(|pid| *pid == server.pid()).into();
    Ok(Start {
        milliseconds: milliseconds(&server),
        memory: mebibytes(memory(&own)?),
        postgres: mebibytes(memory(&below)?),
    })
}

fn milliseconds(server: &Server) -> f64 {
    server.started_in.as_secs_f64() * 1e3
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
