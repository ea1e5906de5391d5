//! Requests over HTTP: every side in turn, round after round.

use std::time::Duration;

use crate::machine::{busy, cores, quietest};
use crate::options::Options;
use crate::peer::{SIDES, Side, install};
use crate::process::{Server, cpu, get, own_cpu};
use crate::stage::Stage;
use crate::table::{median, number, print};
use crate::wrk::{Load, Seen};
use crate::{Outcome, wrk};

const ROUTES: [(&str, &str); 2] = [("item", "Point read"), ("items", "List of 50")];

/// One measurement.
struct Sample {
    seen: Seen,
    /// Microseconds per request.
    app: f64,
    postgres: f64,
    /// The share of the machine that others used.
    foreign: f64,
}

struct Running {
    side: Side,
    server: Server,
}

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    install()?;
    let wanted = |side: &Side| options.only.is_empty() || options.only.iter().any(|name| side.name == name);
    let running: Vec<Running> = SIDES
        .into_iter()
        .filter(wanted)
        .map(|side| side.start(options, stage).map(|server| Running { side, server }))
        .collect::<Outcome<_>>()?;
    check_answers(stage, &running)?;
    for (route, title) in ROUTES {
        for one in &running {
            measure(options, stage, one, route, 2)?;
        }
        let mut rounds: Vec<Vec<Sample>> = running.iter().map(|_| Vec::new()).collect();
        for round in 0..options.rounds {
            for turn in 0..running.len() {
                // Each round begins with another side.
                let index = (round + turn) % running.len();
                rounds[index].push(quietest(
                    options.patience,
                    |sample: &Sample| sample.foreign,
                    || measure(options, stage, &running[index], route, options.length.as_secs()),
                )?);
            }
        }
        println!("### {title}\n");
        report(&running, &rounds);
    }
    Ok(())
}

/// Every side must give the same rows.
fn check_answers(stage: &Stage, running: &[Running]) -> Outcome {
    for path in [None, Some("/v1/bench/items".to_owned())] {
        let mut first = None;
        for Running { side, server } in running {
            let (item, header) = side.example(stage)?;
            let (status, body) = get(server.port, path.as_ref().unwrap_or(&item), &header)?;
            let mut body: serde_json::Value = serde_json::from_str(&body)
                .map_err(|error| format!("{}: {status} {error}: {body}", side.name))?;
            round_times(&mut body);
            if *first.get_or_insert_with(|| body.clone()) != body {
                return Err(format!("{} answers otherwise: {status} {body}", side.name).into());
            }
        }
    }
    Ok(())
}

/// JavaScript writes milliseconds where there are none.
fn round_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = text.replace(".000Z", "Z"),
        serde_json::Value::Array(items) => items.iter_mut().for_each(round_times),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(round_times),
        _ => {}
    }
}

fn measure(options: &Options, stage: &Stage, one: &Running, route: &str, seconds: u64) -> Outcome<Sample> {
    let (app, postgres) = (one.server.pid(), stage.postgres());
    let clock = || Outcome::Ok([cpu(app)?, cpu(postgres)?, own_cpu()?[1], busy()?]);
    let load = Load {
        requests: &stage.requests,
        route,
        credentials: one.side.credentials(),
        port: one.server.port,
        seconds,
    };
    let before = clock()?;
    let seen = wrk::run(options, &load)?;
    let after = clock()?;
    let [app, postgres, wrk, all] = std::array::from_fn(|n| after[n].saturating_sub(before[n]));
    if seen.errors > 0.0 {
        return Err(format!("{}: {} errors", one.side.name, seen.errors).into());
    }
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / seen.requests;
    let foreign = all.saturating_sub(app + postgres + wrk).as_secs_f64() / seen.seconds / cores();
    Ok(Sample { seen, app: each(app), postgres: each(postgres), foreign })
}

fn report(running: &[Running], rounds: &[Vec<Sample>]) {
    type Column = (&'static str, fn(&Sample) -> f64);
    const COLUMNS: [Column; 7] = [
        ("requests/s", |sample| sample.seen.requests / sample.seen.seconds),
        ("p50 ms", |sample| sample.seen.p50),
        ("p95 ms", |sample| sample.seen.p95),
        ("p99 ms", |sample| sample.seen.p99),
        ("app CPU µs", |sample| sample.app),
        ("PostgreSQL CPU µs", |sample| sample.postgres),
        ("others' CPU %", |sample| sample.foreign * 100.0),
    ];
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let rows: Vec<Vec<String>> = running
        .iter()
        .zip(rounds)
        .map(|(one, samples)| {
            let cells = COLUMNS.iter().map(|(_, column)| number(median(samples.iter().map(column))));
            std::iter::once(one.side.name.to_owned()).chain(cells).collect()
        })
        .collect();
    print(&[&["median"], &names[..]].concat(), &rows);
    // Neighbours in time are compared, so that what disturbs a round disturbs both.
    let pairs = running.iter().enumerate().filter(|(_, one)| one.side.is_veza()).flat_map(|(mine, _)| {
        let log = running[mine].side.access_log;
        let peers = running.iter().enumerate();
        peers
            .filter(move |(_, peer)| !peer.side.is_veza() && peer.side.access_log == log)
            .map(move |(peer, _)| (mine, peer))
    });
    let rows: Vec<Vec<String>> = pairs
        .map(|(mine, peer)| {
            let cells = COLUMNS.iter().take(6).map(|(_, column)| {
                let ratios =
                    rounds[mine].iter().zip(&rounds[peer]).map(|(mine, peer)| column(mine) / column(peer));
                let ratios: Vec<f64> = ratios.collect();
                let (least, most) = (
                    ratios.iter().copied().fold(f64::MAX, f64::min),
                    ratios.iter().copied().fold(0.0, f64::max),
                );
                format!("**{:.2}** ({least:.2}–{most:.2})", median(ratios))
            });
            let name = format!("{} / {}", running[mine].side.name, running[peer].side.name);
            std::iter::once(name).chain(cells).collect()
        })
        .collect();
    print(&[&["ratio: median of the rounds (least–most)"], &names[..6]].concat(), &rows);
}
