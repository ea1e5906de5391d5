//! Messages that are stored before they are answered: many to a commit, and one to a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use uuid::Uuid;
use veza_chat::{Body, Chat, ChatConfig, NewMessage, RoomId};
use veza_core::config::Secret;
use veza_core::db::DatabaseConfig;
use veza_core::{Caller, Db, Principal, Scopes, TenantId};

use crate::Outcome;
use crate::options::Options;
use crate::rounds::Rounds;
use crate::stage::{Place, Stage, places};
use crate::table::{number, print, quantile};

const MANY: &str = "veza, 500 rooms of 20 tenants";
const HOT: &str = "veza, one room";
const SINGLE: &str = "one commit for each message, 500 rooms, 8 connections";
const LOCK: &str = "one commit for each message, one room, 8 connections";
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog says nothing about it. \
                    It is about two hundred bytes long, as such a message with a name and a number often is: 12345.";

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### Durable sends: {} at once, messages of 200 bytes\n", options.senders);
    let rounds = Rounds::run(options.rounds, &[MANY, SINGLE, HOT, LOCK], |name| {
        stage.clear()?;
        let rooms = if [HOT, LOCK].contains(&name) { 1 } else { usize::MAX };
        let (sent, _) = if [MANY, HOT].contains(&name) {
            veza(options, stage, rooms, options.senders, None)?
        } else {
            alone(options, stage, rooms, 8)?
        };
        Ok(sent)
    })?;
    rounds.print("messages/s", &[(MANY, SINGLE, "≥ 20"), (HOT, LOCK, "≥ 30")]);
    Ok(())
}

/// How long a sender waits for its answer, when half as much is sent as could be, against one commit alone.
pub fn latency(options: &Options, stage: &Stage) -> Outcome {
    println!("### Time to the answer, ms\n");
    let mut rows = Vec::new();
    for round in 0..options.rounds {
        stage.clear()?;
        let (_, single) = alone(options, stage, usize::MAX, 1)?;
        stage.clear()?;
        let (_, one) = veza(options, stage, usize::MAX, 1, None)?;
        stage.clear()?;
        let (most, _) = veza(options, stage, usize::MAX, options.senders, None)?;
        stage.clear()?;
        let (half, times) = veza(options, stage, usize::MAX, options.senders, Some(most / 2.0))?;
        let cell = |values: &[f64]| {
            format!("{} / {}", number(quantile(values, 0.5)), number(quantile(values, 0.99)))
        };
        let load = format!("{} of {}", number(half), number(most));
        let ratio = number(quantile(&times, 0.5) / quantile(&single, 0.5));
        rows.push(vec![(round + 1).to_string(), cell(&single), cell(&one), cell(&times), ratio, load]);
    }
    let head = [
        "round",
        "a commit alone, p50 / p99",
        "veza, one sender",
        "veza, half load",
        "p50, ratio",
        "messages/s",
    ];
    print(&head, &rows);
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

/// The same with a transaction for each message: the same function, given one.
fn alone(options: &Options, stage: &Stage, rooms: usize, connections: usize) -> Outcome<(f64, Vec<f64>)> {
    let places = places();
    let end = Instant::now() + Duration::from_secs(options.seconds.into());
    let count = AtomicU64::new(0);
    let send = |index: usize| -> Outcome<Vec<f64>> {
        let mut connection = stage.connect("veza_jobs")?;
        let mut times = Vec::new();
        for turn in (index..).step_by(connections) {
            if Instant::now() >= end {
                break;
            }
            let Place { tenant, room, member } = places[turn % rooms.min(places.len())];
            let client = Uuid::from_u128(u128::from(count.fetch_add(1, Ordering::Relaxed)));
            let began = Instant::now();
            connection.batch_execute(&format!("BEGIN; SET LOCAL veza.tenant_ids = '{tenant}'"))?;
            diesel::sql_query("SELECT chat.append(now(), ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[false], ARRAY[$4], ARRAY[NULL]::bigint[], ARRAY[$5])")
                .bind::<diesel::sql_types::Uuid, _>(tenant)
                .bind::<diesel::sql_types::Uuid, _>(room)
                .bind::<diesel::sql_types::Uuid, _>(member)
                .bind::<diesel::sql_types::Uuid, _>(client)
                .bind::<diesel::sql_types::Text, _>(format!("{{\"text\":\"{TEXT}\"}}"))
                .execute(&mut connection)?;
            connection.batch_execute("COMMIT")?;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(times)
    };
    let send = &send;
    let times: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|index| scope.spawn(move || send(index))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_panic| "a sender panicked")??);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(all)
    })?;
    Ok((times.len() as f64 / f64::from(options.seconds), times))
}
