//! Messages that are stored before they are answered: many to a commit, and one to a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;
use veza_chat::{Body, Chat, ChatConfig, NewMessage, RoomId};
use veza_core::config::Secret;
use veza_core::db::DatabaseConfig;
use veza_core::{Caller, Db, Principal, Scopes, TenantId};

use crate::Outcome;
use crate::alone::alone;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::stage::{Stage, places};
use crate::table::{median, number, print, quantile};

const MANY: &str = "veza, 500 rooms of 20 tenants";
const HOT: &str = "veza, one room";
const SINGLE: &str = "one commit for each message, 500 rooms, 8 connections";
const CROWD: &str = "one commit for each message, 500 rooms, 32 connections";
const ALONE: &str = "one commit for each message, 500 rooms, 1 connection";
const LOCK: &str = "one commit for each message, one room, 8 connections";
pub const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog says nothing about it. \
                    It is about two hundred bytes long, as such a message with a name and a number often is: 12345.";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### Durable sends: {} at once, messages of 200 bytes\n", options.senders);
    let names = [MANY, SINGLE, CROWD, ALONE, HOT, LOCK];
    let rounds = Rounds::run(options.rounds, &names, |name| {
        stage.clear()?;
        let rooms = if [HOT, LOCK].contains(&name) { 1 } else { usize::MAX };
        let connections = match name {
            CROWD => 32,
            ALONE => 1,
            _ => 8,
        };
        let (sent, _) = if [MANY, HOT].contains(&name) {
            veza(options, stage, rooms, options.senders, None)?
        } else {
            alone(options, stage, rooms, connections)?
        };
        Ok(sent)
    })?;
    rounds.print(
        "messages/s",
        &[(MANY, SINGLE, "≥ 20"), (MANY, CROWD, ""), (MANY, ALONE, ""), (HOT, LOCK, "≥ 30")],
    );
    Ok(())
}

/// How long a sender waits for its answer, when half as much is sent as could be, against one commit alone.
pub fn latency(options: &Options, stage: &Stage) -> Outcome {
    println!("### Time to the answer, ms\n");
    stage.clear()?;
    let (most, _) = veza(options, stage, usize::MAX, options.senders, None)?;
    let half =
        format!("veza, half of the {} a second that {} senders can send", number(most), options.senders);
    let names = ["a commit alone, for each message", "veza, one sender", &half];
    let mut times: [Vec<Vec<f64>>; 3] = Default::default();
    for _round in 0..options.rounds {
        stage.clear()?;
        times[0].push(alone(options, stage, usize::MAX, 1)?.1);
        stage.clear()?;
        times[1].push(veza(options, stage, usize::MAX, 1, None)?.1);
        stage.clear()?;
        times[2].push(veza(options, stage, usize::MAX, options.senders, Some(most / 2.0))?.1);
    }
    let shares = [0.5, 0.99];
    let of = |times: &[Vec<f64>], share| median(times.iter().map(|times| quantile(times, share)));
    let rows = names.iter().zip(&times).map(|(name, own)| {
        let cells = shares.map(|share| number(of(own, share)));
        let ratios = shares.map(|share| number(of(own, share) / of(&times[0], share)));
        [vec![(*name).to_owned()], cells.to_vec(), ratios.to_vec()].concat()
    });
    let head = ["medians of the rounds", "p50", "p99", "p50 / a commit's", "p99 / a commit's"];
    print(&head, &rows.collect::<Vec<_>>());
    Ok(())
}

/// Messages per second through the library, and how long each took, in milliseconds. With a `rate` senders send so many
/// together, each when it is due; else each sends when it is answered.
fn veza(
    options: &Options,
    stage: &Stage,
    rooms: usize,
    senders: usize,
    rate: Option<f64>,
) -> Outcome<(f64, Vec<f64>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let config =
            DatabaseConfig { url: Some(Secret::new(stage.url("veza_app"))), ..DatabaseConfig::default() };
        let chat = Chat::new(Db::open(&config)?, ChatConfig::default())?;
        let (places, count) = (places(), Arc::new(AtomicU64::new(0)));
        let begin = tokio::time::Instant::now();
        let end = Instant::now() + Duration::from_secs(options.seconds.into());
        let period = rate.map(|rate| Duration::from_secs_f64(senders as f64 / rate));
        let mut tasks = tokio::task::JoinSet::new();
        for sender in 0..senders {
            let place = places[sender % rooms.min(places.len())];
            let (chat, count) = (chat.clone(), Arc::clone(&count));
            tasks.spawn(async move {
                let caller = Caller::verified(
                    TenantId::from_verified(place.tenant),
                    Principal::Person(place.member),
                    Scopes::new(["chat.rooms.use"]),
                );
                let mut times = Vec::new();
                // They take turns.
                let mut due = begin + period.unwrap_or_default().mul_f64(sender as f64 / senders as f64);
                while Instant::now() < end {
                    if let Some(period) = period {
                        tokio::time::sleep_until(due).await;
                        due += period;
                    }
                    let message = NewMessage {
                        client_id: Some(Uuid::from_u128(u128::from(count.fetch_add(1, Ordering::Relaxed)))),
                        reply_to: None,
                        body: Body::text(TEXT),
                        ..NewMessage::default()
                    };
                    let began = Instant::now();
                    let permit = caller.permit().map_err(|error| error.to_string())?;
                    let sent = chat.send(&permit, RoomId::from_uuid(place.room), &message).await;
                    sent.map_err(|error| error.to_string())?;
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
                Ok::<_, String>(times)
            });
        }
        let mut times = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            times.extend(ended??);
        }
        Ok((times.len() as f64 / f64::from(options.seconds), times))
    })
}
