//! The same queries without HTTP: through `Db`, and past it with and without row-level security.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use uuid::Uuid;
use veza::core::db::DbError;
use veza::core::{Caller, TenantId};
use veza::{Db, Query};

use crate::Outcome;
use crate::app::{Item, config, items};
use crate::machine::{busy, cores, quietest};
use crate::options::Options;
use crate::process::{cpu, own_cpu};
use crate::stage::Stage;
use crate::table::{median, number, print};

diesel::table! {
    bench.open_items (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        created_at -> Timestamptz,
        name -> Text,
        body -> Text,
    }
}

/// Callers of a busy `Db`.
const CALLERS: usize = 64;

/// What is read next.
#[derive(Clone, Copy)]
struct Ask {
    tenant: Uuid,
    id: Uuid,
    list: bool,
}

/// A way to read on a bare connection.
type Step = fn(&mut PgConnection, &Ask) -> QueryResult<()>;

enum Way {
    /// `threads` connections, each with a thread that reads without a pause.
    Bare { threads: usize, step: Step },
    /// `callers` tasks over one `Db`.
    Db { callers: usize },
}

struct Cell {
    name: &'static str,
    round_trips: &'static str,
    way: Way,
    /// Which cell this one is divided by: the same without row-level security.
    against: usize,
}

fn cells(options: &Options) -> Vec<Cell> {
    let pool = usize::try_from(options.pool).unwrap_or(1);
    let one =
        |name, round_trips, step| Cell { name, round_trips, way: Way::Bare { threads: 1, step }, against: 0 };
    let busy = |name, round_trips, step| Cell {
        name,
        round_trips,
        way: Way::Bare { threads: pool, step },
        against: 1,
    };
    vec![
        one("bare, one caller: one statement, no RLS", "1", open),
        busy("bare, busy: one statement, no RLS", "1", open),
        Cell { name: "`Db::read`, one caller", round_trips: "3", way: Way::Db { callers: 1 }, against: 0 },
        Cell { name: "`Db::read`, busy", round_trips: "2", way: Way::Db { callers: CALLERS }, against: 1 },
        busy("bare, busy: `COMMIT; BEGIN READ ONLY; set_config` + query", "2", chained),
        busy("bare, busy: `COMMIT; BEGIN READ ONLY; SET LOCAL` + query", "2", chained_set_local),
        busy("bare, busy: `COMMIT; BEGIN; set_config` + query", "2", chained_read_write),
        busy("bare, busy: `COMMIT AND CHAIN; SET LOCAL` + query", "2", and_chain),
        busy("bare, busy: no RLS, `COMMIT; BEGIN READ ONLY` + query", "2", open_chained),
        busy("bare, busy: `set_config` for the session + query", "2", session),
        busy("bare, busy: query, the session has the tenant (affinity)", "1", affine),
        one("bare, one caller: `BEGIN READ ONLY; set_config` + query + `COMMIT`", "3", batched),
        one("bare, one caller: `BEGIN; set_config` + query + `COMMIT`", "3", batched_read_write),
        one("bare, one caller: `BEGIN READ ONLY; SET LOCAL` + query + `COMMIT`", "3", batched_set_local),
        one("bare, one caller: query, the session has the tenant (affinity)", "1", affine),
    ]
}

fn protected(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    if ask.list {
        let newest = (items::created_at.desc(), items::id.desc());
        let read: Vec<Item> =
            items::table.order(newest).limit(50).select(Item::as_select()).load(connection)?;
        assert_eq!(read.len(), 50);
        return Ok(());
    }
    items::table.filter(items::id.eq(ask.id)).select(Item::as_select()).get_result(connection).map(drop)
}

fn open(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    type Row = (Uuid, chrono::DateTime<chrono::Utc>, String, String);
    let columns = (open_items::id, open_items::created_at, open_items::name, open_items::body);
    let own = open_items::table.filter(open_items::tenant_id.eq(ask.tenant));
    if ask.list {
        let newest = (open_items::created_at.desc(), open_items::id.desc());
        let read: Vec<Row> = own.order(newest).limit(50).select(columns).load(connection)?;
        assert_eq!(read.len(), 50);
        return Ok(());
    }
    own.filter(open_items::id.eq(ask.id)).select(columns).get_result::<Row>(connection).map(drop)
}

/// `opening`, with the tenant in place of `$`, then the query.
fn after(connection: &mut PgConnection, ask: &Ask, opening: &str) -> QueryResult<()> {
    connection.batch_execute(&opening.replace('$', &ask.tenant.to_string()))?;
    protected(connection, ask)
}

fn chained(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "COMMIT; BEGIN READ ONLY; SELECT set_config('veza.tenant_id', '$', true)")
}

fn chained_set_local(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "COMMIT; BEGIN READ ONLY; SET LOCAL veza.tenant_id = '$'")
}

fn chained_read_write(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "COMMIT; BEGIN; SELECT set_config('veza.tenant_id', '$', true)")
}

fn and_chain(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    // Outside a transaction it is an error.
    let chained = after(connection, ask, "COMMIT AND CHAIN; SET LOCAL veza.tenant_id = '$'");
    chained.or_else(|_first| after(connection, ask, "BEGIN READ ONLY; SET LOCAL veza.tenant_id = '$'"))
}

fn open_chained(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    connection.batch_execute("COMMIT; BEGIN READ ONLY")?;
    open(connection, ask)
}

fn session(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "SELECT set_config('veza.tenant_id', '$', false)")
}

fn affine(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    // Whatever tenant the session has: `prepare` gave it one.
    protected(connection, &Ask { id: SESSION_ITEM.get().copied().unwrap_or(ask.id), ..*ask })
}

fn batched(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "BEGIN READ ONLY; SELECT set_config('veza.tenant_id', '$', true)")?;
    connection.batch_execute("COMMIT")
}

fn batched_read_write(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "BEGIN; SELECT set_config('veza.tenant_id', '$', true)")?;
    connection.batch_execute("COMMIT")
}

fn batched_set_local(connection: &mut PgConnection, ask: &Ask) -> QueryResult<()> {
    after(connection, ask, "BEGIN READ ONLY; SET LOCAL veza.tenant_id = '$'")?;
    connection.batch_execute("COMMIT")
}

/// An item of the tenant that sessions are given.
static SESSION_ITEM: std::sync::OnceLock<Uuid> = std::sync::OnceLock::new();

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What is asked for, without order (xorshift).
struct Dice<'s> {
    stage: &'s Stage,
    state: u64,
    list: bool,
}

impl Dice<'_> {
    fn throw(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap_or(0) % sides
    }

    fn ask(&mut self) -> Ask {
        let stage = self.stage;
        let tenant = &stage.tenants[self.throw(stage.tenants.len())];
        Ask { tenant: tenant.id, id: tenant.items[self.throw(tenant.items.len())], list: self.list }
    }
}

/// What has to be ready before time is taken.
enum Ready {
    Bare { step: Step, connections: Vec<PgConnection> },
    Db { runtime: tokio::runtime::Runtime, db: Db, callers: usize },
}

/// One measurement.
struct Sample {
    client: f64,
    server: f64,
    rate: f64,
    foreign: f64,
}

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    let tenant = stage.tenants.first().ok_or("no tenant")?;
    SESSION_ITEM.get_or_init(|| tenant.items[0]);
    let wanted =
        |cell: &Cell| options.only.is_empty() || options.only.iter().any(|name| cell.name.contains(name));
    // What the others are divided by stays.
    let cells: Vec<Cell> = cells(options)
        .into_iter()
        .enumerate()
        .filter(|(n, cell)| *n < 2 || wanted(cell))
        .map(|(_, cell)| cell)
        .collect();
    let mut ready: Vec<Ready> =
        cells.iter().map(|cell| prepare(options, stage, cell)).collect::<Outcome<_>>()?;
    for (list, title) in [(false, "Point read"), (true, "List of 50")] {
        for one in &mut ready {
            measure(stage, one, list, Duration::from_millis(300))?;
        }
        let mut rounds: Vec<Vec<Sample>> = cells.iter().map(|_| Vec::new()).collect();
        for round in 0..options.rounds {
            for turn in 0..cells.len() {
                let index = (round + turn) % cells.len();
                rounds[index].push(quietest(
                    options.patience,
                    |sample: &Sample| sample.foreign,
                    || measure(stage, &mut ready[index], list, options.length),
                )?);
            }
        }
        println!("### {title}\n");
        report(&cells, &rounds);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the bare connection is what `Db` is compared with")]
fn prepare(options: &Options, stage: &Stage, cell: &Cell) -> Outcome<Ready> {
    match cell.way {
        Way::Bare { threads, step } => {
            let connect = |_| {
                let mut connection = PgConnection::establish(&stage.url())?;
                let tenant = stage.tenants[0].id;
                let setup =
                    "SET client_min_messages = error; SELECT set_config('veza.tenant_id', '$', false)";
                connection.batch_execute(&setup.replace('$', &tenant.to_string()))?;
                Ok(connection)
            };
            Ok(Ready::Bare { step, connections: (0..threads).map(connect).collect::<Outcome<_>>()? })
        }
        Way::Db { callers } => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let db = Db::open(&config(&stage.url(), 0, options.pool).database)?;
            Ok(Ready::Db { runtime, db, callers })
        }
    }
}

fn measure(stage: &Stage, ready: &mut Ready, list: bool, length: Duration) -> Outcome<Sample> {
    let clock = || Outcome::Ok([own_cpu()?[0], cpu(stage.postgres())?, busy()?]);
    let before = clock()?;
    let began = std::time::Instant::now();
    let done = match ready {
        Ready::Bare { step, connections } => bare(stage, *step, connections, list, length)?,
        Ready::Db { runtime, db, callers } => {
            runtime.block_on(through_db(stage, db, *callers, list, length))?
        }
    };
    let (seconds, after) = (began.elapsed().as_secs_f64(), clock()?);
    let [client, server, all] = std::array::from_fn(|n| after[n].saturating_sub(before[n]));
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / done as f64;
    let foreign = all.saturating_sub(client + server).as_secs_f64() / seconds / cores();
    Ok(Sample { client: each(client), server: each(server), rate: done as f64 / seconds, foreign })
}

fn bare(
    stage: &Stage,
    step: Step,
    connections: &mut [PgConnection],
    list: bool,
    length: Duration,
) -> Outcome<u64> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        let threads: Vec<_> = (1..)
            .zip(connections)
            .map(|(seed, connection): (u64, _)| {
                scope.spawn(move || -> Outcome<u64> {
                    let mut dice = Dice { stage, state: seed.wrapping_mul(SEED), list };
                    let mut done = 0;
                    while !stop.load(Ordering::Relaxed) {
                        step(connection, &dice.ask())?;
                        done += 1;
                    }
                    Ok(done)
                })
            })
            .collect();
        std::thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().map_err(|_panic| "a thread panicked")?).sum()
    })
}

async fn through_db(stage: &Stage, db: &Db, callers: usize, list: bool, length: Duration) -> Outcome<u64> {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let asks: Arc<[Ask]> = {
        let mut dice = Dice { stage, state: SEED, list };
        (0..10_007).map(|_| dice.ask()).collect()
    };
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (db, stop, done, asks) =
                (db.clone(), Arc::clone(&stop), Arc::clone(&done), Arc::clone(&asks));
            #[expect(clippy::disallowed_methods, reason = "a caller, not a task of the platform")]
            tokio::spawn(async move {
                let mut next = caller * 151;
                while !stop.load(Ordering::Relaxed) {
                    let ask = asks[next % asks.len()];
                    next += 1;
                    read(&db, ask).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, DbError>(())
            })
        })
        .collect();
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(done.load(Ordering::Relaxed))
}

/// As the routes of the app do it.
async fn read(db: &Db, ask: Ask) -> Result<(), DbError> {
    let caller = Caller::system(TenantId::from_verified(ask.tenant));
    if ask.list {
        let newest = (items::created_at.desc(), items::id.desc());
        let query = move || items::table.order(newest).limit(50).select(Item::as_select());
        return db.read(&caller, move |tx| tx.load::<Item, _>(query())).await.map(drop);
    }
    let query = move || items::table.filter(items::id.eq(ask.id)).select(Item::as_select());
    db.read(&caller, move |tx| tx.get_result::<Item, _>(query())).await.map(drop)
}

fn report(cells: &[Cell], rounds: &[Vec<Sample>]) {
    let rows: Vec<Vec<String>> = cells
        .iter()
        .zip(rounds)
        .map(|(cell, samples)| {
            let of = |column: fn(&Sample) -> f64| median(samples.iter().map(column));
            let total = |sample: &Sample| sample.client + sample.server;
            let base = &rounds[cell.against];
            let ratio = median(samples.iter().zip(base).map(|(sample, base)| total(sample) / total(base)));
            vec![
                cell.name.to_owned(),
                cell.round_trips.to_owned(),
                number(of(|sample| sample.client)),
                number(of(|sample| sample.server)),
                format!("**{ratio:.2}**"),
                number(of(|sample| sample.rate)),
                number(of(|sample| sample.foreign * 100.0)),
            ]
        })
        .collect();
    let head =
        ["", "round trips", "client CPU µs", "server CPU µs", "CPU against no RLS", "per s", "others' CPU %"];
    print(&head, &rows);
}
