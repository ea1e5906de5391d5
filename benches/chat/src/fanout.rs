//! What a room costs in which everybody hears everything, and what connections cost that hear nothing.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::contender::{Contender, Kind};
use crate::listener::crowd;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::stage::Stage;
use crate::table::{number, print};

const VEZA: &str = "veza";
const SOCKET_IO: &str = "Socket.IO";

fn kind(name: &str) -> Kind {
    if name == VEZA { Kind::Veza } else { Kind::SocketIo }
}

/// Processor time of the server for each message that is delivered to one client. The next burst begins when everybody
/// has the one before, so both sides do the same work, each as fast as it can.
pub fn run(options: &Options, stage: &Stage) -> Outcome {
    for burst in [1, 8, 32] {
        println!("### One room of {} clients, bursts of {burst}\n", options.clients);
        let mut paces = Vec::new();
        let rounds = Rounds::run(options.rounds, &[VEZA, SOCKET_IO], |name| {
            stage.clear()?;
            let (each, pace) = measure(options, stage, kind(name), burst)?;
            paces.push(vec![name.to_owned(), number(pace)]);
            Ok(each)
        })?;
        let aim = if burst == 8 { "≤ 0.14" } else { "" };
        rounds.print("µs of the server's CPU", &[(VEZA, SOCKET_IO, aim)]);
        print(&["in turn", "delivered/s"], &paces);
    }
    Ok(())
}

fn measure(options: &Options, stage: &Stage, kind: Kind, burst: u64) -> Outcome<(f64, f64)> {
    let server = Contender::start(kind, stage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (mut sender, tally) = crowd(&server, options.clients).await?;
        // Who sends hears as well.
        let listeners = options.clients;
        let warm = Instant::now();
        while warm.elapsed() < Duration::from_secs(1) {
            sender.burst(burst, listeners, &tally).await?;
        }
        let (before, began, mut bursts) = (server.cpu()?, Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(options.seconds.into()) {
            sender.burst(burst, listeners, &tally).await?;
            bursts += 1;
        }
        let (used, took) = (server.cpu()? - before, began.elapsed());
        let delivered = (bursts * burst * (listeners + 1)) as f64;
        Ok((used.as_secs_f64() * 1e6 / delivered, delivered / took.as_secs_f64()))
    })
}

/// Memory of a connection that was let in, listens to a room, and hears nothing.
pub fn idle(options: &Options, stage: &Stage) -> Outcome {
    println!("### {} idle connections\n", options.idle);
    let rounds = Rounds::run(options.rounds, &[VEZA, SOCKET_IO], |name| {
        stage.clear()?;
        let server = Contender::start(kind(name), stage)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(async {
            // What is there for the first is there for all.
            let _few = crowd(&server, 100).await?;
            let before = settled(&server).await?;
            let _all = crowd(&server, options.idle).await?;
            Ok((settled(&server).await? - before) / options.idle as f64)
        })
    })?;
    rounds.print("KiB (PSS) each", &[(VEZA, SOCKET_IO, "veza ≤ 21 KiB")]);
    Ok(())
}

/// Memory after a few seconds without work.
async fn settled(server: &Contender) -> Outcome<f64> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    server.pss()
}
