//! One schedule, from new rooms to the verdict.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use veza_chat::RoomId;
use veza_chat::client::Endpoint;
use veza_core::Db;
use veza_testing::TestDatabase;

use crate::dice::Dice;
use crate::follower::Follower;
use crate::history::History;
use crate::person::Person;
use crate::proxy::Proxy;
use crate::raw::Raw;
use crate::services::{Ports, Services};
use crate::size::Size;
use crate::steady::{Steady, in_time};
use crate::verdict::{self, Verdict};
use crate::world::{self, Organisation};

/// Some schedules leave it to each process to find out what others wrote, which takes it longer.
const LEFT_ALONE: u64 = 6;

/// Runs schedules at the same time, through the trouble of the first.
pub(crate) fn run(
    runtime: &Runtime,
    services: &mut Services,
    size: Size,
    seeds: Range<u64>,
) -> Vec<(u64, Verdict)> {
    let database = services.database().clone();
    let db = database.open(TestDatabase::small_pool());
    let mut dice = Dice::new(seeds.start, 0);
    let begin = join_all(seeds.map(|seed| Schedule::begin(&db, services.ports(), size, seed)));
    let schedules = runtime.block_on(begin);
    let guard = runtime.enter();
    let acting: Vec<Acting> = schedules.iter().map(Schedule::act).collect();
    for _ in 0..size.troubles {
        sleep(Duration::from_millis(100 + dice.below(150)));
        let proxies: Vec<&Proxy> = schedules.iter().map(|schedule| &schedule.proxy).collect();
        services.trouble(&mut dice, &proxies);
    }
    sleep(Duration::from_millis(100));
    let nodes: Vec<u16> = services.ports().lock().unwrap().clone();
    let ends = schedules.iter().zip(acting);
    let ends = join_all(ends.map(|(schedule, acting)| schedule.end(acting, &database, &nodes)));
    runtime.block_on(in_time("the end", ends));
    drop(guard);
    let judge = |schedule: Schedule| {
        (schedule.seed, verdict::judge(&database, &schedule.organisations, schedule.history.take()))
    };
    schedules.into_iter().map(judge).collect()
}

/// What one has of its own.
struct Schedule {
    seed: u64,
    size: Size,
    organisations: [Organisation; 2],
    history: Arc<History>,
    proxy: Proxy,
    stop: watch::Sender<bool>,
}

/// Those who act in it.
struct Acting {
    raws: Vec<JoinHandle<Raw>>,
    steady: Vec<JoinHandle<Steady>>,
}

impl Schedule {
    async fn begin(db: &Db, ports: &Ports, size: Size, seed: u64) -> Self {
        let organisations = world::make(db, seed, size.people).await;
        let history = Arc::new(History::default());
        world::fill(db, &organisations, size.old(seed), &history, &mut Dice::new(seed, 3)).await;
        let proxy = Proxy::start(Arc::clone(ports), Dice::new(seed, 1)).await;
        Self { seed, size, organisations, history, proxy, stop: watch::Sender::new(false) }
    }

    fn people(&self) -> People<'_> {
        let pace = u64::try_from(self.size.pace.as_micros()).unwrap();
        People { organisations: &self.organisations, history: &self.history, seed: self.seed, pace }
    }

    fn act(&self) -> Acting {
        let (people, stop, proxy) = (self.people(), self.stop.subscribe(), self.proxy.endpoint());
        let raws = people.raws(&proxy).map(|raw| tokio::spawn(raw.run(stop.clone()))).collect();
        let steady = people.steady(&proxy).map(|one| tokio::spawn(one.run(stop.clone()))).collect();
        Acting { raws, steady }
    }

    /// Lets all come to an end, and everybody see everything.
    async fn end(&self, acting: Acting, database: &TestDatabase, nodes: &[u16]) {
        self.proxy.calm();
        self.stop.send_replace(true);
        let settled = async { (join_all(acting.raws).await, join_all(acting.steady).await) };
        let (raws, steady) = in_time("settling", settled).await;
        // Those whose connection was to be cut still would be in the way of each other's end.
        self.proxy.cut();
        let (heads, stopped) = (verdict::heads(database, &self.organisations), self.stop.subscribe());
        let observe = async {
            join_all(self.people().observers(nodes).map(|(raw, rooms)| {
                let heads = heads.iter().filter(|(room, _)| rooms.contains(room));
                raw.finish(stopped.clone(), heads.map(|(room, head)| (*room, *head)).collect())
            }))
            .await
        };
        let calm = join_all(steady.into_iter().map(|one| one.unwrap().finish(heads.clone())));
        if self.seed.is_multiple_of(LEFT_ALONE) {
            calm.await;
            observe.await;
        } else {
            // Who subscribes tells a process how far a room is.
            observe.await;
            calm.await;
        }
        join_all(raws.into_iter().map(|raw| raw.unwrap().finish(stopped.clone(), heads.clone()))).await;
    }
}

struct People<'w> {
    organisations: &'w [Organisation; 2],
    history: &'w Arc<History>,
    seed: u64,
    /// Microseconds of the longest pause.
    pace: u64,
}

impl People<'_> {
    /// All but the last of each.
    fn raws(&self, proxy: &Endpoint) -> impl Iterator<Item = Raw> {
        let all = self.organisations.iter().enumerate();
        all.flat_map(move |(place, organisation)| {
            let number = u64::try_from(place).unwrap();
            let people = organisation.people.iter().take(organisation.people.len() - 1);
            people.map(move |me| {
                let name = format!("{} of tenant {place}", me.number);
                let dice = Dice::new(self.seed, 100 * (number + 1) + me.number);
                self.raw(place, *me, name, proxy.clone(), dice)
            })
        })
    }

    fn steady(&self, proxy: &Endpoint) -> impl Iterator<Item = Steady> {
        self.organisations.iter().enumerate().map(move |(place, organisation)| {
            let me = *organisation.people.last().unwrap();
            let name = format!("the steady one of tenant {place}");
            let follower = Follower::new(name, Arc::clone(self.history), &organisation.rooms);
            let dice = Dice::new(self.seed, 1_000 + u64::try_from(place).unwrap());
            Steady::new(me, proxy.clone(), &organisation.rooms, follower, dice, self.pace)
        })
    }

    /// Who reads everything from the beginning, of each server.
    fn observers(&self, nodes: &[u16]) -> impl Iterator<Item = (Raw, Vec<RoomId>)> {
        nodes.iter().flat_map(move |port| {
            self.organisations.iter().enumerate().map(move |(place, organisation)| {
                let endpoint: Endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
                let name = format!("the observer of tenant {place} at {port}");
                let raw = self.raw(place, organisation.people[0], name, endpoint, Dice::new(self.seed, 2));
                (raw, organisation.rooms.clone())
            })
        })
    }

    fn raw(&self, place: usize, me: Person, name: String, endpoint: Endpoint, dice: Dice) -> Raw {
        let rooms = self.organisations[place].rooms.clone();
        let follower = Follower::new(name, Arc::clone(self.history), &rooms);
        let foreign = self.organisations[1 - place].rooms.clone();
        let (pending, done, open) = (Vec::new(), Vec::new(), HashMap::new());
        Raw {
            me,
            proxy: endpoint,
            rooms,
            foreign,
            follower,
            dice,
            pending,
            done,
            open,
            last: 0,
            pace: self.pace,
        }
    }
}
